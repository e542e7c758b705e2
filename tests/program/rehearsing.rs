//! `preflight rehearse` and `preflight cleanup`.

use serde_json::Value;

use crate::program::Folder;

#[test]
fn a_sound_worker_is_go_and_the_next_run_says_when_it_was_rehearsed() {
    let folder = Folder::new();
    let ended = folder.run(&["rehearse", "--events", "--sandbox"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    let report: Value = serde_json::from_str(&folder.read("reports/rehearsal.json")).unwrap();
    assert_eq!((&report["kind"], &report["verdict"]), (&"rehearsal".into(), &"go".into()));
    assert!(folder.read("reports/rehearsal.md").starts_with("# acme: rehearsal GO\n"));
    folder.run(&["run", "--sandbox"]);
    let checklist = folder.read("reports/preflight.md");
    let line = checklist.lines().find(|line| line.contains("Canceling moves the user to the free tier")).unwrap();
    assert!(line.contains("| **pass** |") && line.contains(" ago)"), "{line}");
}

#[test]
fn a_rehearsal_of_another_configuration_does_not_count() {
    let folder = Folder::new();
    folder.run(&["rehearse", "--events", "--sandbox"]);
    folder.run(&["run", "--sandbox=healthy-own-domain"]);
    let checklist = folder.read("reports/preflight.md");
    let line = checklist.lines().find(|line| line.contains("Canceling moves the user to the free tier")).unwrap();
    assert!(line.contains("| **partly** |") && line.contains("`preflight rehearse --events`"), "{line}");
}

#[test]
fn a_defect_that_no_run_can_see_is_named_with_its_fix() {
    let ended = Folder::new().run(&["rehearse", "--events", "--sandbox=rehearsal-unpaid", "-v"]);
    assert_eq!(ended.status, 1, "{}", ended.all());
    for part in ["rehearsal/payment-status: unpaid-entitled", ".includes(subscription.status)", "NO-GO"] {
        assert!(ended.stdout.contains(part), "{part}: {}", ended.stdout);
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let ended = Folder::new().run(&["rehearse", "--events", "--sandbox", "--dry-run"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, ""), "{}", ended.all());
    assert!(ended.stderr.contains("19 signed events"), "{}", ended.stderr);
}

#[test]
fn a_depth_must_be_chosen() {
    let ended = Folder::new().run(&["rehearse", "--sandbox"]);
    assert_eq!(ended.status, 64);
    assert!(ended.stderr.contains("--events"), "{}", ended.stderr);
}

#[test]
fn a_real_subscription_is_rehearsed_and_counts_for_the_checklist() {
    let folder = Folder::new();
    let ended = folder.run(&["rehearse", "--live", "--sandbox"]);
    assert_eq!(ended.status, 0, "{}", ended.all());
    assert!(ended.stdout.contains("preflight rehearse --guided"), "{}", ended.stdout);
    assert!(folder.read("reports/rehearsal-live.md").starts_with("# acme: rehearsal GO\n"));
    folder.run(&["run", "--sandbox"]);
    let checklist = folder.read("reports/preflight.md");
    let line = checklist.lines().find(|line| line.contains("The tier changes, and the token carries it")).unwrap();
    assert!(line.contains("| **pass** |") && line.contains("`billing/purchase`"), "{line}");
}

#[test]
fn a_checkout_that_wants_a_card_is_told_before_anything_is_created() {
    let ended = Folder::new().run(&["rehearse", "--guided", "--sandbox"]);
    assert_eq!(ended.status, 2, "{}", ended.all());
    assert!(ended.stdout.contains("allow_promotion_codes: true"), "{}", ended.stdout);
}

#[test]
fn only_one_depth_at_a_time() {
    let ended = Folder::new().run(&["rehearse", "--live", "--guided", "--sandbox"]);
    assert_eq!(ended.status, 64);
    assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
}

#[test]
fn where_nothing_was_left_there_is_nothing_to_clean_up() {
    let ended = Folder::new().run(&["cleanup", "--sandbox"]);
    assert_eq!((ended.status, ended.stdout.as_str()), (0, "Nothing was left to clean up.\n"));
}

#[test]
fn a_run_does_not_know_the_checks_of_a_rehearsal() {
    let ended = Folder::new().run(&["run", "--sandbox", "--only=rehearsal"]);
    assert_eq!(ended.status, 64);
    assert!(ended.stderr.contains("`preflight rehearse --events` runs this group"), "{}", ended.stderr);
}

#[cfg(unix)]
mod with_a_deployment {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Stdio};

    use preflight::sandbox::{Options, Sandbox};
    use serde_json::{Value, json};

    use crate::interruption::{send, with_sandbox_addresses};
    use crate::program::{Folder, ProgramOutput};

    struct Deployment {
        sandbox: Sandbox,
        folder: Folder,
        before: Value,
    }

    impl Deployment {
        async fn new() -> Self {
            Self::of("healthy").await
        }

        async fn of(scenario: &str) -> Self {
            let sandbox = Sandbox::start(&[scenario], Options::default()).await.unwrap();
            let folder = Folder::with(&with_sandbox_addresses(&sandbox));
            let before = users(&sandbox);
            Self { sandbox, folder, before }
        }

        fn start(&self, arguments: &[&str]) -> Child {
            let mut command = self.folder.command(arguments);
            command.envs(self.sandbox.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().unwrap()
        }

        /// Starts a rehearsal, and waits until the canary is changed.
        async fn under_way(&self) -> Child {
            let mut child = self.start(&["rehearse", "--events", "--yes"]);
            while users(&self.sandbox) == self.before {
                assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
                tokio::task::yield_now().await;
            }
            child
        }
    }

    fn users(sandbox: &Sandbox) -> Value {
        sandbox.state()["clerk"]["users"].clone()
    }

    async fn ended(child: Child) -> ProgramOutput {
        tokio::task::spawn_blocking(|| ProgramOutput::of(child.wait_with_output().unwrap())).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_terminal_nothing_is_sent_unless_the_user_said_yes() {
        let deployment = Deployment::new().await;
        let ended = ended(deployment.start(&["rehearse", "--events"])).await;
        assert_eq!(ended.status, 4, "{}", ended.all());
        assert!(ended.stderr.contains("use --yes") && ended.stderr.contains("Nothing was sent."), "{}", ended.stderr);
        assert!(deployment.sandbox.requests().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn ctrl_c_puts_the_canary_back() {
        let deployment = Deployment::new().await;
        let child = deployment.under_way().await;
        send("INT", &child);
        let ended = ended(child).await;
        assert_eq!(ended.status, 130, "{}", ended.all());
        assert_eq!(users(&deployment.sandbox), deployment.before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn after_a_kill_clean_up_puts_the_canary_back() {
        let deployment = Deployment::new().await;
        let child = deployment.under_way().await;
        send("KILL", &child);
        ended(child).await;
        assert_ne!(users(&deployment.sandbox), deployment.before);
        let again = ended(deployment.start(&["rehearse", "--events", "--yes"])).await;
        assert_eq!(again.status, 2, "{}", again.all());
        assert!(again.stdout.contains("preflight cleanup"), "{}", again.stdout);
        let cleaned = ended(deployment.start(&["cleanup"])).await;
        assert_eq!(cleaned.status, 0, "{}", cleaned.all());
        assert_eq!(users(&deployment.sandbox), deployment.before);
    }

    /// Buys with the promotion code in Chromium. Returns what the page said.
    fn buy_in_a_browser(page: &str, code: &str) -> String {
        let tools = crate::node::installed().unwrap_or_else(|reason| panic!("{reason}"));
        let mut browser = std::process::Command::new("node");
        let browser = browser.args(["buy.mjs", page, code, "canary@acme.com"]).current_dir(tools).output().unwrap();
        assert!(browser.status.success(), "{}", String::from_utf8_lossy(&browser.stderr));
        String::from_utf8(browser.stdout).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_person_buys_on_the_page_that_the_terminal_shows() {
        let deployment = Deployment::of("healthy-checkout-without-a-card").await;
        let mut child = deployment.start(&["rehearse", "--guided", "--yes"]);
        let (sender, mut invitation) = tokio::sync::mpsc::unbounded_channel();
        let stderr = child.stderr.take().unwrap();
        let reader = tokio::task::spawn_blocking(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                drop(sender.send(line));
            }
        });
        let (mut url, mut code) = (None, None);
        while let Some(line) = invitation.recv().await {
            url = url.or_else(|| line.starts_with("https://checkout.stripe.com/").then(|| line.clone()));
            code =
                code.or_else(|| Some(line.split("Apply the promotion code ").nth(1)?.trim_end_matches('.').to_owned()));
            if let (Some(url), Some(code)) = (&url, &code) {
                let page = deployment.sandbox.checkout_page(url).unwrap();
                let code = code.clone();
                let seen = tokio::task::spawn_blocking(move || buy_in_a_browser(&page, &code)).await.unwrap();
                assert!(seen.contains("0.00"), "{seen}");
                break;
            }
        }
        let ended = ended(child).await;
        reader.await.unwrap();
        assert_eq!(ended.status, 0, "{}", ended.all());
        assert_eq!(users(&deployment.sandbox), deployment.before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clean_up_asks_before_it_sets_back_what_a_person_may_have_changed() {
        let deployment = Deployment::new().await;
        let canary = deployment.sandbox.environment()["PREFLIGHT_CANARY_USER"].clone();
        let before = json!({ "public_metadata": { "plan": "enterprise" } });
        let name = format!("acme, live mode, {}", deployment.sandbox.plain().worker);
        let line =
            json!({ "step": "rehearsal.start", "id": "n", "deployment": name, "user": canary, "before": before });
        std::fs::create_dir(deployment.folder.path("reports")).unwrap();
        deployment.folder.write("reports/journal.jsonl", &format!("{line}\n"));
        let asked = ended(deployment.start(&["cleanup"])).await;
        assert_eq!(asked.status, 3, "{}", asked.all());
        assert!(asked.stderr.contains("- public_metadata.plan: \"pro\" → \"enterprise\""), "{}", asked.all());
        assert_eq!(users(&deployment.sandbox), deployment.before);
        let agreed = ended(deployment.start(&["cleanup", "--yes"])).await;
        assert_eq!(agreed.status, 0, "{}", agreed.all());
        assert_ne!(users(&deployment.sandbox), deployment.before);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_cannot_be_cleaned_up_is_exit_status_3() {
        let deployment = Deployment::new().await;
        let before = json!({ "public_metadata": { "plan": "pro" } });
        let line =
            json!({ "step": "rehearsal.start", "id": "n", "deployment": "other", "user": "user_1", "before": before });
        std::fs::create_dir(deployment.folder.path("reports")).unwrap();
        deployment.folder.write("reports/journal.jsonl", &format!("{line}\n"));
        let ended = ended(deployment.start(&["cleanup"])).await;
        assert_eq!(ended.status, 3, "{}", ended.all());
        assert!(ended.stdout.starts_with("Not cleaned up: the rehearsal was in other"), "{}", ended.stdout);
    }
}

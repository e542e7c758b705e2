//! Ctrl-C and `kill` during a run: finished checks are kept, and started sessions are ended.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use preflight::sandbox::{ManyAccounts, Options, Sandbox};

use crate::program::{Folder, ProgramOutput};

/// The sandbox's `preflight.toml` with its addresses. The frontend keeps its name, because the canary signs in from there.
pub fn with_sandbox_addresses(sandbox: &Sandbox) -> String {
    let plain = sandbox.plain();
    let mut document: toml::Table = sandbox.configuration().parse().unwrap();
    for (table, key, url) in [
        ("stripe", "api_base", &plain.stripe),
        ("clerk", "api_base", &plain.clerk),
        ("clerk", "frontend_api", &plain.clerk_frontend),
        ("cloudflare", "api_base", &plain.cloudflare),
        ("worker", "url", &plain.worker),
    ] {
        let table = document.entry(table).or_insert_with(|| toml::Table::new().into()).as_table_mut().unwrap();
        table.insert(key.to_owned(), url.as_str().trim_end_matches('/').into());
    }
    document.to_string()
}

/// Stops a run against a Worker that never responds, after the canary was signed in.
async fn stopped_by(signal: &str) -> (ProgramOutput, Folder, Sandbox) {
    let sandbox = Sandbox::start(&["worker-hangs"], Options::default()).await.unwrap();
    let folder = Folder::with(&with_sandbox_addresses(&sandbox));
    let mut command = folder.command(&["run", "--timeout=1m", "--format=json"]);
    command.envs(sandbox.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let asked = |party: &str, what: &str| {
        sandbox.requests().iter().any(|(asked, request)| asked == party && request.contains(what))
    };
    while !(asked("clerk_frontend", "/tokens") && asked("worker", "POST /webhook/stripe")) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself:\n{}", folder.reports());
        tokio::task::yield_now().await;
    }
    send(signal, &child);
    let ended = tokio::task::spawn_blocking(|| ProgramOutput::of(child.wait_with_output().unwrap())).await.unwrap();
    (ended, folder, sandbox)
}

pub fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_writes_a_report_of_finished_checks() {
    let (ended, folder, _sandbox) = stopped_by("INT").await;
    assert_eq!(ended.status, 130, "{}", ended.stderr);
    let report: serde_json::Value = serde_json::from_str(&folder.read("reports/preflight.json")).unwrap();
    assert_eq!(report["exit_code"], 130);
    assert!(report["summary"]["pass"].as_u64().unwrap() > 0, "{report:#}");
    assert!(report["summary"]["unknown"].as_u64().unwrap() > 0, "{report:#}");
    assert!(folder.read("reports/preflight.md").contains("Stopped by Ctrl-C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_signs_the_canary_out() {
    let (ended, _folder, sandbox) = stopped_by("INT").await;
    let effects = sandbox.effects();
    assert_eq!(effects.get("clerk.session.created"), Some(&1), "{effects:?}");
    assert_eq!(effects.get("clerk.session.ended"), Some(&1), "{effects:?}\n{}", ended.all());
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_writes_a_report_and_signs_the_canary_out() {
    let (ended, folder, sandbox) = stopped_by("TERM").await;
    assert_eq!(ended.status, 143, "{}", ended.stderr);
    assert!(folder.read("reports/preflight.md").contains("Stopped by SIGTERM"));
    assert_eq!(sandbox.effects().get("clerk.session.ended"), Some(&1));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_comparison_of_all_accounts_and_says_that_it_is_incomplete() {
    let accounts = Some(ManyAccounts { count: 20_000, drift: true });
    let sandbox = Sandbox::start(&[], Options { accounts, ..Options::default() }).await.unwrap();
    let folder = Folder::with(&with_sandbox_addresses(&sandbox));
    let mut command = folder.command(&["reconcile", "--format=json"]);
    command.envs(sandbox.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    while sandbox.requests().iter().filter(|(_, request)| request.contains("/v1/subscriptions")).count() < 3 {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::task::yield_now().await;
    }
    send("INT", &child);
    let ended = tokio::task::spawn_blocking(|| ProgramOutput::of(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!(ended.status, 130, "{}", ended.all());
    let document: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&document["complete"], &document["interrupted"]), (&false.into(), &true.into()));
    assert!(document["subscriptions"].as_u64().unwrap() < 20_003);
}

#[test]
fn the_sandbox_is_served_until_ctrl_c() {
    let folder = Folder::new();
    let mut child = folder.command(&["sandbox", "price-test-mode"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert_eq!(lines.next().unwrap(), "# price-test-mode. Press Ctrl-C to stop.");
    // The last line. From here on it only waits.
    assert!(lines.any(|line| line.starts_with("#   Frontend ")));
    send("INT", &child);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

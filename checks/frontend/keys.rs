//! `frontend/keys`.

use crate::check::prelude::*;
use crate::world::{CarriedKey, KeySlip, Keys, Unserved, Vendor, listed};

check! {
    /// The served page carries publishable keys of this mode and of these accounts.
    ///
    /// ## Why it matters
    /// The keys are built into the frontend, and what was built last may be what was meant for tests. With a key of another
    /// instance, customers sign in where the Worker does not know them; with a test key, nobody's card is charged.
    ///
    /// ## How it is verified
    /// The page that a customer opens is read with its scripts, those that they load later included, within its own site and
    /// on the host that its modules come from: at most 200 files and 32 MiB. Redirects of the page are followed within the
    /// site. A key of Clerk's names its instance's frontend API, one of Stripe's its account; an old key of Stripe's, without
    /// `51` after its mode, names none. Where the right key stands beside another, which of them is used cannot be seen, and
    /// that is a warning. A key that comes into the page only when it runs cannot be seen at all: where no key of Clerk's is
    /// found, the check is unknown. Without a key of Stripe's it passes where everything was read, since a redirect to
    /// Checkout needs none.
    ///
    /// ## How to fix it
    /// Build the frontend with the publishable keys that the finding names, and deploy it.
    pub const CHECK = Check {
        need: Need::Configured("frontend"),
        sends: "",
        owns: [FrontendNotServed],
        subjects: deployment,
        run
    };
}

codes! {
    /// The page gives no answer.
    UNREACHABLE: Failure,
    /// What answers is an error, or no page.
    NO_PAGE: Failure,
    /// The page leads to another site, or in a circle.
    REDIRECT: Failure,
    /// A key is of the other mode.
    OTHER_MODE: Failure,
    /// A key of Clerk's is of another instance.
    OTHER_INSTANCE: Failure,
    /// A key of Stripe's is of another account.
    OTHER_ACCOUNT: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        outcome.not_applicable("[frontend] is not configured");
        return Ok(());
    };
    let found = match site.keys().await? {
        Ok(found) => found,
        Err(unserved) => {
            outcome.find(unserved_finding(unserved));
            return Ok(());
        }
    };
    for key in &found.keys {
        if let Some(Some(slip)) = outcome.ask(key.slip.clone()) {
            outcome.find(finding(world, key, &slip));
        }
    }
    if !found.has(Vendor::Clerk) {
        outcome.leave_open(NoAnswer::unknown(format!(
            "there is no Clerk publishable key in {}: {} ({})",
            found.served.page,
            found.served.missing().unwrap_or_else(|| "it may be added when the page runs".to_owned()),
            found.served.extent()
        )));
    }
    if let Some(missing) = found.served.missing().filter(|_| !found.has(Vendor::Stripe)) {
        let reason = format!("there is no Stripe publishable key in what could be read; {missing}");
        outcome.leave_open(NoAnswer::unknown(reason));
    }
    outcome.pass_if_clean(seen(&found));
    Ok(())
}

fn seen(found: &Keys<'_>) -> String {
    let keys: Vec<String> = found.keys.iter().map(|key| format!("{} of {}", key.shown, key.vendor.name())).collect();
    let stripe =
        if found.has(Vendor::Stripe) { "" } else { "; none of Stripe's, which a redirect to Checkout does not need" };
    format!("{}{stripe}; {}", keys.join(" and "), found.served.extent())
}

fn finding(world: &World, key: &CarriedKey, slip: &KeySlip) -> Finding {
    let (vendor, config) = (key.vendor.name(), world.config());
    let variable = match key.vendor {
        Vendor::Clerk => &config.clerk.publishable_key.name,
        Vendor::Stripe => &config.stripe.publishable_key.name,
    };
    let beside = if key.beside_right { ", beside the right one" } else { "" };
    let (code, what, expected, actual) = match slip {
        KeySlip::Mode(mode) => {
            let wanted = config.project.mode.word();
            (
                OTHER_MODE,
                format!("a {}-mode key of {vendor}'s", mode.word()),
                format!("a {wanted}-mode key"),
                key.shown.clone(),
            )
        }
        KeySlip::Instance(named, ours) => (
            OTHER_INSTANCE,
            format!("a key of another Clerk instance, {named}"),
            format!("a key of {ours}"),
            named.clone(),
        ),
        KeySlip::Account(named, ours) => (
            OTHER_ACCOUNT,
            format!("a key of another Stripe account, {named}"),
            format!("a key of {ours}"),
            named.clone(),
        ),
    };
    let evidence = key.places.iter().take(3).map(|place| Evidence {
        request: format!("GET {}", place.file),
        status: Some(200),
        request_id: None,
        field: place.to_string(),
        seen: key.shown.clone(),
    });
    Finding {
        code: if key.beside_right { code.as_warning() } else { code },
        message: format!("The page carries {what}{beside}: {}.", listed(&key.places)),
        expected,
        actual,
        evidence: evidence.collect(),
        fix: Fix::new(format!("Build the frontend with the value of {variable}, and deploy it.")),
    }
}

fn unserved_finding(unserved: &Unserved) -> Finding {
    let (code, message, evidence, summary) = match unserved {
        Unserved::Unreachable { url, evidence } => {
            let summary = format!("Let {url} answer, or mend frontend.url.");
            (UNREACHABLE, format!("{url} gives no answer: {}.", evidence.seen), evidence, summary)
        }
        Unserved::NoPage { url, status, evidence } => {
            let summary = format!("Deploy the frontend at {url}, or mend frontend.url.");
            (NO_PAGE, format!("{url} answers {status}, and not with a page."), evidence, summary)
        }
        Unserved::Elsewhere { url, to, evidence } => {
            let summary = format!("Set frontend.url to the page that customers open, or mend the redirect of {url}.");
            (REDIRECT, format!("{url} leads to {to}, which is no page of this site."), evidence, summary)
        }
    };
    Finding {
        code,
        message,
        expected: "the page that a customer opens".to_owned(),
        actual: evidence.seen.clone(),
        evidence: vec![evidence.clone()],
        fix: Fix::new(summary),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::checks::frontend::{api, secrets};
    use crate::run::Status;

    #[tokio::test]
    async fn finds_keys_of_another_mode_instance_or_account() {
        for (name, code) in [
            ("frontend-pk-test", "other-mode"),
            ("frontend-pk-test-clerk", "other-mode"),
            ("frontend-other-instance", "other-instance"),
            ("frontend-other-account", "other-account"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn finds_a_page_that_is_not_served_and_the_others_yield() {
        for (name, code) in [
            ("frontend-dns", "unreachable"),
            ("frontend-tls", "unreachable"),
            ("frontend-down", "no-page"),
            ("frontend-parked", "redirect"),
        ] {
            let run = scenario(name).await;
            run.finds(CHECK, code);
            for yields in [api::CHECK, secrets::CHECK] {
                assert_eq!(run.reasons(yields), "blocked by frontend/keys", "{}", run.told());
            }
        }
    }

    #[tokio::test]
    async fn warns_of_a_test_key_beside_the_right_one() {
        scenario("frontend-both-modes").await.warns(CHECK, "other-mode");
    }

    #[tokio::test]
    async fn a_page_without_keys_is_unknown_and_not_green() {
        let run = scenario("frontend-keyless").await;
        assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
    }

    #[tokio::test]
    async fn redirects_are_followed_within_the_site() {
        scenario("healthy-frontend-redirect").await.passes(CHECK);
    }

    #[tokio::test]
    async fn says_how_much_was_read() {
        let run = scenario("healthy").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("5 files"), "{}", run.seen(CHECK));
    }
}

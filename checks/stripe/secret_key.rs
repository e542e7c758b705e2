//! `stripe/secret-key`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::KeyStatus;

check! {
    /// Stripe accepts the secret key.
    ///
    /// ## Why it matters
    /// Stripe rejects a key as soon as it is rolled or expires, and a restricted key that lacks a permission fails for the
    /// first customer who needs it.
    ///
    /// ## How it is verified
    /// `GET /v1/balance` with the key; the response shows the key's mode. With a restricted key, every list that the required
    /// checks read is requested too, and the report names the permissions that Stripe says are missing. This checks your copy
    /// of the key; `worker/checkout` checks the Worker's copy.
    ///
    /// ## How to fix it
    /// Create or copy a key on the API keys page of Stripe's dashboard, and set it in your environment and on the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [StripeKeyRejected],
        subjects: deployment,
        run
    };
}

codes! {
    /// Stripe does not accept the key.
    REJECTED: Failure(Money),
    /// Stripe says that the key is for the other mode.
    OTHER_MODE: Failure(Money),
    /// The live key can do everything, although these checks only read.
    FULL_ACCESS: Note,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let name = &world.config().stripe.secret_key.name;
    let page = world.stripe().dashboard("apikeys");
    let fix = |summary: String| Fix::new(summary).link(page.clone()).then(world.entered_secret(name));
    let balance = match world.stripe().key_status().await? {
        KeyStatus::Rejected(error) => {
            outcome.find(Finding {
                code: REJECTED,
                message: format!("Stripe does not accept the key in {name}."),
                expected: "a key that Stripe accepts".to_owned(),
                actual: error.message.clone(),
                evidence: vec![error.evidence()],
                fix: fix(format!("Copy an active key, and set {name} in your environment and on the Worker.")),
            });
            return Ok(());
        }
        KeyStatus::Accepted(balance) => balance,
    };
    // A restricted key may lack the permission for the balance, which shows the mode.
    let livemode = match &balance {
        Some(seen) => outcome.ask(seen.value.known("livemode of GET /v1/balance")),
        None => None,
    };
    let wanted = world.config().project.mode;
    if let (Some(seen), Some(found)) = (&balance, livemode.map(|livemode| Mode::of_livemode(*livemode)))
        && found != wanted
    {
        let livemode = found == Mode::Live;
        outcome.find(Finding {
            code: OTHER_MODE,
            message: format!("Stripe says that the key in {name} is a {}-mode key.", found.word()),
            expected: format!("livemode {}", wanted == Mode::Live),
            actual: format!("livemode {livemode}"),
            evidence: vec![seen.answer.evidence("livemode", livemode.to_string())],
            fix: fix(format!("Set {name} to the {}-mode key.", wanted.word())),
        });
        return Ok(());
    }
    let asked = world.stripe().missing_permissions().await;
    let mut missing: Vec<String> = asked.into_iter().filter_map(|asked| outcome.ask(asked)?).collect();
    missing.sort();
    missing.dedup();
    if missing.is_empty() {
        let seen =
            if livemode.is_some() { "Stripe accepts the key, in the right mode" } else { "Stripe accepts the key" };
        outcome.pass(seen);
        if wanted == Mode::Live && world.stripe().has_full_access() {
            outcome.find(full_access(world, &page));
        }
    } else {
        let missing = missing.join(", ");
        outcome.leave_open(NoAnswer::unknown(format!(
            "the restricted key in {name} is accepted, but lacks {missing}; edit its permissions at {page}"
        )));
    }
    Ok(())
}

fn full_access(world: &World, page: &str) -> Finding {
    let name = &world.config().stripe.secret_key.name;
    let seen = "an unrestricted key, sk_live_…";
    Finding {
        code: FULL_ACCESS,
        message: format!("{name} has full access. A restricted key is enough for these checks."),
        expected: "a restricted key, rk_live_…".to_owned(),
        actual: seen.to_owned(),
        evidence: vec![Evidence {
            request: name.clone(),
            status: None,
            request_id: None,
            field: "prefix".to_owned(),
            seen: seen.to_owned(),
        }],
        fix: Fix::new(format!(
            "Create a restricted key with the rights that this command lists, and set {name} to it here."
        ))
        .command("preflight permissions")
        .link(page),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_key_with_full_access_is_a_note_and_a_restricted_one_is_none() {
        let run = scenario("healthy").await;
        run.notes(CHECK, "full-access");
        assert_eq!(run.line(CHECK).status, crate::run::Status::Pass);
        let run = scenario("healthy-restricted-key").await;
        assert!(run.line(CHECK).notes.is_empty(), "{}", run.summary());
    }

    #[tokio::test]
    async fn the_reason_names_the_permission_that_a_restricted_key_lacks() {
        let run = scenario("stripe-key-restricted").await;
        assert!(run.reasons(CHECK).contains("rak_webhook_read"), "{}", run.reasons(CHECK));
    }
}

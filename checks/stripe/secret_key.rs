//! `stripe/secret-key`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::Acceptance;

check! {
    /// Stripe accepts the secret key.
    ///
    /// ## Why it matters
    /// A key that was rolled or has expired is rejected from one moment to the next, and a restricted key without a permission
    /// fails for the first customer who needs it.
    ///
    /// ## How it is verified
    /// `GET /v1/balance` is requested with the key; the response says which mode the key is for. With a restricted key, every
    /// list that the other checks read is requested as well, and the permissions that Stripe reports as missing are listed.
    /// This checks your copy of the key; `worker/checkout` checks the one that the Worker has.
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
    REJECTED: Failure,
    /// Stripe says that the key is for the other mode.
    OTHER_MODE: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let name = &world.config().stripe.secret_key.name;
    let page = world.stripe().dashboard("apikeys");
    let fix = |summary: String| Fix::new(summary).link(page.clone()).command(world.secret_put(name));
    let balance = match world.stripe().acceptance().await? {
        Acceptance::Rejected(refusal) => {
            outcome.find(Finding {
                code: REJECTED,
                message: format!("Stripe does not accept the key in {name}."),
                expected: "a key that Stripe accepts".to_owned(),
                actual: refusal.message.clone(),
                evidence: vec![refusal.evidence()],
                fix: fix(format!("Copy an active key, and set {name} in your environment and on the Worker.")),
            });
            return Ok(());
        }
        Acceptance::Accepted(balance) => balance,
    };
    // A restricted key need not be allowed to read the balance, which is what shows the mode.
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
    } else {
        let missing = missing.join(", ");
        outcome.leave_open(NoAnswer::unknown(format!(
            "the restricted key in {name} is accepted, but lacks {missing}; edit its permissions at {page}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_key_that_was_revoked() {
        scenario("stripe-key-revoked").await.finds(CHECK, "rejected");
    }

    #[tokio::test]
    async fn names_the_permission_that_a_restricted_key_lacks() {
        let run = scenario("stripe-key-restricted").await;
        assert!(run.reasons(CHECK).contains("rak_webhook_read"), "{}", run.reasons(CHECK));
    }

    #[tokio::test]
    async fn a_restricted_key_with_just_the_rights_that_are_needed_passes() {
        scenario("healthy-restricted-key").await.passes(CHECK);
    }
}

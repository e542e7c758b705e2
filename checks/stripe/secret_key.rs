//! `stripe/secret-key`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Acceptance, Seen};

check! {
    /// Stripe accepts the secret key.
    ///
    /// ## Why it matters
    /// A key that was rolled or has expired is refused from one moment to the next, and a restricted key that lacks a right
    /// fails at the first customer who needs it.
    ///
    /// ## How it is verified
    /// `GET /v1/balance` is asked with the key: its answer carries the mode. With a restricted key, every list that the
    /// other checks read is asked for as well, and the permissions that Stripe says are missing are named together. It is
    /// the operator's copy that is asked with; `worker/checkout` proves the one that the Worker has.
    ///
    /// ## Findings
    /// - `rejected`: Stripe does not accept the key.
    /// - `other-mode`: Stripe says that the key is of the other mode.
    ///
    /// ## How to mend it
    /// Make or copy a key on the page API keys of Stripe's dashboard, and set it both in the environment and on the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [StripeKeyRejected],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let name = &world.config().stripe.secret_key.name;
    let page = world.stripe().dashboard("apikeys");
    let fix = |summary: String| Fix::new(summary).link(page.clone()).command(world.secret_put(name));
    match world.stripe().acceptance().await? {
        Acceptance::Rejected(refusal) => Ok(Finding {
            code: "rejected",
            severity: Severity::Failure,
            message: format!("Stripe does not accept the key in {name}."),
            expected: "a key that Stripe accepts".to_owned(),
            actual: refusal.message.clone(),
            evidence: vec![refusal.evidence()],
            fix: fix(format!("Copy a key that is in force, and set {name} in the environment and on the Worker.")),
        }
        .into()),
        Acceptance::Accepted(Some(Seen { value: livemode, answer }))
            if Mode::of_livemode(livemode) != world.config().project.mode =>
        {
            let wanted = world.config().project.mode;
            Ok(Finding {
                code: "other-mode",
                severity: Severity::Failure,
                message: format!(
                    "Stripe says that the key in {name} is of {} mode.",
                    Mode::of_livemode(livemode).word()
                ),
                expected: format!("livemode {}", wanted == Mode::Live),
                actual: format!("livemode {livemode}"),
                evidence: vec![answer.evidence("livemode", livemode.to_string())],
                fix: fix(format!("Set {name} to the {}-mode key.", wanted.word())),
            }
            .into())
        }
        Acceptance::Accepted(balance) => {
            let missing = world.stripe().missing_permissions().await;
            if !missing.is_empty() {
                let missing = missing.join(", ");
                return Err(NoAnswer::unknown(format!(
                    "the restricted key in {name} is accepted, but lacks {missing}; edit its permissions at {page}"
                )));
            }
            let mode =
                if balance.is_some() { "Stripe accepts the key, in the mode wanted" } else { "Stripe accepts the key" };
            Ok(Verdict::Pass(mode.to_owned()))
        }
    }
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

//! `manual/webhook-alerts`.

use crate::check::prelude::*;

check! {
    /// Stripe mails somebody when webhook deliveries fail.
    ///
    /// ## Why it matters
    /// Stripe tries a failed delivery again for three days, and then gives up. Whoever reads the mail that it sends meanwhile
    /// mends the Worker before a customer writes.
    ///
    /// ## How it is verified
    /// By a word: Stripe's API does not tell who gets which mail, so a machine cannot see it. Without a `[[manual]]` of this
    /// id in the configuration it is unknown and the verdict does not need it; with one it does.
    ///
    /// ## How to fix it
    /// Open the communication preferences of everybody who is to know, at
    /// <https://dashboard.stripe.com/settings/communication-preferences>, and see that webhook problems are mailed. Then add
    /// to `preflight.toml` a `[[manual]]` with the id `webhook-alerts`, a title, `signed_off_by` and `on`.
    pub const CHECK = Check {
        need: Need::Configured("a [[manual]] with the id webhook-alerts"),
        sends: "",
        subjects: deployment,
        run
    };
}

// A person answers: there is nothing that it could find.
codes! {}

/// What the configuration calls it.
pub(super) const ID: &str = "webhook-alerts";

#[expect(clippy::unused_async, reason = "a check is an async function, and this one asks nobody")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(item) = world.config().manual.iter().find(|item| item.id == ID) else {
        return Err(NoAnswer::unknown(
            "a machine cannot see who gets Stripe's mail: look at https://dashboard.stripe.com/settings/communication-preferences, \
             and sign it off in a [[manual]] with the id webhook-alerts",
        ));
    };
    outcome.pass(world.sign_off(item)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::{Decision, Status};

    #[tokio::test]
    async fn nobody_has_to_sign_off_what_the_configuration_does_not_name() {
        let run = scenario("healthy-not-signed-off").await;
        assert_eq!((run.line(CHECK).status, run.line(CHECK).required), (Status::Unknown, false), "{}", run.told());
        assert_eq!(run.report().decision, Decision::Go, "{}", run.told());
    }

    #[tokio::test]
    async fn the_configuration_can_name_it() {
        let run = scenario("healthy").await;
        assert_eq!((run.line(CHECK).status, run.line(CHECK).required), (Status::Pass, true), "{}", run.told());
        assert_eq!(run.line(CHECK).title, "Stripe mails ana when deliveries fail");
    }
}

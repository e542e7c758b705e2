//! `manual/webhook-alerts`.

use crate::check::prelude::*;

check! {
    /// Stripe emails you when webhook deliveries fail.
    ///
    /// ## Why it matters
    /// Stripe retries a failed delivery for three days, and then gives up. If you get its email, you can fix the Worker before a
    /// customer complains.
    ///
    /// ## How it is verified
    /// By your sign-off: Stripe's API does not show who gets which email. Without a `[[manual]]` with this ID in the
    /// configuration, the check is unknown and the verdict does not require it.
    ///
    /// ## How to fix it
    /// Have each person who should know open <https://dashboard.stripe.com/settings/communication-preferences> and turn on
    /// emails about webhook problems. Then add a `[[manual]]` with the ID `webhook-alerts`, a title, `signed_off_by` and `on`
    /// to `preflight.toml`.
    pub const CHECK = Check {
        need: Need::Configured("a [[manual]] with the id webhook-alerts"),
        sends: "",
        subjects: deployment,
        run
    };
}

// A manual check is passed or unknown.
codes! {}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let unseen = "preflight cannot see who gets Stripe's emails: check https://dashboard.stripe.com/settings/communication-preferences";
    super::signed_off(world, &CHECK, unseen, outcome)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::{Decision, Status};

    #[tokio::test]
    async fn it_is_not_required_unless_the_configuration_names_it() {
        let run = scenario("healthy-not-signed-off").await;
        assert_eq!((run.line(CHECK).status, run.line(CHECK).required), (Status::Unknown, false), "{}", run.summary());
        assert_eq!(run.report().decision, Decision::Go, "{}", run.summary());
    }

    #[tokio::test]
    async fn the_configuration_can_require_it() {
        let run = scenario("healthy").await;
        assert_eq!((run.line(CHECK).status, run.line(CHECK).required), (Status::Pass, true), "{}", run.summary());
        assert_eq!(run.line(CHECK).title, "Stripe mails ana when deliveries fail");
    }
}

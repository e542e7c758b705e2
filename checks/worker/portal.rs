//! `worker/portal`.

use crate::check::prelude::*;
use crate::world::{Portal, Route};

check! {
    /// The Worker opens the customer portal.
    ///
    /// ## Why it matters
    /// This is where customers change their card and cancel. A portal that does not open becomes a chargeback.
    ///
    /// ## How it is verified
    /// The Worker is asked to open the portal for the canary, where that is a customer: where its public metadata names one.
    /// The address that comes back must be one of a session of this mode; it is not followed, and not shown, since it lets
    /// anybody in. What the portal allows is judged by `portal/features`.
    ///
    /// ## Findings
    /// - `other-mode`: it opens in the other mode.
    /// - `customer`: the canary's customer does not exist for the Worker's key.
    /// - `refused`: it does not open.
    ///
    /// ## How to mend it
    /// See what the Worker's answer says; most often the customer, or the portal's configuration, is of the other mode.
    pub const CHECK = Check {
        need: Need::Configured("worker.portal, and a canary that is a customer"),
        sends: "1 portal session",
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Portal) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let metadata = &world.config().clerk.customer_key;
    let expected = "the address of a portal session";
    match worker.portal().await? {
        Portal::NotACustomer => {
            Ok(Verdict::NotApplicable(format!("the canary is no customer: its metadata has no {metadata}")))
        }
        Portal::Opened(answer) => Ok(Verdict::Pass(format!("{} opens the portal for the canary", answer.request))),
        Portal::OtherMode(answer) => {
            let key = &world.config().stripe.secret_key.name;
            // Whoever has the address is let in, so it is not shown.
            let seen = "a session of the other mode";
            Ok(Finding {
                code: "other-mode",
                severity: Severity::Failure,
                message: "The Worker opens the portal of the other mode.".to_owned(),
                expected: expected.to_owned(),
                actual: seen.to_owned(),
                evidence: vec![answer.evidence("url", seen)],
                fix: Fix::new(format!("Set {key} on the Worker to the value that was checked here."))
                    .command(world.secret_put(key)),
            }
            .into())
        }
        Portal::UnknownCustomer(id, breakdown) => {
            let mut finding = breakdown.finding("customer", expected);
            finding.message =
                format!("The canary's metadata names the customer {id}, who does not exist in this mode.");
            finding.fix =
                Fix::new(format!("Remove {metadata} from the public metadata of whoever has one of another mode."));
            Ok(finding.into())
        }
        Portal::Refused(breakdown) => Ok(breakdown.finding("refused", expected).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn opens_for_a_canary_that_is_a_customer() {
        let run = scenario("healthy-canary-customer").await;
        run.passes(CHECK);
        assert_eq!(run.effect("stripe.portal_session.created"), 1, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn does_not_apply_to_a_canary_that_is_none() {
        let run = scenario("healthy").await;
        run.does_not_apply(CHECK);
        assert_eq!(run.effect("stripe.portal_session.created"), 0, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn one_wrong_key_is_one_finding() {
        let run = scenario("healthy-canary-customer,checkout-test-key").await;
        run.finds(crate::checks::worker::checkout::CHECK, "other-mode");
    }

    #[tokio::test]
    async fn a_portal_that_was_never_saved_is_another_checks_finding() {
        let run = scenario("healthy-canary-customer,portal-none").await;
        run.finds(crate::checks::portal::configuration::CHECK, "none");
    }

    #[tokio::test]
    async fn finds_a_portal_that_does_not_open() {
        scenario("portal-wrong-configuration").await.finds(CHECK, "refused");
    }
}

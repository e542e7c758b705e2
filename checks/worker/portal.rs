//! `worker/portal`.

use crate::check::prelude::*;
use crate::world::{Answer, Portal, Route};

check! {
    /// The Worker opens the customer portal.
    ///
    /// ## Why it matters
    /// This is where customers change their card and cancel. A portal that does not open becomes a chargeback.
    ///
    /// ## How it is verified
    /// The Worker is asked to open the portal for the canary, if its public metadata names a Stripe customer. The address that
    /// comes back must be one of a portal session of this mode; it is not followed and not shown, since anyone who has it is
    /// signed in. What the portal allows is judged by `portal/features`.
    ///
    /// ## How to fix it
    /// Read the Worker's answer. Most often the customer, or the portal configuration, is from the other mode.
    pub const CHECK = Check {
        need: Need::Configured("worker.portal, and a canary that is a customer"),
        sends: "1 portal session, which expires by itself",
        subjects: deployment,
        run
    };
}

codes! {
    /// It opens in the other mode.
    OTHER_MODE: Failure,
    /// The Worker's portal configuration does not exist for its key.
    CONFIGURATION: Failure,
    /// The canary's customer does not exist for the Worker's key.
    CUSTOMER: Failure,
    /// It does not open, for a reason that the finding quotes.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Portal) {
        outcome.not_applicable(lacking);
        return Ok(());
    }
    let config = world.config();
    let key = &config.clerk.customer_key;
    let (code, message, breakdown, fix) = match worker.portal().await? {
        Portal::NotACustomer => {
            outcome.not_applicable(format!("the canary is not a Stripe customer: its public metadata has no {key}"));
            return Ok(());
        }
        Portal::Opened(answer) => {
            outcome.pass(format!("{} opens the portal for the canary", answer.request));
            return Ok(());
        }
        Portal::OtherMode(answer) => {
            outcome.find(other_mode(world, &answer));
            return Ok(());
        }
        Portal::UnknownConfiguration(id, breakdown) => {
            let name = &config.stripe.portal_configuration.name;
            let message = format!(
                "The Worker opens the portal with configuration {id}, which does not exist for its Stripe key: the portal fails."
            );
            let right = config.stripe.portal_configuration.value.as_deref();
            let right = right.filter(|right| *right != id).unwrap_or("the ID of a configuration in this mode");
            let fix = Fix::new(format!("Set {name} on the Worker to {right}, or remove it to use the default."))
                .command(world.secret_put(name))
                .link(world.stripe().dashboard("settings/billing/portal"));
            (CONFIGURATION, message, breakdown, fix)
        }
        Portal::UnknownCustomer(id, breakdown) => {
            let message = format!("The canary's {key} is {id}, which does not exist for the Worker's Stripe key.");
            let fix =
                format!("Remove {key} from the public metadata of every user whose customer is from another mode.");
            (CUSTOMER, message, breakdown, Fix::new(fix))
        }
        Portal::Refused(breakdown) => {
            let message = format!("The Worker does not open the portal: {}.", breakdown.words().trim_end_matches('.'));
            let fix = breakdown.fix();
            (REFUSED, message, breakdown, fix)
        }
    };
    outcome.find(Finding { message, fix, ..breakdown.finding(code, "the address of a portal session") });
    Ok(())
}

fn other_mode(world: &World, answer: &Answer) -> Finding {
    let key = &world.config().stripe.secret_key.name;
    let seen = "a portal session of the other mode";
    Finding {
        code: OTHER_MODE,
        message: "The Worker opens the customer portal in the other mode.".to_owned(),
        expected: format!("a portal session in {} mode", world.config().project.mode.word()),
        actual: seen.to_owned(),
        evidence: vec![answer.evidence("url", seen)],
        fix: Fix::new(format!("Set {key} on the Worker to the key that was checked here."))
            .command(world.secret_put(key)),
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
    async fn a_configuration_that_does_not_exist_is_named_with_its_variable() {
        let run = scenario("portal-id-wrong-on-worker").await;
        run.finds(CHECK, "configuration");
        assert!(run.message(CHECK).contains("bpc_1Rtestcme7LaunchPortal00"), "{}", run.told());
        assert!(run.fix(CHECK).summary.contains("STRIPE_PORTAL_CONFIG_ID"), "{}", run.told());
    }
}

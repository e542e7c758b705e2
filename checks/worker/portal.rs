//! `worker/portal`.

use super::fixes;
use crate::check::prelude::*;
use crate::world::{Answer, PortalAnswer, Route};

check! {
    /// The Worker opens the customer portal.
    ///
    /// ## Why it matters
    /// Customers change their card and cancel here. If the portal does not open, they ask their bank for the money back.
    ///
    /// ## How it is verified
    /// The Worker is asked to open the portal for the canary, if its public metadata names a Stripe customer. The address in
    /// the answer must belong to a portal session in this mode. It is not opened and not shown, because anyone who has it is
    /// signed in. `portal/features` judges what the portal allows.
    ///
    /// ## How to fix it
    /// Fix what the Worker's answer says. Most often the customer or the portal configuration is from the other mode.
    pub const CHECK = Check {
        need: Need::Configured("worker.portal, and a canary that is a customer"),
        sends: "1 portal session, which expires by itself",
        subjects: deployment,
        run
    };
}

codes! {
    /// The portal opens in the other mode.
    OTHER_MODE: Failure,
    /// The Worker's portal configuration does not exist for its key.
    CONFIGURATION: Failure,
    /// The canary's customer does not exist for the Worker's key.
    CUSTOMER: Failure,
    /// The portal does not open, for a reason that the finding quotes.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Portal) {
        return outcome.not_applicable(lacking);
    }
    let config = world.config();
    let key = &config.clerk.customer_key;
    let (code, message, failure, fix) = match worker.portal().await? {
        PortalAnswer::NotACustomer => {
            return outcome.not_applicable(format!(
                "the {} is not a Stripe customer: its public metadata has no {key}",
                world.config().entitlement.holder.canary()
            ));
        }
        PortalAnswer::Opened(answer) => {
            outcome.pass(format!("{} opens the portal for the canary", answer.request));
            return Ok(());
        }
        PortalAnswer::OtherMode(answer) => {
            outcome.find(other_mode(world, &answer));
            return Ok(());
        }
        PortalAnswer::UnknownConfiguration(id, failure) => {
            let name = &config.stripe.portal_configuration.name;
            let message = format!(
                "The portal does not open: the Worker uses configuration {id}, which does not exist for its Stripe key."
            );
            let right = config.stripe.portal_configuration.value.as_deref();
            let right = right.filter(|right| *right != id).unwrap_or("the ID of a configuration in this mode");
            let fix = Fix::new(format!("Set {name} on the Worker to {right}, or remove it to use the default."))
                .then(world.entered_secret(name))
                .link(world.stripe().dashboard("settings/billing/portal"));
            (CONFIGURATION, message, failure, fix)
        }
        PortalAnswer::UnknownCustomer(id, failure) => {
            let canary = config.entitlement.holder.canary();
            let message = format!(
                "The portal does not open: {key} of the {canary} is {id}, which does not exist for the Worker's Stripe key."
            );
            (CUSTOMER, message, failure, fixes::unknown_customer(world))
        }
        PortalAnswer::Refused(failure) => {
            let message = format!("The Worker does not open the portal: {}.", failure.words());
            let fix = fixes::route(world, &failure);
            (REFUSED, message, failure, fix)
        }
    };
    outcome.find(Finding { message, fix, ..fixes::broken(world, code, failure, "the address of a portal session") });
    Ok(())
}

fn other_mode(world: &World, answer: &Answer) -> Finding {
    let seen = "a portal session in the other mode";
    Finding {
        code: OTHER_MODE,
        message:
            "The Worker opens the customer portal in the other mode, so customers cannot manage their subscription."
                .to_owned(),
        expected: format!("a portal session in {} mode", world.config().project.mode.word()),
        actual: seen.to_owned(),
        evidence: vec![answer.evidence("url", seen)],
        fix: fixes::stripe_key(world),
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
    async fn does_not_apply_to_a_canary_that_is_not_a_customer() {
        let run = scenario("healthy").await;
        run.does_not_apply(CHECK);
        assert_eq!(run.effect("stripe.portal_session.created"), 0, "{:?}", run.effects());
    }

    #[tokio::test]
    async fn one_wrong_stripe_key_is_one_finding() {
        let run = scenario("healthy-canary-customer,checkout-test-key").await;
        run.finds(crate::checks::worker::checkout::CHECK, "other-mode");
    }

    #[tokio::test]
    async fn a_portal_without_a_configuration_is_a_finding_of_portal_configuration() {
        let run = scenario("healthy-canary-customer,portal-none").await;
        run.finds(crate::checks::portal::configuration::CHECK, "none");
    }

    #[tokio::test]
    async fn an_unknown_configuration_is_named_with_its_variable() {
        let run = scenario("portal-id-wrong-on-worker").await;
        run.finds(CHECK, "configuration");
        assert!(run.message(CHECK).contains("bpc_1Rtestcme7LaunchPortal00"), "{}", run.summary());
        assert!(run.fix(CHECK).summary.contains("STRIPE_PORTAL_CONFIG_ID"), "{}", run.summary());
    }
}

//! `billing/portal`.

use crate::check::prelude::*;
use crate::world::{PortalAnswer, RehearsalStep};

check! {
    /// A new customer can open the customer portal.
    ///
    /// ## Why it matters
    /// The portal is where customers update a card, see invoices and cancel. It opens only if the Worker knows the Stripe customer of
    /// the user, and a new customer is one that the Worker has just heard of.
    ///
    /// ## How it is verified
    /// After the purchase the Worker is asked to open the portal for the canary, and must answer with the address of a portal
    /// session.
    ///
    /// ## How to fix it
    /// Store the ID of the customer when the subscription is created, and open the portal for it.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what billing/purchase sends, and 1 portal session",
        subjects: deployment,
        run
    };
}

codes! {
    /// The portal does not open for a customer who has just bought.
    NOT_OPENED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let billing = world.billing().await?;
    billing.step(RehearsalStep::Bought)?;
    let Some(portal) = &billing.portal else {
        return outcome.not_applicable("preflight.toml names no portal route");
    };
    let failure = match outcome.ask(portal.clone()) {
        None => return Ok(()),
        Some(PortalAnswer::Opened(_)) => {
            outcome.pass("the Worker opens the portal for a customer who has just bought");
            return Ok(());
        }
        Some(PortalAnswer::NotACustomer | PortalAnswer::OtherMode(_)) => {
            return Err(NoAnswer::unknown("the portal opened in the other mode"));
        }
        Some(
            PortalAnswer::UnknownCustomer(_, failure)
            | PortalAnswer::UnknownConfiguration(_, failure)
            | PortalAnswer::Refused(failure),
        ) => failure,
    };
    let message = format!("A customer who has just bought cannot open the portal: {}.", failure.words());
    let fix = Fix::new("Store the customer's ID when the subscription is created, and open the portal for it.");
    let (expected, actual) = ("the address of a portal session".to_owned(), failure.words());
    let evidence = failure.answer.iter().map(|answer| answer.evidence("url", actual.clone())).collect();
    outcome.find(Finding { code: NOT_OPENED, message, expected, actual, evidence, fix: fix.then(world.deployment()) });
    Ok(())
}

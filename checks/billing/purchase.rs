//! `billing/purchase`.

use super::delivery::{not_delivered, within};
use crate::check::prelude::*;
use crate::checks::effect::{finding, paid_tier, plan, shown};
use crate::world::{BillingStep, RehearsalStep};

check! {
    /// A real subscription gives the customer its tier.
    ///
    /// ## Why it matters
    /// Everything before this was a part: keys, prices, an endpoint, a handler. Only a subscription that Stripe bills shows that
    /// Stripe's own event reaches the Worker, that the Worker finds the user and the tier in it, and how long customers wait.
    ///
    /// ## How it is verified
    /// A subscription for the canary begins at Stripe, without a charge. Stripe sends its events to the Worker, and the canary's
    /// metadata must name the tier. With `--guided`, a person completes the Worker's own Checkout page. With `--live`, preflight
    /// creates the customer and the subscription, with the metadata that the Worker's Checkout Sessions have. A Worker that only
    /// knows customers from its own Checkout ignores that subscription, so without an effect `--live` proves nothing.
    ///
    /// ## How to fix it
    /// See which events Stripe could not deliver, and what the Worker answered: in the Stripe Dashboard, under Webhooks.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "creates a customer, a coupon of 100 % and a subscription at Stripe, and removes them",
        subjects: deployment,
        run
    };
}

codes! {
    /// The customer has paid, and Stripe could not deliver the event.
    NOT_DELIVERED: Failure,
    /// The customer has paid, Stripe has delivered the event, and the customer has no tier.
    NO_EFFECT: Failure,
    /// The customer gets another tier than the one bought.
    WRONG_TIER: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let billing = world.billing().await?;
    let bought = billing.step(RehearsalStep::Bought)?;
    let (seen, tier) = (&bought.seen, &bought.seen.tier);
    match paid_tier(world, &seen.after) {
        Some(found) if found.name == tier.name => {
            outcome.pass(format!("the canary has tier {} {}{}", tier.name, seen.step.after(), within(seen.took)));
            if billing.bought.is_none() {
                let key = &world.config().entitlement.user_key;
                outcome.pass(format!(
                    "preflight set metadata.{key} of the subscription, so whether your Checkout sets it is not seen"
                ));
            }
        }
        Some(found) => {
            let message = format!("A customer who buys tier {} gets tier {}.", tier.name, found.name);
            let fix = Fix::new(format!(
                "In the webhook handler, map the price to the tier that it is sold as: tier {} is \"{}\".",
                tier.name, tier.metadata
            ));
            outcome.find(finding(world, seen, WRONG_TIER, message, format!("\"{}\"", tier.metadata), fix));
        }
        None if billing.bought.is_none() => {
            return Err(NoAnswer::unknown(
                "a subscription that preflight created had no effect. If the Worker only knows customers from its own Checkout, \
                 rehearse with --guided",
            ));
        }
        None => outcome.find(without_tier(world, bought)?),
    }
    Ok(())
}

fn without_tier(world: &World, bought: &BillingStep) -> Answered<Finding> {
    let seen = &bought.seen;
    let (tier, found) = (&seen.tier, shown(plan(world, &seen.after).as_deref()));
    let expected = format!("\"{}\"", tier.metadata);
    if let Some(event) = not_delivered(bought)? {
        let message =
            format!("A customer who buys tier {} has {found}: Stripe could not deliver {}.", tier.name, event.kind);
        let fix = Fix::new(
            "In the Stripe Dashboard, see what the endpoint answered to this event, and fix the webhook handler.",
        )
        .link(world.stripe().dashboard(&format!("events/{}", event.id)));
        return Ok(finding(world, seen, NOT_DELIVERED, message, expected, fix));
    }
    let message = format!("The Worker accepted the purchase of tier {}, but the customer has {found}.", tier.name);
    let fix = Fix::new(format!(
        "In the webhook handler, write the tier to public_metadata.{} of the {}, wait for Clerk's answer, and answer 500 if it fails.",
        world.config().clerk.metadata_key,
        world.config().entitlement.holder.word()
    ));
    Ok(finding(world, seen, NO_EFFECT, message, expected, fix))
}

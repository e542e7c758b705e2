//! `billing/plan-change`.

use super::delivery::within;
use crate::check::prelude::*;
use crate::checks::effect::{finding, paid_tier, plan, shown};
use crate::world::RehearsalStep;

check! {
    /// A customer who changes the plan gets the new tier.
    ///
    /// ## Why it matters
    /// A change of plan changes the price of a subscription and nothing else. A handler that reads the tier from metadata of the
    /// purchase, or ignores `customer.subscription.updated`, leaves the customer on the old tier.
    ///
    /// ## How it is verified
    /// The canary's subscription is moved to the price of another paid tier, without proration. Unless the tier is read from the
    /// subscription's metadata, that metadata stays, as after a change in the customer portal.
    ///
    /// ## How to fix it
    /// Take the tier from the price that the subscription has now.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what billing/purchase sends, and 1 change of the subscription",
        subjects: deployment,
        run
    };
}

codes! {
    /// The customer keeps the old tier.
    TIER_KEPT: Failure,
    /// The customer gets a tier that is neither the old nor the new one, or none.
    WRONG_TIER: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    if world.config().paid_tiers().count() < 2 {
        return outcome.not_applicable("there is only one paid tier");
    }
    let billing = world.billing().await?;
    let changed = &billing.step(RehearsalStep::PlanChange)?.seen;
    let (before, after) = (paid_tier(world, &changed.before), paid_tier(world, &changed.after));
    if after.is_some_and(|tier| tier.name == changed.tier.name) {
        let (tier, when) = (&changed.tier.name, changed.step.after());
        outcome.pass(format!("the canary has tier {tier} {when}{}", within(changed.took)));
        return Ok(());
    }
    let is_never_taken =
        billing.step(RehearsalStep::Deleted).is_ok_and(|ended| paid_tier(world, &ended.seen.after).is_some());
    if is_never_taken && !billing.names(&world.canary_id()?)? {
        return Err(NoAnswer::Because(Cause::SubscriptionNamesNoUser));
    }
    let (name, found) = (&changed.tier.name, shown(plan(world, &changed.after).as_deref()));
    let is_kept = after.map(|tier| &tier.name) == before.map(|tier| &tier.name);
    let (code, message) = if is_kept {
        (TIER_KEPT, format!("A customer who moves to tier {name} pays for it and keeps {found}."))
    } else {
        (WRONG_TIER, format!("A customer who moves to tier {name} gets {found}."))
    };
    let fix =
        Fix::new("Read the tier from the price that the subscription has now, also for customer.subscription.updated.");
    outcome.find(finding(world, changed, code, message, format!("\"{}\"", changed.tier.metadata), fix));
    Ok(())
}

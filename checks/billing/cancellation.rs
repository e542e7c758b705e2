//! `billing/cancellation`.

use super::delivery::within;
use crate::check::prelude::*;
use crate::checks::effect::{at, finding, key, paid_tier, plan, shown};
use crate::world::{Billing, RehearsalStep, StepSeen};

check! {
    /// Canceling takes the tier away when the subscription ends, and not before.
    ///
    /// ## Why it matters
    /// Stripe tells the Worker about the end of a subscription with an event that has the subscription and not the Checkout
    /// Session. If Checkout did not put the user into the subscription's metadata, the Worker cannot find the user, and the tier is
    /// given away forever.
    ///
    /// ## How it is verified
    /// The canary's subscription is set to end with its period, and the tier must stay. Then it ends, and no paid tier may be left.
    /// With `--guided` its metadata is what the Worker's own Checkout has set; with `--live`, preflight has set it.
    ///
    /// ## How to fix it
    /// Set `subscription_data.metadata` when you create the Checkout Session. On `customer.subscription.deleted`, write the free
    /// tier.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what billing/purchase sends, and cancels the subscription",
        owns: [SubscriptionNamesNoUser],
        subjects: deployment,
        run
    };
}

codes! {
    /// The customer keeps the tier because the Worker's Checkout does not name the user in the subscription.
    UNMAPPABLE: Failure,
    /// The customer keeps the tier after the subscription has ended.
    TIER_KEPT: Failure,
    /// The customer loses the tier although the period is paid for.
    ENDS_EARLY: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let billing = world.billing().await?;
    if let Some(ending) = outcome.ask(billing.step(RehearsalStep::Ending)) {
        stays(world, &ending.seen, outcome);
    }
    if let Some(ended) = outcome.ask(billing.step(RehearsalStep::Deleted)) {
        ends(world, &billing, &ended.seen, outcome)?;
    }
    Ok(())
}

fn stays(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    let Some(before) = paid_tier(world, &seen.before) else {
        return outcome.leave_open(NoAnswer::unknown("the canary had no paid tier when it canceled"));
    };
    if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == before.name) {
        return outcome.pass(format!("tier {} stays {}", before.name, seen.step.after()));
    }
    let found = shown(plan(world, &seen.after).as_deref());
    let message = format!("A customer who cancels at period end has {found} at once, although the period is paid for.");
    let fix = Fix::new("Ignore cancel_at_period_end: Stripe sends customer.subscription.deleted when the period ends.");
    outcome.find(finding(world, seen, ENDS_EARLY, message, format!("\"{}\"", before.metadata), fix));
}

fn ends(world: &World, billing: &Billing, seen: &StepSeen, outcome: &mut Outcome) -> Answered {
    let Some(kept) = paid_tier(world, &seen.after) else {
        if paid_tier(world, &seen.before).is_none() {
            return Err(NoAnswer::unknown("the canary had no paid tier before the subscription ended"));
        }
        outcome.pass(format!("the canary has no paid tier {}{}", seen.step.after(), within(seen.took)));
        return Ok(());
    };
    let entitlement = &world.config().entitlement;
    if !billing.names(&world.canary_id()?)? {
        let message = format!(
            "Your Checkout does not put the {} into the subscription, so customers keep tier {} after they cancel.",
            entitlement.holder.word(),
            kept.name
        );
        let user_key = key(&entitlement.user_key);
        let fix = Fix::new("Set subscription_data.metadata when you create the Checkout Session.")
            .code(format!("subscription_data: {{ metadata: {{ {user_key}: {} }} }},", entitlement.holder.usual_key()));
        let found = finding(world, seen, UNMAPPABLE, message, "no paid tier", fix);
        outcome.find(found);
        return Ok(());
    }
    let message = format!("A customer whose subscription has ended keeps tier {}.", kept.name);
    let fix = Fix::new(format!(
        "On customer.subscription.deleted, find the {} by subscription.metadata{} and write the free tier.",
        entitlement.holder.word(),
        at(&entitlement.user_key)
    ));
    outcome.find(finding(world, seen, TIER_KEPT, message, "no paid tier", fix));
    Ok(())
}

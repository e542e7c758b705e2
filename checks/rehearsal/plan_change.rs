//! `rehearsal/plan-change`.

use crate::check::prelude::*;
use crate::checks::effect::{acknowledged, finding, key, paid_tier, plan, read_holder, shown, write_metadata};
use crate::world::{RehearsalStep, StepSeen};

check! {
    /// A change of plan moves the customer to the new tier, and no event moves them back.
    ///
    /// ## Why it matters
    /// A customer who upgrades in the portal pays more and keeps the old limit if the Worker reads the tier where a change of plan
    /// does not reach. Stripe promises no order and may send an event twice, so an old event can undo a new one.
    ///
    /// ## How it is verified
    /// After a purchase, `customer.subscription.updated` moves the canary's subscription to another paid tier. Unless the tier is
    /// read from the subscription's metadata, that metadata stays as it was at checkout, as after a change in the portal. Then
    /// the same event is sent again, and an older one with the old tier.
    ///
    /// ## How to fix it
    /// Take the tier from the subscription's price. Remember the time of the last event of a subscription, and ignore older ones;
    /// or read the subscription from Stripe before you write.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 3 more events",
        subjects: deployment,
        run
    };
}

codes! {
    /// The customer keeps the old tier.
    TIER_KEPT: Failure,
    /// The customer gets a tier that is neither the old nor the new one, or none.
    WRONG_TIER: Failure,
    /// The same event, again, changes the user or is rejected.
    REPEATED: Failure,
    /// An older event that arrives late takes effect.
    OLDER_WINS: Warning(Service),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    let has_several = world.config().paid_tiers().count() > 1;
    if has_several {
        if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::PlanChange)) {
            changed(world, seen, outcome);
        }
        if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::Older)) {
            older(world, seen, outcome);
        }
    }
    let first_time = if has_several { RehearsalStep::PlanChange } else { RehearsalStep::Created };
    if let (Some(first), Some(seen)) =
        (outcome.ask(rehearsal.step(first_time)), outcome.ask(rehearsal.step(RehearsalStep::Repeated)))
        && outcome.ask(acknowledged(first)).is_some()
    {
        repeated(world, seen, outcome);
    }
    Ok(())
}

fn changed(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    let (before, after) = (paid_tier(world, &seen.before), paid_tier(world, &seen.after));
    if after.is_some_and(|tier| tier.name == seen.tier.name) {
        outcome.ask(acknowledged(seen));
        return outcome.pass(format!("the canary has tier {} {}", seen.tier.name, seen.step.after()));
    }
    if outcome.ask(acknowledged(seen)).is_none() {
        return;
    }
    let (expected, found) = (format!("\"{}\"", seen.tier.metadata), shown(plan(world, &seen.after).as_deref()));
    let is_kept = after.map(|tier| &tier.name) == before.map(|tier| &tier.name);
    let (code, message) = if is_kept {
        let message = format!("A customer who moves to tier {} pays for it and keeps {found}.", seen.tier.name);
        (TIER_KEPT, message)
    } else {
        (WRONG_TIER, format!("A customer who moves to tier {} gets {found}.", seen.tier.name))
    };
    let fix =
        Fix::new("Read the tier from the price that the subscription has now, also for customer.subscription.updated.");
    outcome.find(finding(world, seen, code, message, expected, fix));
}

fn repeated(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    let (before, after) = (plan(world, &seen.before), plan(world, &seen.after));
    let is_accepted = seen.answer.as_ref().is_ok_and(|answer| answer.is_success());
    if is_accepted && before == after {
        return outcome.pass("the same event again changes nothing");
    }
    let message = if before == after {
        "The Worker rejects an event that arrives twice, so Stripe keeps retrying it and may disable the endpoint."
            .to_owned()
    } else {
        format!(
            "An event that arrives twice moves the customer from {} to {}.",
            shown(before.as_deref()),
            shown(after.as_deref())
        )
    };
    let fix = Fix::new("Remember the IDs of handled events, and answer 200 to one that was handled before.");
    outcome.find(finding(world, seen, REPEATED, message, "200, and no change", fix));
}

fn older(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    let (before, after) = (plan(world, &seen.before), plan(world, &seen.after));
    if before == after {
        // Rejecting a late event would only make Stripe send it again.
        outcome.ask(acknowledged(seen));
        return outcome.pass("an older event that arrives late changes nothing");
    }
    let (was, is) = (shown(before.as_deref()), shown(after.as_deref()));
    let message = format!("An older event that arrives late moves the customer back from {was} to {is}.");
    let summary =
        "Before you write, compare the event's time with the last one of this subscription, and skip older ones.";
    let metadata = format!(
        "{{\n\
         \x20 publicMetadata: {{ {}: tier }},\n\
         \x20 privateMetadata: {{ lastStripeEvent: {{ id: subscription.id, created: event.created }} }},\n\
         }}",
        key(&world.config().clerk.metadata_key)
    );
    let fix = Fix::new(summary).code(format!(
        "{}\n\
         const last = {}.privateMetadata.lastStripeEvent as {{ id: string; created: number }} | undefined;\n\
         if (last?.id === subscription.id && event.created < last.created) return Response.json({{ received: true }});\n\
         {}",
        read_holder(world),
        world.config().entitlement.holder.word(),
        write_metadata(world, &metadata)
    ));
    outcome.find(finding(world, seen, OLDER_WINS, message, was, fix));
}

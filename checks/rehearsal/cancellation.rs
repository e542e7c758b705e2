//! `rehearsal/cancellation`.

use crate::check::prelude::*;
use crate::checks::effect::{acknowledged, finding, free_plan, key, paid_tier, unless_current, write_metadata};
use crate::world::{RehearsalStep, StepSeen};

check! {
    /// Canceling takes the tier away when the subscription ends, and not before.
    ///
    /// ## Why it matters
    /// A handler that ignores `customer.subscription.deleted` gives the tier away forever. One that does not compare the
    /// subscription takes it from a customer who has a newer one. One that acts on `cancel_at_period_end` takes what is paid for.
    ///
    /// ## How it is verified
    /// The canary has a new subscription and an old one. The old one is deleted, and the tier must stay. The new one is set to end
    /// with its period, and the tier must stay. Then it is deleted, and no paid tier may be left. The events carry the user's ID
    /// in their metadata; whether the subscriptions of your Checkout do is not seen.
    ///
    /// ## How to fix it
    /// On `customer.subscription.deleted`, write the free tier, but only if the user has no other subscription that grants one.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 4 more events",
        owns: [SubscriptionNotCompared],
        subjects: deployment,
        run
    };
}

codes! {
    /// A deleted subscription keeps its tier.
    TIER_KEPT: Failure(Money),
    /// Deleting an old subscription takes the tier of a newer one.
    OLD_TAKES_NEW: Failure,
    /// A subscription that ends with its period loses its tier at once.
    ENDS_EARLY: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    let again = rehearsal.step(RehearsalStep::Resubscribed)?;
    if paid_tier(world, &again.after).is_none_or(|tier| tier.name != again.tier.name) {
        // `rehearsal/purchase` reports it.
        outcome.leave_open(NoAnswer::unknown("the second purchase did not give the canary its tier"));
    } else if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::OldDeleted)) {
        let message = "Deleting a customer's old subscription takes the tier of the new one, which is paid for.";
        let fix = Fix::new("On customer.subscription.deleted, do nothing if another subscription is the current one.")
            .code(compare(world));
        stays(world, seen, (OLD_TAKES_NEW, message, fix), outcome);
    }
    if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::Ending)) {
        let message = "A customer who cancels loses the tier at once, although it is paid for until the period ends.";
        let fix = Fix::new(
            "On customer.subscription.updated, ignore cancel_at_period_end. Stripe sends customer.subscription.deleted at the end.",
        );
        stays(world, seen, (ENDS_EARLY, message, fix), outcome);
    }
    if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::Deleted)) {
        deleted(world, seen, outcome);
    }
    Ok(())
}

/// The tier must stay.
fn stays(world: &World, seen: &StepSeen, (code, message, fix): (Code, &str, Fix), outcome: &mut Outcome) {
    let Some(before) = paid_tier(world, &seen.before) else {
        return outcome
            .leave_open(NoAnswer::unknown(format!("the canary had no paid tier to keep {}", seen.step.after())));
    };
    if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == before.name) {
        outcome.ask(acknowledged(seen));
        outcome.pass(format!("the canary keeps its tier {}", seen.step.after()));
    } else {
        outcome.find(finding(world, seen, code, message.to_owned(), format!("\"{}\"", before.metadata), fix));
    }
}

fn deleted(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    if paid_tier(world, &seen.before).is_none() {
        return outcome
            .leave_open(NoAnswer::unknown(format!("the canary had no paid tier to lose {}", seen.step.after())));
    }
    match paid_tier(world, &seen.after) {
        None => {
            outcome.ask(acknowledged(seen));
            outcome.pass(format!("the canary has no paid tier {}", seen.step.after()));
        }
        Some(tier) => {
            if outcome.ask(acknowledged(seen)).is_some() {
                let message = format!("A customer whose subscription was deleted keeps tier {} for free.", tier.name);
                let fix = Fix::new("On customer.subscription.deleted, write the free tier.").code(compare(world));
                outcome.find(finding(world, seen, TIER_KEPT, message, "no paid tier", fix));
            }
        }
    }
}

/// Takes the tier only if the deleted subscription is the current one.
fn compare(world: &World) -> String {
    let clerk = &world.config().clerk;
    let (plan, subscription) = (key(&clerk.metadata_key), key(&clerk.subscription_key));
    format!(
        "// When you grant a tier, also write {subscription}: subscription.id.\n\
         {}\n\
         {}",
        unless_current(world, ""),
        write_metadata(
            world,
            &format!("{{ publicMetadata: {{ {plan}: {}, {subscription}: null }} }}", free_plan(world))
        )
    )
}

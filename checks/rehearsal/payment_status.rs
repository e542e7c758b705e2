//! `rehearsal/payment-status`.

use super::effect::{acknowledged, finding, paid_tier};
use crate::check::prelude::*;
use crate::world::{Rehearsal, RehearsalStep, StepSeen};

check! {
    /// Only a subscription that is paid for gives a tier.
    ///
    /// ## Why it matters
    /// A handler that writes the tier whatever the subscription's status is gives it away: to customers whose card was declined at
    /// the start (`incomplete`), and to those whose renewals failed until Stripe gave up (`unpaid`). They keep it for years.
    ///
    /// ## How it is verified
    /// The canary's subscription becomes `past_due`, is paid again, and becomes `unpaid`; another one is created `incomplete` and
    /// becomes `incomplete_expired`. After each event, the canary's metadata must name a paid tier if and only if
    /// `entitlement.entitling_statuses` lists the status. A tier that stays while the subscription is `past_due` is a warning,
    /// because many businesses want it.
    ///
    /// ## How to fix it
    /// In the handler, write the tier only for the statuses that grant it, and the free tier for all others.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 5 more events",
        subjects: deployment,
        run
    };
}

codes! {
    /// A subscription that is past due keeps its tier.
    PAST_DUE_ENTITLED: Warning(Money),
    /// A subscription that Stripe gave up on keeps its tier.
    UNPAID_ENTITLED: Failure(Money),
    /// A subscription whose first payment is open gives its tier.
    INCOMPLETE_ENTITLED: Failure(Money),
    /// A subscription whose first payment never came gives its tier.
    INCOMPLETE_EXPIRED_ENTITLED: Failure(Money),
    /// A status that should grant the tier takes it.
    TAKEN: Failure,
    /// The tier does not come back after the failed renewal was paid.
    NOT_RESTORED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    let grants = |status: &str| world.config().entitlement.entitling_statuses.iter().any(|entitling| entitling == status);
    for (step, status, code) in [
        (RehearsalStep::PastDue, "past_due", PAST_DUE_ENTITLED),
        (RehearsalStep::Unpaid, "unpaid", UNPAID_ENTITLED),
    ] {
        if let Some(seen) = outcome.ask(rehearsal.step(step)) {
            had_paid(world, seen, status, grants(status), code, outcome);
        }
    }
    if let Some(seen) = outcome.ask(rehearsal.step(RehearsalStep::Recovered)) {
        restored(world, seen, outcome);
    }
    first_payment(world, &rehearsal, grants("incomplete"), outcome);
    Ok(())
}

/// A subscription that was paid for, with a status that should keep its tier or should not.
fn had_paid(world: &World, seen: &StepSeen, status: &str, grants: bool, code: Code, outcome: &mut Outcome) {
    let Some(before) = paid_tier(world, &seen.before) else {
        return outcome.leave_open(NoAnswer::unknown(format!("the canary had no paid tier to keep {}", seen.step.after())));
    };
    let keeps = paid_tier(world, &seen.after).is_some();
    if keeps == grants {
        outcome.ask(acknowledged(seen));
        let verb = if keeps { "keeps" } else { "loses" };
        return outcome.pass(format!("the canary {verb} its tier {}", seen.step.after()));
    }
    if outcome.ask(acknowledged(seen)).is_none() {
        return;
    }
    if grants {
        let message = format!(
            "The Worker takes tier {} while the subscription is {status}, which entitlement.entitling_statuses lists.",
            before.name
        );
        let fix = Fix::new(format!("Keep the tier for {status}, or take it out of entitlement.entitling_statuses."));
        outcome.find(finding(world, seen, TAKEN, message, format!("\"{}\"", before.metadata), fix));
    } else {
        let message = format!("A customer keeps tier {} while the subscription is {status}.", before.name);
        outcome.find(finding(world, seen, code, message, "no paid tier", by_status(world)));
    }
}

fn restored(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == seen.tier.name) {
        return outcome.pass(format!("the canary has its tier {}", seen.step.after()));
    }
    if outcome.ask(acknowledged(seen)).is_some() {
        let message = format!("A customer whose renewal failed once pays later and does not get tier {} back.", seen.tier.name);
        let fix = by_status(world);
        outcome.find(finding(world, seen, NOT_RESTORED, message, format!("\"{}\"", seen.tier.metadata), fix));
    }
}

/// A second subscription, whose first payment is open and then never comes.
fn first_payment(world: &World, rehearsal: &Rehearsal, grants_incomplete: bool, outcome: &mut Outcome) {
    let mut has_got = false;
    for (step, status, code) in [
        (RehearsalStep::Incomplete, "incomplete", INCOMPLETE_ENTITLED),
        (RehearsalStep::IncompleteExpired, "incomplete_expired", INCOMPLETE_EXPIRED_ENTITLED),
    ] {
        let Some(seen) = outcome.ask(rehearsal.step(step)) else { continue };
        let has_tier = |metadata| paid_tier(world, metadata).is_some_and(|tier| tier.name == seen.tier.name);
        let (had, has) = (has_tier(&seen.before), has_tier(&seen.after));
        if status == "incomplete" && grants_incomplete {
            outcome.pass("entitlement.entitling_statuses lists incomplete");
        } else if !has {
            outcome.ask(acknowledged(seen));
            outcome.pass(format!("the canary gets no tier {}", seen.step.after()));
        } else if !had {
            let message = format!("A customer gets tier {} from a subscription that is {status}, without a payment.", seen.tier.name);
            outcome.find(finding(world, seen, code, message, "no paid tier", by_status(world)));
            has_got = true;
        } else if !has_got {
            let why = format!("the canary already had tier {}, so nothing shows what happens {}", seen.tier.name, seen.step.after());
            outcome.leave_open(NoAnswer::unknown(why));
        }
    }
}

/// Writes the tier only for the statuses that grant it.
fn by_status(world: &World) -> Fix {
    let config = world.config();
    let (statuses, key) = (serde_json::json!(config.entitlement.entitling_statuses), &config.clerk.metadata_key);
    let free = config.tiers.iter().find(|tier| tier.prices.is_empty());
    let free = free.map_or_else(|| "null".to_owned(), |tier| format!("\"{}\"", tier.metadata));
    Fix::new("In the webhook handler, write the tier only while the subscription's status grants it.").code(format!(
        "const isPaid = {statuses}.includes(subscription.status);\n\
         await clerk.users.updateUserMetadata(userId, {{ publicMetadata: {{ {key}: isPaid ? tier : {free} }} }});"
    ))
}

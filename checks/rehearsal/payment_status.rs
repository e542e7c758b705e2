//! `rehearsal/payment-status`.

use crate::check::prelude::*;
use crate::checks::effect::{
    acknowledged, finding, free_plan, key, paid_tier, plan, shown, unless_current, write_metadata,
};
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
        sends: "what rehearsal/purchase sends, and 7 more events",
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker grants the tier whatever the status is.
    STATUS_IGNORED: Failure(Money),
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
    /// A second subscription that was never paid takes the tier of the active one.
    TAKEN_BY_ANOTHER: Failure,
}

/// A status that grants a tier and should not.
struct Entitled<'s> {
    code: Code,
    status: &'static str,
    seen: &'s StepSeen,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    let grants =
        |status: &str| world.config().entitlement.entitling_statuses.iter().any(|entitling| entitling == status);
    let mut entitled: Vec<Entitled<'_>> = Vec::new();
    for (step, status, code) in
        [(RehearsalStep::PastDue, "past_due", PAST_DUE_ENTITLED), (RehearsalStep::Unpaid, "unpaid", UNPAID_ENTITLED)]
    {
        if let Some(seen) = outcome.ask(rehearsal.step(step)) {
            entitled.extend(had_paid(world, Entitled { code, status, seen }, grants(status), outcome));
        }
    }
    restored(world, &rehearsal, outcome);
    let incomplete = first_payment(world, &rehearsal, grants("incomplete"), outcome);
    if incomplete.is_none() {
        besides(world, &rehearsal, outcome);
    }
    entitled.extend(incomplete);
    let has = |code: Code| entitled.iter().any(|found| found.code == code);
    if has(UNPAID_ENTITLED) && has(INCOMPLETE_ENTITLED) {
        // One handler that does not look at the status is one problem.
        outcome.find(ignored(world, &entitled));
        return Ok(());
    }
    for Entitled { code, status, seen } in entitled {
        let tier = paid_tier(world, &seen.after).map_or("a paid tier", |tier| &tier.name);
        let message = if code == INCOMPLETE_ENTITLED || code == INCOMPLETE_EXPIRED_ENTITLED {
            format!("A customer gets tier {tier} from a subscription that is {status}, without a payment.")
        } else {
            format!("A customer keeps tier {tier} while the subscription is {status}.")
        };
        outcome.find(finding(world, seen, code, message, "no paid tier", by_status(world)));
    }
    Ok(())
}

fn ignored(world: &World, entitled: &[Entitled<'_>]) -> Finding {
    let statuses: Vec<&str> = entitled.iter().map(|found| found.status).collect();
    let statuses = statuses.join(", ");
    let message = format!(
        "The Worker grants the tier whatever the subscription's status is, also without a payment: {statuses}."
    );
    let seen = entitled.iter().find(|found| found.code == UNPAID_ENTITLED).unwrap_or(&entitled[0]).seen;
    finding(world, seen, STATUS_IGNORED, message, "no paid tier", by_status(world))
}

/// A subscription that was paid for, with a status that should keep its tier or should not.
fn had_paid<'s>(world: &World, found: Entitled<'s>, grants: bool, outcome: &mut Outcome) -> Option<Entitled<'s>> {
    let Entitled { seen, status, .. } = found;
    let Some(before) = paid_tier(world, &seen.before) else {
        outcome.leave_open(NoAnswer::unknown(format!("the canary had no paid tier to keep {}", seen.step.after())));
        return None;
    };
    let keeps = paid_tier(world, &seen.after).is_some();
    let is_acknowledged = outcome.ask(acknowledged(seen)).is_some();
    if keeps == grants {
        let verb = if keeps { "keeps" } else { "loses" };
        outcome.pass(format!("the canary {verb} its tier {}", seen.step.after()));
        return None;
    }
    if !is_acknowledged {
        return None;
    }
    if keeps {
        return Some(found);
    }
    let message = format!(
        "The Worker takes tier {} while the subscription is {status}, which entitlement.entitling_statuses lists.",
        before.name
    );
    let fix = Fix::new(format!("Keep the tier for {status}, or take it out of entitlement.entitling_statuses."));
    outcome.find(finding(world, seen, TAKEN, message, format!("\"{}\"", before.metadata), fix));
    None
}

/// The tier must be back: the one of the subscription's price, or the one that the canary had before the renewal failed. Which of
/// them is right is the matter of `rehearsal/plan-change`.
fn restored(world: &World, rehearsal: &Rehearsal, outcome: &mut Outcome) {
    let (Some(failed), Some(seen)) =
        (outcome.ask(rehearsal.step(RehearsalStep::PastDue)), outcome.ask(rehearsal.step(RehearsalStep::Recovered)))
    else {
        return;
    };
    let Some(before) = paid_tier(world, &failed.before) else {
        let why = format!("the canary had no paid tier to get back {}", seen.step.after());
        return outcome.leave_open(NoAnswer::unknown(why));
    };
    let is_acknowledged = outcome.ask(acknowledged(seen)).is_some();
    let after = paid_tier(world, &seen.after);
    if after.is_some_and(|tier| [&before.name, &seen.tier.name].contains(&&tier.name)) {
        return outcome.pass(format!("the canary has its tier {}", seen.step.after()));
    }
    if is_acknowledged {
        let message = format!(
            "A customer whose renewal failed once pays later and gets {} in place of tier {}.",
            shown(plan(world, &seen.after).as_deref()),
            before.name
        );
        let fix = by_status(world);
        outcome.find(finding(world, seen, NOT_RESTORED, message, format!("\"{}\"", before.metadata), fix));
    }
}

/// A second subscription that is never paid must not take the tier of the active one.
fn besides(world: &World, rehearsal: &Rehearsal, outcome: &mut Outcome) {
    for step in [RehearsalStep::IncompleteBesides, RehearsalStep::ExpiredBesides] {
        let Some(seen) = outcome.ask(rehearsal.step(step)) else { return };
        let Some(before) = paid_tier(world, &seen.before) else {
            return outcome.leave_open(without_tier(world, rehearsal, seen));
        };
        if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == before.name) {
            outcome.ask(acknowledged(seen));
            outcome.pass(format!("the canary keeps its tier {}", seen.step.after()));
            continue;
        }
        let message = format!(
            "A second subscription that was never paid takes tier {} of the active one, which is paid for.",
            before.name
        );
        let fix = by_status(world);
        return outcome.find(finding(world, seen, TAKEN_BY_ANOTHER, message, format!("\"{}\"", before.metadata), fix));
    }
}

/// Why the canary had no tier that a second subscription could take.
fn without_tier(world: &World, rehearsal: &Rehearsal, seen: &StepSeen) -> NoAnswer {
    let takes_any = rehearsal
        .step(RehearsalStep::OldDeleted)
        .is_ok_and(|old| paid_tier(world, &old.before).is_some() && paid_tier(world, &old.after).is_none());
    if takes_any {
        return NoAnswer::Because(Cause::SubscriptionNotCompared);
    }
    NoAnswer::unknown(format!("the canary had no paid tier to keep {}", seen.step.after()))
}

/// A second subscription, whose first payment is open and then never comes.
fn first_payment<'s>(
    world: &World,
    rehearsal: &'s Rehearsal,
    grants_incomplete: bool,
    outcome: &mut Outcome,
) -> Option<Entitled<'s>> {
    for (step, status, code) in [
        (RehearsalStep::Incomplete, "incomplete", INCOMPLETE_ENTITLED),
        (RehearsalStep::IncompleteExpired, "incomplete_expired", INCOMPLETE_EXPIRED_ENTITLED),
    ] {
        let Some(seen) = outcome.ask(rehearsal.step(step)) else { continue };
        let has_tier = |metadata| paid_tier(world, metadata).is_some_and(|tier| tier.name == seen.tier.name);
        let (had, has) = (has_tier(&seen.before), has_tier(&seen.after));
        let is_acknowledged = outcome.ask(acknowledged(seen)).is_some();
        if code == INCOMPLETE_ENTITLED && grants_incomplete {
            outcome.pass("entitlement.entitling_statuses lists incomplete");
        } else if !has {
            outcome.pass(format!("the canary gets no tier {}", seen.step.after()));
        } else if had {
            let words = format!("the canary already had tier {}", seen.tier.name);
            let why = format!("{words}, so nothing shows what happens {}", seen.step.after());
            outcome.leave_open(NoAnswer::unknown(why));
        } else if is_acknowledged {
            return Some(Entitled { code, status, seen });
        }
    }
    None
}

/// Writes the tier only for the statuses that grant it, and takes it only for the current subscription.
fn by_status(world: &World) -> Fix {
    let config = world.config();
    let statuses = serde_json::json!(config.entitlement.entitling_statuses);
    let (plan, subscription) = (key(&config.clerk.metadata_key), key(&config.clerk.subscription_key));
    let plan = if plan == "plan" { plan } else { format!("{plan}: plan") };
    Fix::new("In the webhook handler, write the tier only while the subscription's status grants it.").code(format!(
        "const isPaid = {statuses}.includes(subscription.status);\n\
         {}\n\
         const plan = isPaid ? tier : {};\n\
         {}",
        unless_current(world, "!isPaid && "),
        free_plan(world),
        write_metadata(world, &format!("{{ publicMetadata: {{ {plan}, {subscription}: subscription.id }} }}"))
    ))
}

//! `billing/renewal`.

use crate::check::prelude::*;
use crate::checks::effect::{finding, paid_tier, plan, shown};
use crate::world::{Billing, RehearsalStep, StepSeen};

check! {
    /// The tier follows the payments: it stays after a trial, and comes back once a failed renewal is paid.
    ///
    /// ## Why it matters
    /// The first month is the easy one. Later a trial ends, a card expires, and a payment succeeds at the third attempt. A handler
    /// that knows only the first event leaves customers without what they pay for, or with what they do not.
    ///
    /// ## How it is verified
    /// In test mode, a test clock makes the months of a subscription pass: a trial ends, a renewal is declined, and its invoice is
    /// paid later. Time cannot be moved in live mode, and a Checkout page cannot be put on a test clock.
    ///
    /// ## How to fix it
    /// On `customer.subscription.updated`, write the tier if the status grants it, and take it otherwise.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what billing/purchase sends, on a test clock, with test cards",
        subjects: deployment,
        run
    };
}

codes! {
    /// The customer loses the tier when the trial ends and the first invoice is paid.
    LOST_AFTER_TRIAL: Failure,
    /// The customer keeps the tier although the renewal was declined.
    KEPT_PAST_DUE: Warning(Money),
    /// The customer loses the tier although `entitling_statuses` has `past_due`.
    LOST_PAST_DUE: Failure,
    /// The customer does not get the tier back once the invoice is paid.
    NOT_RESTORED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let billing = world.billing().await?;
    if !billing.has_clock {
        return outcome.not_applicable("only a test clock can make time pass, and that needs --live in test mode");
    }
    billing.step(RehearsalStep::Bought)?;
    let grants = |status: &str| world.config().entitlement.entitling_statuses.iter().any(|one| one == status);
    if grants("trialing") {
        keeps(world, &billing, outcome);
    }
    if let Some(declined) = outcome.ask(billing.step(RehearsalStep::PastDue)) {
        past_due(world, &declined.seen, grants("past_due"), outcome);
    }
    if let Some(paid) = outcome.ask(billing.step(RehearsalStep::Recovered)) {
        restored(world, &paid.seen, outcome);
    }
    Ok(())
}

/// Whether the canary has the tier that is paid for.
fn has_tier(world: &World, seen: &StepSeen) -> bool {
    paid_tier(world, &seen.after).is_some_and(|tier| tier.name == seen.tier.name)
}

fn keeps(world: &World, billing: &Billing, outcome: &mut Outcome) {
    let Some(ended) = outcome.ask(billing.step(RehearsalStep::TrialEnded)) else { return };
    let seen = &ended.seen;
    if has_tier(world, seen) {
        return outcome.pass(format!("the canary still has tier {} {}", seen.tier.name, seen.step.after()));
    }
    let found = shown(plan(world, &seen.after).as_deref());
    let message = format!("A customer whose trial ends pays for tier {} and gets {found}.", seen.tier.name);
    let fix = Fix::new("On customer.subscription.updated from trialing to active, keep the tier.");
    outcome.find(finding(world, seen, LOST_AFTER_TRIAL, message, format!("\"{}\"", seen.tier.metadata), fix));
}

fn past_due(world: &World, seen: &StepSeen, grants: bool, outcome: &mut Outcome) {
    let found = shown(plan(world, &seen.after).as_deref());
    match (has_tier(world, seen), grants) {
        (true, true) => outcome.pass(format!("the tier stays {}, as entitling_statuses says", seen.step.after())),
        (false, false) => outcome.pass(format!("the tier is taken {}", seen.step.after())),
        (true, false) => {
            let message = format!("A customer whose renewal was declined keeps tier {}.", seen.tier.name);
            let fix = Fix::new("Take the tier on past_due, or add \"past_due\" to entitling_statuses.");
            outcome.find(finding(world, seen, KEPT_PAST_DUE, message, "no paid tier", fix));
        }
        (false, true) => {
            let message = format!("entitling_statuses has past_due, but a customer who is past due has {found}.");
            let fix = Fix::new("Keep the tier on past_due, or remove \"past_due\" from entitling_statuses.");
            outcome.find(finding(world, seen, LOST_PAST_DUE, message, format!("\"{}\"", seen.tier.metadata), fix));
        }
    }
}

fn restored(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    if has_tier(world, seen) {
        return outcome.pass(format!("the canary has tier {} {}", seen.tier.name, seen.step.after()));
    }
    let found = shown(plan(world, &seen.after).as_deref());
    let message = format!(
        "A customer whose renewal succeeds at a later attempt pays for tier {} and has {found}.",
        seen.tier.name
    );
    let fix = Fix::new("On customer.subscription.updated from past_due to active, write the tier.");
    outcome.find(finding(world, seen, NOT_RESTORED, message, format!("\"{}\"", seen.tier.metadata), fix));
}

//! What the canary is granted after an event: by a new token, and by the Worker.

use super::effect::{finding, paid_tier, plan, seeing, shown};
use crate::check::prelude::*;
use crate::config::{Limit, Tier};
use crate::world::{Grant, StepSeen, UsageAnswer, plan_shortcode};

/// The codes of the check that judges it.
pub(super) struct Codes {
    /// A new token has another plan than the user's metadata.
    pub claim: Code,
    /// The Worker grants another plan than the token has.
    pub plan: Code,
    /// The Worker grants another limit than the tier has.
    pub limit: Code,
}

/// Judges what the canary is granted after an event.
pub(super) fn granted(world: &World, seen: &StepSeen, grant: &Grant, codes: &Codes, outcome: &mut Outcome) {
    let wanted = plan(world, &seen.after);
    let Some(claim) = outcome.ask(grant.claim.clone()) else { return };
    let is_default = wanted.is_none() && claim.as_ref().is_none_or(|claim| is_free(world, claim));
    if claim != wanted && !is_default {
        return other_claim(world, seen, claim.as_deref(), codes.claim, outcome);
    }
    let Some(usage) = &grant.usage else {
        return outcome.pass(format!("a new token has {} {}", shown(claim.as_deref()), seen.step.after()));
    };
    let usage = match outcome.ask(usage.clone()) {
        Some(UsageAnswer::Granted(usage)) => usage,
        Some(UsageAnswer::Rejected { .. }) => {
            return outcome.leave_open(NoAnswer::Because(Cause::TokenRejectedByWorker));
        }
        Some(UsageAnswer::Failed(failure)) => return outcome.leave_open(NoAnswer::Unknown(failure.words())),
        None => return,
    };
    let Some(found) = outcome.ask(usage.plan) else { return };
    let tier = paid_tier(world, &seen.after).or_else(|| world.config().free_tier());
    let is = |tier: &Tier| found == tier.metadata || found == tier.name;
    // Without a free tier in the configuration, any plan that is not paid for is right.
    let is_right = tier.map_or_else(|| !world.config().paid_tiers().any(is), is);
    if !is_right {
        let message = format!(
            "The customer's token has {}, but the Worker grants \"{found}\" {}.",
            shown(claim.as_deref()),
            seen.step.after()
        );
        let claim = &world.config().clerk.plan_claim;
        let fix = Fix::new(format!("In the Worker, read the plan from the claim \"{claim}\" of each request's token."));
        let expected = tier.map_or_else(|| "no paid tier".to_owned(), |tier| format!("\"{}\"", tier.metadata));
        let finding = finding(world, seen, codes.plan, message, expected, fix);
        return outcome.find(seeing(finding, seen, "the plan that the Worker reports", format!("\"{found}\"")));
    }
    let Some(tier) = tier else {
        return outcome.pass(format!("the Worker reports \"{found}\" {}", seen.step.after()));
    };
    let Some(limit) = outcome.ask(usage.limit) else { return };
    match limit.and_then(|limit| Some((limit, tier.limit_instead_of(limit)?))) {
        Some(limits) => outcome.find(other_limit(world, seen, tier, limits, codes.limit)),
        None => outcome.pass(format!(
            "a new token has {}, and the Worker grants it {}",
            shown(claim.as_deref()),
            seen.step.after()
        )),
    }
}

fn is_free(world: &World, claim: &str) -> bool {
    !world.config().paid_tiers().any(|tier| tier.metadata == claim)
}

fn other_claim(world: &World, seen: &StepSeen, claim: Option<&str>, code: Code, outcome: &mut Outcome) {
    let (claim, wanted) = (shown(claim), shown(plan(world, &seen.after).as_deref()));
    if world.config().clerk.jwt_template.is_none() {
        // Clerk may make a session token from the one before it (docs/providers.md, "Clerk tokens and claims").
        let why = format!(
            "a new session token still has {claim} {}, which Clerk may correct a minute later",
            seen.step.after()
        );
        return outcome.leave_open(NoAnswer::unknown(why));
    }
    let message = format!("The customer's metadata has {wanted}, but a new token has {claim} {}.", seen.step.after());
    let (name, shortcode) = (&world.config().clerk.plan_claim, plan_shortcode(world.config()));
    let fix = Fix::new(format!("In the JWT template, set the claim \"{name}\" to {shortcode}."))
        .link(clerk_dashboard("jwt-templates"));
    let finding = finding(world, seen, code, message, wanted, fix);
    outcome.find(seeing(finding, seen, &format!("the claim \"{name}\""), claim));
}

fn other_limit(world: &World, seen: &StepSeen, tier: &Tier, limits: (Limit, Limit), code: Code) -> Finding {
    let (found, wanted) = (limits.0.to_string(), limits.1.to_string());
    let message = format!("Tier {} has {wanted}, but the Worker grants {found} {}.", tier.name, seen.step.after());
    let fix = Fix::new("Correct the limit in the Worker's table of tiers, or in preflight.toml.");
    let finding = finding(world, seen, code, message, wanted, fix);
    seeing(finding, seen, "the limit that the Worker reports", found)
}

//! `worker/usage`.

use crate::check::prelude::*;
use crate::config::Limit;
use crate::world::{Grant, Route, Usage};

check! {
    /// The Worker grants the canary its plan and that tier's limit.
    ///
    /// ## Why it matters
    /// This is where a payment becomes something: the Worker verifies the token with its own Clerk key, reads the plan and
    /// grants a limit. A Worker with the key of another instance refuses every customer.
    ///
    /// ## How it is verified
    /// The usage route is asked with a token of the canary's, which `clerk/plan-claim` has verified, as the frontend asks it.
    /// The answer must name the canary's plan and the limit of that tier. What other plans are granted cannot be seen from
    /// one user. A Worker may insist on tokens that were made in a browser: without `[frontend]` such a refusal proves
    /// nothing.
    ///
    /// ## Findings
    /// - `token-refused`: the Worker refuses a token that verifies.
    /// - `plan`: it grants another plan.
    /// - `limit`: it grants another limit.
    /// - `broken`: the route does not work.
    ///
    /// ## How to mend it
    /// Set the Clerk secret key of this instance on the Worker; let it read the claim that the template carries.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [TokenRejectedByWorker],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Usage) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let grant = match worker.usage().await? {
        Usage::Granted(grant) => grant,
        Usage::Broken(breakdown) => return Ok(breakdown.finding("broken", "200 with the canary's plan").into()),
        Usage::Refused { reason, answer } => {
            let key = &world.config().clerk.secret_key.name;
            return Ok(Finding {
                code: "token-refused",
                severity: Severity::Failure,
                message: format!("The Worker refuses a token that verifies against Clerk's published keys: {reason}."),
                expected: "200 with the canary's plan".to_owned(),
                actual: format!("{} {reason}", answer.status),
                evidence: vec![answer.evidence("answer", reason)],
                fix: Fix::new(format!("Set {key} of this Clerk instance on the Worker; see which parties it allows."))
                    .command(world.secret_put(key))
                    .link("https://dashboard.clerk.com/last-active?path=api-keys"),
            }
            .into());
        }
    };
    let Some(tier) = world.config().tiers.iter().find(|tier| tier.name == grant.tier) else {
        return Err(NoAnswer::Because(Cause::PlanClaimDiffers));
    };
    if grant.plan != tier.metadata && grant.plan != tier.name {
        // A Worker that does not ask who it is grants everybody the same.
        worker.asks_who_it_is().await?;
        let message = format!("The canary's token says {}, and the Worker grants \"{}\".", tier.metadata, grant.plan);
        let fix = format!("Let the Worker read the plan from the claim \"{}\".", world.config().clerk.plan_claim);
        return Ok(finding("plan", &grant, message, tier.metadata.clone(), grant.plan.clone(), fix).into());
    }
    match grant.limit {
        Some(limit) if limit != tier.limit => {
            if announces(world, &grant.tier, limit).await {
                return Err(NoAnswer::Because(Cause::AnnouncedTiersDiffer));
            }
            let (wanted, found) = (words(tier.limit), words(limit));
            let message = format!("Tier {} has {wanted}, and the Worker grants {found}.", tier.name);
            let fix = "Mend the limit in the Worker's table of tiers and deploy it, or mend preflight.toml.".to_owned();
            Ok(finding("limit", &grant, message, wanted, found, fix).into())
        }
        Some(limit) => Ok(Verdict::Pass(format!("the canary gets {} with {}", grant.plan, words(limit)))),
        None => Ok(Verdict::Pass(format!("the canary gets {}; no limit is told", grant.plan))),
    }
}

/// Whether the Worker announces just that limit: then its table is wrong, and `worker/tiers` says so.
async fn announces(world: &World, name: &str, limit: Limit) -> bool {
    let worker = world.worker();
    if worker.lacks(Route::Tiers).is_some() {
        return false;
    }
    let Ok(Ok(announced)) = worker.tiers().await else { return false };
    let Some(tier) = world.config().tiers.iter().find(|tier| tier.name == name) else { return false };
    announced.value.iter().any(|found| found.is(tier) && found.limit == Some(limit))
}

fn words(limit: Limit) -> String {
    match limit {
        Limit::Uses(uses) => format!("{uses} uses"),
        Limit::Unlimited => "no limit".to_owned(),
    }
}

fn finding(
    code: &'static str,
    grant: &Grant,
    message: String,
    expected: String,
    actual: String,
    fix: String,
) -> Finding {
    let evidence = vec![grant.answer.evidence(code, actual.clone())];
    Finding { code, severity: Severity::Failure, message, expected, actual, evidence, fix: Fix::new(fix) }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_what_the_canary_is_granted_instead() {
        for (name, code) in [("usage-plan", "plan"), ("usage-limit", "limit"), ("usage-clerk-key", "token-refused")] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn finds_a_route_that_is_not_there() {
        scenario("usage-not-there").await.finds(CHECK, "broken");
    }

    #[tokio::test]
    async fn one_wrong_table_is_one_finding() {
        let run = scenario("tiers-limit-granted").await;
        run.finds(crate::checks::worker::tiers::CHECK, "limit");
    }

    #[tokio::test]
    async fn a_worker_that_wants_tokens_from_browsers_is_sound() {
        scenario("healthy-authorized-parties").await.passes(CHECK);
    }

    #[tokio::test]
    async fn without_a_frontend_a_refusal_of_such_a_worker_proves_nothing() {
        let run = scenario("healthy-no-frontend,healthy-authorized-parties").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
        assert!(run.reasons(CHECK).contains("azp"), "{}", run.told());
    }
}

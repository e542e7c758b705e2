//! `worker/usage`.

use crate::check::prelude::*;
use crate::config::Limit;
use crate::world::{Answer, Grant, Route, Usage};

check! {
    /// The Worker grants the canary its plan and that tier's limit.
    ///
    /// ## Why it matters
    /// This is where a payment becomes access: the Worker verifies the token with its own Clerk key, reads the plan and grants
    /// a limit. A Worker with the key of another instance rejects every customer.
    ///
    /// ## How it is verified
    /// The usage route is asked with a token of the canary, which `clerk/plan-claim` has verified, as the frontend asks it.
    /// The answer must name the canary's plan and the limit of that tier. What other plans are granted cannot be seen from
    /// one user. A Worker may insist on tokens that were made in a browser: without `[frontend]`, such a rejection proves
    /// nothing.
    ///
    /// ## How to fix it
    /// Set the Clerk secret key of this instance on the Worker, and read the claim that the template carries.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [TokenRejectedByWorker],
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker rejects a token that verifies.
    TOKEN_REFUSED: Failure,
    /// It grants another plan.
    PLAN: Failure,
    /// It grants another limit.
    LIMIT: Failure,
    /// The route does not work.
    BROKEN: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Usage) {
        outcome.not_applicable(lacking);
        return Ok(());
    }
    let grant = match worker.usage().await? {
        Usage::Granted(grant) => grant,
        Usage::Broken(breakdown) => {
            outcome.find(breakdown.finding(BROKEN, "200 with the canary's plan"));
            return Ok(());
        }
        Usage::Refused { reason, answer } => {
            outcome.find(token_refused(world, reason, &answer));
            return Ok(());
        }
    };
    let tier = world.config().tiers.iter().find(|tier| tier.name == grant.tier);
    let tier = tier.ok_or(NoAnswer::Because(Cause::PlanClaimDiffers))?;
    let plan = grant.plan.clone()?;
    if plan != tier.metadata && plan != tier.name {
        // A Worker that does not authenticate grants everyone the same.
        worker.asks_who_it_is().await?;
        let message = format!("The canary's token says {}, but the Worker grants \"{plan}\".", tier.metadata);
        let fix = format!("Read the plan from the claim \"{}\" in the Worker.", world.config().clerk.plan_claim);
        outcome.find(finding(PLAN, &grant, message, tier.metadata.clone(), plan, fix));
        return Ok(());
    }
    match grant.limit.clone()? {
        Some(limit) if limit != tier.limit => {
            if announces(world, &grant.tier, limit).await {
                return Err(NoAnswer::Because(Cause::AnnouncedTiersDiffer));
            }
            let (wanted, found) = (words(tier.limit), words(limit));
            let message = format!("Tier {} has {wanted}, but the Worker grants {found}.", tier.name);
            let fix =
                "Correct the limit in the Worker's table of tiers and deploy it, or correct preflight.toml.".to_owned();
            outcome.find(finding(LIMIT, &grant, message, wanted, found, fix));
        }
        Some(limit) => outcome.pass(format!("the canary gets {plan} with {}", words(limit))),
        None => outcome.pass(format!("the canary gets {plan}; the answer names no limit")),
    }
    Ok(())
}

fn token_refused(world: &World, reason: String, answer: &Answer) -> Finding {
    let key = &world.config().clerk.secret_key.name;
    Finding {
        code: TOKEN_REFUSED,
        message: format!("The Worker rejects a token that verifies against Clerk's published keys: {reason}."),
        expected: "200 with the canary's plan".to_owned(),
        actual: format!("{} {reason}", answer.status),
        evidence: vec![answer.evidence("answer", reason)],
        fix: Fix::new(format!(
            "Set {key} on the Worker to this Clerk instance's key, and check its authorizedParties."
        ))
        .command(world.secret_put(key))
        .link("https://dashboard.clerk.com/last-active?path=api-keys"),
    }
}

/// Whether the Worker announces just that limit: then its table is wrong, and `worker/tiers` says so.
async fn announces(world: &World, name: &str, limit: Limit) -> bool {
    let worker = world.worker();
    if worker.lacks(Route::Tiers).is_some() {
        return false;
    }
    let Some(Ok(announced)) = optional(worker.tiers()).await else { return false };
    let Some(tier) = world.config().tiers.iter().find(|tier| tier.name == name) else { return false };
    announced.value.tiers.iter().any(|found| found.is(tier) && found.limit == Some(limit))
}

fn words(limit: Limit) -> String {
    match limit {
        Limit::Uses(uses) => format!("{uses} uses"),
        Limit::Unlimited => "no limit".to_owned(),
    }
}

fn finding(code: Code, grant: &Grant, message: String, expected: String, actual: String, fix: String) -> Finding {
    let evidence = vec![grant.answer.evidence(code.name(), actual.clone())];
    Finding { code, message, expected, actual, evidence, fix: Fix::new(fix) }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

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

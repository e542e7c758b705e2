//! `worker/usage`.

use super::fixes;
use super::tiers::CORRECT;
use crate::check::prelude::*;
use crate::config::Limit;
use crate::world::{Answer, GrantedUsage, Route, Symptom, UsageAnswer};

check! {
    /// The Worker grants the canary its plan and that tier's limit.
    ///
    /// ## Why it matters
    /// Here a payment becomes access: the Worker verifies the token with its own Clerk key, reads the plan and grants a limit.
    /// With another instance's key, it rejects every customer.
    ///
    /// ## How it is verified
    /// The usage route is asked with the canary's token, which `clerk/plan-claim` has verified, as the frontend asks it. The
    /// answer must name the canary's plan and the limit of that tier. What other users are granted cannot be seen from one
    /// user. A Worker may require tokens from a browser: without `[frontend]`, such a rejection proves nothing.
    ///
    /// ## How to fix it
    /// Set this instance's Clerk secret key on the Worker, and read the plan from the claim that the template defines.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what clerk/plan-claim sends, once for both checks",
        owns: [TokenRejectedByWorker],
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker rejects a valid token.
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
        return outcome.not_applicable(lacking);
    }
    let grant = match worker.usage().await? {
        UsageAnswer::Granted(grant) => grant,
        UsageAnswer::Failed(failure) => {
            outcome.find(fixes::broken(world, BROKEN, failure, "200 with the canary's plan"));
            return Ok(());
        }
        UsageAnswer::Rejected { reason, answer } => {
            outcome.find(token_refused(world, reason, &answer));
            return Ok(());
        }
    };
    let (_, tier) = world.clerk().proved_token().await?;
    let plan = grant.plan.clone()?;
    if plan != tier.metadata && plan != tier.name {
        // A Worker that does not authenticate grants everyone the same.
        worker.blame(Symptom::OtherPlan).await?;
        let message = format!("The canary's token has the plan {}, but the Worker grants \"{plan}\".", tier.metadata);
        let claim = &world.config().clerk.plan_claim;
        let fix =
            fixes::deploy(world, format!("In the Worker, read the plan from the claim \"{claim}\" of the token."));
        outcome.find(finding(PLAN, &grant, message, (tier.metadata.clone(), plan), fix));
        return Ok(());
    }
    let limit = grant.limit.clone()?;
    match (limit, limit.and_then(|limit| tier.limit_instead_of(limit))) {
        (Some(limit), Some(wanted)) => {
            if announces(world, &tier.name, limit).await {
                return Err(NoAnswer::Because(Cause::AnnouncedTiersDiffer));
            }
            let (wanted, found) = (wanted.to_string(), limit.to_string());
            let message = format!("Tier {} has {wanted}, but the Worker grants {found}.", tier.name);
            outcome.find(finding(LIMIT, &grant, message, (wanted, found), fixes::deploy(world, CORRECT)));
        }
        (Some(limit), None) => outcome.pass(format!("the canary gets {plan} with {limit}")),
        (None, _) => outcome.pass(format!("the canary gets {plan}; the answer names no limit")),
    }
    Ok(())
}

fn token_refused(world: &World, reason: String, answer: &Answer) -> Finding {
    let key = &world.config().clerk.secret_key.name;
    Finding {
        code: TOKEN_REFUSED,
        message: format!("The Worker rejects a valid token, so no customer can use it: {reason}."),
        expected: "200 with the canary's plan".to_owned(),
        actual: format!("{} {reason}", answer.status),
        evidence: vec![answer.evidence("answer", reason)],
        fix: Fix::new(format!(
            "Set {key} on the Worker to this Clerk instance's secret key, and check that its authorizedParties include the frontend."
        ))
        .then(world.local_secret(key))
        .link(clerk_dashboard("api-keys")),
    }
}

/// Whether the Worker announces the same limit. Then its table is wrong, which `worker/tiers` reports.
async fn announces(world: &World, name: &str, limit: Limit) -> bool {
    let worker = world.worker();
    if worker.lacks(Route::Tiers).is_some() {
        return false;
    }
    let Some(Ok(announced)) = optional(worker.tiers()).await else { return false };
    let Some(tier) = world.config().tiers.iter().find(|tier| tier.name == name) else { return false };
    announced.value.tiers.iter().any(|found| found.is(tier) && found.limit == Some(limit))
}

fn finding(
    code: Code,
    grant: &GrantedUsage,
    message: String,
    (expected, actual): (String, String),
    fix: Fix,
) -> Finding {
    let evidence = vec![grant.answer.evidence(code.name(), actual.clone())];
    Finding { code, message, expected, actual, evidence, fix }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn without_a_frontend_a_worker_that_requires_azp_proves_nothing() {
        let run = scenario("healthy-no-frontend,healthy-authorized-parties").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
        assert!(run.reasons(CHECK).contains("azp"), "{}", run.summary());
    }
}

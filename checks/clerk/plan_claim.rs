//! `clerk/plan-claim`.

use serde_json::Value;

use crate::check::prelude::*;
use crate::world::TokenSlip;

check! {
    /// A real token carries the user's plan.
    ///
    /// ## Why it matters
    /// This token is all that the Worker sees of a customer. Everything before it can be right and the claim still be
    /// `null`, old, or signed by another instance.
    ///
    /// ## How it is verified
    /// The canary, a user kept for checks, is signed in as its browser would, and a token is asked for as the frontend does.
    /// Its signature is verified against the keys that the frontend API publishes, with its issuer and its times, and the
    /// claim is compared with the canary's public metadata. The session is ended with the run. How long other users' tokens
    /// stay as they were after a change cannot be seen from one token.
    ///
    /// ## Findings
    /// - `canary-missing`: there is no such user.
    /// - `canary-without-plan`: its metadata names no tier, so that nothing can be compared.
    /// - `canary-unknown-plan`: its metadata names a plan that is no tier's.
    /// - `signature`: no published key has signed the token.
    /// - `issuer`: the token is from somebody else.
    /// - `times`: the token is not in force.
    /// - `missing`: the token has no such claim.
    /// - `null`: the claim is `null` although the metadata has a plan.
    /// - `differs`: the claim differs from the metadata.
    ///
    /// ## How to mend it
    /// Mend the template or the session token's claims in Clerk's dashboard; give the canary a tier and no subscription.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "the canary is signed in once and out again",
        owns: [PlanClaimDiffers],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let clerk = world.clerk();
    let (canary, template) = futures::join!(clerk.canary(), clerk.sound_template());
    let variable = &world.config().clerk.canary_user;
    let id = variable.value.clone().unwrap_or_default();
    let Some(canary) = canary? else {
        let fix = format!(
            "Create a user for checks, give it a tier and no subscription, and set {} to its ID.",
            variable.name
        );
        return Ok(finding(
            world,
            "canary-missing",
            format!("There is no user {id} in this instance."),
            "a user",
            "none".to_owned(),
            fix,
        )
        .into());
    };
    let Some(tier) = clerk.tier_of(&canary.value) else {
        let key = &world.config().clerk.metadata_key;
        if let Some(plan) = canary.value.public_metadata.get(key).filter(|plan| !plan.is_null()) {
            let newest = optional(clerk.newest_users()).await;
            // A plan that is no tier's is the finding of `clerk/metadata`, if it looks at the canary.
            if newest.is_some_and(|newest| newest.value.iter().any(|user| user.id == canary.value.id)) {
                return Err(NoAnswer::Because(Cause::PlanUnknown));
            }
            let tiers: Vec<&str> = world.config().tiers.iter().map(|tier| tier.metadata.as_str()).collect();
            let expected = tiers.join(", ");
            let message =
                format!("The canary {id} has {key} = {plan} in its public metadata, which is no tier's value.");
            let fix = format!("Set {key} in the canary's public metadata to a paid tier's value: {expected}.");
            return Ok(finding(world, "canary-unknown-plan", message, &expected, plan.to_string(), fix).into());
        }
        let message =
            format!("The canary {id} has no tier in its public metadata, so that no claim can be compared with it.");
        let fix = format!("Set {key} in the canary's public metadata to a paid tier's value.");
        return Ok(
            finding(world, "canary-without-plan", message, "a tier's value", "no such value".to_owned(), fix).into()
        );
    };
    let plan = Value::String(tier.metadata.clone());
    template?;
    let token = clerk.canary_token().await?;
    let claims = match clerk.verify(&token).await? {
        Ok(claims) => claims,
        Err(slip) => {
            let (code, what) = match slip {
                TokenSlip::Signature(words) => ("signature", words),
                TokenSlip::Issuer(words) => ("issuer", words),
                TokenSlip::Time(words) => ("times", words),
            };
            let fix =
                "Use the keys of one instance in the frontend and on the Worker, and no custom signing key.".to_owned();
            let message = format!("The canary's token would be refused by the Worker: {what}.");
            return Ok(finding(world, code, message, "a token that verifies", what, fix).into());
        }
    };
    let claim = &world.config().clerk.plan_claim;
    let (code, seen) = match claims.get(claim) {
        Some(found) if *found == plan => {
            return Ok(Verdict::Pass(format!("a token of the canary's has {claim} = {plan}")));
        }
        None => ("missing", "no such claim".to_owned()),
        Some(Value::Null) => ("null", "null".to_owned()),
        Some(other) => ("differs", other.to_string()),
    };
    let fix = match &world.config().clerk.jwt_template {
        Some(name) => format!(
            "Let the claim {claim} of the template \"{name}\" read user.public_metadata.{}.",
            world.config().clerk.metadata_key
        ),
        None => format!(
            "Add the claim {claim} to the session token, reading user.public_metadata.{}.",
            world.config().clerk.metadata_key
        ),
    };
    let message = format!("The canary's metadata says {plan}, and its token says {seen}.");
    Ok(finding(world, code, message, &plan.to_string(), seen, fix).into())
}

fn finding(world: &World, code: &'static str, message: String, expected: &str, actual: String, fix: String) -> Finding {
    let template = world
        .config()
        .clerk
        .jwt_template
        .as_ref()
        .map_or_else(|| "the session token".to_owned(), |name| format!("the template \"{name}\""));
    Finding {
        code,
        severity: Severity::Failure,
        message,
        expected: expected.to_owned(),
        actual: actual.clone(),
        evidence: vec![Evidence {
            request: format!("a token from {template}"),
            status: None,
            request_id: None,
            field: world.config().clerk.plan_claim.clone(),
            seen: actual,
        }],
        fix: Fix::new(fix).link("https://dashboard.clerk.com/last-active?path=jwt-templates"),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_what_a_real_token_shows() {
        for (name, code) in [("token-stale", "differs"), ("token-foreign", "signature"), ("token-null", "null")] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn the_session_token_may_carry_the_claim_itself() {
        scenario("healthy-session-token").await.passes(CHECK);
    }

    #[tokio::test]
    async fn the_canary_is_signed_in_once_and_out_again() {
        let run = scenario("healthy").await;
        run.passes(CHECK);
        assert_eq!(
            (run.effect("clerk.session.created"), run.effect("clerk.session.ended")),
            (1, 1),
            "{:?}",
            run.effects()
        );
    }
}

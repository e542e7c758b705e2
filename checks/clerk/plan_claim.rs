//! `clerk/plan-claim`.

use serde_json::Value;

use crate::check::prelude::*;
use crate::world::{Holder, HolderId, InvalidToken, claim_at, nested_claim, plan_shortcode};

check! {
    /// A real token carries the plan.
    ///
    /// ## Why it matters
    /// This token is all that the Worker sees of a customer. Even if everything before it is right, the claim can be `null`
    /// or outdated, or the token signed by another instance.
    ///
    /// ## How it is verified
    /// The canary, a Clerk user just for checks, is signed in as its browser would do it, and gets a token as the frontend
    /// does. Where organizations have the plans, its organization is made the active one of the session first. The token's signature, issuer and times are verified against the keys that the frontend API publishes, and its
    /// claim is compared with the canary's public metadata. The session ends with the run. One token does not show whether
    /// another user's would carry another plan, or how long tokens keep an old one: `preflight rehearse --events` changes the
    /// canary's plan and looks again.
    ///
    /// ## How to fix it
    /// Fix the claims of the template or the session token in the Clerk Dashboard. Give the canary, or its organization, a paid
    /// tier and no subscription.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "the canary is signed in once and out again",
        owns: [PlanClaimDiffers],
        subjects: deployment,
        run
    };
}

codes! {
    /// The canary, or its organization, does not exist.
    CANARY_MISSING: Failure(Other),
    /// The canary is not a member of its organization.
    CANARY_NOT_MEMBER: Failure(Other),
    /// The metadata of the canary, or of its organization, has no tier to compare with.
    CANARY_WITHOUT_PLAN: Failure(Other),
    /// The token is not signed with a key that Clerk publishes.
    SIGNATURE: Failure,
    /// The token is from another issuer.
    ISSUER: Failure,
    /// The token has expired, or is not valid yet.
    TIMES: Failure,
    /// The token has no such claim.
    MISSING: Failure,
    /// The claim is `null`, but the metadata has a plan.
    NULL: Failure,
    /// The claim differs from the metadata.
    DIFFERS: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = world.clerk();
    let config = &world.config().clerk;
    let (canary, template) = futures::join!(clerk.canary(), clerk.usable_template());
    let Some(canary) = canary? else {
        clerk.one_instance().await?;
        clerk.holder_fits().await?;
        outcome.find(no_canary(world));
        return Ok(());
    };
    if let Some(finding) = membership(world).await? {
        outcome.find(finding);
        return Ok(());
    }
    let tier = match clerk.canary_tier(&canary.value)? {
        Ok(tier) => tier,
        Err(plan) => {
            if plan.is_some() && is_among_the_newest(world, &canary.value).await {
                return Err(NoAnswer::Because(Cause::PlanUnknown));
            }
            clerk.holder_fits().await?;
            outcome.find(without_tier(world, &canary.value.id, plan));
            return Ok(());
        }
    };
    template?;
    let token = clerk.canary_token().await?;
    let claims = match clerk.verify(&token).await? {
        Ok(claims) => claims,
        Err(invalid) => {
            outcome.find(unverified(world, invalid));
            return Ok(());
        }
    };
    let (claim, plan) = (&config.plan_claim, Value::String(tier.metadata.clone()));
    let (code, seen) = match claim_at(&claims, claim) {
        Some(found) if *found == plan => {
            outcome.pass(format!("the canary's token has {claim} = {plan}"));
            return Ok(());
        }
        None => (MISSING, "missing".to_owned()),
        Some(Value::Null) => (NULL, "null".to_owned()),
        Some(other) => (DIFFERS, other.to_string()),
    };
    let (name, value) = nested_claim(claim, plan_shortcode(world.config()).into());
    let fix = match &config.jwt_template {
        Some(template) => format!("Set the claim \"{name}\" of the template \"{template}\" to {value}."),
        None => format!("Add the claim \"{name}\" to the session token, with the value {value}."),
    };
    let message = format!(
        "The plan of the {} is {plan}, but the claim \"{claim}\" in the canary's token is {seen}. The Worker does not see what customers bought.",
        world.config().entitlement.holder.canary()
    );
    let fix = Fix::new(fix).link(clerk_dashboard("jwt-templates"));
    outcome.find(finding(world, code, message, &plan.to_string(), seen, fix));
    Ok(())
}

/// Whether `clerk/metadata` reads this one, and reports an unknown plan there.
async fn is_among_the_newest(world: &World, holder: &Holder) -> bool {
    let newest = optional(world.clerk().newest_holders()).await;
    newest.is_some_and(|newest| newest.value.holders.iter().any(|one| one.id == holder.id))
}

/// What has the canary's plan does not exist.
fn no_canary(world: &World) -> Finding {
    let (config, kind) = (&world.config().clerk, world.config().entitlement.holder);
    let (variable, key) = (config.canary_holder(), &config.metadata_key);
    let member = match kind {
        HolderKind::User => "",
        HolderKind::Organization => " with the canary as a member",
    };
    let fix = format!(
        "Create {} just for checks in the Clerk Dashboard{member}, set {key} in its public metadata to a paid tier, and set {} to its ID.",
        kind.one(),
        variable.name
    );
    missing(world, kind, variable.value.as_deref(), fix)
}

fn missing(world: &World, kind: HolderKind, id: Option<&str>, fix: String) -> Finding {
    let message = format!("The {} {} does not exist in this Clerk instance.", kind.canary(), id.unwrap_or_default());
    let fix = Fix::new(fix).link(clerk_dashboard(kind.plural()));
    finding(world, CANARY_MISSING, message, kind.one(), "none".to_owned(), fix)
}

/// What keeps the canary from its organization: it does not exist, or it is not a member. `None` where the canary itself has
/// the plan.
async fn membership(world: &World) -> Answered<Option<Finding>> {
    let (clerk, config) = (world.clerk(), &world.config().clerk);
    let HolderId::Organization(organization) = clerk.canary_holder_id()? else { return Ok(None) };
    let user = clerk.canary_user_id()?;
    if clerk.canary_user().await?.is_none() {
        let name = &config.canary_user.name;
        let fix = format!(
            "Create a user just for checks in the Clerk Dashboard, add it to {organization}, and set {name} to its ID."
        );
        return Ok(Some(missing(world, HolderKind::User, config.canary_user.value.as_deref(), fix)));
    }
    if clerk.is_member(&user, &organization).await? {
        return Ok(None);
    }
    let message = format!(
        "The canary {user} is not a member of {organization}, so its token cannot carry the organization's plan."
    );
    let fix = Fix::new(format!("Add {user} to the members of {organization} in the Clerk Dashboard."))
        .link(holder_page(&organization.to_string()));
    Ok(Some(finding(world, CANARY_NOT_MEMBER, message, "a member", "not a member".to_owned(), fix)))
}

/// The canary has no plan, or one that is not the value of any tier.
fn without_tier(world: &World, id: &str, plan: Option<String>) -> Finding {
    let config = world.config();
    let key = &config.clerk.metadata_key;
    let tiers: Vec<&str> = config.paid_tiers().map(|tier| tier.metadata.as_str()).collect();
    let tiers = tiers.join(" or ");
    let kind = config.entitlement.holder;
    let whose = kind.canary();
    let (message, seen) = match plan {
        Some(plan) => (format!("The {whose} {id} has the plan \"{plan}\", which is not the value of any tier."), plan),
        None => (format!("The {whose} {id} has no plan in its public metadata."), "no plan".to_owned()),
    };
    let summary = format!("Set {key} in the public metadata of the {whose} to {tiers}.");
    let fix = Fix::new(summary).link(clerk_dashboard(kind.plural()));
    finding(world, CANARY_WITHOUT_PLAN, message, "a tier's value", seen, fix)
}

/// The canary's token does not verify.
fn unverified(world: &World, invalid: InvalidToken) -> Finding {
    let (code, what, fix) = match invalid {
        InvalidToken::Signature(words) => (
            SIGNATURE,
            words,
            "Copy the publishable key and the secret key from the same Clerk instance, and turn off any custom signing key.",
        ),
        InvalidToken::Issuer(words) => (
            ISSUER,
            words,
            "Set clerk.frontend_api in preflight.toml to the URL that Clerk's frontend API is served at.",
        ),
        InvalidToken::Times(words) => (
            TIMES,
            words,
            "Synchronize this machine's clock, and set the template's token lifetime to 60 seconds and its allowed clock skew to 5.",
        ),
    };
    let message = format!("The canary's token does not verify, and the Worker may reject every customer: {what}.");
    let fix = Fix::new(fix).link(clerk_dashboard("jwt-templates"));
    finding(world, code, message, "a token that verifies", what, fix)
}

fn finding(world: &World, code: Code, message: String, expected: &str, actual: String, fix: Fix) -> Finding {
    let template = world.config().clerk.jwt_template.as_ref();
    let template = template.map_or_else(|| "the session token".to_owned(), |name| format!("the template \"{name}\""));
    Finding {
        code,
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
        fix,
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

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

//! `clerk/jwt-template`.

use crate::check::prelude::*;
use crate::world::{Answer, TemplateSlip};

check! {
    /// The JWT template carries the plan from the user's public metadata.
    ///
    /// ## Why it matters
    /// The Worker grants what this claim says. Without the template every request fails, with a constant every user has the
    /// same tier, and a claim that reads metadata that users can write lets them choose their own.
    ///
    /// ## How it is verified
    /// The template with exactly this name is read from Clerk, and its claim is read as Clerk reads it: where the value comes
    /// from, and which fallback it has. Where the session token itself carries the claim, its definition cannot be read with a
    /// secret key; `clerk/plan-claim` looks at a real token in either case.
    ///
    /// ## How to fix it
    /// Edit the template on the JWT templates page of the Clerk Dashboard.
    pub const CHECK = Check {
        need: Need::Configured("clerk.jwt_template"),
        sends: "",
        owns: [JwtTemplateUnusable],
        subjects: deployment,
        run
    };
}

codes! {
    /// There is no template of that name.
    MISSING: Failure,
    /// There is one whose name differs in upper and lower case.
    NAME: Failure,
    /// It is signed with a key that the Worker does not look up.
    ALGORITHM: Failure,
    /// No claim carries the plan.
    CLAIM_MISSING: Failure,
    /// A claim of another name does.
    CLAIM_KEY: Failure,
    /// The claim is the same for every user.
    CONSTANT: Failure,
    /// The claim reads metadata that users can write.
    USER_WRITABLE: Failure,
    /// It reads private metadata, which the Worker does not write.
    NOT_PUBLIC: Failure,
    /// It reads something else than the plan.
    OTHER_SOURCE: Failure,
    /// There is text around the value.
    INTERPOLATED: Failure,
    /// Users without a plan get a paid one.
    PAID_DEFAULT: Failure,
    /// A token outlives a downgrade by more than five minutes.
    LIFETIME: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = &world.config().clerk;
    let Some(name) = &clerk.jwt_template else {
        outcome.not_applicable("clerk.jwt_template is false: the session token itself carries the claim");
        return Ok(());
    };
    let Some(judged) = world.clerk().judged_template().await? else { return Ok(()) };
    for part in judged.value.parts {
        if let Some(Some(slip)) = outcome.ask(part) {
            outcome.find(finding(world, &judged.answer, &slip));
        }
    }
    let seen = format!("\"{name}\" carries user.public_metadata.{} as {}", clerk.metadata_key, clerk.plan_claim);
    outcome.pass_if_clean(seen);
    Ok(())
}

fn finding(world: &World, answer: &Answer, slip: &TemplateSlip) -> Finding {
    let clerk = &world.config().clerk;
    let (name, claim) = (clerk.jwt_template.as_deref().unwrap_or_default(), &clerk.plan_claim);
    let right = format!("\"{claim}\": \"{{{{user.public_metadata.{}}}}}\"", clerk.metadata_key);
    let set_claim = format!("Set the claim {right} in the template \"{name}\".");
    let (code, message, seen, fix) = match slip {
        TemplateSlip::Missing(others) => {
            let others = if others.is_empty() { "no template".to_owned() } else { others.join(", ") };
            (
                MISSING,
                format!("There is no JWT template \"{name}\"."),
                others,
                format!("Create the template \"{name}\" with the claim {right}."),
            )
        }
        TemplateSlip::Name(found) => (
            NAME,
            format!(
                "There is no JWT template \"{name}\", but there is \"{found}\". Template names are case-sensitive."
            ),
            found.clone(),
            format!("Rename \"{found}\" to \"{name}\"."),
        ),
        TemplateSlip::Algorithm(algorithm) => (
            ALGORITHM,
            format!(
                "The template \"{name}\" is signed with a custom key ({algorithm}), which the Worker does not look up."
            ),
            algorithm.clone(),
            format!("Switch the custom signing key of \"{name}\" off."),
        ),
        TemplateSlip::ClaimMissing => (
            CLAIM_MISSING,
            format!("The template \"{name}\" has no claim {claim}."),
            "no such claim".to_owned(),
            set_claim,
        ),
        TemplateSlip::ClaimKey(key) => (
            CLAIM_KEY,
            format!("The template \"{name}\" carries the plan as {key}, and the Worker reads {claim}."),
            key.clone(),
            format!("Rename the claim {key} to {claim}."),
        ),
        TemplateSlip::Constant(value) => {
            (CONSTANT, format!("The claim {claim} is \"{value}\" for every user."), value.clone(), set_claim)
        }
        TemplateSlip::UserWritable(value) => (
            USER_WRITABLE,
            format!(
                "The claim {claim} reads unsafe metadata, which users can write: everyone can choose their own tier."
            ),
            value.clone(),
            set_claim,
        ),
        TemplateSlip::NotPublic(value) => (
            NOT_PUBLIC,
            format!("The claim {claim} reads private metadata, which the Worker does not write."),
            value.clone(),
            set_claim,
        ),
        TemplateSlip::OtherSource(value) => {
            (OTHER_SOURCE, format!("The claim {claim} does not read the plan."), value.clone(), set_claim)
        }
        TemplateSlip::Interpolated(value) => {
            (INTERPOLATED, format!("There is text around the plan in the claim {claim}."), value.clone(), set_claim)
        }
        TemplateSlip::PaidDefault(tier) => (
            PAID_DEFAULT,
            format!("The claim {claim} gives \"{tier}\" to users without a plan."),
            tier.clone(),
            "Make the fallback in the claim the free tier, or remove it.".to_owned(),
        ),
        TemplateSlip::Lifetime(seconds) => (
            LIFETIME,
            format!(
                "Tokens from \"{name}\" are valid for {seconds} s, so a canceled customer keeps the tier that long."
            ),
            format!("{seconds} s"),
            "Set the token lifetime to 60 seconds; Clerk's SDKs renew tokens by themselves.".to_owned(),
        ),
    };
    Finding {
        code,
        message,
        expected: if slip.is_warning() {
            "at most 300 s".to_owned()
        } else {
            format!("a template \"{name}\" with {right}")
        },
        actual: seen.clone(),
        evidence: vec![answer.evidence(format!("[name={name}]"), seen)],
        fix: Fix::new(fix).link("https://dashboard.clerk.com/last-active?path=jwt-templates"),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_free_tier_may_stand_in_for_an_absent_plan() {
        scenario("healthy-claim-default").await.passes(CHECK);
    }
}

//! `clerk/jwt-template`.

use crate::check::prelude::*;
use crate::world::{Seen, TemplateSlip};

check! {
    /// The JWT template carries the plan from the user's public metadata.
    ///
    /// ## Why it matters
    /// The Worker grants what this claim says. Without the template every request fails; with a constant everybody has one
    /// tier; and a claim that reads metadata which users can write lets everybody choose their own.
    ///
    /// ## How it is verified
    /// The template of exactly this name is read from Clerk, and its claim is read as Clerk reads it: where the value comes
    /// from, and what stands in for a value that is absent. Where the session token itself carries the claim, its definition
    /// cannot be read with a secret key; `clerk/plan-claim` looks at a real token in either case.
    ///
    /// ## Findings
    /// - `missing`: there is no template of that name.
    /// - `name`: there is one whose name differs in upper and lower case.
    /// - `algorithm`: it is signed with a key that the Worker does not look up.
    /// - `claim-missing`: no claim carries the plan.
    /// - `claim-key`: a claim of another name does.
    /// - `constant`: the claim is the same for everybody.
    /// - `user-writable`: the claim reads metadata that users can write.
    /// - `not-public`: it reads private metadata, which the Worker does not write.
    /// - `other-source`: it reads something else than the plan.
    /// - `interpolated`: text stands around the value.
    /// - `paid-default`: whoever has no plan gets a paid one.
    /// - `lifetime`: a token outlives a downgrade by more than five minutes; a warning.
    ///
    /// ## How to mend it
    /// Edit the template on the page JWT templates of Clerk's dashboard.
    pub const CHECK = Check {
        need: Need::Configured("clerk.jwt_template"),
        sends: "",
        owns: [JwtTemplateUnusable],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let Some(judged) = world.clerk().judged_template().await? else {
        return Ok(Verdict::NotApplicable(
            "clerk.jwt_template is false: the session token itself carries the claim".to_owned(),
        ));
    };
    let findings = judged.value.iter().map(|slip| finding(world, &judged, slip)).collect();
    let clerk = &world.config().clerk;
    let name = clerk.jwt_template.as_deref().unwrap_or_default();
    Ok(Verdict::of(
        findings,
        format!("\"{name}\" carries user.public_metadata.{} as {}", clerk.metadata_key, clerk.plan_claim),
    ))
}

fn finding(world: &World, judged: &Seen<Vec<TemplateSlip>>, slip: &TemplateSlip) -> Finding {
    let clerk = &world.config().clerk;
    let (name, claim) = (clerk.jwt_template.as_deref().unwrap_or_default(), &clerk.plan_claim);
    let right = format!("\"{claim}\": \"{{{{user.public_metadata.{}}}}}\"", clerk.metadata_key);
    let set_claim = format!("Set the claim {right} in the template \"{name}\".");
    let (code, message, seen, fix) = match slip {
        TemplateSlip::Missing(others) => {
            let others = if others.is_empty() { "no template".to_owned() } else { others.join(", ") };
            (
                "missing",
                format!("There is no JWT template \"{name}\"."),
                others,
                format!("Create the template \"{name}\" with the claim {right}."),
            )
        }
        TemplateSlip::Name(found) => (
            "name",
            format!("There is no JWT template \"{name}\", but there is \"{found}\"; names are told apart by case."),
            found.clone(),
            format!("Rename \"{found}\" to \"{name}\"."),
        ),
        TemplateSlip::Algorithm(algorithm) => (
            "algorithm",
            format!(
                "The template \"{name}\" is signed with a custom key ({algorithm}), which the Worker does not look up."
            ),
            algorithm.clone(),
            format!("Switch the custom signing key of \"{name}\" off."),
        ),
        TemplateSlip::ClaimMissing => (
            "claim-missing",
            format!("The template \"{name}\" has no claim {claim}."),
            "no such claim".to_owned(),
            set_claim,
        ),
        TemplateSlip::ClaimKey(key) => (
            "claim-key",
            format!("The template \"{name}\" carries the plan as {key}, and the Worker reads {claim}."),
            key.clone(),
            format!("Rename the claim {key} to {claim}."),
        ),
        TemplateSlip::Constant(value) => {
            ("constant", format!("The claim {claim} is \"{value}\" for everybody."), value.clone(), set_claim)
        }
        TemplateSlip::UserWritable(value) => (
            "user-writable",
            format!(
                "The claim {claim} reads unsafe metadata, which users write themselves: everybody can choose a tier."
            ),
            value.clone(),
            set_claim,
        ),
        TemplateSlip::NotPublic(value) => (
            "not-public",
            format!("The claim {claim} reads private metadata, which the Worker does not write."),
            value.clone(),
            set_claim,
        ),
        TemplateSlip::OtherSource(value) => {
            ("other-source", format!("The claim {claim} does not read the plan."), value.clone(), set_claim)
        }
        TemplateSlip::Interpolated(value) => {
            ("interpolated", format!("Text stands around the plan in the claim {claim}."), value.clone(), set_claim)
        }
        TemplateSlip::PaidDefault(tier) => (
            "paid-default",
            format!("The claim {claim} gives \"{tier}\" to whoever has no plan."),
            tier.clone(),
            "Let the value that stands in be the free tier's, or leave it out.".to_owned(),
        ),
        TemplateSlip::Lifetime(seconds) => (
            "lifetime",
            format!("Tokens of \"{name}\" live {seconds} s: so long a tier goes on after it was cancelled."),
            format!("{seconds} s"),
            "Set the token lifetime to 60 seconds; Clerk's SDKs renew tokens by themselves.".to_owned(),
        ),
    };
    Finding {
        code,
        severity: if slip.is_warning() { Severity::Warning } else { Severity::Failure },
        message,
        expected: if slip.is_warning() {
            "at most 300 s".to_owned()
        } else {
            format!("a template \"{name}\" with {right}")
        },
        actual: seen.clone(),
        evidence: vec![judged.answer.evidence(format!("[name={name}]"), seen)],
        fix: Fix::new(fix).link("https://dashboard.clerk.com/last-active?path=jwt-templates"),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_a_template_can_miss() {
        for (name, code) in [
            ("jwt-template-missing", "missing"),
            ("jwt-template-case", "name"),
            ("jwt-claim-missing", "claim-missing"),
            ("jwt-claim-key", "claim-key"),
            ("jwt-claim-constant", "constant"),
            ("jwt-claim-unsafe", "user-writable"),
            ("jwt-claim-private", "not-public"),
            ("jwt-custom-key", "algorithm"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_tokens_that_outlive_a_downgrade() {
        scenario("jwt-lifetime").await.warns(CHECK, "lifetime");
    }

    #[tokio::test]
    async fn a_free_tier_may_stand_in_for_an_absent_plan() {
        scenario("healthy-claim-default").await.passes(CHECK);
    }
}

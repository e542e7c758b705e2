//! `clerk/metadata`.

use crate::check::prelude::*;
use crate::world::{PlanHolder, PlanSlip, Survey, TemplateSlip};

check! {
    /// Every user's plan is absent or exactly a tier's value.
    ///
    /// ## Why it matters
    /// The Worker compares the plan with its tiers to the letter. A user with `Pro` has paid and has nothing, and a plan in
    /// metadata that users write themselves is a plan that they choose themselves.
    ///
    /// ## How it is verified
    /// The newest 10,000 users are read page by page, and the plan in their public metadata is compared with the tiers. The
    /// report says how many of how many were looked at. Whether they pay is another question, of `entitlements/sample`.
    ///
    /// ## Findings
    /// - `case`: a plan differs from a tier in upper and lower case.
    /// - `whitespace`: white space stands around it.
    /// - `lookalike`: a character only looks like the right one.
    /// - `unknown-tier`: it is no tier's value.
    /// - `user-writable`: a plan stands in unsafe metadata. A warning, and a failure where the claim reads it.
    ///
    /// ## How to mend it
    /// Correct the user's public metadata in Clerk's dashboard, and what wrote it.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PlanUnknown],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let survey = world.clerk().survey_plans().await?;
    let is_read = match world.clerk().judged_template().await {
        Ok(Some(judged)) => judged.value.iter().any(|slip| matches!(slip, TemplateSlip::UserWritable(_))),
        _ => false,
    };
    let codes = ["case", "whitespace", "lookalike", "unknown-tier", "user-writable"];
    let findings = codes.iter().filter_map(|code| {
        let holders: Vec<&PlanHolder> = survey.holders.iter().filter(|holder| code_of(holder) == *code).collect();
        (!holders.is_empty()).then(|| finding(world, code, &holders, &survey, is_read))
    });
    let plans: Vec<String> = survey.plans.iter().map(|(plan, users)| format!("{users} {plan}")).collect();
    let plans = if plans.is_empty() { "none has a plan".to_owned() } else { format!("{} by plan", plans.join(", ")) };
    Ok(Verdict::of(
        findings.collect(),
        format!("of {} users, the newest {} were read: {plans}", survey.total, survey.read),
    ))
}

fn code_of(holder: &PlanHolder) -> &'static str {
    match &holder.slip {
        Some(PlanSlip::Case { .. }) => "case",
        Some(PlanSlip::Whitespace { .. }) => "whitespace",
        Some(PlanSlip::Lookalike { .. }) => "lookalike",
        Some(PlanSlip::UnknownTier) => "unknown-tier",
        None => "user-writable",
    }
}

fn finding(world: &World, code: &'static str, holders: &[&PlanHolder], survey: &Survey, is_read: bool) -> Finding {
    let key = &world.config().clerk.metadata_key;
    let place = if code == "user-writable" { "unsafe_metadata" } else { "public_metadata" };
    let shown: Vec<String> =
        holders.iter().take(5).map(|holder| format!("{} has \"{}\"", holder.user, holder.plan)).collect();
    let more =
        if holders.len() > shown.len() { format!(" and {} more", holders.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join(", "));
    let what = holders[0]
        .slip
        .as_ref()
        .map_or_else(|| "stands in unsafe metadata, which users write themselves".to_owned(), PlanSlip::words);
    let tiers: Vec<&str> = world.config().tiers.iter().map(|tier| tier.metadata.as_str()).collect();
    let summary = if code == "user-writable" {
        format!("Remove {key} from the unsafe metadata of {}, and see what wrote it.", holders[0].user)
    } else {
        format!("Correct {key} in the public metadata of {}, and see what wrote it.", holders[0].user)
    };
    Finding {
        code,
        severity: if code == "user-writable" && !is_read { Severity::Warning } else { Severity::Failure },
        message: format!("A plan {what}: {shown}."),
        expected: format!("no plan, or one of {}", tiers.join(", ")),
        actual: shown.clone(),
        evidence: vec![Evidence {
            request: format!("GET /v1/users (the newest {} of {})", survey.read, survey.total),
            status: Some(200),
            request_id: None,
            field: format!("{place}.{key}"),
            seen: shown,
        }],
        fix: Fix::new(summary).link(format!("https://dashboard.clerk.com/last-active?path=users/{}", holders[0].user)),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_plans_that_are_no_tiers() {
        scenario("users-plan-case").await.finds(CHECK, "case");
        scenario("users-plan-unknown").await.finds(CHECK, "unknown-tier");
    }

    #[tokio::test]
    async fn warns_of_a_plan_that_users_can_write() {
        scenario("users-plan-unsafe").await.warns(CHECK, "user-writable");
    }

    #[tokio::test]
    async fn users_on_later_pages_are_read_too() {
        let run = scenario("healthy-many-pages").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("1,2") || run.seen(CHECK).contains("12"), "{}", run.seen(CHECK));
    }
}

//! `clerk/metadata`.

use std::collections::BTreeMap;

use futures::StreamExt;

use crate::check::prelude::*;
use crate::world::{NEWEST_USERS, PlanMismatch, User, intended_tier, plan_mismatch, plan_text};

check! {
    /// Every user's plan is absent or exactly a tier's value.
    ///
    /// ## Why it matters
    /// The Worker compares the plan with its tiers byte by byte. A user with `Pro` has paid and gets nothing. If the plan is in
    /// metadata that users can write, they can choose it themselves.
    ///
    /// ## How it is verified
    /// The newest 10,000 users are read page by page, and the plan in their public metadata is compared with the tiers. The
    /// report says how many users there are and how many were read. `entitlements/sample` checks whether they pay.
    ///
    /// ## How to fix it
    /// Correct the user's public metadata in the Clerk Dashboard, and fix the code that wrote it.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PlanUnknown],
        subjects: deployment,
        run
    };
}

codes! {
    /// A plan differs from a tier in upper and lower case.
    CASE: Failure,
    /// A plan has white space around it.
    WHITESPACE: Failure,
    /// A plan has a character that only looks like the right one.
    LOOKALIKE: Failure,
    /// A plan is not the value of any tier.
    UNKNOWN_TIER: Failure,
    /// A plan is in unsafe metadata. A failure if the claim reads it, and otherwise a warning.
    USER_WRITABLE: Failure(Exposure),
}

/// The report lists so many users for each code, and counts the others.
const SHOWN: usize = 5;

/// A fix changes so many users at once. A second one changes the next.
const CHANGED: usize = 100;

/// The users read so far.
#[derive(Default)]
struct UserPlans {
    read: usize,
    /// How many users have each plan.
    plans: BTreeMap<String, usize>,
    /// The users whose plan is wrong, by code.
    wrong: BTreeMap<Code, WrongPlans>,
}

/// Users whose plan is wrong in the same way.
struct WrongPlans {
    /// What is wrong with the first one's plan, as the end of a sentence.
    difference: String,
    first: String,
    shown: Vec<String>,
    count: usize,
    /// What sets the plan that each of them was meant to have.
    changes: Vec<ClerkMetadata>,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let clerk = world.clerk();
    let total = clerk.user_count().await?;
    let mut seen = UserPlans::default();
    let mut listed = 0;
    let mut pages = std::pin::pin!(clerk.newest_user_pages(total));
    while let Some(page) = pages.next().await {
        let Some(page) = outcome.ask(page) else { continue };
        listed += page.len();
        for why in page.unread {
            outcome.leave_open(why);
        }
        for user in &page.users {
            outcome.ask(look_at(world, user, &mut seen));
        }
    }
    if listed < total.min(NEWEST_USERS) && outcome.unanswered_parts() == 0 {
        let reason = format!("Clerk counts {total} users but listed {listed}");
        outcome.leave_open(NoAnswer::unknown(reason));
    }
    let is_read = claim_reads_unsafe_metadata(world).await;
    for (code, wrong) in &seen.wrong {
        outcome.find(finding(world, *code, wrong, (seen.read, total), is_read));
    }
    let plans: Vec<String> = seen.plans.iter().map(|(plan, users)| format!("{users} {plan}")).collect();
    let plans = if plans.is_empty() { "none has a plan".to_owned() } else { format!("{} by plan", plans.join(", ")) };
    outcome.pass(format!("of {total} users, the newest {} were read: {plans}", seen.read));
    Ok(())
}

/// Judges the plan of one user.
fn look_at(world: &World, user: &User, seen: &mut UserPlans) -> Answered {
    let config = world.config();
    let key = &config.clerk.metadata_key;
    seen.read += 1;
    if let Some(plan) = user.unsafe_metadata()?.and_then(|metadata| metadata.get(key)).and_then(plan_text) {
        seen.add(USER_WRITABLE, "is in unsafe metadata, which users can write themselves".to_owned(), user, &plan);
    }
    let Some(plan) = user.public_metadata()?.get(key) else { return Ok(()) };
    let Some(text) = plan_text(plan) else { return Ok(()) };
    let mismatch = plan.as_str().map_or(Some(PlanMismatch::UnknownTier), |plan| plan_mismatch(plan, &config.tiers));
    match mismatch {
        None => *seen.plans.entry(text).or_default() += 1,
        Some(mismatch) => {
            let code = match &mismatch {
                PlanMismatch::Case { .. } => CASE,
                PlanMismatch::Whitespace { .. } => WHITESPACE,
                PlanMismatch::Lookalike { .. } => LOOKALIKE,
                PlanMismatch::UnknownTier => UNKNOWN_TIER,
            };
            let words = format!("{}, so the Worker does not recognize it", mismatch.difference());
            let wrong = seen.add(code, words, user, &text);
            if let Some(tier) = intended_tier(&text, &config.tiers).filter(|_| wrong.changes.len() < CHANGED) {
                wrong.changes.push(world.plan_of(&user.id, plan.clone(), tier.metadata.as_str()));
            }
        }
    }
    Ok(())
}

impl UserPlans {
    fn add(&mut self, code: Code, difference: String, user: &User, plan: &str) -> &mut WrongPlans {
        let first =
            || WrongPlans { difference, first: user.id.clone(), shown: Vec::new(), count: 0, changes: Vec::new() };
        let wrong = self.wrong.entry(code).or_insert_with(first);
        wrong.count += 1;
        if wrong.shown.len() < SHOWN {
            wrong.shown.push(format!("{} has \"{plan}\"", user.id));
        }
        wrong
    }
}

/// Whether the plan claim reads metadata that users can write, so that a plan there takes effect.
async fn claim_reads_unsafe_metadata(world: &World) -> bool {
    let clerk = &world.config().clerk;
    let Some(name) = &clerk.jwt_template else { return false };
    let claim = async {
        let template = world.clerk().jwt_template(name).await?.value;
        template.map_or(Ok(None), |template| template.claim(&clerk.plan_claim))
    };
    optional(claim).await.flatten().is_some_and(|claim| claim.reads("user.unsafe_metadata"))
}

/// Whose metadata it is, for a sentence.
fn of(wrong: &WrongPlans) -> String {
    if wrong.count == 1 { wrong.first.clone() } else { format!("these {} users", wrong.count) }
}

fn finding(world: &World, code: Code, wrong: &WrongPlans, (read, total): (usize, usize), is_read: bool) -> Finding {
    let key = &world.config().clerk.metadata_key;
    let is_writable = code == USER_WRITABLE;
    let place = if is_writable { "unsafe_metadata" } else { "public_metadata" };
    let more = wrong.count - wrong.shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = format!("{}{more}", wrong.shown.join(", "));
    let tiers: Vec<&str> = world.config().tiers.iter().map(|tier| tier.metadata.as_str()).collect();
    let summary = if is_writable {
        format!("Remove {key} from the unsafe metadata of {}, and fix the code that wrote it.", wrong.first)
    } else {
        format!("Correct {key} in the public metadata of {}, and fix the code that wrote it.", of(wrong))
    };
    Finding {
        code: if is_writable && !is_read { code.as_warning() } else { code },
        message: format!("A user's plan {}: {shown}.", wrong.difference),
        expected: format!("no plan, or one of {}", tiers.join(", ")),
        actual: shown.clone(),
        evidence: vec![Evidence {
            request: format!("GET /v1/users (the newest {read} of {total})"),
            status: Some(200),
            request_id: None,
            field: format!("{place}.{key}"),
            seen: shown,
        }],
        fix: if wrong.changes.is_empty() {
            Fix::new(summary).link(clerk_dashboard(&format!("users/{}", wrong.first)))
        } else {
            wrong.changes.iter().cloned().fold(Fix::new(summary), Fix::then)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn users_on_later_pages_are_read_too() {
        let run = scenario("healthy-many-pages").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("of 1206 users, the newest 1206 were read"), "{}", run.seen(CHECK));
    }
}

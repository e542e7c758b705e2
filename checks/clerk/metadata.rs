//! `clerk/metadata`.

use std::collections::BTreeMap;

use futures::StreamExt;

use crate::check::prelude::*;
use crate::world::{Holder, NEWEST_HOLDERS, PlanMismatch, intended_tier, plan_mismatch, plan_text};

check! {
    /// Every plan in Clerk's metadata is exactly a tier's value.
    ///
    /// ## Why it matters
    /// The Worker compares the plan with its tiers byte by byte. A customer with `Pro` has paid and gets nothing. If the plan is in
    /// metadata that users can write, they can choose it themselves.
    ///
    /// ## How it is verified
    /// The newest 10,000 users, or organizations where those have the plans, are read page by page, and the plan in their public
    /// metadata is compared with the tiers. The report says how many there are and how many were read. `entitlements/sample` checks whether they pay.
    ///
    /// ## How to fix it
    /// Correct the public metadata in the Clerk Dashboard, and fix the code that wrote it.
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

/// The holders read so far.
#[derive(Default)]
struct PlansSeen {
    read: usize,
    /// How many holders have each plan.
    plans: BTreeMap<String, usize>,
    /// The holders whose plan is wrong, by code.
    wrong: BTreeMap<Code, WrongPlans>,
}

/// Holders whose plan is wrong in the same way.
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
    let (total, plural) = (clerk.holder_count().await?, world.config().entitlement.holder.plural());
    let mut seen = PlansSeen::default();
    let mut listed = 0;
    let mut pages = std::pin::pin!(clerk.newest_holder_pages(total));
    while let Some(page) = pages.next().await {
        let Some(page) = outcome.ask(page) else { continue };
        listed += page.len();
        for why in page.unread {
            outcome.leave_open(why);
        }
        for holder in &page.holders {
            outcome.ask(look_at(world, holder, &mut seen));
        }
    }
    if listed < total.min(NEWEST_HOLDERS) && outcome.unanswered_parts() == 0 {
        let reason = format!("Clerk counts {total} {plural} but listed {listed}");
        outcome.leave_open(NoAnswer::unknown(reason));
    }
    let is_read = claim_reads_unsafe_metadata(world).await;
    for (code, wrong) in &seen.wrong {
        outcome.find(finding(world, *code, wrong, (seen.read, total), is_read));
    }
    let plans: Vec<String> = seen.plans.iter().map(|(plan, count)| format!("{count} {plan}")).collect();
    let plans = if plans.is_empty() { "none has a plan".to_owned() } else { format!("{} by plan", plans.join(", ")) };
    outcome.pass(format!("of {total} {plural}, the newest {} were read: {plans}", seen.read));
    Ok(())
}

/// Judges the plan of one holder.
fn look_at(world: &World, holder: &Holder, seen: &mut PlansSeen) -> Answered {
    let config = world.config();
    let key = &config.clerk.metadata_key;
    seen.read += 1;
    if let Some(plan) = holder.unsafe_metadata()?.and_then(|metadata| metadata.get(key)).and_then(plan_text) {
        seen.add(USER_WRITABLE, "is in unsafe metadata, which users can write themselves".to_owned(), holder, &plan);
    }
    let Some(plan) = holder.public_metadata()?.get(key) else { return Ok(()) };
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
            let wrong = seen.add(code, words, holder, &text);
            if let Some(tier) = intended_tier(&text, &config.tiers).filter(|_| wrong.changes.len() < CHANGED) {
                wrong.changes.push(world.plan_of(&holder.id, plan.clone(), tier.metadata.as_str()));
            }
        }
    }
    Ok(())
}

impl PlansSeen {
    fn add(&mut self, code: Code, difference: String, holder: &Holder, plan: &str) -> &mut WrongPlans {
        let first =
            || WrongPlans { difference, first: holder.id.clone(), shown: Vec::new(), count: 0, changes: Vec::new() };
        let wrong = self.wrong.entry(code).or_insert_with(first);
        wrong.count += 1;
        if wrong.shown.len() < SHOWN {
            wrong.shown.push(format!("{} has \"{plan}\"", holder.id));
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
    optional(claim).await.flatten().is_some_and(|claim| claim.is_user_writable())
}

/// Whose metadata it is, for a sentence.
fn of(world: &World, wrong: &WrongPlans) -> String {
    let plural = world.config().entitlement.holder.plural();
    if wrong.count == 1 { wrong.first.clone() } else { format!("these {} {plural}", wrong.count) }
}

fn finding(world: &World, code: Code, wrong: &WrongPlans, (read, total): (usize, usize), is_read: bool) -> Finding {
    let (key, kind) = (&world.config().clerk.metadata_key, world.config().entitlement.holder);
    let is_writable = code == USER_WRITABLE;
    let whose = match kind {
        HolderKind::User => "A user's",
        HolderKind::Organization => "An organization's",
    };
    let place = if is_writable { "unsafe_metadata" } else { "public_metadata" };
    let more = wrong.count - wrong.shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let shown = format!("{}{more}", wrong.shown.join(", "));
    let tiers: Vec<&str> = world.config().tiers.iter().map(|tier| tier.metadata.as_str()).collect();
    let summary = if is_writable {
        format!("Remove {key} from the unsafe metadata of {}, and fix the code that wrote it.", wrong.first)
    } else {
        format!("Correct {key} in the public metadata of {}, and fix the code that wrote it.", of(world, wrong))
    };
    Finding {
        code: if is_writable && !is_read { code.as_warning() } else { code },
        message: format!("{whose} plan {}: {shown}.", wrong.difference),
        expected: format!("no plan, or one of {}", tiers.join(", ")),
        actual: shown.clone(),
        evidence: vec![Evidence {
            request: format!("GET /v1/{} (the newest {read} of {total})", kind.plural()),
            status: Some(200),
            request_id: None,
            field: format!("{place}.{key}"),
            seen: shown,
        }],
        fix: if wrong.changes.is_empty() {
            Fix::new(summary).link(holder_page(&wrong.first))
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

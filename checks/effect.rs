//! What one event of a rehearsal did to the canary, or to its organization.

use serde_json::{Map, Value};

use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::{Answer, StepSeen, plan_text};

/// The plan in the canary's public metadata, or in its organization's.
pub(super) fn plan(world: &World, metadata: &Map<String, Value>) -> Option<String> {
    metadata.get(&world.config().clerk.metadata_key).and_then(plan_text)
}

/// The paid tier in that metadata; `None` if that is none.
pub(super) fn paid_tier<'w>(world: &'w World, metadata: &Map<String, Value>) -> Option<&'w Tier> {
    let plan = plan(world, metadata)?;
    world.config().paid_tiers().find(|tier| tier.metadata == plan)
}

/// What a handler writes for a holder without a tier, as TypeScript.
pub(super) fn free_plan(world: &World) -> String {
    world.config().free_tier().map_or_else(|| "null".to_owned(), |tier| format!("\"{}\"", tier.metadata))
}

/// A key of an object in TypeScript: quoted if it is not a name.
pub(super) fn key(name: &str) -> String {
    if is_name(name) { name.to_owned() } else { format!("{name:?}") }
}

/// The access to a key in TypeScript: `.plan`, or `["plan-tier"]`.
pub(super) fn at(name: &str) -> String {
    if is_name(name) { format!(".{name}") } else { format!("[{name:?}]") }
}

fn is_name(text: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || matches!(letter, '_' | '$');
    text.starts_with(is_letter) && text.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

/// Writes metadata of the holder whose ID the code has, as TypeScript. Clerk merges it.
pub(super) fn write_metadata(world: &World, metadata: &str) -> String {
    match world.config().entitlement.holder {
        HolderKind::User => format!("await clerk.users.updateUserMetadata(userId, {metadata});"),
        HolderKind::Organization => {
            format!("await clerk.organizations.updateOrganizationMetadata(orgId, {metadata});")
        }
    }
}

/// Reads the holder whose ID the code has, as TypeScript: into `user` or `organization`.
pub(super) fn read_holder(world: &World) -> &'static str {
    match world.config().entitlement.holder {
        HolderKind::User => "const user = await clerk.users.getUser(userId);",
        HolderKind::Organization => {
            "const organization = await clerk.organizations.getOrganization({ organizationId: orgId });"
        }
    }
}

/// Leaves a holder alone that has another subscription than the event's, as TypeScript. It needs the ID that is written with the tier.
pub(super) fn unless_current(world: &World, condition: &str) -> String {
    let subscription = at(&world.config().clerk.subscription_key);
    let (read, holder) = (read_holder(world), world.config().entitlement.holder.word());
    format!(
        "{read}\n\
         const current = {holder}.publicMetadata{subscription};\n\
         if ({condition}current && current !== subscription.id) return Response.json({{ received: true }});"
    )
}

/// A plan in a sentence: `"pro"`, or `no plan`.
pub(super) fn shown(plan: Option<&str>) -> String {
    plan.map_or_else(|| "no plan".to_owned(), |plan| format!("\"{plan}\""))
}

/// The Worker's 2xx to an event.
///
/// # Errors
/// Unknown if it did not answer 2xx. It may have looked for the subscription at Stripe, where there is none, so this proves
/// nothing about a real event.
pub(super) fn acknowledged(seen: &StepSeen) -> Answered<&Answer> {
    let answer = match &seen.answer {
        Ok(answer) if answer.is_success() => return Ok(answer),
        Ok(answer) => format!("the Worker answered {} ({})", answer.status, answer.excerpt()),
        Err(failure) => failure.to_string(),
    };
    Err(NoAnswer::unknown(format!(
        "{answer} {}. If the Worker looks the subscription up at Stripe, only a real purchase shows what it does",
        seen.step.after()
    )))
}

/// The finding for what an event did.
pub(super) fn finding(
    world: &World,
    seen: &StepSeen,
    code: Code,
    message: String,
    expected: impl Into<String>,
    fix: Fix,
) -> Finding {
    let key = &world.config().clerk.metadata_key;
    let (expected, fix) = (expected.into(), fix.then(world.deployment()));
    let finding = Finding { code, message, expected, actual: String::new(), evidence: Vec::new(), fix };
    seeing(finding, seen, &format!("public_metadata.{key}"), shown(plan(world, &seen.after).as_deref()))
}

/// The same finding, with what was seen in another field after the event.
pub(super) fn seeing(finding: Finding, seen: &StepSeen, field: &str, actual: String) -> Finding {
    let evidence = match &seen.answer {
        Ok(answer) => answer.evidence(format!("{field} {}", seen.step.after()), actual.clone()),
        Err(failure) => failure.evidence(),
    };
    Finding { actual, evidence: vec![evidence], ..finding }
}

//! `rehearsal/metadata`.

use serde_json::Value;

use crate::check::prelude::*;
use crate::checks::effect::{finding, key, paid_tier, plan, seeing, shown, write_metadata};
use crate::world::{MARKER, Rehearsal, RehearsalStep, StepSeen};

check! {
    /// The Worker changes only its own keys in Clerk's metadata, and keeps Stripe's IDs.
    ///
    /// ## Why it matters
    /// `updateUser`, `updateOrganization` and `PUT` replace all of the public metadata: whatever else your product keeps there, such as a role or a
    /// team, is gone after the next payment. A subscription's ID that is lost means that the portal does not open, or that
    /// canceling is not matched to the customer.
    ///
    /// ## How it is verified
    /// The rehearsal adds a key to the canary's public metadata, which must still be there after every event. If the
    /// Worker stores the subscription's ID, a `checkout.session.completed` that arrives after
    /// `customer.subscription.created` must not remove it.
    ///
    /// ## How to fix it
    /// Use `updateUserMetadata` or `updateOrganizationMetadata`, which merge, and write only what an event knows.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 1 more event",
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker replaces the public metadata.
    REPLACED: Warning(Service),
    /// A Checkout Session that is completed late removes the subscription's ID.
    SUBSCRIPTION_LOST: Failure,
    /// A completed Checkout Session that arrives late takes the tier.
    PLAN_LOST: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    // The first events have an effect in any case, or the rehearsal would have ended.
    rehearsal.step(RehearsalStep::CheckoutAfterCreated)?;
    match rehearsal.steps().iter().find(|seen| lost_marker(seen)) {
        Some(seen) => outcome.find(replaced(world, seen)),
        None => outcome.pass("another key in the canary's public metadata is still there after each of these events"),
    }
    keeps_plan(world, &rehearsal, outcome)?;
    keeps_subscription(world, &rehearsal, outcome)
}

fn lost_marker(seen: &StepSeen) -> bool {
    seen.before.contains_key(MARKER) && !seen.after.contains_key(MARKER)
}

fn replaced(world: &World, seen: &StepSeen) -> Finding {
    let plan = key(&world.config().clerk.metadata_key);
    let message = format!(
        "The Worker replaces the {}'s public metadata, so every key but its own is lost {}.",
        world.config().entitlement.holder.word(),
        seen.step.after()
    );
    let summary = match world.config().entitlement.holder {
        HolderKind::User => "Use updateUserMetadata, which merges, in place of updateUser or replaceUserMetadata.",
        HolderKind::Organization => {
            "Use updateOrganizationMetadata, which merges, in place of updateOrganization or replaceOrganizationMetadata."
        }
    };
    let fix = Fix::new(summary).code(write_metadata(world, &format!("{{ publicMetadata: {{ {plan}: tier }} }}")));
    let keys: Vec<&str> = seen.after.keys().map(String::as_str).collect();
    let found = finding(world, seen, REPLACED, message, "the other keys are still there", fix);
    seeing(found, seen, "public_metadata", format!("the keys {}", keys.join(", ")))
}

/// A Checkout Session that arrives late must not take the tier that the subscription has given.
fn keeps_plan(world: &World, rehearsal: &Rehearsal, outcome: &mut Outcome) -> Answered {
    let seen = rehearsal.step(RehearsalStep::CheckoutAfterCreated)?;
    let Some(before) = paid_tier(world, &seen.before) else {
        return Err(NoAnswer::unknown(format!("the canary had no paid tier to keep {}", seen.step.after())));
    };
    if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == before.name) {
        outcome.pass(format!("the canary keeps its tier {}", seen.step.after()));
        return Ok(());
    }
    let found = shown(plan(world, &seen.after).as_deref());
    let message = format!(
        "A checkout.session.completed that arrives late moves the customer from tier {} to {found}.",
        before.name
    );
    let fix = Fix::new(
        "On checkout.session.completed, write the tier only if the session names it, and leave the plan as it is otherwise.",
    );
    outcome.find(finding(world, seen, PLAN_LOST, message, format!("\"{}\"", before.metadata), fix));
    Ok(())
}

fn keeps_subscription(world: &World, rehearsal: &Rehearsal, outcome: &mut Outcome) -> Answered {
    let name = &world.config().clerk.subscription_key;
    let seen = rehearsal.step(RehearsalStep::CheckoutAfterCreated)?;
    let stored = |value: Option<&Value>| value.and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let Some(before) = stored(seen.before.get(name)) else {
        outcome.pass(format!("the Worker does not keep the subscription's ID in public_metadata.{name}"));
        return Ok(());
    };
    let after = stored(seen.after.get(name));
    if after.as_ref() == Some(&before) {
        outcome.pass(format!("public_metadata.{name} keeps the subscription's ID"));
        return Ok(());
    }
    let message = format!(
        "A checkout.session.completed that arrives after customer.subscription.created removes public_metadata.{name}."
    );
    let fix = Fix::new(format!("On checkout.session.completed, write {name} from session.subscription, or leave it as it is."))
        .code(format!(
            "const subscription = typeof session.subscription === \"string\" ? session.subscription : session.subscription?.id;\n\
             {}",
            write_metadata(world, &format!("{{ publicMetadata: {{ {}: subscription }} }}", key(name)))
        ));
    let found = finding(world, seen, SUBSCRIPTION_LOST, message, before, fix);
    let after = after.unwrap_or_else(|| "no ID".to_owned());
    outcome.find(seeing(found, seen, &format!("public_metadata.{name}"), after));
    Ok(())
}

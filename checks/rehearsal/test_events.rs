//! `rehearsal/test-events`.

use crate::check::prelude::*;
use crate::checks::effect::{acknowledged, finding, paid_tier};
use crate::config::{Mode, Tier};
use crate::world::{RehearsalStep, StepSeen};

check! {
    /// An event from test mode does not grant a tier.
    ///
    /// ## Why it matters
    /// An endpoint that was registered in test mode at the live Worker's URL sends events with `livemode: false`. If the Worker
    /// has that endpoint's secret, too, a purchase with a test card buys a real tier.
    ///
    /// ## How it is verified
    /// `checkout.session.completed` and `customer.subscription.created` with `livemode: false` are sent for the canary, which has no
    /// tier at that time and must not get one. They are signed with the live endpoint's secret, which Stripe would not do: this tests the second line of defense,
    /// and so it is a warning.
    ///
    /// ## How to fix it
    /// Ignore events whose `livemode` is not what the Worker is deployed for.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 2 events with livemode false",
        subjects: deployment,
        run
    };
}

codes! {
    /// An event with `livemode: false` grants a tier.
    GRANTED: Warning(Money),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    if world.config().project.mode == Mode::Test {
        return outcome.not_applicable("this deployment is in test mode");
    }
    let rehearsal = world.rehearsal().await?;
    let created = rehearsal.step(RehearsalStep::Created)?;
    for step in [RehearsalStep::OtherModeCheckout, RehearsalStep::OtherMode] {
        let seen = rehearsal.step(step)?;
        if paid_tier(world, &seen.before).is_some() {
            return Err(NoAnswer::unknown(
                "the canary still had a paid tier, so nothing shows whether a test event grants one",
            ));
        }
        if let Some(tier) = paid_tier(world, &seen.after) {
            outcome.find(granted(world, seen, tier));
            return Ok(());
        }
    }
    // A handler that cannot do anything with this event in live mode shows nothing in test mode either.
    acknowledged(created)?;
    let seen = rehearsal.step(RehearsalStep::OtherMode)?;
    // A handler may reject it just as well.
    if !seen.answer.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status)) {
        outcome.ask(acknowledged(seen));
    }
    outcome.pass("events with livemode false grant no tier");
    Ok(())
}

fn granted(world: &World, seen: &StepSeen, tier: &Tier) -> Finding {
    let message = format!("An event with livemode false grants tier {}, so a test card may buy it.", tier.name);
    let secret = &world.config().stripe.secret_key.name;
    let fix = Fix::new("In the webhook handler, ignore events that are not in the mode of the Worker's Stripe key.")
        .code(format!(
            "if (event.livemode !== env.{secret}.includes(\"_live_\")) return Response.json({{ received: true }});"
        ));
    finding(world, seen, GRANTED, message, "no paid tier", fix)
}

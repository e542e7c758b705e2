//! `rehearsal/purchase`.

use crate::check::prelude::*;
use crate::checks::effect::{acknowledged, at, finding, key, paid_tier, plan, shown, write_metadata};
use crate::config::Source;
use crate::world::{RehearsalStep, StepSeen};

check! {
    /// A purchase gives the customer the tier.
    ///
    /// ## Why it matters
    /// The Worker can accept every event and still change nothing: it looks for the user or the tier in the wrong place, or
    /// swallows an error and answers 200. Stripe takes the money, and the customer stays on the free tier.
    ///
    /// ## How it is verified
    /// `checkout.session.completed` and `customer.subscription.created` are sent for the canary, signed, with a customer and a
    /// subscription that do not exist at Stripe, and the real price of a tier. Then the canary's metadata must name that tier.
    /// The metadata of the events is as `[entitlement]` says; whether the Worker's own Checkout sets it is not seen. A Worker
    /// that looks the subscription up at Stripe cannot be rehearsed with events.
    ///
    /// ## How to fix it
    /// Read the user and the tier where Checkout puts them, write the tier to Clerk, and answer 500 if that fails, so that Stripe
    /// tries again.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "signed events about the canary, whose public metadata is changed and put back",
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker answers 2xx and does not change the user.
    NO_EFFECT: Failure,
    /// The user gets another tier than the one bought.
    WRONG_TIER: Failure,
    /// A customer who subscribes again does not get the tier.
    NOT_AGAIN: Failure,
    /// The Worker rejects the event for its metadata.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    let checkout = rehearsal.step(RehearsalStep::Checkout)?;
    let created = rehearsal.step(RehearsalStep::Created)?;
    // Without the subscription at Stripe, a Worker that reads the tier there can do nothing with a Checkout Session.
    let reads_stripe = world.config().entitlement.source != Source::SubscriptionMetadata;
    let judged = [Some(checkout).filter(|_| !reads_stripe), Some(created)];
    if let Some(seen) = judged.into_iter().flatten().find(|seen| blames_metadata(world, seen)) {
        outcome.find(refused(world, seen));
        return Ok(());
    }
    let tier = &created.tier;
    match paid_tier(world, &created.after) {
        Some(found) if found.name == tier.name => {
            let first = if paid_tier(world, &checkout.after).is_some() { checkout } else { created };
            let took = first.took.map_or_else(String::new, |took| format!(" within {} ms", took.as_millis()));
            outcome.pass(format!("the canary has tier {} {}{took}", tier.name, first.step.after()));
        }
        None => {
            if !reads_stripe {
                acknowledged(checkout)?;
            }
            acknowledged(created)?;
            outcome.find(no_effect(world, created));
            return Ok(());
        }
        Some(found) => {
            let fix = Fix::new(format!(
                "In the webhook handler, map the price to the tier that it is sold as: tier {} is \"{}\".",
                tier.name, tier.metadata
            ))
            .code(read_tier(world));
            let message = format!("A customer who buys tier {} gets tier {}.", tier.name, found.name);
            outcome.find(finding(world, created, WRONG_TIER, message, format!("\"{}\"", tier.metadata), fix));
            return Ok(());
        }
    }
    match acknowledged(checkout) {
        Err(NoAnswer::Unknown(_)) if reads_stripe => {
            outcome.pass("checkout.session.completed was not judged: its subscription does not exist at Stripe");
        }
        answer => drop(outcome.ask(answer)),
    }
    outcome.ask(acknowledged(created));
    again(world, rehearsal.step(RehearsalStep::Resubscribed)?, outcome);
    Ok(())
}

/// A customer who subscribes again.
fn again(world: &World, seen: &StepSeen, outcome: &mut Outcome) {
    if paid_tier(world, &seen.after).is_some_and(|tier| tier.name == seen.tier.name) {
        outcome.ask(acknowledged(seen));
        return outcome.pass(format!("the canary has tier {} {}", seen.tier.name, seen.step.after()));
    }
    if outcome.ask(acknowledged(seen)).is_some() {
        let found = shown(plan(world, &seen.after).as_deref());
        let message = format!("A customer who subscribes again pays for tier {} and has {found}.", seen.tier.name);
        let fix = Fix::new(
            "On customer.subscription.created, write the tier, also if there was another subscription before.",
        )
        .code(read_tier(world));
        outcome.find(finding(world, seen, NOT_AGAIN, message, format!("\"{}\"", seen.tier.metadata), fix));
    }
}

/// Whether the Worker rejects an event because it misses something in its metadata.
fn blames_metadata(world: &World, seen: &StepSeen) -> bool {
    let entitlement = &world.config().entitlement;
    seen.answer.as_ref().is_ok_and(|answer| {
        let text = answer.text().to_lowercase();
        let keys = [entitlement.user_key.to_lowercase(), format!("{} metadata", entitlement.tier_key.to_lowercase())];
        (400..500).contains(&answer.status)
            && !text.contains("no such")
            // It looked the customer up, who does not exist.
            && !text.contains("customer")
            && ["missing", "no ", "not found", "required"].iter().any(|word| text.contains(word))
            && keys.iter().any(|key| text.contains(key))
    })
}

fn refused(world: &World, seen: &StepSeen) -> Finding {
    let entitlement = &world.config().entitlement;
    let excerpt = seen.answer.as_ref().map_or_else(ToString::to_string, |answer| answer.excerpt());
    let message = format!(
        "The Worker does not find the {} or the tier in a purchase, so customers who pay are not served: {excerpt}.",
        entitlement.holder.word()
    );
    let fix = Fix::new(format!(
        "Read the {} from metadata.{} and the tier as entitlement.source says, or correct [entitlement] in preflight.toml.",
        entitlement.holder.word(),
        entitlement.user_key
    ))
    .code(read_tier(world));
    finding(world, seen, REFUSED, message, format!("\"{}\"", seen.tier.metadata), fix)
}

fn no_effect(world: &World, seen: &StepSeen) -> Finding {
    let found = shown(plan(world, &seen.after).as_deref());
    let message =
        format!("The Worker answers 200 to a purchase of tier {}, but the customer has {found}.", seen.tier.name);
    let fix = Fix::new(format!(
        "In the webhook handler, write the tier to public_metadata.{} of the {}, wait for Clerk's answer, and answer 500 if it fails.",
        world.config().clerk.metadata_key,
        world.config().entitlement.holder.word()
    ))
    .code(read_tier(world));
    finding(world, seen, NO_EFFECT, message, format!("\"{}\"", seen.tier.metadata), fix)
}

/// Reads the holder and the tier of a subscription, and writes the tier.
fn read_tier(world: &World) -> String {
    let config = world.config();
    let (entitlement, plan) = (&config.entitlement, key(&config.clerk.metadata_key));
    let (user_key, tier_key, at_stripe) = (at(&entitlement.user_key), at(&entitlement.tier_key), at(&entitlement.key));
    let price = "subscription.items.data[0]?.price";
    let tier = match entitlement.source {
        Source::ProductMetadata => format!(
            "const product = await stripe.products.retrieve({price}.product as string);\nconst tier = product.metadata{at_stripe};"
        ),
        Source::PriceMetadata => format!("const tier = {price}.metadata{at_stripe};"),
        Source::SubscriptionMetadata => format!("const tier = subscription.metadata{tier_key};"),
        Source::PriceId => format!("const tier = TIER_OF_PRICE[{price}.id ?? \"\"];"),
    };
    let (id, holder) = (entitlement.holder.usual_key(), entitlement.holder.word());
    let write = write_metadata(world, &format!("{{ publicMetadata: {{ {plan}: tier }} }}"));
    format!(
        "const {id} = subscription.metadata{user_key};\n{tier}\n\
         if (!{id} || !tier) return Response.json({{ error: \"no {holder} or tier\" }}, {{ status: 400 }});\n\
         {write}"
    )
}

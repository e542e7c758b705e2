//! Stripe's side of the path: Checkout, the subscription, what it pays for, and for whom.

use super::due::Due;
use super::facts::{Facts, grants};
use super::step::{Link, State};
use super::tracer::{Ended, Traced, Tracer, reason};
use crate::change::{Fix, StripeResource};
use crate::check::Outcome;
use crate::checks::entitlements::catalog::{Catalog, PaysFor};
use crate::checks::entitlements::judgement::is_exempt;
use crate::checks::entitlements::wording;
use crate::config::{Source, Tier, UserFrom};
use crate::holder::HolderKind;
use crate::world::{Purchase, Subscription, World};

/// What the customer should have, with the links that decide it.
pub(super) async fn due<'w: 'a, 'a>(tracer: &mut Tracer<'w>, facts: &'a Facts) -> Traced<Due<'a>> {
    let world = tracer.world;
    if let Some(customer) = &facts.customer {
        tracer.see(Link::Customer, State::Ok, None, customer);
    }
    if let Some(purchase) = &facts.purchase {
        checkout(tracer, purchase)?;
    }
    let Some(subscription) = facts.subscription(world) else { return without_subscription(world, facts) };
    let status = format!("{} is {}", subscription.id, subscription.status);
    let state = if grants(world, subscription) { State::Ok } else { State::Note };
    tracer.see(Link::Subscription, state, Some(subscription.created), status);
    if !grants(world, subscription) {
        return Ok(Due::Lapsed(subscription));
    }
    let catalog = Catalog::of(world, subscription).await;
    charged_twice(tracer, facts, &catalog);
    let has = facts.tier(world)?;
    let is_held = |tier: &Tier| has.is_some_and(|has| has.name == tier.name);
    let tier = match catalog.pays_for(subscription) {
        PaysFor::Tier(tier) => tier,
        PaysFor::Unclear(tiers, why) => tiers.into_iter().find(|tier| is_held(tier)).ok_or_else(|| {
            Ended::Unknown(format!("What {} pays for is unclear: {}.", subscription.id, reason(&why)))
        })?,
        // Someone with the same email address may be a customer of another business on the account.
        PaysFor::NoTier if facts.is_by_email && !is_named(world, facts, subscription)? => {
            let why = format!("{} pays for nothing that belongs to a tier", subscription.id);
            return Ok(Due::Nothing(Link::Price, why));
        }
        PaysFor::NoTier => return Err(no_tier(tracer, subscription)?),
    };
    if !is_held(tier)
        && let Some((tier, subscription)) = held(world, facts, subscription, is_held).await
    {
        let words = format!("{} is {}", subscription.id, subscription.status);
        tracer.see(Link::Subscription, State::Ok, Some(subscription.created), words);
        tracer.is_served = true;
        return Ok(Due::Paid { tier, subscription });
    }
    tracer.is_served = is_held(tier);
    let due = Due::Paid { tier, subscription };
    readable(tracer, facts, &due, &catalog, (subscription, tier))?;
    Ok(due)
}

fn is_named(world: &World, facts: &Facts, subscription: &Subscription) -> Traced<bool> {
    let named = subscription.metadata.get(&world.config().entitlement.user_key, &subscription.id)?;
    Ok(named.is_some() && named == facts.holder.as_ref().map(|user| user.id.as_str()))
}

/// Another subscription of the customer, which pays for the tier that the user has.
async fn held<'a>(
    world: &'a World,
    facts: &'a Facts,
    first: &Subscription,
    is_held: impl Fn(&Tier) -> bool,
) -> Option<(&'a Tier, &'a Subscription)> {
    let others = facts.subscriptions.iter().filter(|other| other.id != first.id && grants(world, other));
    for other in others {
        match Catalog::of(world, other).await.pays_for(other) {
            PaysFor::Tier(tier) if is_held(tier) => return Some((tier, other)),
            _ => {}
        }
    }
    None
}

fn checkout(tracer: &mut Tracer<'_>, purchase: &Purchase) -> Traced {
    let id = &purchase.id;
    let status = purchase.status.known(format_args!("status of {id}"))?;
    let paid = purchase.payment_status.known(format_args!("payment_status of {id}"))?.replace('_', " ");
    let words = format!("{id} is {status}, {paid}");
    let state = if purchase.is_paid()? { State::Ok } else { State::Note };
    tracer.see(Link::Checkout, state, Some(purchase.created), words);
    Ok(())
}

fn without_subscription<'a>(world: &'a World, facts: &'a Facts) -> Traced<Due<'a>> {
    let holder = facts.holder.as_ref().map_or("the customer", |holder| holder.id.as_str());
    let has = facts.tier(world)?.filter(|tier| tier.is_paid());
    if let Some(tier) = has.filter(|_| is_exempt(world, holder)) {
        return Ok(Due::Comped(tier));
    }
    Ok(match &facts.purchase {
        Some(purchase) if purchase.is_paid()? => {
            Due::Nothing(Link::Checkout, format!("{} is paid, but not for a subscription", purchase.id))
        }
        Some(purchase) => {
            let status = purchase.status.text().unwrap_or("not complete");
            Due::Nothing(Link::Checkout, format!("{holder} has not paid: {} is {status}", purchase.id))
        }
        None if facts.may_have_others => Due::Nothing(
            Link::Subscription,
            format!("{holder} has no subscription under its email address or among the newest 100"),
        ),
        None => Due::Nothing(Link::Subscription, format!("{holder} has no subscription")),
    })
}

fn charged_twice(tracer: &mut Tracer<'_>, facts: &Facts, catalog: &Catalog<'_>) {
    for (customer, twice) in catalog.charged_twice(facts.subscriptions.iter(), &mut Outcome::new()) {
        let words = format!("{customer} is charged for each of {} subscriptions: {}", twice.len(), twice.join(", "));
        tracer.see(Link::Subscription, State::Note, None, words);
    }
}

fn no_tier(tracer: &mut Tracer<'_>, subscription: &Subscription) -> Traced<Ended> {
    let prices = subscription.prices()?;
    let price = prices.first().map_or("a price", |price| price.id.as_str());
    let words =
        format!("{} pays for {price}, which belongs to no tier. The customer gets nothing for it.", subscription.id);
    let fix = Fix::new(format!(
        "Add {price} to a tier in preflight.toml and on the Worker, or move {} to a tier's price.",
        subscription.id
    ))
    .link(tracer.world.stripe().dashboard(&format!("subscriptions/{}", subscription.id)));
    Ok(tracer.broken(Link::Price, words, fix))
}

/// Whether the Worker can read the tier where it looks for it.
fn readable(
    tracer: &mut Tracer<'_>,
    facts: &Facts,
    due: &Due<'_>,
    catalog: &Catalog<'_>,
    (subscription, tier): (&Subscription, &Tier),
) -> Traced {
    let world = tracer.world;
    let prices = subscription.prices()?;
    let Some(price) = prices.first() else { return Ok(()) };
    let (id, value, entitlement) = (&price.id, &tier.metadata, &world.config().entitlement);
    let (read, key) = match entitlement.source {
        Source::SubscriptionMetadata => {
            (subscription.metadata.get(&entitlement.tier_key, &subscription.id), &entitlement.tier_key)
        }
        _ => (catalog.value_read(price), &entitlement.key),
    };
    let read = match read {
        Ok(read) => read,
        Err(why) => {
            tracer.leave_open(Link::Price, &why);
            return Ok(());
        }
    };
    if entitlement.source == Source::PriceId || read == Some(value) {
        tracer.see(Link::Price, State::Ok, None, format!("{id} is the tier \"{value}\""));
        return Ok(());
    }
    let (resource, object, name) = match (entitlement.source, price.product_id()) {
        (Source::ProductMetadata, Some(product)) => (StripeResource::Product, product, price.product_name()),
        (Source::SubscriptionMetadata, _) => (StripeResource::Subscription, subscription.id.as_str(), ""),
        _ => (StripeResource::Price, id.as_str(), ""),
    };
    let is = read.map_or_else(|| "not set".to_owned(), |read| format!("\"{read}\""));
    let words = format!(
        "metadata.{key} of {object} is {is}, not \"{value}\". The Worker cannot see what the customer pays for."
    );
    let change = world.stripe().update(resource, object, name).set(
        format!("metadata.{key}"),
        read.map(str::to_owned),
        value.as_str(),
    );
    let mut fix = Fix::new(format!("Set metadata.{key} of {object} to \"{value}\".")).then(change);
    // A change of the subscription is an event, which the Worker handles.
    if entitlement.source != Source::SubscriptionMetadata {
        fix = facts.and_repair(world, due, fix)?;
    }
    tracer.problem(Link::Price, words, fix)
}

/// Whether the subscription leads to its holder.
pub(super) fn mapping(tracer: &mut Tracer<'_>, facts: &Facts, due: &Due<'_>) -> Traced {
    let Some(subscription) = due.subscription() else { return Ok(()) };
    let (world, id) = (tracer.world, &subscription.id);
    let (key, kind) = (&world.config().entitlement.user_key, world.config().entitlement.holder);
    let holder = facts.holder.as_ref().map(|holder| holder.id.as_str());
    let is_by_customer = world.config().entitlement.user_from == UserFrom::Customer;
    let is_lapsed = matches!(due, Due::Lapsed(_));
    let named = subscription.metadata.get(key, id)?.filter(|named| !named.is_empty());
    match (named, holder) {
        (Some(named), Some(holder)) if named == holder => {
            tracer.see(Link::User, State::Ok, None, format!("metadata.{key} of {id} names {holder}"));
            Ok(())
        }
        (Some(named), holder) => {
            let holder = holder.unwrap_or("the customer");
            let words = format!("{id} names {named}, not {holder}. Whatever it pays for goes to {named}.");
            let change = world.stripe().update(StripeResource::Subscription, id, "").set(
                format!("metadata.{key}"),
                named.to_owned(),
                holder.to_owned(),
            );
            let fix =
                Fix::new(format!("If {holder} pays for it, set metadata.{key} of {id} to {holder}.")).suggest(change);
            tracer.problem(Link::User, words, fix)
        }
        (None, Some(holder)) if is_by_customer && facts.holds(world, subscription)? => {
            tracer.see(Link::User, State::Ok, None, format!("{holder} holds the ID of {id} or its customer in Clerk"));
            Ok(())
        }
        (None, Some(holder)) if !is_lapsed && facts.holds(world, subscription)? => {
            let words = format!(
                "{holder} holds the ID of {id} in Clerk, but {id} does not name {holder}: canceling it will not take the tier away"
            );
            tracer.see(Link::User, State::Note, None, words);
            Ok(())
        }
        (None, Some(holder)) if !is_lapsed && is_named_in_checkout(facts, (key, kind), holder) => {
            let words = format!("only the Checkout Session names {holder}: canceling {id} will not take the tier away");
            tracer.see(Link::User, State::Note, None, words);
            Ok(())
        }
        (None, _) if is_by_customer => {
            let wording = wording::unheld(world, subscription);
            tracer.problem(Link::User, format!("{}.", wording.words), Fix::new(wording.fix))
        }
        (None, holder) => {
            let effect = match due {
                Due::Lapsed(_) => "canceling it never takes the tier away",
                _ => "the Worker does not know who paid",
            };
            let words = format!("{id} names no {} in metadata.{key}, so {effect}.", kind.word());
            let change = world.stripe().update(StripeResource::Subscription, id, "").set(
                format!("metadata.{key}"),
                None::<String>,
                holder.unwrap_or(kind.blank_id()),
            );
            let fix = Fix::new(wording::unmappable(world, subscription, key).fix)
                .code(format!("subscription_data: {{ metadata: {{ {key}: {} }} }},", kind.usual_key()))
                .suggest(change);
            tracer.problem(Link::User, words, fix)
        }
    }
}

/// Whether the Worker can learn the holder from the event of the Checkout Session.
fn is_named_in_checkout(facts: &Facts, (key, kind): (&str, HolderKind), holder: &str) -> bool {
    facts.purchase.as_ref().is_some_and(|purchase| purchase.holder(key, kind) == Some(holder))
}

//! Looks up who a customer is, at Clerk and at Stripe.

use serde_json::Value;

use super::asked::Asked;
use super::facts::{Facts, grants};
use super::missing::{in_other_mode, missing, no_such_user, not_in_stripe};
use super::step::Link;
use super::tracer::{Ended, Traced, Tracer};
use crate::finding::NoAnswer;
use crate::world::{
    CheckoutSessionId, Customer, CustomerId, EventId, Found, Purchase, Seen, Subscription, SubscriptionId, User, UserId,
};

/// Most customers with a user's email address whose subscriptions are read.
const MOST_CUSTOMERS: usize = 2;

/// Looks up who is asked about.
pub(super) async fn gather(tracer: &mut Tracer<'_>, asked: &Asked) -> Traced<Facts> {
    let clerk = tracer.world.clerk();
    match asked {
        Asked::User(id) => match clerk.user(id).await? {
            Some(user) => of_user(tracer, user.value, None).await,
            None => Err(Ended::Unknown(format!("Clerk has no user {id} in this instance."))),
        },
        Asked::Email(email) => of_email(tracer, email).await,
        Asked::Customer(id) => of_customer(tracer, id, Facts::default()).await,
        Asked::Subscription(id) => of_subscription(tracer, id, Facts::default()).await,
        Asked::Session(id) => of_session(tracer, id, Facts::default()).await,
        Asked::Event(id) => of_event(tracer, id).await,
    }
}

async fn of_email(tracer: &mut Tracer<'_>, email: &str) -> Traced<Facts> {
    let users = tracer.world.clerk().users_with_email(email).await?;
    if let Some(user) = users.users.into_iter().next() {
        return of_user(tracer, user, None).await;
    }
    if let Some(why) = users.unread.into_iter().next() {
        return Err(why.into());
    }
    let customers = tracer.world.stripe().customers_with(email).await?;
    let Some(Customer { id, .. }) = customers.into_iter().next() else {
        let mode = tracer.world.config().project.mode.word();
        return Err(Ended::Unknown(format!("Neither Clerk nor Stripe knows {email} in {mode} mode.")));
    };
    let id = CustomerId::parse(&id).map_err(|malformed| malformed.in_place("a customer in Stripe"))?;
    of_customer(tracer, &id, Facts::default()).await
}

async fn of_user(tracer: &mut Tracer<'_>, user: User, purchase: Option<Purchase>) -> Traced<Facts> {
    const METADATA: &str = "the user's public metadata";
    let (world, stripe) = (tracer.world, tracer.world.stripe());
    let metadata = user.public_metadata()?;
    let held = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let clerk = &world.config().clerk;
    let (customer, subscription) = (held(&clerk.customer_key), held(&clerk.subscription_key));
    let mut facts = Facts { user: Some(user), purchase, asked: subscription.clone(), ..Facts::default() };
    if let Some(id) = &customer {
        let id = CustomerId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
        match stripe.subscriptions_of(&id).await? {
            Found::Here(seen) => add(tracer, &mut facts, seen.value),
            Found::Missing(error) => return Err(not_in_stripe(tracer, &facts, &id.to_string(), &error)),
        }
        facts.customer = Some(id.to_string());
    }
    let is_granted = |facts: &Facts| facts.subscriptions.iter().any(|subscription| grants(world, subscription));
    if let Some(id) = subscription
        .filter(|id| !is_granted(&facts) && !facts.subscriptions.iter().any(|subscription| subscription.id == *id))
    {
        let parsed = SubscriptionId::parse(&id).map_err(|malformed| malformed.in_place(METADATA))?;
        match stripe.subscription_with_products(&parsed).await? {
            Found::Here(Seen { value, .. }) => {
                facts.customer = facts.customer.or_else(|| value.customer.text().map(str::to_owned));
                facts.subscriptions.push(value);
            }
            Found::Missing(error) => return Err(not_in_stripe(tracer, &facts, &id, &error)),
        }
    }
    if customer.is_none() {
        if facts.customer.is_some() {
            if !is_granted(&facts) {
                others_of_customer(tracer, &mut facts).await?;
            }
        } else {
            by_email(tracer, &mut facts).await?;
        }
    }
    if facts.subscriptions.is_empty() {
        by_name(tracer, &mut facts).await?;
    }
    add_checkout(tracer, &mut facts).await?;
    Ok(facts)
}

/// Adds what names a user whose IDs and email address lead to no subscription: they may have paid with another address.
async fn by_name(tracer: &mut Tracer<'_>, facts: &mut Facts) -> Traced {
    let (stripe, key) = (tracer.world.stripe(), &tracer.world.config().entitlement.user_key);
    if facts.purchase.is_none() {
        facts.purchase = newest_purchase(tracer, facts).await?;
    }
    if let Some(id) = facts.purchase.as_ref().and_then(|purchase| purchase.subscription.text()) {
        let id = SubscriptionId::parse(id).map_err(|malformed| malformed.in_place("a Checkout Session"))?;
        if let Found::Here(seen) = stripe.subscription_with_products(&id).await? {
            facts.subscriptions.push(seen.value);
        }
    } else {
        let newest = stripe.newest_subscriptions().await?;
        facts.may_have_others = !newest.are_all;
        let user = facts.user.as_ref().map(|user| user.id.as_str());
        let names = |subscription: &Subscription| user.is_some() && subscription.metadata.text(key) == user;
        facts.subscriptions.extend(newest.listed.items.into_iter().filter(names));
    }
    let customer = facts.subscriptions.first().and_then(|subscription| subscription.customer.text());
    facts.customer = customer.map(str::to_owned).or(facts.customer.take());
    Ok(())
}

/// Adds the Checkout Session of a subscription that leads to no user: the session may name one.
async fn add_checkout(tracer: &mut Tracer<'_>, facts: &mut Facts) -> Traced {
    let (world, key) = (tracer.world, &tracer.world.config().entitlement.user_key);
    let Some(subscription) = facts.subscription(world).filter(|_| facts.purchase.is_none()) else { return Ok(()) };
    let is_named = subscription.metadata.get(key, &subscription.id)?.is_some_and(|named| !named.is_empty());
    if is_named || facts.holds(world, subscription)? {
        return Ok(());
    }
    let Some(customer) = subscription.customer.text().and_then(|id| CustomerId::parse(id).ok()) else { return Ok(()) };
    let id = subscription.id.clone();
    match world.stripe().newest_purchases(Some(&customer)).await {
        Ok(listed) => {
            let is_its = |purchase: &Purchase| purchase.subscription.text() == Some(id.as_str());
            facts.purchase = listed.items.into_iter().find(is_its);
        }
        Err(why) => tracer.leave_open(Link::Checkout, &why),
    }
    Ok(())
}

/// Adds the subscriptions of the customers with the user's email address.
async fn by_email(tracer: &mut Tracer<'_>, facts: &mut Facts) -> Traced {
    let stripe = tracer.world.stripe();
    let addresses = facts.user.as_ref().map(User::email_addresses).transpose()?.unwrap_or_default();
    facts.is_by_email = true;
    let mut customers = Vec::new();
    for address in addresses.iter().take(MOST_CUSTOMERS) {
        customers.extend(stripe.customers_with(&address.email_address).await?);
    }
    for Customer { id, .. } in customers.into_iter().take(MOST_CUSTOMERS) {
        let parsed = CustomerId::parse(&id).map_err(|malformed| malformed.in_place("a customer in Stripe"))?;
        if let Found::Here(seen) = stripe.subscriptions_of(&parsed).await? {
            let before = facts.subscriptions.len();
            add(tracer, facts, seen.value);
            if facts.customer.is_none() || (before == 0 && facts.subscriptions.len() > before) {
                facts.customer = Some(id);
            }
        }
    }
    Ok(())
}

/// Adds the other subscriptions of a customer whose known one grants nothing: a newer one may.
async fn others_of_customer(tracer: &mut Tracer<'_>, facts: &mut Facts) -> Traced {
    let Some(id) = facts.customer.clone() else { return Ok(()) };
    let id = CustomerId::parse(&id).map_err(|malformed| malformed.in_place("a subscription in Stripe"))?;
    if let Found::Here(seen) = tracer.world.stripe().subscriptions_of(&id).await? {
        add(tracer, facts, seen.value);
    }
    Ok(())
}

fn add(tracer: &mut Tracer<'_>, facts: &mut Facts, (found, unread): (Vec<Subscription>, Vec<NoAnswer>)) {
    for subscription in found {
        if !facts.subscriptions.iter().any(|known| known.id == subscription.id) {
            facts.subscriptions.push(subscription);
        }
    }
    for why in &unread {
        tracer.leave_open(Link::Subscription, why);
    }
}

/// The Checkout Session of a customer without a subscription: a paid one, or the newest.
async fn newest_purchase(tracer: &mut Tracer<'_>, facts: &Facts) -> Traced<Option<Purchase>> {
    let key = &tracer.world.config().entitlement.user_key;
    let customer = facts.customer.as_deref().and_then(|id| CustomerId::parse(id).ok());
    let listed = match tracer.world.stripe().newest_purchases(customer.as_ref()).await {
        Ok(listed) => listed,
        Err(why) => {
            tracer.leave_open(Link::Checkout, &why);
            return Ok(None);
        }
    };
    let user = facts.user.as_ref().map(|user| user.id.as_str());
    let is_theirs = |purchase: &Purchase| customer.is_some() || (user.is_some() && purchase.user(key) == user);
    let mut theirs: Vec<Purchase> = listed.items.into_iter().filter(is_theirs).collect();
    theirs.sort_by_key(|purchase| (purchase.is_paid() != Ok(true), std::cmp::Reverse(purchase.created)));
    Ok(theirs.into_iter().next())
}

async fn of_customer(tracer: &mut Tracer<'_>, id: &CustomerId, mut facts: Facts) -> Traced<Facts> {
    match tracer.world.stripe().subscriptions_of(id).await? {
        Found::Here(seen) => add(tracer, &mut facts, seen.value),
        Found::Missing(error) => return Err(missing(tracer, "customer", &id.to_string(), &error)),
    }
    facts.customer = Some(id.to_string());
    if facts.subscriptions.is_empty() && facts.purchase.is_none() {
        facts.purchase = newest_purchase(tracer, &facts).await?;
    }
    find_user(tracer, facts).await
}

async fn of_subscription(tracer: &mut Tracer<'_>, id: &SubscriptionId, mut facts: Facts) -> Traced<Facts> {
    let subscription = match tracer.world.stripe().subscription_with_products(id).await? {
        Found::Here(seen) => seen.value,
        Found::Missing(error) => return Err(missing(tracer, "subscription", &id.to_string(), &error)),
    };
    facts.asked = Some(subscription.id.clone());
    facts.customer = subscription.customer.text().map(str::to_owned);
    let is_granting = grants(tracer.world, &subscription);
    facts.subscriptions.push(subscription);
    if !is_granting {
        others_of_customer(tracer, &mut facts).await?;
    }
    find_user(tracer, facts).await
}

async fn of_session(tracer: &mut Tracer<'_>, id: &CheckoutSessionId, mut facts: Facts) -> Traced<Facts> {
    let mode = tracer.world.config().project.mode;
    if id.mode() != mode {
        return Err(in_other_mode(tracer, "Checkout Session", &id.to_string(), id.mode().word()));
    }
    let purchase = match tracer.world.stripe().purchase(id).await? {
        Found::Here(seen) => seen.value,
        Found::Missing(error) => return Err(missing(tracer, "Checkout Session", &id.to_string(), &error)),
    };
    let subscription = purchase.subscription.text().map(str::to_owned);
    if let Some(id) = subscription {
        let id = SubscriptionId::parse(&id).map_err(|malformed| malformed.in_place("a Checkout Session"))?;
        return of_subscription(tracer, &id, Facts { purchase: Some(purchase), ..facts }).await;
    }
    let named = purchase.user(&tracer.world.config().entitlement.user_key).map(str::to_owned);
    if let Some(id) = named.and_then(|id| UserId::parse(&id).ok())
        && let Some(user) = tracer.world.clerk().user(&id).await?
    {
        return of_user(tracer, user.value, Some(purchase)).await;
    }
    facts.customer = purchase.customer.text().map(str::to_owned);
    Ok(Facts { purchase: Some(purchase), ..facts })
}

async fn of_event(tracer: &mut Tracer<'_>, id: &EventId) -> Traced<Facts> {
    let event = match tracer.world.stripe().event(id).await? {
        Found::Here(seen) => seen.value,
        Found::Missing(error) if error.other_mode().is_none() => {
            return Err(Ended::Unknown(format!("Stripe has no event {id}. It keeps events for 30 days.")));
        }
        Found::Missing(error) => return Err(missing(tracer, "event", &id.to_string(), &error)),
    };
    let place = "an event in Stripe";
    let owned = |id: Option<&str>| id.map(str::to_owned);
    let (subscription, session, customer) =
        (owned(event.subscription()), owned(event.session()), owned(event.customer()));
    let kind = event.kind.clone();
    let facts = Facts { event: Some(event), ..Facts::default() };
    if let Some(id) = subscription {
        let id = SubscriptionId::parse(&id).map_err(|malformed| malformed.in_place(place))?;
        return of_subscription(tracer, &id, facts).await;
    }
    if let Some(id) = session {
        let id = CheckoutSessionId::parse(&id).map_err(|malformed| malformed.in_place(place))?;
        return of_session(tracer, &id, facts).await;
    }
    if let Some(id) = customer {
        let id = CustomerId::parse(&id).map_err(|malformed| malformed.in_place(place))?;
        return of_customer(tracer, &id, facts).await;
    }
    Err(Ended::Unknown(format!("{id} ({kind}) is not about a customer.")))
}

/// Finds the Clerk user of a subscription: the one that it or its Checkout Session names, or else the one with the customer's
/// email address.
async fn find_user(tracer: &mut Tracer<'_>, mut facts: Facts) -> Traced<Facts> {
    let (world, key) = (tracer.world, &tracer.world.config().entitlement.user_key);
    let named = match facts.subscription(world) {
        Some(subscription) => subscription.metadata.get(key, &subscription.id)?.filter(|id| !id.is_empty()),
        None => None,
    };
    let mut named =
        named.or_else(|| facts.purchase.as_ref().and_then(|purchase| purchase.user(key))).map(str::to_owned);
    if named.is_none() {
        by_address(tracer, &mut facts).await?;
        add_checkout(tracer, &mut facts).await?;
        named = facts.purchase.as_ref().and_then(|purchase| purchase.user(key)).map(str::to_owned);
    }
    let Some(named) = named else { return Ok(facts) };
    if facts.user.as_ref().is_some_and(|user| user.id == named) {
        return Ok(facts);
    }
    let user = match UserId::parse(&named) {
        Ok(id) => world.clerk().user(&id).await?,
        Err(_) => None,
    };
    match user {
        Some(user) => Ok(Facts { user: Some(user.value), ..facts }),
        None => Err(no_such_user(tracer, &facts, &named)),
    }
}

/// Finds the Clerk user with the customer's email address.
async fn by_address(tracer: &Tracer<'_>, facts: &mut Facts) -> Traced {
    let (stripe, clerk) = (tracer.world.stripe(), tracer.world.clerk());
    let Some(id) = facts.customer.as_deref().and_then(|id| CustomerId::parse(id).ok()) else { return Ok(()) };
    if let Found::Here(Seen { value: Some(email), .. }) = stripe.customer_email(&id).await?
        && let Ok(Asked::Email(email)) = email.parse()
    {
        facts.user = clerk.users_with_email(&email).await?.users.into_iter().next();
    }
    Ok(())
}

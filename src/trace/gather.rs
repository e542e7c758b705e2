//! Looks up who a customer is, at Clerk and at Stripe.

use serde_json::Value;

use super::asked::Asked;
use super::facts::{Facts, grants};
use super::missing::{in_other_mode, missing, no_such_holder, not_in_stripe};
use super::step::Link;
use super::tracer::{Ended, Traced, Tracer};
use crate::config::Entitlement;
use crate::finding::NoAnswer;
use crate::holder::HolderKind;
use crate::world::{
    CheckoutSessionId, Customer, CustomerId, EventId, Found, Holder, HolderId, Purchase, Seen, Subscription,
    SubscriptionId, UserId,
};

/// Most customers with a user's email address whose subscriptions are read.
const MOST_CUSTOMERS: usize = 2;

/// Looks up who is asked about.
pub(super) async fn gather(tracer: &mut Tracer<'_>, asked: &Asked) -> Traced<Facts> {
    match asked {
        Asked::User(id) => of_user(tracer, id).await,
        Asked::Organization(id) if tracer.world.config().entitlement.holder == HolderKind::User => {
            Err(Ended::Unknown(format!(
                "{id} is an organization, and users have the plans here. Trace one of its users (user_…), or set entitlement.holder to \"organization\"."
            )))
        }
        Asked::Organization(id) => {
            let organization = in_clerk(tracer, &HolderId::Organization(id.clone())).await?;
            of_holder(tracer, organization, Facts::default()).await
        }
        Asked::Email(email) => of_email(tracer, email).await,
        Asked::Customer(id) => of_customer(tracer, id, Facts::default()).await,
        Asked::Subscription(id) => of_subscription(tracer, id, Facts::default()).await,
        Asked::Session(id) => of_session(tracer, id, Facts::default()).await,
        Asked::Event(id) => of_event(tracer, id).await,
    }
}

async fn of_email(tracer: &mut Tracer<'_>, email: &str) -> Traced<Facts> {
    let users = tracer.world.clerk().users_with_email(email).await?;
    if let Some(user) = users.holders.into_iter().next() {
        return match tracer.world.config().entitlement.holder {
            HolderKind::User => of_holder(tracer, user, Facts::default()).await,
            HolderKind::Organization => of_user(tracer, &parsed(&user)?).await,
        };
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

fn parsed(user: &Holder) -> Traced<UserId> {
    Ok(UserId::parse(&user.id).map_err(|malformed| malformed.in_place("Clerk's answer"))?)
}

/// What Clerk has of an ID that was asked about.
async fn in_clerk(tracer: &Tracer<'_>, id: &HolderId) -> Traced<Holder> {
    let found = tracer.world.clerk().holder(id).await?.map(|seen| seen.value);
    found.ok_or_else(|| Ended::Unknown(format!("Clerk has no {} {id} in this instance.", id.kind().word())))
}

/// Follows a user, or the organization that has the plan in their place.
async fn of_user(tracer: &mut Tracer<'_>, id: &UserId) -> Traced<Facts> {
    if tracer.world.config().entitlement.holder == HolderKind::User {
        let user = in_clerk(tracer, &HolderId::User(id.clone())).await?;
        return of_holder(tracer, user, Facts::default()).await;
    }
    let Some(organizations) = tracer.world.clerk().organizations_of(id).await? else {
        return Err(Ended::Unknown(format!("Clerk has no user {id} in this instance.")));
    };
    let ids: Vec<&str> = organizations.iter().map(|organization| organization.id.as_str()).collect();
    match organizations.as_slice() {
        [one] => of_holder(tracer, one.clone(), Facts { member: Some(id.clone()), ..Facts::default() }).await,
        [] => {
            Err(Ended::Unknown(format!("{id} is not a member of any organization, and organizations have the plans.")))
        }
        _ => Err(Ended::Unknown(format!(
            "{id} is a member of {} organizations, which have the plans. Trace one of them: {}.",
            ids.len(),
            ids.join(", ")
        ))),
    }
}

async fn of_holder(tracer: &mut Tracer<'_>, holder: Holder, known: Facts) -> Traced<Facts> {
    const METADATA: &str = "public metadata in Clerk";
    let (world, stripe) = (tracer.world, tracer.world.stripe());
    let metadata = holder.public_metadata()?;
    let held = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|id| !id.is_empty()).map(str::to_owned);
    let clerk = &world.config().clerk;
    let (customer, subscription) = (held(&clerk.customer_key), held(&clerk.subscription_key));
    let mut facts = Facts { holder: Some(holder), asked: subscription.clone(), ..known };
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
        let user = facts.holder.as_ref().map(|user| user.id.as_str());
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

/// Adds the subscriptions of the customers with the email address of the user who was asked about.
async fn by_email(tracer: &mut Tracer<'_>, facts: &mut Facts) -> Traced {
    let stripe = tracer.world.stripe();
    let member = match &facts.member {
        Some(id) => tracer.world.clerk().holder(&HolderId::User(id.clone())).await?.map(|seen| seen.value),
        None => None,
    };
    let user = member.as_ref().or(facts.holder.as_ref());
    let addresses = user.map(Holder::email_addresses).transpose()?.unwrap_or_default();
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
    let entitlement = &tracer.world.config().entitlement;
    let (key, kind) = (&entitlement.user_key, entitlement.holder);
    let customer = facts.customer.as_deref().and_then(|id| CustomerId::parse(id).ok());
    let listed = match tracer.world.stripe().newest_purchases(customer.as_ref()).await {
        Ok(listed) => listed,
        Err(why) => {
            tracer.leave_open(Link::Checkout, &why);
            return Ok(None);
        }
    };
    let holder = facts.holder.as_ref().map(|holder| holder.id.as_str());
    let is_theirs =
        |purchase: &Purchase| customer.is_some() || (holder.is_some() && purchase.holder(key, kind) == holder);
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
    find_holder(tracer, facts).await
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
    find_holder(tracer, facts).await
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
    let Entitlement { user_key, holder: kind, .. } = &tracer.world.config().entitlement;
    let named = purchase.holder(user_key, *kind).map(str::to_owned);
    if let Some(id) = named.and_then(|id| HolderId::parse(*kind, &id).ok())
        && let Some(holder) = tracer.world.clerk().holder(&id).await?
    {
        return of_holder(tracer, holder.value, Facts { purchase: Some(purchase), ..facts }).await;
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

/// Finds the user or the organization of a subscription: the one that it or its Checkout Session names, or else the one with the
/// customer's email address.
async fn find_holder(tracer: &mut Tracer<'_>, mut facts: Facts) -> Traced<Facts> {
    let (world, entitlement) = (tracer.world, &tracer.world.config().entitlement);
    let (key, kind) = (&entitlement.user_key, entitlement.holder);
    let named = match facts.subscription(world) {
        Some(subscription) => subscription.metadata.get(key, &subscription.id)?.filter(|id| !id.is_empty()),
        None => None,
    };
    let mut named =
        named.or_else(|| facts.purchase.as_ref().and_then(|purchase| purchase.holder(key, kind))).map(str::to_owned);
    if named.is_none() {
        by_address(tracer, &mut facts).await?;
        add_checkout(tracer, &mut facts).await?;
        named = facts.purchase.as_ref().and_then(|purchase| purchase.holder(key, kind)).map(str::to_owned);
    }
    let Some(named) = named else { return Ok(facts) };
    if facts.holder.as_ref().is_some_and(|holder| holder.id == named) {
        return Ok(facts);
    }
    let holder = match HolderId::parse(kind, &named) {
        Ok(id) => world.clerk().holder(&id).await?,
        Err(_) => None,
    };
    match holder {
        Some(holder) => Ok(Facts { holder: Some(holder.value), ..facts }),
        None => Err(no_such_holder(tracer, &facts, &named)),
    }
}

/// Finds the user with the customer's email address, or that user's only organization.
async fn by_address(tracer: &Tracer<'_>, facts: &mut Facts) -> Traced {
    let (stripe, clerk) = (tracer.world.stripe(), tracer.world.clerk());
    let Some(id) = facts.customer.as_deref().and_then(|id| CustomerId::parse(id).ok()) else { return Ok(()) };
    if let Found::Here(Seen { value: Some(email), .. }) = stripe.customer_email(&id).await?
        && let Ok(Asked::Email(email)) = email.parse()
    {
        let Some(user) = clerk.users_with_email(&email).await?.holders.into_iter().next() else { return Ok(()) };
        if tracer.world.config().entitlement.holder == HolderKind::User {
            facts.holder = Some(user);
        } else if let Some([one]) = clerk.organizations_of(&parsed(&user)?).await?.as_deref() {
            facts.holder = Some(one.clone());
        }
    }
    Ok(())
}

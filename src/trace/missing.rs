//! The end of a path at something that does not exist.

use serde_json::Value;

use super::facts::Facts;
use super::step::{Link, State};
use super::tracer::{Ended, Tracer};
use crate::change::{ClerkMetadata, Fix, StripeResource};
use crate::checks::entitlements::wording;
use crate::world::StripeError;

/// The subscription or session names a user or an organization that Clerk does not have.
pub(super) fn no_such_holder(tracer: &mut Tracer<'_>, facts: &Facts, named: &str) -> Ended {
    let (world, key) = (tracer.world, &tracer.world.config().entitlement.user_key);
    let (kind, why) = (world.config().entitlement.holder, wording::no_such_holder(world, named));
    let Some(subscription) = facts.subscription(world) else {
        let words = format!("The Checkout Session names {named}, {why}.");
        return tracer.broken(
            Link::User,
            words,
            Fix::new(format!("Find out in Clerk who paid, and correct the {} ID that the Worker passes.", kind.word())),
        );
    };
    let id = &subscription.id;
    if let Some(customer) = &facts.customer {
        tracer.see(Link::Customer, State::Ok, None, customer);
    }
    tracer.see(Link::Subscription, State::Ok, Some(subscription.created), format!("{id} is {}", subscription.status));
    let page = world.stripe().dashboard(&format!("subscriptions/{id}"));
    let fix = Fix::new(wording::ghost_fix(world, id, named))
        .suggest(world.stripe().update(StripeResource::Subscription, id, "").set(
            format!("metadata.{key}"),
            named.to_owned(),
            kind.blank_id(),
        ))
        .link(page);
    let words = format!("{id} names {named}, {why}. The customer pays and gets nothing.");
    tracer.broken(Link::User, words, fix)
}

/// The holder's metadata has an ID that Stripe does not know in this mode.
pub(super) fn not_in_stripe(tracer: &mut Tracer<'_>, facts: &Facts, id: &str, error: &StripeError) -> Ended {
    let holder = facts.holder.as_ref().map_or_else(String::new, |holder| holder.id.clone());
    let mode = tracer.world.config().project.mode.word();
    let elsewhere = error.other_mode().map_or_else(
        || format!("does not exist in {mode} mode"),
        |other| format!("exists only in {} mode", other.word()),
    );
    let link = if id.starts_with("sub_") { Link::Subscription } else { Link::Customer };
    let words =
        format!("{holder} has {id} in Clerk, which {elsewhere}. Checkout and the portal fail for this customer.");
    let clerk = &tracer.world.config().clerk;
    let key = if link == Link::Customer { &clerk.customer_key } else { &clerk.subscription_key };
    let change = ClerkMetadata { key: key.clone(), ..tracer.world.plan_of(&holder, id, Value::Null) };
    tracer.broken(link, words, Fix::new(format!("Remove {id} from the public metadata of {holder}.")).then(change))
}

/// Stripe does not know the ID that was asked about.
pub(super) fn missing(tracer: &mut Tracer<'_>, what: &str, id: &str, error: &StripeError) -> Ended {
    if let Some(mode) = error.other_mode() {
        return in_other_mode(tracer, what, id, mode.word());
    }
    let mode = tracer.world.config().project.mode.word();
    Ended::Unknown(format!("Stripe has no {what} {id} in {mode} mode."))
}

/// What was asked about exists, but in the other mode.
pub(super) fn in_other_mode(tracer: &mut Tracer<'_>, what: &str, id: &str, other: &str) -> Ended {
    let mode = tracer.world.config().project.mode.word();
    let link = if what == "Checkout Session" { Link::Checkout } else { Link::Customer };
    let words = format!("{id} is a {other}-mode {what}. Nothing was bought in {mode} mode.");
    let fix = Fix::new(format!(
        "Trace it with --mode {other} and the {other} keys, or ask for the customer's ID in {mode} mode."
    ));
    tracer.broken(link, words, fix)
}

//! Who buys what, as a session says it: the user or the organization, the tier and the customer.

use super::super::fixes;
use super::{NEW_CUSTOMER, NO_TIER, NO_USER, OTHER_KEY, OTHER_TIER, OTHER_USER, finding};
use crate::check::prelude::*;
use crate::config::{Source, Tier, UserFrom};
use crate::world::{CheckoutSession, CustomerId, Seen};

/// What the Worker needs to identify the user, or the organization, in `checkout.session.completed`.
pub(super) fn holder(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let (config, value) = (world.config(), &session.value);
    let key = &config.entitlement.user_key;
    // The tier in the metadata identifies no holder.
    let is_other = |(key, text): (&str, &str)| {
        key != config.entitlement.tier_key && text != tier.name && text != tier.metadata && !text.is_empty()
    };
    let named = value.client_reference_id.text().filter(|id| !id.is_empty());
    if let Some(other) = named.filter(|id| is_another(world, id)) {
        outcome.find(other_holder(world, "client_reference_id", other, session));
    }
    let in_metadata = value.metadata.texts().find(|(known, _)| known == key).map(|(_, id)| id);
    if let Some(other) =
        in_metadata.filter(|id| is_of_clerk(id) && world.canary_id().is_ok_and(|canary| canary.as_str() != *id))
    {
        outcome.find(other_holder(world, &format!("metadata.{key}"), other, session));
    }
    if let Some(other) = other_key(world, value).filter(|_| in_metadata.is_none()) {
        outcome.find(under_other_key(world, other, session));
    }
    let customer = value.customer.value().or_else(|| value.customer_account.value());
    if named.is_some() || customer.is_some() || value.metadata.texts().any(is_other) {
        return Ok(());
    }
    // A missing field is not an empty one.
    value.client_reference_id.nullable(format_args!("client_reference_id of {}", value.id))?;
    value.customer.nullable(format_args!("customer of {}", value.id))?;
    value.metadata.get(key, format_args!("Checkout Session {}", value.id))?;
    let kind = world.config().entitlement.holder;
    let message = format!(
        "Nothing in a Checkout Session identifies the {}: no client_reference_id, no metadata, no customer.",
        kind.word()
    );
    let evidence = session.answer.evidence("client_reference_id, metadata, customer", "all empty");
    let fix = pass_id(world, &format!("Pass the {}'s ID", kind.word()));
    outcome.find(finding(NO_USER, message, &canary_id(kind), evidence, fix));
    Ok(())
}

/// The key under which the session's metadata names the canary, or its organization.
fn other_key<'s>(world: &World, session: &'s CheckoutSession) -> Option<&'s str> {
    let is_canary = |text: &str| world.canary_id().is_ok_and(|canary| canary.as_str() == text);
    let is_by_metadata = world.config().entitlement.user_from == UserFrom::Metadata;
    let mut named = session.metadata.texts().filter(|(_, text)| is_by_metadata && is_canary(text));
    named.next().map(|(key, _)| key)
}

fn under_other_key(world: &World, found: &str, session: &Seen<CheckoutSession>) -> Finding {
    let (key, holder) = (&world.config().entitlement.user_key, world.config().entitlement.holder.word());
    let message = format!(
        "Checkout names the {holder} as {found}, but entitlement.user_key is \"{key}\". preflight, and perhaps your webhook, look there."
    );
    let fix = Fix::new(format!(
        "If your webhook reads {found}, set entitlement.user_key to \"{found}\" in preflight.toml. If it reads {key}, pass that in the metadata of the session and of subscription_data."
    ));
    let evidence = session.answer.evidence(format!("metadata.{found}"), "the canary's ID");
    finding(OTHER_KEY, message, key, evidence, fix)
}

/// Whether a text is the ID of a Clerk user or organization. IDs of your own database are not Clerk's.
fn is_of_clerk(text: &str) -> bool {
    HolderKind::ALL.iter().any(|kind| text.starts_with(kind.prefix()))
}

/// Whether a text is the ID of another Clerk user or organization than the canary and its own. A member may buy for an
/// organization, so both are right.
fn is_another(world: &World, text: &str) -> bool {
    let mut canary = world.config().clerk.canary_ids().peekable();
    is_of_clerk(text) && canary.peek().is_some() && !canary.any(|id| id == text)
}

/// What the field must be, in a sentence.
fn canary_id(kind: HolderKind) -> String {
    format!("the ID of the {}", kind.canary())
}

fn other_holder(world: &World, field: &str, found: &str, session: &Seen<CheckoutSession>) -> Finding {
    let kind = world.config().entitlement.holder;
    let so = if HolderKind::of_id(found) == kind {
        format!("so another {} gets what customers pay for", kind.word())
    } else {
        format!("which is not the ID of {}, so customers do not get what they pay for", kind.one())
    };
    let message = format!("{field} of the canary's Checkout Session is {found}, {so}.");
    let evidence = session.answer.evidence(field, found);
    let fix = pass_id(world, &format!("Pass the ID of the {} in the verified token, not a fixed one,", kind.word()));
    finding(OTHER_USER, message, &canary_id(kind), evidence, fix)
}

/// Where the Worker passes the ID of the user, or of the organization.
fn pass_id(world: &World, pass: &str) -> Fix {
    let (key, id) = (&world.config().entitlement.user_key, world.config().entitlement.holder.usual_key());
    Fix::new(format!("{pass} as client_reference_id, and as {key} in the metadata of the session and of subscription_data."))
        .code(format!(
            "client_reference_id: {id},\nmetadata: {{ {key}: {id} }},\nsubscription_data: {{ metadata: {{ {key}: {id} }} }},"
        ))
        .then(world.deployment())
}

/// The tier in the metadata. It must be there if it is the entitlement source. Otherwise the Worker may still read it in
/// `checkout.session.completed`, which names no product.
pub(super) fn metadata(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let entitlement = &world.config().entitlement;
    let (name, key, is_source) =
        (&tier.name, &entitlement.tier_key, entitlement.source == Source::SubscriptionMetadata);
    let found = if is_source {
        session.value.metadata.get(key, format_args!("Checkout Session {}", session.value.id))?
    } else {
        session.value.metadata.text(key)
    };
    if found == Some(&tier.metadata) || found == Some(name) {
        return Ok(());
    }
    let is_of_another = |text: &str| world.config().tiers.iter().any(|tier| text == tier.metadata || text == tier.name);
    let (code, message) = match found {
        Some(other) if is_of_another(other) => (
            if is_source { OTHER_TIER } else { OTHER_TIER.as_warning() },
            format!(
                "The Checkout Session for tier {name} has \"{other}\" as metadata.{key}, another tier than the one that is paid for."
            ),
        ),
        _ if !is_source => return Ok(()),
        _ => {
            let found = found.map_or_else(|| "no such key".to_owned(), |found| format!("\"{found}\""));
            (
                NO_TIER,
                format!(
                    "The Checkout Session for tier {name} has {found} as metadata.{key}, so the Worker cannot grant the tier."
                ),
            )
        }
    };
    let fix = Fix::new(format!("Pass {key} in the metadata of the session and of subscription_data."))
        .code(format!("metadata: {{ {key}: tier }},\nsubscription_data: {{ metadata: {{ {key}: tier }} }},"))
        .then(world.deployment());
    let evidence = session.answer.evidence(format!("metadata.{key}"), found.unwrap_or("no such key"));
    outcome.find(finding(code, message, &tier.metadata, evidence, fix));
    Ok(())
}

/// The customer who is charged, and the email address that Checkout is opened with.
pub(super) async fn customer(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let value = &session.value;
    let email = value.customer_email.nullable(format_args!("customer_email of {}", value.id))?;
    if let Some(email) = email {
        let addresses = world.canary_ties().await?.user.email_addresses()?;
        if !addresses.iter().any(|address| address.email_address.eq_ignore_ascii_case(email)) {
            let message = format!("Checkout is opened with {email}, which is not an email address of the canary.");
            let evidence = session.answer.evidence("customer_email", email.clone());
            let fix = fixes::deploy(world, "Set customer_email to the address of the user in the verified token.");
            outcome.find(finding(OTHER_USER.as_warning(), message, "the canary's address", evidence, fix));
        }
    }
    let Some(customer) = value.customer.value() else { return Ok(()) };
    let ties = world.canary_ties().await?;
    let is_held = ties.held.iter().any(|held| held.id == *customer);
    if is_held || ties.customers?.iter().any(|known| known.id == *customer) {
        return Ok(());
    }
    let id = CustomerId::parse(customer).map_err(|malformed| malformed.in_answer(&session.answer))?;
    let Some(existing) = world.stripe().customer(&id).await? else { return Ok(()) };
    let holder = existing.metadata.text(&world.config().entitlement.user_key);
    if let Some(holder) = holder.filter(|holder| is_another(world, holder)) {
        let message = format!("The canary's Checkout Session is for customer {customer}, who belongs to {holder}.");
        let evidence = session.answer.evidence("customer", customer.clone());
        let fix = fixes::deploy(
            world,
            format!(
                "Set customer to the one of the {} in the verified token, or leave it out.",
                world.config().entitlement.holder.word()
            ),
        );
        outcome.find(finding(OTHER_USER, message, "the canary's customer, or none", evidence, fix));
    } else if existing.is_new(world)? {
        let message =
            format!("The Worker created customer {customer} for the canary. It stays in your Stripe account.");
        let key = &world.config().clerk.customer_key;
        let fix = Fix::new(format!(
            "Set {key} to {customer} in the public metadata of the {}, so that the Worker uses it again.",
            world.config().entitlement.holder.canary()
        ))
        .link(world.stripe().dashboard(&format!("customers/{customer}")));
        let evidence = session.answer.evidence("customer", customer.clone());
        outcome.find(finding(NEW_CUSTOMER, message, "no new customer", evidence, fix));
    }
    Ok(())
}

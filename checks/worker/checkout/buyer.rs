//! Who buys what, as a session says it: the user, the tier and the customer.

use super::super::fixes;
use super::{NEW_CUSTOMER, NO_TIER, NO_USER, OTHER_TIER, OTHER_USER, finding};
use crate::check::prelude::*;
use crate::config::{Source, Tier};
use crate::world::{CheckoutSession, CustomerId, Seen};

/// What the Worker needs to identify the user in `checkout.session.completed`.
pub(super) fn user(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let (config, value) = (world.config(), &session.value);
    let key = &config.entitlement.user_key;
    // The tier in the metadata identifies no user.
    let is_other = |(key, text): (&str, &str)| {
        key != config.entitlement.tier_key && text != tier.name && text != tier.metadata && !text.is_empty()
    };
    let named = value.client_reference_id.text().filter(|user| !user.is_empty());
    let in_metadata = value.metadata.texts().find(|(known, _)| known == key).map(|(_, user)| user);
    for (field, user) in [("client_reference_id", named), (&format!("metadata.{key}"), in_metadata)] {
        if let Some(user) = user.filter(|user| is_another(world, user)) {
            outcome.find(other_user(world, field, user, session));
        }
    }
    let customer = value.customer.value().or_else(|| value.customer_account.value());
    if named.is_some() || customer.is_some() || value.metadata.texts().any(is_other) {
        return Ok(());
    }
    // A missing field is not an empty one.
    value.client_reference_id.nullable(format_args!("client_reference_id of {}", value.id))?;
    value.customer.nullable(format_args!("customer of {}", value.id))?;
    value.metadata.get(key, format_args!("Checkout Session {}", value.id))?;
    let message =
        "Nothing in a Checkout Session identifies the user: no client_reference_id, no metadata, no customer.";
    let evidence = session.answer.evidence("client_reference_id, metadata, customer", "all empty");
    let fix = pass_user(world, "Pass the user's ID");
    outcome.find(finding(NO_USER, message.to_owned(), "the canary's ID", evidence, fix));
    Ok(())
}

/// Whether a text is the ID of a Clerk user, and not the canary's. IDs of your own database are not Clerk's.
fn is_another(world: &World, text: &str) -> bool {
    text.starts_with("user_") && world.canary_id().is_ok_and(|canary| canary != text)
}

fn other_user(world: &World, field: &str, user: &str, session: &Seen<CheckoutSession>) -> Finding {
    let message =
        format!("{field} of the canary's Checkout Session is {user}, so another user gets what customers pay for.");
    let evidence = session.answer.evidence(field, user);
    let fix = pass_user(world, "Pass the ID of the user in the verified token, not a fixed one,");
    finding(OTHER_USER, message, "the canary's ID", evidence, fix)
}

/// Where the Worker passes the user's ID.
fn pass_user(world: &World, pass: &str) -> Fix {
    let key = &world.config().entitlement.user_key;
    Fix::new(format!("{pass} as client_reference_id, and as {key} in the metadata of the session and of subscription_data."))
        .code(format!(
            "client_reference_id: userId,\nmetadata: {{ {key}: userId }},\nsubscription_data: {{ metadata: {{ {key}: userId }} }},"
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
    let user = existing.metadata.text(&world.config().entitlement.user_key);
    if let Some(user) = user.filter(|user| is_another(world, user)) {
        let message = format!("The canary's Checkout Session is for customer {customer}, who belongs to {user}.");
        let evidence = session.answer.evidence("customer", customer.clone());
        let fix = fixes::deploy(world, "Set customer to the one of the user in the verified token, or leave it out.");
        outcome.find(finding(OTHER_USER, message, "the canary's customer, or none", evidence, fix));
    } else if existing.is_new(world)? {
        let message =
            format!("The Worker created customer {customer} for the canary. It stays in your Stripe account.");
        let key = &world.config().clerk.customer_key;
        let fix = Fix::new(format!(
            "Set {key} to {customer} in the canary's public metadata, so that the Worker uses it again."
        ))
        .link(world.stripe().dashboard(&format!("customers/{customer}")));
        let evidence = session.answer.evidence("customer", customer.clone());
        outcome.find(finding(NEW_CUSTOMER, message, "no new customer", evidence, fix));
    }
    Ok(())
}

//! One Checkout Session, judged part by part.

use super::super::super::return_address::astray;
use super::super::fixes;
use super::{
    DELAYED, MISPLACED, PRICE, RETURN_URL, blame_price_variable, buyer, charges, finding, of_tier, price_ids,
    put_price, seller,
};
use crate::check::prelude::*;
use crate::config::{CheckoutRoute, Source, Tier};
use crate::world::{Answer, CheckoutSession, Price, Seen};

/// Judges a session that the Worker created for `tier`.
pub(super) async fn judge(
    world: &World,
    tier: &Tier,
    session: &Seen<CheckoutSession>,
    outcome: &mut Outcome,
) -> Answered {
    let of_tier = |why| of_tier(tier, why);
    let price = price(world, tier, session, outcome).await;
    outcome.ask(price.map_err(of_tier));
    if reads_sessions(world) {
        let (holder, plan) =
            (buyer::holder(world, tier, session, outcome), buyer::metadata(world, tier, session, outcome));
        outcome.ask(holder.map_err(of_tier));
        outcome.ask(plan.map_err(of_tier));
    }
    let discount = charges::discount(world, session, outcome);
    outcome.ask(discount.map_err(of_tier));
    let urls = return_urls(world, session, outcome);
    outcome.ask(urls.map_err(of_tier));
    let seller = seller::judge(world, session, outcome).await;
    outcome.ask(seller.map_err(of_tier));
    let delayed = delayed(world, session, outcome).await;
    outcome.ask(delayed.map_err(of_tier));
    buyer::customer(world, session, outcome).await
}

/// The finding for an answer in which the frontend does not find the session.
pub(super) fn misplaced(world: &World, answer: &Answer) -> Finding {
    let route = world.config().worker.checkout.as_ref();
    let pointer = route.and_then(|route| route.session.as_deref()).unwrap_or_default();
    let message =
        format!("The Worker's answer has no Checkout Session at {pointer}, so the frontend cannot open Checkout.");
    let summary =
        format!("Return the session at {pointer}, or correct `session` of worker.checkout in the configuration.");
    let evidence = answer.evidence(pointer, answer.excerpt());
    finding(MISPLACED, message, &format!("the session at {pointer}"), evidence, fixes::deploy(world, &summary))
}

/// Payment methods that confirm or fail days after the customer left (docs/providers.md, "Stripe API objects").
const DELAYED_METHODS: [&str; 9] = [
    "acss_debit",
    "au_becs_debit",
    "bacs_debit",
    "boleto",
    "konbini",
    "multibanco",
    "oxxo",
    "sepa_debit",
    "us_bank_account",
];

/// Stripe's events about the end of a delayed payment.
const DELAYED_EVENTS: [&str; 2] = ["checkout.session.async_payment_succeeded", "checkout.session.async_payment_failed"];

async fn delayed(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let methods = session.value.payment_methods()?;
    let methods: Vec<&str> = methods.iter().map(String::as_str).filter(|name| DELAYED_METHODS.contains(name)).collect();
    if methods.is_empty() {
        return Ok(());
    }
    let endpoint = world.webhook().endpoint().await?.value;
    let mut missing = Vec::new();
    for event in DELAYED_EVENTS {
        if !endpoint.selects(event)? {
            missing.push(event);
        }
    }
    if !missing.is_empty() {
        let (methods, missing) = (methods.join(", "), missing.join(" and "));
        let message =
            format!("Checkout offers {methods}, paid days later, but {} does not select {missing}.", endpoint.id);
        let fix = Fix::new(format!(
            "Handle {missing} in the Worker, and select them on {}. Or offer only payment methods that confirm at once.",
            endpoint.id
        ))
        .link(world.stripe().dashboard("settings/payment_methods"));
        let evidence = session.answer.evidence("payment_method_types", methods);
        outcome.find(finding(DELAYED, message, &DELAYED_EVENTS.join(", "), evidence, fix));
    }
    Ok(())
}

/// Whether the price is in the request. Then nothing shows which one the frontend sends.
fn is_sent_the_price(world: &World) -> bool {
    world.config().worker.checkout.as_ref().is_some_and(CheckoutRoute::names_the_price)
}

async fn price(world: &World, tier: &Tier, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let id = &session.value.id;
    let items = session.value.line_items.known(format_args!("line_items of {id}"))?;
    let items = items.data.known(format_args!("line_items.data of {id}"))?;
    let all = offers(world);
    for (place, item) in items.iter().enumerate() {
        let price = item.price.known(format_args!("line_items.data.price of {id}"))?;
        for offer in all.iter().filter(|offer| offer.tier.name == tier.name) {
            let known = world.stripe().own_price(offer).await?.value;
            if !is_same(price, &known, offer)? {
                continue;
            }
            let quantity = item.quantity.nullable(format_args!("line_items.data.quantity of {id}"))?;
            match quantity.filter(|quantity| **quantity != 1) {
                None => {
                    let sent = if is_sent_the_price(world) { ", the price ID that preflight sent" } else { "" };
                    outcome.pass(format!(
                        "tier {} checks out at {}{sent} ({id}{})",
                        tier.name,
                        price.id,
                        unread(world)
                    ));
                }
                Some(quantity) => {
                    let message = format!(
                        "Checkout for tier {} has a quantity of {quantity}, so customers pay another price.",
                        tier.name
                    );
                    let evidence = session.answer.evidence("line_items.data.quantity", quantity.to_string());
                    outcome.find(finding(
                        PRICE,
                        message,
                        "a quantity of 1",
                        evidence,
                        fixes::deploy(world, "Set quantity to 1."),
                    ));
                }
            }
            return charges::extra_items(world, session, items, place, outcome);
        }
    }
    let prices = || items.iter().filter_map(|item| item.price.value());
    let found: &Price = prices()
        .find(|price| price.recurring.value().is_some())
        .or_else(|| prices().next())
        .ok_or_else(|| NoAnswer::Unknown(format!("Stripe lists no item of {id}")))?;
    blame_price_variable(world, tier).await?;
    let theirs = all.iter().find(|offer| offer.id() == found.id);
    let whose = theirs.map_or_else(String::new, |offer| format!(", the price of tier {}", offer.tier.name));
    let seen = format!("{} ({})", found.id, found.terms());
    let message = format!("The Worker charges {seen}{whose} for tier {}.", tier.name);
    let evidence = session.answer.evidence("line_items.data.price", seen);
    outcome.find(finding(PRICE, message, &price_ids(tier), evidence, put_price(world, tier)));
    Ok(())
}

/// Whether a price is the tier's, or an inline price of the same product on the same terms.
fn is_same(price: &Price, known: &Price, offer: &Offer<'_>) -> Answered<bool> {
    if price.id == known.id {
        return Ok(true);
    }
    let product =
        |price: &Price| price.product.known(format_args!("product of {}", price.id)).map(|one| one.id().to_owned());
    Ok(product(price)? == product(known)? && price.matches(offer)?)
}

fn return_urls(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let value = &session.value;
    let mut wrong: Vec<(Code, String, Vec<&str>, Vec<&str>)> = Vec::new();
    for (field, url) in value.addresses() {
        let Some(url) = url.value() else { continue };
        let Some(astray) = astray(world, url) else { continue };
        let code = if astray.may_be_intended { RETURN_URL.as_warning() } else { RETURN_URL };
        let leads_to = astray.to;
        // One cause that shows in both URLs is one finding.
        match wrong.iter_mut().find(|(other, same, ..)| *other == code && *same == leads_to) {
            Some((_, _, fields, urls)) => {
                fields.push(field);
                urls.push(url);
            }
            None => wrong.push((code, leads_to, vec![field], vec![url])),
        }
    }
    let frontend = world.config().frontend.as_ref().map_or("the production frontend", |one| one.url.as_str());
    for (code, leads_to, fields, urls) in wrong {
        let fields = fields.join(" and ");
        let send = if fields.contains(" and ") { "send" } else { "sends" };
        let message = format!("{fields} of the Worker's Checkout Sessions {send} customers to {leads_to}.");
        let fix = fixes::deploy(world, format!("Set {fields} to {}/….", frontend.trim_end_matches('/')));
        let evidence = session.answer.evidence(fields, urls.join(", "));
        outcome.find(finding(code, message, frontend, evidence, fix));
    }
    let name = |field: &str| format!("{field} of {}", value.id);
    if value.return_url.value().is_none() {
        value.success_url.known(name("success_url"))?;
        value.cancel_url.nullable(name("cancel_url"))?;
    }
    Ok(())
}

/// Whether the Worker handles the event that carries a session. If not, it reads the metadata of the subscription, which
/// does not exist before the customer pays.
fn reads_sessions(world: &World) -> bool {
    world.config().webhook.events.iter().any(|event| event == "checkout.session.completed")
}

/// What could not be read back, for the end of a sentence.
fn unread(world: &World) -> String {
    let from_subscription = world.config().entitlement.source == Source::SubscriptionMetadata;
    match (reads_sessions(world), from_subscription) {
        (false, _) => {
            let holder = world.config().entitlement.holder.word();
            format!("; {holder} and tier, which only subscription_data can carry here, could not be read back")
        }
        (true, true) => "; what subscription_data carries could not be read back".to_owned(),
        (true, false) => String::new(),
    }
}

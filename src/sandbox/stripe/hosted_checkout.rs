//! The page of a Checkout Session, and what happens when a customer completes it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use url::Url;

use super::billing::Terms;
use super::discounts::{Redemption, amount_off};
use super::error::StripeError;
use super::hosted_page::{Page, needs_card};
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::payment_methods::{pays, token_of};
use super::state::Stripe;
use super::subscription_data::SubscriptionData;
use super::transaction::Transaction;

/// Sets a session's amounts for its items and this discount.
pub(super) fn set_amounts(session: &mut Value, redemption: Option<&Redemption>, has_trial: bool) {
    let items = session["line_items"]["data"].as_array().cloned().unwrap_or_default();
    let amounts: Vec<(i64, &str)> = items
        .iter()
        .map(|item| {
            let amount = item["amount_subtotal"].as_i64().filter(|_| !has_trial).unwrap_or_default();
            (amount, item["price"]["product"].as_str().unwrap_or_default())
        })
        .collect();
    let subtotal: i64 = amounts.iter().map(|(amount, _)| amount).sum();
    let off = redemption.map_or(0, |redemption| amount_off(&redemption.coupon, &amounts, &session["currency"]));
    session["amount_subtotal"] = subtotal.into();
    session["amount_total"] = (subtotal - off).into();
    session["total_details"]["amount_discount"] = off.into();
    if let Some(redemption) = redemption {
        session["discounts"] = json!([redemption.shown()]);
    }
}

/// The pages of Checkout Sessions: at the path of their URLs.
pub(super) fn pages(stripe: &Arc<Stripe>) -> Router {
    Router::new().route("/c/pay/{id}", get(show).post(submit)).with_state(Arc::clone(stripe))
}

async fn show(State(stripe): State<Arc<Stripe>>, Path(id): Path<String>) -> Response {
    page(&stripe, &id, None)
}

fn page(stripe: &Stripe, id: &str, problem: Option<&str>) -> Response {
    let owner = stripe.store().owner(ObjectKind::CheckoutSession, id);
    let Some(caller) = owner else { return (StatusCode::NOT_FOUND, "There is no such page.").into_response() };
    let merchant = stripe.accounts.get(&caller.account).map(|account| account["business_profile"]["name"].clone());
    let store = stripe.store();
    let found = store.find(ObjectKind::CheckoutSession, id, &caller).map(|found| found.body.clone());
    let Ok(session) = found else { return StatusCode::NOT_FOUND.into_response() };
    let product = session["line_items"]["data"][0]["price"]["product"].as_str().unwrap_or_default();
    let product = store.find(ObjectKind::Product, product, &caller).map(|found| found.body["name"].clone());
    let page = Page {
        session: &session,
        merchant: merchant.as_ref().and_then(Value::as_str).unwrap_or_default(),
        product: product.as_ref().ok().and_then(Value::as_str).unwrap_or_default(),
        problem,
    };
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    (status, Html(page.html())).into_response()
}

async fn submit(
    State(stripe): State<Arc<Stripe>>,
    Path(id): Path<String>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let done = if form.contains_key("apply") {
        apply(&stripe, &id, &form).map(|()| format!("/c/pay/{id}"))
    } else {
        complete(&stripe, &id, &form)
    };
    match done {
        Ok(location) => Redirect::to(&location).into_response(),
        Err(error) => page(&stripe, &id, Some(error.message())),
    }
}

/// What a customer wrote into a field.
fn entered<'a>(form: &'a HashMap<String, String>, name: &str) -> Option<&'a str> {
    form.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// An open session of whatever account and mode.
fn with_open_session<T>(
    stripe: &Stripe,
    id: &str,
    change: impl FnOnce(&mut Transaction, Value) -> Result<T, StripeError>,
) -> Result<T, StripeError> {
    let owner = stripe.store().owner(ObjectKind::CheckoutSession, id);
    let caller = owner.ok_or_else(|| StripeError::missing("checkout.session", id, None))?;
    // No request of the API makes what a customer does.
    let mut transaction = stripe.begin(&caller, json!({ "id": null, "idempotency_key": null }));
    let session = transaction.named(ObjectKind::CheckoutSession, id, "id")?;
    if session["status"] != "open" {
        return Err(StripeError::bad("This page is no longer open."));
    }
    change(&mut transaction, session)
}

/// Applies a promotion code to the session.
fn apply(stripe: &Stripe, id: &str, form: &HashMap<String, String>) -> Result<(), StripeError> {
    with_open_session(stripe, id, |transaction, mut session| {
        let Some(code) = entered(form, "promotion_code") else { return Ok(()) };
        let redemption = promotion(transaction, &session, code)?;
        set_amounts(&mut session, Some(&redemption), has_trial(stripe, id));
        transaction.put(ObjectKind::CheckoutSession, &session)
    })
}

fn has_trial(stripe: &Stripe, id: &str) -> bool {
    stripe.subscription_data().get(id).is_some_and(SubscriptionData::has_trial)
}

/// The discount of a promotion code that a customer entered.
fn promotion(transaction: &Transaction, session: &Value, entered: &str) -> Result<Redemption, StripeError> {
    if session["allow_promotion_codes"] != true {
        return Err(StripeError::bad("This page does not take promotion codes."));
    }
    let is_it = |code: &Value| code["code"].as_str().is_some_and(|code| code.eq_ignore_ascii_case(entered));
    let mut codes = transaction.all(ObjectKind::PromotionCode, is_it);
    codes.sort_by_key(|code| code["active"] == true);
    let code = codes.pop().ok_or_else(|| StripeError::bad("This code is invalid."))?;
    transaction.of_code(code, session["customer"].as_str(), "promotion_code")
}

/// A customer completes a session's page.
pub(in crate::sandbox) fn complete_page(stripe: &Stripe, url: &Url, fields: &[(&str, &str)]) -> Result<(), String> {
    let id = url.path().strip_prefix("/c/pay/").ok_or_else(|| format!("{url} is not the page of a session"))?;
    let form = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    complete(stripe, id, &form).map(drop).map_err(|error| error.message().to_owned())
}

/// Completes the session. Returns where the customer goes next.
fn complete(stripe: &Stripe, id: &str, form: &HashMap<String, String>) -> Result<String, StripeError> {
    with_open_session(stripe, id, |transaction, mut session| {
        if session["mode"] != "subscription" {
            return Err(StripeError::bad("The sandbox completes only sessions whose mode is `subscription`."));
        }
        let data = stripe.subscription_data().get(id).cloned().unwrap_or_default();
        if let Some(code) = entered(form, "promotion_code") {
            let redemption = promotion(transaction, &session, code)?;
            set_amounts(&mut session, Some(&redemption), data.has_trial());
        }
        let redemption = applied(transaction, &session)?;
        let email = session["customer_email"].as_str().or_else(|| entered(form, "email")).map(str::to_owned);
        if session["customer"].is_null() && email.is_none() {
            return Err(StripeError::bad("Enter an email address."));
        }
        let card = if needs_card(&session) { Some(card(transaction, &session, form)?) } else { None };
        let customer = match session["customer"].as_str() {
            Some(customer) => transaction.customer(customer, "customer")?,
            None => new_customer(transaction, email.as_deref())?,
        };
        let customer_id = customer["id"].as_str().unwrap_or_default();
        let method = card.map(|card| transaction.payment_method(card, customer_id)).transpose()?;
        if let Some(method) = &method {
            transaction.attach(method)?;
        }
        let subscription = transaction.subscribe(&Terms {
            customer: customer_id,
            items: items(&session),
            redemption: redemption.as_ref(),
            parameters: &data.0,
            payment_method: method.as_ref().and_then(|method| method["id"].as_str()),
            payment_behavior: "error_if_incomplete",
        })?;
        finish(transaction, session, &customer, &subscription)
    })
}

/// The prices of a session, with their quantities.
fn items(session: &Value) -> Vec<(Value, i64)> {
    let items = session["line_items"]["data"].as_array().into_iter().flatten();
    items.map(|item| (item["price"].clone(), item["quantity"].as_i64().unwrap_or(1))).collect()
}

/// The discount that the session has, if the customer may still redeem it.
fn applied(transaction: &Transaction, session: &Value) -> Result<Option<Redemption>, StripeError> {
    let shown = |name: &str| Some((name.to_owned(), session["discounts"][0][name].as_str()?));
    let pairs = ["coupon", "promotion_code"].into_iter().filter_map(shown);
    let pairs = pairs.map(|(name, id)| (format!("discounts[0][{name}]"), id));
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    transaction.wanted_discount(&Parameters::read(form.as_bytes()), session["customer"].as_str())
}

/// The test card that the customer entered, if it can be charged what is due.
fn card(
    transaction: &Transaction,
    session: &Value,
    form: &HashMap<String, String>,
) -> Result<&'static str, StripeError> {
    let number: String = entered(form, "card").unwrap_or_default().split_whitespace().collect();
    if number.is_empty() {
        return Err(StripeError::bad("Enter a card number."));
    }
    let Some(token) = token_of(&number) else { return Err(StripeError::card_declined()) };
    if transaction.caller.livemode {
        return Err(StripeError::bad(
            "Your card was declined. Your request was in live mode, but used a known test card.",
        ));
    }
    let method = transaction.payment_method(token, "")?;
    if session["amount_total"] != 0 && !pays(&method) {
        return Err(StripeError::card_declined());
    }
    Ok(token)
}

fn new_customer(transaction: &mut Transaction, email: Option<&str>) -> Result<Value, StripeError> {
    let id = format!("cus_QpanSandbox{:04}", transaction.stripe.next_serial());
    let customer = transaction.new_object(ObjectKind::Customer, &json!({ "id": id, "email": email }))?;
    transaction.keep(ObjectKind::Customer, &customer, Some("customer.created"))?;
    Ok(customer)
}

fn finish(
    transaction: &mut Transaction,
    mut session: Value,
    customer: &Value,
    subscription: &Value,
) -> Result<String, StripeError> {
    let details = json!({ "email": customer["email"], "name": customer["name"] });
    let is_free = session["amount_total"] == 0;
    session["customer"] = customer["id"].clone();
    session["customer_details"] =
        transaction.stripe.recorded.complete("checkout.session.customer_details", &details)?;
    session["invoice"] = subscription["latest_invoice"].clone();
    session["payment_status"] = if is_free { "no_payment_required" } else { "paid" }.into();
    session["status"] = "complete".into();
    session["subscription"] = subscription["id"].clone();
    session["url"] = Value::Null;
    transaction.put(ObjectKind::CheckoutSession, &session)?;
    transaction.stripe.effects.record("stripe.checkout_session.completed");
    transaction.emit("checkout.session.completed", &session, None)?;
    let id = session["id"].as_str().unwrap_or_default();
    Ok(session["success_url"].as_str().unwrap_or("/").replace("{CHECKOUT_SESSION_ID}", id))
}

#[cfg(test)]
mod tests;

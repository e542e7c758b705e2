//! What a verified event does: writes the tier of a subscription to its user, or to its organization.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::Worker;
use super::settings::{Defect, Entitlement};
use crate::holder::HolderKind;

/// Why an event was not handled.
pub(super) struct WebhookError {
    pub(super) status: StatusCode,
    pub(super) text: String,
}

impl WebhookError {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

const HANDLED: [&str; 4] = [
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
];

/// Handles an event by its type.
pub(super) async fn apply(worker: &Worker, event: &Value) -> Result<(), WebhookError> {
    let (kind, object) = (event["type"].as_str().unwrap_or_default(), &event["data"]["object"]);
    let has = |defect| worker.settings.has(defect);
    if !HANDLED.contains(&kind) {
        if has(Defect::RefusesUnhandled) {
            return Err(WebhookError::new(StatusCode::BAD_REQUEST, format!("Unhandled event type: {kind}")));
        }
        return Ok(());
    }
    let is_of_other_mode = event["livemode"].as_bool().is_some_and(|livemode| livemode != worker.is_live());
    if has(Defect::SwallowsEvents) || (is_of_other_mode && !has(Defect::AcceptsTestEvents)) {
        return Ok(());
    }
    if kind == "checkout.session.completed" {
        return checkout_completed(worker, object).await;
    }
    let created = event["created"].as_i64().unwrap_or_default();
    let id = object["id"].as_str().unwrap_or_default();
    if !worker.is_latest(id, created) && !has(Defect::OlderEventWins) {
        return Ok(());
    }
    let user = text(&object["metadata"][&worker.settings.keys.user]).ok_or_else(no_user)?;
    if kind == "customer.subscription.deleted" {
        return if has(Defect::IgnoresDeleted) { Ok(()) } else { end(worker, user, id, false).await };
    }
    let is_ending = object["cancel_at_period_end"] == true && has(Defect::EndsEarly);
    let is_granted = match object["status"].as_str().unwrap_or_default() {
        "active" if event["data"]["previous_attributes"]["status"] == "past_due" => !has(Defect::IgnoresRecovery),
        "active" | "trialing" => !is_ending,
        "past_due" => has(Defect::KeepsTierPastDue),
        "unpaid" => has(Defect::KeepsTierUnpaid),
        "incomplete" => has(Defect::GrantsIncomplete),
        "incomplete_expired" => has(Defect::GrantsIncompleteExpired),
        _ => false,
    };
    if is_granted || has(Defect::IgnoresStatus) {
        grant(worker, user, object, &object["id"]).await
    } else {
        let is_unpaid = object["status"].as_str().is_some_and(|status| status.starts_with("incomplete"));
        end(worker, user, id, is_unpaid && has(Defect::UnpaidTakesActive)).await
    }
}

async fn checkout_completed(worker: &Worker, session: &Value) -> Result<(), WebhookError> {
    let named = text(&session["metadata"][&worker.settings.keys.user]);
    let reference = || text(&session["client_reference_id"]);
    let user = if worker.settings.organizations { named } else { reference().or(named) };
    let subscription =
        if worker.settings.has(Defect::ErasesSubscription) { &Value::Null } else { &session["subscription"] };
    grant(worker, user.ok_or_else(no_user)?, session, subscription).await
}

/// Writes the tier that was bought and Stripe's IDs to the holder.
async fn grant(worker: &Worker, holder: &str, object: &Value, subscription: &Value) -> Result<(), WebhookError> {
    let missing = || WebhookError::new(StatusCode::BAD_REQUEST, "Missing tier metadata");
    let tier = tier(worker, object).await.ok_or_else(missing)?;
    if worker.settings.has(Defect::IgnoresReturning) {
        let found = worker.clerk("GET", &holder_path(holder), None).await.map_err(failed)?;
        let had = text(&found["public_metadata"][&worker.settings.keys.subscription]);
        if had.is_some_and(|had| *subscription != had) {
            return Ok(());
        }
    }
    let tier = if worker.settings.has(Defect::FreesAtCheckout) && object["object"] == "checkout.session" {
        "free".to_owned()
    } else {
        tier
    };
    let keys = &worker.settings.keys;
    let customer = if worker.settings.has(Defect::ForgetsCustomers) { &Value::Null } else { &object["customer"] };
    let metadata = json!({ &keys.plan: tier, &keys.customer: customer, &keys.subscription: subscription });
    write(worker, holder, &metadata).await
}

/// Takes the tier, if the holder's current subscription is the one that grants none anymore.
async fn end(worker: &Worker, holder: &str, subscription: &str, is_current: bool) -> Result<(), WebhookError> {
    let found = worker.clerk("GET", &holder_path(holder), None).await.map_err(failed)?;
    let current = text(&found["public_metadata"][&worker.settings.keys.subscription]);
    if !is_current
        && current.is_some_and(|current| current != subscription)
        && !worker.settings.has(Defect::OldDeletedFrees)
    {
        return Ok(());
    }
    write(worker, holder, &json!({ &worker.settings.keys.plan: "free" })).await
}

/// The path of a user or an organization in Clerk's API.
pub(super) fn holder_path(id: &str) -> String {
    format!("/v1/{}/{id}", HolderKind::of_id(id).plural())
}

/// The tier that was bought.
async fn tier(worker: &Worker, object: &Value) -> Option<String> {
    let of_event = || text(&object["metadata"][&worker.settings.keys.tier]).map(str::to_owned);
    let tier = match worker.settings.entitlement {
        Entitlement::SubscriptionMetadata => of_event(),
        Entitlement::PriceMetadata => text(&object["items"]["data"][0]["price"]["metadata"]["plan"]).map(str::to_owned),
        Entitlement::PriceId => {
            let bought = text(&object["items"]["data"][0]["price"]["id"]);
            let mut tiers = worker.settings.tiers.iter();
            let of_price = tiers.find(|(_, tier)| tier.price_id.as_deref().map(|name| worker.binding(name)) == bought);
            of_price.filter(|_| bought.is_some()).map(|(name, _)| name.clone()).or_else(of_event)
        }
        Entitlement::ProductMetadata => {
            let product = product(worker, object).await;
            product.and_then(|product| text(&product["metadata"]["plan"]).map(str::to_owned)).or_else(of_event)
        }
    }?;
    Some(match tier.as_str() {
        "pro" if worker.settings.has(Defect::MixesUpTiers) => "enterprise".to_owned(),
        "enterprise" if worker.settings.has(Defect::MixesUpTiers) => "pro".to_owned(),
        _ => tier,
    })
}

/// The product that was bought. An event contains only its ID.
async fn product(worker: &Worker, object: &Value) -> Option<Value> {
    let id = text(&object["items"]["data"][0]["price"]["product"]);
    let bought = match (id, text(&object["subscription"])) {
        (Some(id), _) => id.to_owned(),
        (None, Some(subscription)) => {
            let subscription = worker.stripe("GET", &format!("/v1/subscriptions/{subscription}"), &[]).await.ok()?;
            text(&subscription["items"]["data"][0]["price"]["product"])?.to_owned()
        }
        (None, None) => return None,
    };
    worker.stripe("GET", &format!("/v1/products/{bought}"), &[]).await.ok()
}

/// Merges into the holder's public metadata.
async fn write(worker: &Worker, holder: &str, metadata: &Value) -> Result<(), WebhookError> {
    let body = json!({ "public_metadata": metadata });
    let method = if worker.settings.has(Defect::ReplacesMetadata) { "PUT" } else { "PATCH" };
    worker.clerk(method, &format!("{}/metadata", holder_path(holder)), Some(&body)).await.map(drop).map_err(failed)
}

fn failed<E>(_: E) -> WebhookError {
    WebhookError::new(StatusCode::INTERNAL_SERVER_ERROR, "Failed to update user metadata")
}

fn no_user() -> WebhookError {
    WebhookError::new(StatusCode::BAD_REQUEST, "No userId")
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

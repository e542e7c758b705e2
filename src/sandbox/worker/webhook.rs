//! `POST /webhook/stripe`: verifies events, handles each one once, and writes the tier to Clerk.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::reserialize::reserialized;
use super::settings::{CannedResponse, Defect, Entitlement, SignedWith};
use super::signature::{TOLERANCE, is_well_formed, verify};
use super::{Worker, answer};

/// The library's error when its synchronous function is called in a Worker.
const SYNCHRONOUS: &str = "SubtleCryptoProvider cannot be used in a synchronous context.\nUse `await \
                           constructEventAsync(...)` canned_response of `constructEvent(...)`";

/// Why an event was not handled.
struct WebhookError {
    status: StatusCode,
    text: String,
}

impl WebhookError {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }
}

/// Handles one delivery.
pub(super) async fn receive(worker: &Worker, headers: &HeaderMap, body: &Bytes) -> Response {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let verified = verify_event(worker, signature, body);
    let signed = match &verified {
        _ if signature.is_empty() => SignedWith::Nothing,
        Ok(()) => SignedWith::Secret,
        Err(_) => SignedWith::AnythingElse,
    };
    if let Some(canned) = worker.settings.webhook_answers.get(&signed) {
        return canned_response(worker, canned);
    }
    let handled = match verified {
        Ok(()) => handle(worker, body).await,
        Err(error) => Err(error),
    };
    let (status, text) = match handled {
        Ok(text) => (StatusCode::OK, text.to_owned()),
        Err(error) => (error.status, error.text),
    };
    answer(status, &worker.settings.webhook_content_type, text)
}

/// The response in place of the handler's.
fn canned_response(worker: &Worker, canned: &CannedResponse) -> Response {
    let status = StatusCode::from_u16(canned.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = answer(status, &worker.settings.content_type, canned.text.clone());
    if let Some(location) = canned.location.as_deref().and_then(|location| HeaderValue::from_str(location).ok()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

async fn handle(worker: &Worker, body: &[u8]) -> Result<&'static str, WebhookError> {
    delay(worker).await;
    let event: Value = serde_json::from_slice(body).map_err(|error| {
        WebhookError::new(StatusCode::BAD_REQUEST, format!("Webhook Error: Unexpected token, {error}"))
    })?;
    let id = event["id"].as_str().unwrap_or_default();
    if worker.was_handled(id) {
        if worker.settings.has(Defect::NotIdempotent) {
            return Err(WebhookError::new(StatusCode::INTERNAL_SERVER_ERROR, "UNIQUE constraint failed: events.id"));
        }
        return Ok(r#"{"received":true,"idempotent":true}"#);
    }
    dispatch(worker, &event).await?;
    worker.remember(id);
    Ok(r#"{"received":true}"#)
}

/// Rejects events that Stripe did not sign.
fn verify_event(worker: &Worker, header: &str, body: &[u8]) -> Result<(), WebhookError> {
    let defects = &worker.settings;
    if header.is_empty() {
        if defects.has(Defect::AcceptsUnsigned) {
            return Ok(());
        }
        return Err(WebhookError::new(StatusCode::BAD_REQUEST, json!({ "error": "No signature" }).to_string()));
    }
    let current = worker.binding("STRIPE_WEBHOOK_SECRET");
    if current.is_empty() {
        let text = json!({ "error": "Webhook secret not configured" }).to_string();
        return Err(WebhookError::new(StatusCode::INTERNAL_SERVER_ERROR, text));
    }
    let secrets: Vec<&str> =
        [Some(current), defects.previous_webhook_secret.as_deref()].into_iter().flatten().collect();
    let first;
    let header = if defects.has(Defect::ReadsFirstSignature) {
        first = with_first_signature(header);
        &first
    } else {
        header
    };
    let now = get_current_timestamp();
    let tolerance = (!defects.has(Defect::AcceptsStale)).then_some(TOLERANCE);
    let verified = if defects.has(Defect::SynchronousCrypto) {
        Err(SYNCHRONOUS)
    } else if defects.has(Defect::AcceptsWrongSignature) {
        is_well_formed(header, now)
    } else if defects.has(Defect::ReSerialises) {
        verify(reserialized(body).as_bytes(), header, &secrets, now, tolerance)
    } else if defects.has(Defect::AcceptsTampered) && worker.was_verified(header) {
        Ok(())
    } else {
        verify(body, header, &secrets, now, tolerance)
    };
    match verified {
        Ok(()) => {
            worker.remember_signature(header);
            Ok(())
        }
        Err(reason) => {
            let status = if defects.has(Defect::SwallowsBadSignatures) {
                StatusCode::OK
            } else if defects.has(Defect::ThrowsOnBadSignature) {
                StatusCode::INTERNAL_SERVER_ERROR
            } else {
                StatusCode::BAD_REQUEST
            };
            Err(WebhookError::new(status, format!("Webhook Error: {reason}")))
        }
    }
}

/// The header with only its first signature.
fn with_first_signature(header: &str) -> String {
    let mut signatures = 0;
    let parts = header.split(',').filter(|part| {
        signatures += usize::from(part.starts_with("v1="));
        !part.starts_with("v1=") || signatures == 1
    });
    parts.collect::<Vec<_>>().join(",")
}

async fn delay(worker: &Worker) {
    if worker.settings.has(Defect::Slow) {
        tokio::time::sleep(std::time::Duration::from_millis(worker.settings.delay_ms)).await;
    }
    if worker.settings.has(Defect::Hangs) {
        std::future::pending::<()>().await;
    }
}

/// Handles the event by its type.
async fn dispatch(worker: &Worker, event: &Value) -> Result<(), WebhookError> {
    let object = &event["data"]["object"];
    match event["type"].as_str().unwrap_or_default() {
        "checkout.session.completed" => {
            let user = text(&object["client_reference_id"]).or_else(|| text(&object["metadata"]["userId"]));
            grant(worker, user, object, &object["customer"], &object["subscription"]).await
        }
        "customer.subscription.created" | "customer.subscription.updated" => {
            let user = text(&object["metadata"]["userId"]);
            grant(worker, user, object, &object["customer"], &object["id"]).await
        }
        "customer.subscription.deleted" => {
            let user = text(&object["metadata"]["userId"]).ok_or_else(no_user)?;
            write(worker, user, &json!({ "plan": "free" })).await
        }
        other if worker.settings.has(Defect::RefusesUnhandled) => {
            Err(WebhookError::new(StatusCode::BAD_REQUEST, format!("Unhandled event type: {other}")))
        }
        _ => Ok(()),
    }
}

/// Writes the tier that was bought and Stripe's IDs to the user.
async fn grant(
    worker: &Worker,
    user: Option<&str>,
    object: &Value,
    customer: &Value,
    subscription: &Value,
) -> Result<(), WebhookError> {
    let user = user.ok_or_else(no_user)?;
    let missing = || WebhookError::new(StatusCode::BAD_REQUEST, "Missing tier metadata");
    let tier = tier(worker, object).await.ok_or_else(missing)?;
    write(worker, user, &json!({ "plan": tier, "stripeCustomerId": customer, "subscriptionId": subscription })).await
}

/// The tier that was bought.
async fn tier(worker: &Worker, object: &Value) -> Option<String> {
    let of_product = match worker.settings.entitlement {
        Entitlement::SubscriptionMetadata => None,
        Entitlement::ProductMetadata => product(worker, object).await,
    };
    let of_event = || text(&object["metadata"]["tier"]).map(str::to_owned);
    of_product.and_then(|product| text(&product["metadata"]["plan"]).map(str::to_owned)).or_else(of_event)
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

/// Replaces the user's public metadata, like the library's `updateUser`.
async fn write(worker: &Worker, user: &str, metadata: &Value) -> Result<(), WebhookError> {
    let body = json!({ "public_metadata": metadata });
    let failed = |_| WebhookError::new(StatusCode::INTERNAL_SERVER_ERROR, "Failed to update user metadata");
    worker.clerk("PUT", &format!("/v1/users/{user}/metadata"), Some(&body)).await.map(drop).map_err(failed)
}

fn no_user() -> WebhookError {
    WebhookError::new(StatusCode::BAD_REQUEST, "No userId")
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

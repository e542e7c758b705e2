//! `POST /webhook/stripe`: verifies events, handles each one once, and writes the tier to Clerk.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jsonwebtoken::get_current_timestamp;
use serde_json::{Value, json};

use super::entitlement::{self, WebhookError};
use super::reserialize::reserialized;
use super::settings::{CannedResponse, Defect, SignedWith};
use super::signature::{TOLERANCE, is_well_formed, verify};
use super::{Worker, answer};

/// The library's error when its synchronous function is called in a Worker.
const SYNCHRONOUS: &str = "SubtleCryptoProvider cannot be used in a synchronous context.\nUse `await \
                           constructEventAsync(...)` canned_response of `constructEvent(...)`";

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
    entitlement::apply(worker, &event).await?;
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

//! The responses that faults cause.

use std::convert::Infallible;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::network::Provider;

/// Marks a response that is not sent: its connection is closed before the first byte.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection breaks")]
pub(super) struct ConnectionReset;

impl From<Infallible> for ConnectionReset {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// A response that resets its connection, or only its stream over HTTP/2.
pub(super) fn reset_connection() -> Response {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(ConnectionReset);
    response
}

pub(super) fn rate_limited(provider: Provider) -> Response {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = match provider {
        Provider::Stripe => {
            let message = "Request rate limit exceeded. You can learn more about rate limits here \
                           https://stripe.com/docs/rate-limits.";
            answer(
                status,
                &json!({ "error": { "code": "rate_limit", "message": message, "type": "invalid_request_error" } }),
            )
        }
        Provider::Clerk | Provider::ClerkFrontend => answer(status, &clerk("too_many_requests", "Too many requests")),
        Provider::Cloudflare => {
            answer(status, &cloudflare(971, "Please wait and consider throttling your request speed"))
        }
        Provider::Worker | Provider::Frontend => (status, "Too many requests").into_response(),
    };
    // Stripe sends no Retry-After, but names the limit.
    let (name, value) = match provider {
        Provider::Stripe => ("stripe-rate-limited-reason", "global-rate"),
        _ => ("retry-after", "1"),
    };
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

pub(super) fn server_error(provider: Provider) -> Response {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    match provider {
        Provider::Stripe => {
            let message = "An unknown error occurred";
            answer(status, &json!({ "error": { "message": message, "type": "api_error" } }))
        }
        Provider::Clerk | Provider::ClerkFrontend => {
            answer(status, &clerk("internal_clerk_error", "There was an internal error on our servers"))
        }
        Provider::Cloudflare => answer(status, &cloudflare(10013, "An unknown error has occurred")),
        Provider::Worker | Provider::Frontend => (status, "Internal Server Error").into_response(),
    }
}

fn clerk(code: &str, message: &str) -> Value {
    json!({ "errors": [{ "code": code, "message": message, "long_message": message }], "clerk_trace_id": "sandbox" })
}

fn cloudflare(code: u32, message: &str) -> Value {
    json!({ "success": false, "errors": [{ "code": code, "message": message }], "messages": [], "result": null })
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(super) fn html_page() -> Response {
    let page = "<!doctype html><html><head><title>Scheduled maintenance</title></head><body><p>We will be back.</p></body></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// The first half of a response, as a failing proxy leaves it.
pub(super) async fn truncated(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)))
}

//! The Worker's own calls to Stripe and Clerk: HTTP requests that are answered in this process.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;
use url::form_urlencoded::Serializer;

/// The APIs that the Worker calls.
#[derive(Debug, Clone)]
pub struct Upstream {
    /// Stripe's API.
    pub stripe: Router,
    /// Clerk's Backend API.
    pub clerk: Router,
}

/// The Clerk API version of the Worker's SDK.
const CLERK_VERSION: &str = "2026-05-12";

impl Upstream {
    /// Calls Clerk. The error is what a log would show.
    pub(super) async fn clerk(
        &self,
        key: &str,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, String> {
        let request = Request::builder().method(method).uri(format!("https://api.clerk.com{path}"));
        let request = request.header("authorization", format!("Bearer {key}"));
        let request = request.header("clerk-api-version", CLERK_VERSION).header("content-type", "application/json");
        ask(&self.clerk, request.body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))).await
    }

    /// Calls Stripe, with a form if there are parameters.
    pub(super) async fn stripe(
        &self,
        key: &str,
        version: &str,
        method: &str,
        path: &str,
        form: &[(&str, &str)],
    ) -> Result<Value, String> {
        let encoded = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = Request::builder().method(method).uri(format!("https://api.stripe.com{path}"));
        let request = request.header("authorization", format!("Bearer {key}")).header("stripe-version", version);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        ask(&self.stripe, request.body(if form.is_empty() { Body::empty() } else { Body::from(encoded) })).await
    }
}

/// Sends a request and reads the JSON of a successful response. An error becomes its message.
async fn ask(router: &Router, request: Result<Request<Body>, axum::http::Error>) -> Result<Value, String> {
    // A key with a line break is not a valid header value, here or in a real Worker.
    let request = request.map_err(|error| error.to_string())?;
    let Ok(response) = router.clone().oneshot(request).await;
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if status.is_success() { Ok(answer) } else { Err(reason(status, &answer)) }
}

fn reason(status: StatusCode, answer: &Value) -> String {
    let messages = [&answer["error"]["message"], &answer["errors"][0]["long_message"]];
    messages.into_iter().find_map(Value::as_str).map_or_else(|| status.to_string(), str::to_owned)
}

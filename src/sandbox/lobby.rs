//! What a request meets before it reaches a server: it is written down, it takes as long as the link takes, and it
//! may run into trouble.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::network::{Provider, Trouble, Way};

/// Every request that was received, in order: whose it was, and `METHOD path?query`.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<(String, String)>>);

impl Log {
    fn write(&self, provider: Provider, request: &Request) {
        let target = request.uri().path_and_query().map_or_else(|| request.uri().path(), |target| target.as_str());
        let line = format!("{} {target}", request.method());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((provider.word().to_owned(), line));
    }

    pub(super) fn lines(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What stands before one server.
pub(super) struct Lobby {
    provider: Provider,
    log: Arc<Log>,
    latency: Duration,
    trouble: Option<Trouble>,
    methods: Vec<String>,
    times: Option<usize>,
    times_per_path: Option<usize>,
    met: Mutex<HashMap<String, usize>>,
}

impl Lobby {
    pub(super) fn new(provider: Provider, way: &Way, latency: Duration, log: Arc<Log>) -> Arc<Self> {
        Arc::new(Self {
            provider,
            log,
            latency,
            trouble: way.trouble,
            methods: way.methods.clone(),
            times: way.times,
            times_per_path: way.times_per_path,
            met: Mutex::default(),
        })
    }

    /// `router` with the lobby before it.
    pub(super) fn before(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), pass))
    }

    /// The trouble that this request meets, if any.
    fn trouble_for(&self, request: &Request) -> Option<Trouble> {
        let trouble = self.trouble?;
        if !self.methods.is_empty() && !self.methods.iter().any(|method| request.method() == method.as_str()) {
            return None;
        }
        let (key, limit) = match (self.times, self.times_per_path) {
            (Some(times), _) => (String::new(), times),
            (None, Some(times)) => (format!("{} {}", request.method(), request.uri().path()), times),
            (None, None) => return Some(trouble),
        };
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let count = met.entry(key).or_default();
        *count += 1;
        (*count <= limit).then_some(trouble)
    }
}

async fn pass(State(lobby): State<Arc<Lobby>>, request: Request, next: Next) -> Response {
    lobby.log.write(lobby.provider, &request);
    if !lobby.latency.is_zero() {
        tokio::time::sleep(lobby.latency).await;
    }
    match lobby.trouble_for(&request) {
        // A door that resets has no lobby.
        None | Some(Trouble::Reset) => next.run(request).await,
        Some(Trouble::TooMany) => too_many(lobby.provider),
        Some(Trouble::Defect) => defect(lobby.provider),
        Some(Trouble::Html) => page(),
        Some(Trouble::Truncated) => halved(next.run(request).await).await,
        Some(Trouble::Hangs) => std::future::pending().await,
    }
}

fn too_many(provider: Provider) -> Response {
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
    // Stripe documents no Retry-After, and names the limit instead.
    let (name, value) = match provider {
        Provider::Stripe => ("stripe-rate-limited-reason", "global-rate"),
        _ => ("retry-after", "1"),
    };
    response.headers_mut().insert(name, HeaderValue::from_static(value));
    response
}

fn defect(provider: Provider) -> Response {
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

fn page() -> Response {
    let page = "<!doctype html><html><head><title>Scheduled maintenance</title></head><body><p>We will be back.</p></body></html>";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// An answer of which the second half is missing, as a proxy that gives up leaves it.
async fn halved(response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(body.slice(..body.len() / 2)))
}

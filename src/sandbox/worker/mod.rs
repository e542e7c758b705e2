//! The Worker of the reference stack: receives Stripe's webhooks, writes tiers to Clerk, and enforces limits.

mod api;
mod auth;
mod entitlement;
mod interception;
mod reserialize;
mod settings;
mod signature;
#[cfg(test)]
mod tests;
mod upstream;
mod webhook;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{self, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::deployed_values::DeployedValues;
use settings::Defect;
pub use settings::WorkerSettings;
pub use upstream::Upstream;

/// The variables that every route needs.
const REQUIRED: [&str; 3] = ["CLERK_PUBLISHABLE_KEY", "CLERK_SECRET_KEY", "STRIPE_SECRET_KEY"];

/// A deployed Worker.
#[derive(Debug)]
struct Script {
    settings: Arc<WorkerSettings>,
    deployment: DeployedValues,
    upstream: Upstream,
    storage: Arc<Mutex<Storage>>,
}

/// The Worker during one request, with the secrets and variables that were deployed when the request arrived.
#[derive(Debug)]
struct Worker {
    settings: Arc<WorkerSettings>,
    bindings: Arc<BTreeMap<String, String>>,
    upstream: Upstream,
    storage: Arc<Mutex<Storage>>,
}

/// What it stores between requests.
#[derive(Debug, Default)]
struct Storage {
    events: BTreeSet<String>,
    signatures: BTreeSet<String>,
    uses: BTreeMap<String, u64>,
    /// When the last event of each subscription happened, in Unix seconds.
    last_events: BTreeMap<String, i64>,
    /// The first plan of each user, for a Worker that caches it.
    plans: BTreeMap<String, String>,
}

/// The Worker with the secrets and variables that are deployed on it.
pub fn router(settings: WorkerSettings, deployment: DeployedValues, upstream: Upstream) -> Router {
    let script = Script { settings: Arc::new(settings), deployment, upstream, storage: Arc::default() };
    Router::new().fallback(serve).with_state(Arc::new(script))
}

async fn serve(extract::State(script): extract::State<Arc<Script>>, request: Request) -> Response {
    let worker = script.start();
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok()).map(str::to_owned);
    if worker.settings.has(Defect::SlowEverywhere) {
        tokio::time::sleep(Duration::from_millis(worker.settings.delay_ms)).await;
    }
    let response = match interception::intercept(&worker.settings, &request) {
        Some(response) => response,
        None => worker.route(request).await,
    };
    interception::allow_origin(&worker.settings, origin.as_deref(), response)
}

impl Script {
    fn start(&self) -> Worker {
        Worker {
            settings: Arc::clone(&self.settings),
            bindings: self.deployment.current(),
            upstream: self.upstream.clone(),
            storage: Arc::clone(&self.storage),
        }
    }
}

impl Worker {
    async fn route(&self, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        if parts.method == Method::OPTIONS {
            return StatusCode::NO_CONTENT.into_response();
        }
        let missing = self.missing();
        if !missing.is_empty() {
            let body = json!({ "error": "Missing required environment variables", "missing": missing });
            return self.json(StatusCode::INTERNAL_SERVER_ERROR, &body);
        }
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        let path = parts.uri.path();
        let path = self.settings.paths.get(path).map_or(path, String::as_str);
        match (parts.method.as_str(), path) {
            ("POST", "/webhook/stripe") => webhook::receive(self, &parts.headers, &body).await,
            ("GET", "/health") => self.json(StatusCode::OK, &json!({ "status": "ok" })),
            ("GET", "/api/tiers") => api::tiers(self),
            (method, path) => match auth::authenticate(self, &parts.headers).await {
                Ok(account) => api::serve(self, (method, path), &account, &parts, &body).await,
                Err(error) => answer(StatusCode::UNAUTHORIZED, &self.settings.content_type, error.to_owned()),
            },
        }
    }

    /// The required variables that are not set.
    fn missing(&self) -> Vec<&str> {
        let needs_prices = !self.settings.has(settings::Defect::LooksUpPricesLate);
        let prices = self.settings.tiers.values().filter_map(|tier| tier.price_id.as_deref()).filter(|_| needs_prices);
        let further = self.settings.requires.iter().map(String::as_str);
        REQUIRED.into_iter().chain(prices).chain(further).filter(|name| self.binding(name).is_empty()).collect()
    }

    /// The value of a secret or variable, or an empty string.
    fn binding(&self, name: &str) -> &str {
        self.bindings.get(name).map_or("", String::as_str)
    }

    async fn clerk(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        self.upstream.clerk(self.binding("CLERK_SECRET_KEY"), method, path, body).await
    }

    async fn stripe(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Result<Value, String> {
        self.upstream.stripe(self.binding("STRIPE_SECRET_KEY"), &self.settings.stripe_version, method, path, form).await
    }

    fn json(&self, status: StatusCode, body: &Value) -> Response {
        answer(status, &self.settings.content_type, body.to_string())
    }

    fn storage(&self) -> MutexGuard<'_, Storage> {
        self.storage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether its Stripe key is a live key.
    fn is_live(&self) -> bool {
        self.binding("STRIPE_SECRET_KEY").contains("_live_")
    }

    /// Whether no later event of the subscription was handled before.
    fn is_latest(&self, subscription: &str, created: i64) -> bool {
        let mut storage = self.storage();
        let last = storage.last_events.entry(subscription.to_owned()).or_insert(created);
        let is_latest = created >= *last;
        *last = created.max(*last);
        is_latest
    }

    fn was_handled(&self, event: &str) -> bool {
        self.storage().events.contains(event)
    }

    fn remember(&self, event: &str) {
        self.storage().events.insert(event.to_owned());
    }

    fn was_verified(&self, signature: &str) -> bool {
        self.storage().signatures.contains(signature)
    }

    fn remember_signature(&self, signature: &str) {
        self.storage().signatures.insert(signature.to_owned());
    }
}

fn answer(status: StatusCode, content_type: &str, text: String) -> Response {
    let mut response = (status, Body::from(text)).into_response();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

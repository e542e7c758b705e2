//! The layer in front of each server, which logs requests, adds the link's latency and injects faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::fault_responses::{html_page, rate_limited, server_error, truncated};
use super::network::{Fault, Provider, ServerSettings};
use super::tampering::Tamperer;

/// Every request received, in order: the server's name, and `METHOD path?query`.
#[derive(Debug, Default)]
pub(super) struct RequestLog(Mutex<Vec<(String, String)>>);

impl RequestLog {
    fn write(&self, provider: Provider, request: &Request) {
        let target = request.uri().path_and_query().map_or_else(|| request.uri().path(), |target| target.as_str());
        let line = format!("{} {target}", request.method());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((provider.name().to_owned(), line));
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn lines(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The layer in front of one server.
pub(super) struct FaultLayer {
    provider: Provider,
    log: Arc<RequestLog>,
    /// Records requests and responses, unless there are too many.
    tamperer: Option<Arc<Tamperer>>,
    latency: Duration,
    fault: Option<Fault>,
    methods: Vec<String>,
    times: Option<usize>,
    times_per_path: Option<usize>,
    hits: Mutex<HashMap<String, usize>>,
}

impl FaultLayer {
    pub(super) fn new(
        provider: Provider,
        settings: &ServerSettings,
        latency: Duration,
        log: Arc<RequestLog>,
        tamperer: Option<Arc<Tamperer>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            provider,
            log,
            tamperer,
            latency,
            fault: settings.fault,
            methods: settings.methods.clone(),
            times: settings.times,
            times_per_path: settings.times_per_path,
            hits: Mutex::default(),
        })
    }

    /// `router` behind this layer.
    pub(super) fn wrap(self: &Arc<Self>, router: Router) -> Router {
        router.layer(from_fn_with_state(Arc::clone(self), pass))
    }

    /// Starts counting requests again.
    pub(super) fn reset(&self) {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The fault to inject into this request, if any.
    fn fault_for(&self, request: &Request) -> Option<Fault> {
        let fault = self.fault?;
        if !self.methods.is_empty() && !self.methods.iter().any(|method| request.method() == method.as_str()) {
            return None;
        }
        let (key, limit) = match (self.times, self.times_per_path) {
            (Some(times), _) => (String::new(), times),
            (None, Some(times)) => (format!("{} {}", request.method(), request.uri().path()), times),
            (None, None) => return Some(fault),
        };
        let mut hits = self.hits.lock().unwrap_or_else(PoisonError::into_inner);
        let count = hits.entry(key).or_default();
        *count += 1;
        (*count <= limit).then_some(fault)
    }
}

async fn pass(State(layer): State<Arc<FaultLayer>>, request: Request, next: Next) -> Response {
    layer.log.write(layer.provider, &request);
    if !layer.latency.is_zero() {
        tokio::time::sleep(layer.latency).await;
    }
    match layer.fault_for(&request) {
        // A port that resets connections never gets here.
        None | Some(Fault::Reset) => match &layer.tamperer {
            Some(tamperer) => tamperer.pass(layer.provider, request, next).await,
            None => next.run(request).await,
        },
        Some(Fault::TooMany) => rate_limited(layer.provider),
        Some(Fault::Defect) => server_error(layer.provider),
        Some(Fault::Html) => html_page(),
        Some(Fault::Truncated) => truncated(next.run(request).await).await,
        Some(Fault::Hangs) => std::future::pending().await,
    }
}

//! What a request meets before it reaches a server: it is written down, it takes as long as the link takes, and it
//! may run into trouble.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;

use super::network::{Provider, Trouble, Way};
use super::tampering::Tampers;
use super::trouble::{defect, halved, page, too_many};

/// Every request that was received, in order: whose it was, and `METHOD path?query`.
#[derive(Debug, Default)]
pub(super) struct Log(Mutex<Vec<(String, String)>>);

impl Log {
    fn write(&self, provider: Provider, request: &Request) {
        let target = request.uri().path_and_query().map_or_else(|| request.uri().path(), |target| target.as_str());
        let line = format!("{} {target}", request.method());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((provider.word().to_owned(), line));
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn lines(&self) -> Vec<(String, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What stands before one server.
pub(super) struct Lobby {
    provider: Provider,
    log: Arc<Log>,
    tampers: Arc<Tampers>,
    latency: Duration,
    trouble: Option<Trouble>,
    methods: Vec<String>,
    times: Option<usize>,
    times_per_path: Option<usize>,
    met: Mutex<HashMap<String, usize>>,
}

impl Lobby {
    pub(super) fn new(
        provider: Provider,
        way: &Way,
        latency: Duration,
        log: Arc<Log>,
        tampers: Arc<Tampers>,
    ) -> Arc<Self> {
        Arc::new(Self {
            provider,
            log,
            tampers,
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

    /// Forgets whom it met.
    pub(super) fn forget(&self) {
        self.met.lock().unwrap_or_else(PoisonError::into_inner).clear();
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
        None | Some(Trouble::Reset) => lobby.tampers.pass(lobby.provider, request, next).await,
        Some(Trouble::TooMany) => too_many(lobby.provider),
        Some(Trouble::Defect) => defect(lobby.provider),
        Some(Trouble::Html) => page(),
        Some(Trouble::Truncated) => halved(next.run(request).await).await,
        Some(Trouble::Hangs) => std::future::pending().await,
    }
}

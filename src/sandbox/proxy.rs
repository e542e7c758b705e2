//! Routers that can be swapped while they serve, and a proxy to an external Worker.

use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use url::Url;

use super::Error;

/// Far larger than any webhook's body.
const LARGEST_BODY: usize = 32 << 20;

/// A router that another one can replace while it serves requests.
#[derive(Debug, Clone)]
pub(super) struct SwappableRouter(Arc<RwLock<Router>>);

impl SwappableRouter {
    pub(super) fn of(server: Router) -> Self {
        Self(Arc::new(RwLock::new(server)))
    }

    pub(super) fn replace(&self, server: Router) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = server;
    }

    /// A router that forwards to the current one.
    pub(super) fn router(&self) -> Router {
        Router::new().fallback(serve_current).with_state(self.clone())
    }
}

async fn serve_current(State(router): State<SwappableRouter>, request: Request) -> Response {
    let server = router.0.read().unwrap_or_else(PoisonError::into_inner).clone();
    match server.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

struct WorkerProxy {
    client: reqwest::Client,
    external: Url,
    name: HeaderValue,
}

/// Forwards every request to `external`, with `name` as its host.
pub(super) fn router(external: Url, name: &str) -> Result<Router, Error> {
    // No redirects: they are the Worker's answer. No idle connections: workerd may close one after answering.
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .map_err(|error| Error::Document(format!("the external Worker: {error}")))?;
    let name = HeaderValue::from_str(name).map_err(|error| Error::Document(format!("the Worker's name: {error}")))?;
    Ok(Router::new().fallback(pass).with_state(Arc::new(WorkerProxy { client, external, name })))
}

async fn pass(State(proxy): State<Arc<WorkerProxy>>, request: Request) -> Response {
    match proxy.ask(request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, format!("the external Worker did not answer: {error}")).into_response(),
    }
}

impl WorkerProxy {
    async fn ask(&self, request: Request) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
        let (parts, body) = request.into_parts();
        let mut url = self.external.clone();
        url.set_path(parts.uri.path());
        url.set_query(parts.uri.query());
        let mut headers = end_to_end(parts.headers);
        headers.insert(header::HOST, self.name.clone());
        let body = to_bytes(body, LARGEST_BODY).await?;
        let answer = self.client.request(parts.method, url).headers(headers).body(body).send().await?;
        let status = answer.status();
        let headers = end_to_end(answer.headers().clone());
        let mut response = Response::new(Body::from(answer.bytes().await?));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

/// The headers without those that concern a single connection.
fn end_to_end(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING, header::CONTENT_LENGTH, header::HOST, header::UPGRADE] {
        headers.remove(name);
    }
    headers
}

//! A client for the tests of the sandbox's Stripe.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use serde_json::Value;
use tower::ServiceExt;

use super::super::{Effects, fixtures::Fixtures, scenario};

/// Stripe with some scenarios applied, and its keys.
pub(super) struct TestClient {
    router: Router,
    effects: Arc<Effects>,
    pub(super) live: String,
    pub(super) test: String,
}

/// A response.
pub(super) struct TestResponse {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// A page, or where it leads.
pub(super) struct TestPage {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) text: String,
}

impl TestResponse {
    /// The error's message.
    pub(super) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap_or_default()
    }

    /// The IDs of a list.
    pub(super) fn ids(&self) -> Vec<&str> {
        self.body["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
    }
}

impl TestClient {
    pub(super) fn of(scenarios: &[&str]) -> Self {
        let fixtures = Fixtures::read(scenario::document(scenarios).unwrap()).unwrap();
        let effects = Arc::new(Effects::default());
        let router = fixtures.servers(&effects).unwrap().routers.remove("stripe").unwrap();
        let key = |name: &str| fixtures.environment[name].clone();
        Self { router, effects, live: key("STRIPE_SECRET_KEY"), test: key("STRIPE_TEST_SECRET_KEY") }
    }

    /// Sends a GET with the live key.
    pub(super) async fn get(&self, path: &str) -> TestResponse {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {}", self.live))], "").await
    }

    /// Sends a GET with the test key.
    pub(super) async fn get_in_test_mode(&self, path: &str) -> TestResponse {
        self.ask(Method::GET, path, &[("authorization", &format!("Bearer {}", self.test))], "").await
    }

    /// Sends a form with the live key.
    pub(super) async fn post(&self, path: &str, form: &str) -> TestResponse {
        self.ask(Method::POST, path, &[("authorization", &format!("Bearer {}", self.live))], form).await
    }

    /// Sends a form with the test key.
    pub(super) async fn post_in_test_mode(&self, path: &str, form: &str) -> TestResponse {
        self.ask(Method::POST, path, &[("authorization", &format!("Bearer {}", self.test))], form).await
    }

    /// Sends a DELETE with the live key.
    pub(super) async fn delete(&self, path: &str) -> TestResponse {
        self.ask(Method::DELETE, path, &[("authorization", &format!("Bearer {}", self.live))], "").await
    }

    /// Sends a DELETE with the test key.
    pub(super) async fn delete_in_test_mode(&self, path: &str) -> TestResponse {
        self.ask(Method::DELETE, path, &[("authorization", &format!("Bearer {}", self.test))], "").await
    }

    pub(super) async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> TestResponse {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
        TestResponse { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// Opens a page as a browser does.
    pub(super) async fn open(&self, path: &str) -> TestPage {
        self.browse(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Submits the form of a page.
    pub(super) async fn submit(&self, path: &str, form: &str) -> TestPage {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.browse(request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn browse(&self, request: Request<Body>) -> TestPage {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let location = parts.headers.get("location").map_or("", |location| location.to_str().unwrap()).to_owned();
        let text = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        TestPage { status: parts.status, location, text }
    }

    /// How often a change was made.
    pub(super) fn count(&self, effect: &str) -> u64 {
        self.effects.counts().get(effect).copied().unwrap_or_default()
    }
}

//! Tests of the sandbox's Clerk.

mod backend;
mod frontend_api;
mod templates;
mod tokens;
mod users;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use tower::ServiceExt;

use serde_json::json;

use super::*;

const KEY: &str = "sk_live_AcmeClerk";
const CANARY: &str = "user_2canaryAcme0000000000000000";
const APP: &str = "https://app.acme.com";

/// Both APIs of one Clerk application, and the changes made to it.
struct Acme {
    backend: Router,
    frontend: Router,
    effects: Arc<Effects>,
}

fn acme() -> Acme {
    changed(|_| {})
}

fn changed(change: impl FnOnce(&mut ClerkSettings)) -> Acme {
    let document = include_str!("../../healthy/clerk.toml").replace('…', "");
    let mut settings: ClerkSettings = toml::from_str(&document).unwrap();
    change(&mut settings);
    let effects = Arc::new(Effects::default());
    let clerk = Clerk::new(settings, Arc::clone(&effects)).unwrap();
    Acme { backend: backend(Arc::clone(&clerk)), frontend: frontend_api(clerk), effects }
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

impl Acme {
    async fn ask(&self, key: &str, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {key}"));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let (status, _, answer) = send(&self.backend, request.body(body).unwrap()).await;
        (status, answer)
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.ask(KEY, "GET", path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(KEY, "POST", path, body).await
    }

    async fn ticket(&self) -> String {
        let (_, answer) = self.post("/v1/sign_in_tokens", json!({ "user_id": CANARY, "expires_in_seconds": 60 })).await;
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn browse(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        form: &str,
    ) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(&self.frontend, request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn sign_in(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
        let form = format!("strategy=ticket&ticket={}", self.ticket().await);
        self.browse("POST", path, headers, &form).await
    }

    /// A token for the canary from that template, or a session token without one.
    async fn token(&self, template: &str) -> String {
        let (_, _, answer) = self.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", APP)]).await;
        let session = answer["response"]["created_session_id"].as_str().unwrap();
        let (status, answer) = self.post(&format!("/v1/sessions/{session}/tokens{template}"), Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["jwt"].as_str().unwrap().to_owned()
    }

    async fn keys(&self) -> JwkSet {
        serde_json::from_value(self.browse("GET", "/.well-known/jwks.json", &[], "").await.2).unwrap()
    }

    /// The claims of a token that verifies against the published keys.
    async fn claims(&self, token: &str) -> Value {
        let kid = decode_header(token).unwrap().kid.unwrap();
        let keys = self.keys().await;
        let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_nbf = true;
        validation.set_issuer(&["https://clerk.acme.com"]);
        decode::<Value>(token, &key, &validation).unwrap().claims
    }
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["code"].as_str().unwrap_or_default()
}

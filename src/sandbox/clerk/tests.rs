//! What Clerk answers, one fact each.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

const KEY: &str = "sk_live_AcmeClerk…";
const CANARY: &str = "user_2canaryAcme0000000000000000";
const APP: &str = "https://app.acme.com";

fn healthy() -> State {
    toml::from_str(include_str!("../healthy/clerk.toml")).unwrap()
}

fn world(change: impl FnOnce(&mut State)) -> (Router, Router, Arc<Effects>) {
    let mut state = healthy();
    change(&mut state);
    let effects = Arc::new(Effects::default());
    let clerk = Clerk::new(state, Arc::clone(&effects));
    (backend(Arc::clone(&clerk)), frontend_api(clerk), effects)
}

async fn send(router: &Router, request: Request<Body>) -> (StatusCode, HeaderMap, Value) {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

async fn ask(router: &Router, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let key = KEY.to_owned().into_bytes();
    let request = Request::builder().method(method).uri(path);
    let request = request.header("authorization", [b"Bearer ".as_slice(), &key].concat());
    let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
    let (status, _, answer) = send(router, request.body(body).unwrap()).await;
    (status, answer)
}

async fn get(router: &Router, path: &str) -> (StatusCode, Value) {
    ask(router, "GET", path, Value::Null).await
}

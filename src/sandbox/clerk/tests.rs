//! What Clerk answers, one fact each.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use tower::ServiceExt;

use super::*;

const KEY: &str = "sk_live_AcmeClerk";
const CANARY: &str = "user_2canaryAcme0000000000000000";
const APP: &str = "https://app.acme.com";

/// Both APIs of one Clerk, and what was changed at it.
struct Acme {
    backend: Router,
    frontend: Router,
    effects: Arc<Effects>,
}

fn acme() -> Acme {
    changed(|_| {})
}

fn changed(change: impl FnOnce(&mut State)) -> Acme {
    let document = include_str!("../healthy/clerk.toml").replace('…', "");
    let mut state: State = toml::from_str(&document).unwrap();
    change(&mut state);
    let effects = Arc::new(Effects::default());
    let clerk = Clerk::new(state, Arc::clone(&effects));
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

    async fn browse(&self, method: &str, path: &str, headers: &[(&str, &str)], form: &str) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        send(&self.frontend, request.body(Body::from(form.to_owned())).unwrap()).await
    }

    async fn sign_in(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Value) {
        let form = format!("strategy=ticket&ticket={}", self.ticket().await);
        self.browse("POST", path, headers, &form).await
    }

    /// A token for the canary from that template, with the session's own claims where there is none.
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

#[tokio::test]
async fn an_unknown_secret_key_is_refused_in_clerks_words() {
    let (status, answer) = acme().ask("sk_live_nobody", "GET", "/v1/instance", Value::Null).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "clerk_key_invalid"));
    assert!(answer["clerk_trace_id"].is_string());
}

#[tokio::test]
async fn a_revoked_secret_key_is_refused() {
    let acme = changed(|state| state.secret_keys.get_mut("live").unwrap().revoked = true);
    assert_eq!(acme.get("/v1/instance").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_request_without_a_key_is_told_the_format() {
    let request = Request::builder().uri("/v1/instance").body(Body::empty()).unwrap();
    let (status, _, answer) = send(&acme().backend, request).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "authorization_header_format_invalid"));
}

#[tokio::test]
async fn an_unknown_version_is_refused() {
    let (status, _) = acme().get("/v1/instance?__clerk_api_version=2030-01-01").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_version_in_the_header_and_in_the_query_is_refused() {
    let request = Request::builder().uri("/v1/instance?__clerk_api_version=2026-05-12");
    let request = request.header("authorization", format!("Bearer {KEY}")).header("clerk-api-version", "2026-05-12");
    let (status, _, _) = send(&acme().backend, request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn another_instances_key_opens_another_instance() {
    let acme = acme();
    let (_, answer) = acme.ask("sk_live_ElsewhereClerk", "GET", "/v1/instance", Value::Null).await;
    assert_eq!(answer["id"], "ins_2someoneElse00000000000000");
    let (_, users) = acme.ask("sk_live_ElsewhereClerk", "GET", "/v1/users", Value::Null).await;
    assert_eq!(users, json!([]));
}

#[tokio::test]
async fn the_instance_is_the_kid_of_its_key() {
    let acme = acme();
    let (_, instance) = acme.get("/v1/instance").await;
    assert_eq!(instance["environment_type"], "production");
    assert_eq!(acme.keys().await.keys[0].common.key_id.as_deref(), instance["id"].as_str());
    assert_eq!(acme.get("/v1/jwks").await.1["keys"][0]["kid"], instance["id"]);
}

#[tokio::test]
async fn two_instances_have_different_keys() {
    let acme = changed(|state| state.frontend_api.instance = Some("ins_2elsewhere".to_owned()));
    assert_eq!(acme.keys().await.keys[0].common.key_id.as_deref(), Some("ins_2elsewhere"));
    let (_, backend) = acme.get("/v1/jwks").await;
    assert_eq!(backend["keys"][0]["kid"], "ins_2acmeProduction00000000000");
    let (status, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "ticket_invalid_code"));
}

#[tokio::test]
async fn templates_show_their_claims_unevaluated() {
    let (_, answer) = acme().get("/v1/jwt_templates").await;
    assert_eq!(answer[0]["claims"], json!({ "plan": "{{user.public_metadata.plan}}" }));
}

#[tokio::test]
async fn domains_show_the_records_that_they_want() {
    let (_, answer) = acme().get("/v1/domains").await;
    assert_eq!(answer["total_count"], 1);
    assert_eq!(answer["data"][0]["cname_targets"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn users_come_newest_first_as_a_bare_array() {
    let (_, answer) = acme().get("/v1/users").await;
    let created: Vec<i64> = answer.as_array().unwrap().iter().map(|user| user["created_at"].as_i64().unwrap()).collect();
    assert!(created.len() > 3 && created.is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn a_page_of_more_than_500_is_refused() {
    let (status, _) = acme().get("/v1/users?limit=501").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_repeated_filter_finds_each_of_its_values() {
    let (_, answer) = acme().get(&format!("/v1/users?user_id={CANARY}&user_id=user_2pro00000000000000000000000")).await;
    assert_eq!(answer.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn users_are_found_by_address() {
    let (_, answer) = acme().get("/v1/users?email_address=canary%40acme.com").await;
    assert_eq!(answer[0]["id"], CANARY);
}

#[tokio::test]
async fn a_cursor_goes_through_a_hundred_thousand_users_to_the_named_ones() {
    let acme = changed(|state| state.extra_users = 100_000);
    let (_, count) = acme.get("/v1/users/count").await;
    assert_eq!(count["total_count"], 100_006);
    let last = format!("user_2extra{:021}", 0);
    let (_, answer) = acme.get(&format!("/v1/users?limit=500&starting_after={last}")).await;
    assert_eq!(answer.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_cursor_wants_the_order_of_creation() {
    let (status, _) = acme().get(&format!("/v1/users?starting_after={CANARY}&order_by=email_address")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_merge_keeps_other_keys_and_a_null_removes_one() {
    let acme = acme();
    let path = "/v1/users/user_2pro00000000000000000000000/metadata";
    let change = json!({ "public_metadata": { "subscriptionId": null, "a": { "b": 1 } } });
    let (_, user) = acme.ask(KEY, "PATCH", path, change).await;
    assert_eq!(user["public_metadata"], json!({ "plan": "pro", "stripeCustomerId": "cus_pro", "a": { "b": 1 } }));
    assert_eq!(acme.effects.counts()["clerk.user.metadata_changed"], 1);
}

#[tokio::test]
async fn a_replacement_keeps_only_the_parts_that_it_does_not_name() {
    let path = "/v1/users/user_2pro00000000000000000000000/metadata";
    let (_, user) = acme().ask(KEY, "PUT", path, json!({ "public_metadata": { "plan": "free" } })).await;
    assert_eq!(user["public_metadata"], json!({ "plan": "free" }));
}

#[tokio::test]
async fn metadata_is_no_field_of_a_user_any_more() {
    let change = json!({ "public_metadata": {} });
    let (status, answer) = acme().ask(KEY, "PATCH", &format!("/v1/users/{CANARY}"), change).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "form_param_unknown"));
}

#[tokio::test]
async fn sessions_are_made_by_hand_in_development_only() {
    let body = json!({ "user_id": CANARY });
    let (status, answer) = acme().post("/v1/sessions", body.clone()).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "request_invalid_for_environment"));
    let development = changed(|state| state.instance.environment = Environment::Development);
    assert_eq!(development.post("/v1/sessions", body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_ticket_signs_in_once() {
    let acme = acme();
    let form = format!("strategy=ticket&ticket={}", acme.ticket().await);
    let path = "/v1/client/sign_ins?_is_native=1";
    let (status, headers, answer) = acme.browse("POST", path, &[("origin", APP)], &form).await;
    assert_eq!((status, &answer["response"]["status"]), (StatusCode::OK, &json!("complete")));
    assert!(headers.contains_key("authorization"));
    let jwt = answer["client"]["sessions"][0]["last_active_token"]["jwt"].as_str().unwrap();
    assert_eq!(acme.claims(jwt).await["azp"], APP);
    let (status, _, answer) = acme.browse("POST", path, &[("origin", APP)], &form).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "sign_in_token_already_used_code"));
}

#[tokio::test]
async fn a_revoked_ticket_signs_nobody_in() {
    let acme = acme();
    let (_, made) = acme.post("/v1/sign_in_tokens", json!({ "user_id": CANARY })).await;
    acme.post(&format!("/v1/sign_in_tokens/{}/revoke", made["id"].as_str().unwrap()), Value::Null).await;
    let form = format!("strategy=ticket&ticket={}", made["token"].as_str().unwrap());
    let (_, _, answer) = acme.browse("POST", "/v1/client/sign_ins", &[("origin", APP)], &form).await;
    assert_eq!(code(&answer), "sign_in_token_revoked_code");
}

#[tokio::test]
async fn a_second_factor_leaves_a_sign_in_incomplete() {
    let acme = changed(|state| state.users.get_mut("canary").unwrap().second_factor = true);
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    assert_eq!(answer["response"]["status"], "needs_second_factor");
    assert!(answer["response"]["created_session_id"].is_null());
}

#[tokio::test]
async fn an_origin_of_another_domain_is_refused() {
    let (status, _, answer) = acme().sign_in("/v1/client/sign_ins", &[("origin", "https://evil.example")]).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "origin_invalid"));
}

#[tokio::test]
async fn an_origin_does_not_go_with_an_authorization() {
    let headers = [("origin", APP), ("authorization", "x")];
    let (_, _, answer) = acme().sign_in("/v1/client/sign_ins?_is_native=1", &headers).await;
    assert_eq!(code(&answer), "origin_authorization_headers_conflict");
}

#[tokio::test]
async fn native_applications_are_refused_where_they_are_not_allowed() {
    let acme = changed(|state| state.frontend_api.native_api = false);
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", APP)]).await;
    assert_eq!(code(&answer), "native_api_disabled");
}

#[tokio::test]
async fn a_cookie_and_an_origin_get_template_tokens_with_azp() {
    let acme = acme();
    let (_, headers, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    let cookie = headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let path = format!("/v1/client/sessions/{session}/tokens/pan-api");
    let (status, _, answer) = acme.browse("POST", &path, &[("origin", APP), ("cookie", &cookie)], "").await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(acme.claims(answer["jwt"].as_str().unwrap()).await["azp"], APP);
}

#[tokio::test]
async fn a_native_client_gets_template_tokens_without_azp() {
    let acme = acme();
    let (_, headers, answer) = acme.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", APP)]).await;
    let client = headers["authorization"].to_str().unwrap().to_owned();
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let path = format!("/v1/client/sessions/{session}/tokens/pan-api?_is_native=1");
    let (_, _, answer) = acme.browse("POST", &path, &[("authorization", &client)], "").await;
    let claims = acme.claims(answer["jwt"].as_str().unwrap()).await;
    assert!(claims.get("azp").is_none());
    assert_eq!(claims["plan"], "pro");
}

#[tokio::test]
async fn an_ended_session_gives_no_more_tokens() {
    let acme = acme();
    let (_, headers, answer) = acme.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", APP)]).await;
    let headers = [("authorization", headers["authorization"].to_str().unwrap())];
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let path = |end: &str| format!("/v1/client/sessions/{session}/{end}?_is_native=1");
    assert_eq!(acme.browse("POST", &path("end"), &headers, "").await.0, StatusCode::OK);
    assert_eq!(acme.browse("POST", &path("tokens"), &headers, "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(acme.effects.counts()["clerk.session.ended"], 1);
}

#[tokio::test]
async fn deleting_the_client_ends_all_of_its_sessions() {
    let acme = acme();
    let (_, headers, _) = acme.sign_in("/v1/client/sign_ins?_is_native=1", &[("origin", APP)]).await;
    let headers = [("authorization", headers["authorization"].to_str().unwrap())];
    let (status, _, _) = acme.browse("DELETE", "/v1/client?_is_native=1", &headers, "").await;
    assert_eq!(status, StatusCode::OK);
    let (_, sessions) = acme.get(&format!("/v1/sessions?user_id={CANARY}&status=active")).await;
    assert_eq!(sessions, json!([]));
}

#[tokio::test]
async fn a_session_can_be_revoked_from_the_backend() {
    let acme = acme();
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let (_, answer) = acme.post(&format!("/v1/sessions/{session}/revoke"), Value::Null).await;
    assert_eq!(answer["status"], "revoked");
}

#[tokio::test]
async fn the_session_token_is_of_version_2() {
    let acme = acme();
    let claims = acme.claims(&acme.token("").await).await;
    assert_eq!((&claims["v"], &claims["sts"], &claims["sub"]), (&json!(2), &json!("active"), &json!(CANARY)));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);
    assert!(claims.get("plan").is_none());
}

#[tokio::test]
async fn a_template_token_carries_the_claim_and_no_session() {
    let acme = acme();
    let claims = acme.claims(&acme.token("/pan-api").await).await;
    assert_eq!(claims["plan"], "pro");
    assert!(claims.get("sid").is_none() && claims.get("v").is_none());
}

#[tokio::test]
async fn an_unknown_template_is_named_in_the_refusal() {
    let acme = acme();
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    let session = answer["response"]["created_session_id"].as_str().unwrap();
    let (status, answer) = acme.post(&format!("/v1/sessions/{session}/tokens/Pan-API"), Value::Null).await;
    assert_eq!((status, code(&answer)), (StatusCode::NOT_FOUND, "resource_not_found"));
    assert_eq!(answer["errors"][0]["long_message"], "No JWT template exists with name: Pan-API");
}

#[tokio::test]
async fn shortcodes_default_interpolate_and_become_null() {
    let acme = changed(|state| {
        let claims = &mut state.jwt_templates.get_mut("pan-api").unwrap().claims;
        claims.insert("fallback".to_owned(), json!("{{user.public_metadata.nothing || 'free'}}"));
        claims.insert("nested".to_owned(), json!({ "text": ["is {{user.public_metadata.plan}}, {{user.nobody}}"] }));
        claims.insert("nothing".to_owned(), json!("{{user.public_metadata.nothing}}"));
        claims.insert("sub".to_owned(), json!("somebody else"));
    });
    let claims = acme.claims(&acme.token("/pan-api").await).await;
    assert_eq!(claims["fallback"], "free");
    assert_eq!(claims["nested"], json!({ "text": ["is pro, null"] }));
    assert_eq!(claims["nothing"], Value::Null);
    assert_eq!(claims["sub"], CANARY);
}

#[tokio::test]
async fn after_a_rotation_both_keys_are_published_and_the_new_one_signs() {
    let acme = changed(|state| {
        state.signing.key = KeyName::Other;
        state.signing.published.push(KeyName::Other);
    });
    assert_eq!(acme.keys().await.keys.len(), 2);
    assert_eq!(acme.claims(&acme.token("/pan-api").await).await["plan"], "pro");
}

#[tokio::test]
async fn a_custom_key_signs_with_hs256() {
    let acme = changed(|state| state.jwt_templates.get_mut("pan-api").unwrap().custom_signing_key = true);
    assert_eq!(decode_header(acme.token("/pan-api").await).unwrap().alg, Algorithm::HS256);
}

#[tokio::test]
async fn the_environment_says_what_everybody_may_know() {
    let (_, _, answer) = acme().browse("GET", "/v1/environment", &[], "").await;
    assert_eq!(answer["display_config"]["instance_environment_type"], "production");
    assert_eq!(answer["auth_config"]["test_mode"], false);
    assert_eq!(answer["auth_config"]["native_settings"]["api_enabled"], true);
    assert_eq!(answer["user_settings"]["sign_up"]["mode"], "public");
}

#[tokio::test]
async fn health_and_discovery_are_there_for_everybody() {
    let acme = acme();
    assert_eq!(acme.browse("GET", "/v1/health", &[], "").await.2, json!({ "status": "healthy" }));
    let (_, _, answer) = acme.browse("GET", "/.well-known/openid-configuration", &[], "").await;
    assert_eq!(answer["issuer"], "https://clerk.acme.com");
}

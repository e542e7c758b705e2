//! Tests of the Frontend API.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{APP, CANARY, acme, changed, code};

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
async fn a_revoked_ticket_does_not_work() {
    let acme = acme();
    let (_, made) = acme.post("/v1/sign_in_tokens", json!({ "user_id": CANARY })).await;
    acme.post(&format!("/v1/sign_in_tokens/{}/revoke", made["id"].as_str().unwrap()), Value::Null).await;
    let form = format!("strategy=ticket&ticket={}", made["token"].as_str().unwrap());
    let (_, _, answer) = acme.browse("POST", "/v1/client/sign_ins", &[("origin", APP)], &form).await;
    assert_eq!(code(&answer), "sign_in_token_revoked_code");
}

#[tokio::test]
async fn a_second_factor_leaves_a_sign_in_incomplete() {
    let acme = changed(|settings| settings.users.get_mut("canary").unwrap()["two_factor_enabled"] = true.into());
    let (_, _, answer) = acme.sign_in("/v1/client/sign_ins", &[("origin", APP)]).await;
    assert_eq!(answer["response"]["status"], "needs_second_factor");
    assert!(answer["response"]["created_session_id"].is_null());
}

#[tokio::test]
async fn an_origin_of_another_domain_is_rejected() {
    let (status, _, answer) = acme().sign_in("/v1/client/sign_ins", &[("origin", "https://evil.example")]).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "origin_invalid"));
}

#[tokio::test]
async fn origin_and_authorization_together_are_rejected() {
    let headers = [("origin", APP), ("authorization", "x")];
    let (_, _, answer) = acme().sign_in("/v1/client/sign_ins?_is_native=1", &headers).await;
    assert_eq!(code(&answer), "origin_authorization_headers_conflict");
}

#[tokio::test]
async fn native_applications_are_rejected_if_the_native_api_is_off() {
    let acme = changed(|settings| {
        settings.environment = json!({ "auth_config": { "native_settings": { "api_enabled": false } } });
    });
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
async fn an_ended_session_creates_no_tokens() {
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
async fn the_environment_is_public() {
    let (_, _, answer) = acme().browse("GET", "/v1/environment", &[], "").await;
    assert_eq!(answer["display_config"]["instance_environment_type"], "production");
    assert_eq!(answer["auth_config"]["test_mode"], false);
    assert_eq!(answer["auth_config"]["native_settings"]["api_enabled"], true);
    assert_eq!(answer["user_settings"]["sign_up"]["mode"], "public");
}

#[tokio::test]
async fn health_and_discovery_are_public() {
    let acme = acme();
    assert_eq!(acme.browse("GET", "/v1/health", &[], "").await.2, json!({ "status": "healthy" }));
    let (_, _, answer) = acme.browse("GET", "/.well-known/openid-configuration", &[], "").await;
    assert_eq!(answer["issuer"], "https://clerk.acme.com");
}

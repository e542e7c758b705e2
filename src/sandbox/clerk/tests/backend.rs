//! Tests of the Backend API.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};

use super::{CANARY, KEY, acme, changed, code, send};

#[tokio::test]
async fn an_unknown_secret_key_gets_clerks_error() {
    let (status, answer) = acme().ask("sk_live_unknown", "GET", "/v1/instance", Value::Null).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "clerk_key_invalid"));
    assert!(answer["clerk_trace_id"].is_string());
}

#[tokio::test]
async fn a_revoked_secret_key_is_rejected() {
    let acme = changed(|settings| settings.secret_keys.get_mut("live").unwrap().revoked = true);
    assert_eq!(acme.get("/v1/instance").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_error_for_a_request_without_a_key_names_the_format() {
    let request = Request::builder().uri("/v1/instance").body(Body::empty()).unwrap();
    let (status, _, answer) = send(&acme().backend, request).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNAUTHORIZED, "authorization_header_format_invalid"));
}

#[tokio::test]
async fn an_unknown_version_is_rejected() {
    let (status, _) = acme().get("/v1/instance?__clerk_api_version=2030-01-01").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_version_in_both_header_and_query_is_rejected() {
    let request = Request::builder().uri("/v1/instance?__clerk_api_version=2026-05-12");
    let request = request.header("authorization", format!("Bearer {KEY}")).header("clerk-api-version", "2026-05-12");
    let (status, _, _) = send(&acme().backend, request.body(Body::empty()).unwrap()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_test_key_opens_a_development_instance() {
    let (_, answer) = acme().ask("sk_test_AcmeClerk", "GET", "/v1/instance", Value::Null).await;
    assert_eq!(answer["environment_type"], "development");
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
async fn templates_show_their_claims_unevaluated() {
    let (_, answer) = acme().get("/v1/jwt_templates").await;
    assert_eq!(answer[0]["claims"], json!({ "plan": "{{user.public_metadata.plan}}" }));
}

#[tokio::test]
async fn domains_show_their_dns_records() {
    let (_, answer) = acme().get("/v1/domains").await;
    assert_eq!(answer["total_count"], 1);
    assert_eq!(answer["data"][0]["cname_targets"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn users_come_newest_first_as_a_bare_array() {
    let (_, answer) = acme().get("/v1/users").await;
    let created: Vec<i64> =
        answer.as_array().unwrap().iter().map(|user| user["created_at"].as_i64().unwrap()).collect();
    assert!(created.len() > 3 && created.is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn a_limit_above_500_is_rejected() {
    let (status, _) = acme().get("/v1/users?limit=501").await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_repeated_filter_matches_each_of_its_values() {
    let (_, answer) = acme().get(&format!("/v1/users?user_id={CANARY}&user_id=user_2adaAcme0000000000000000000")).await;
    assert_eq!(answer.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn users_are_found_by_address() {
    let (_, answer) = acme().get("/v1/users?email_address=canary%40acme.com").await;
    assert_eq!(answer[0]["id"], CANARY);
}

#[tokio::test]
async fn a_cursor_reaches_the_named_users_after_100_000_others() {
    let acme = changed(|settings| settings.extra_users = 100_000);
    let (_, count) = acme.get("/v1/users/count").await;
    assert_eq!(count["total_count"], 100_006);
    let last = format!("user_2extra{:021}", 0);
    let (_, answer) = acme.get(&format!("/v1/users?limit=500&starting_after={last}")).await;
    assert_eq!(answer.as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn a_cursor_needs_the_order_of_creation() {
    let (status, _) = acme().get(&format!("/v1/users?starting_after={CANARY}&order_by=email_address")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_merge_keeps_other_keys_and_a_null_removes_one() {
    let acme = acme();
    let path = "/v1/users/user_2adaAcme0000000000000000000/metadata";
    let change = json!({ "public_metadata": { "subscriptionId": null, "a": { "b": 1 } } });
    let (_, user) = acme.ask(KEY, "PATCH", path, change).await;
    assert_eq!(
        user["public_metadata"],
        json!({ "plan": "pro", "stripeCustomerId": "cus_QpanAda0000001", "a": { "b": 1 } })
    );
    assert_eq!(acme.effects.counts()["clerk.user.metadata_changed"], 1);
}

#[tokio::test]
async fn a_replacement_keeps_the_other_kinds_of_metadata() {
    let path = "/v1/users/user_2adaAcme0000000000000000000/metadata";
    let (_, user) = acme().ask(KEY, "PUT", path, json!({ "public_metadata": { "plan": "free" } })).await;
    assert_eq!(user["public_metadata"], json!({ "plan": "free" }));
}

#[tokio::test]
async fn metadata_is_no_longer_a_field_of_the_user_update() {
    let change = json!({ "public_metadata": {} });
    let (status, answer) = acme().ask(KEY, "PATCH", &format!("/v1/users/{CANARY}"), change).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "form_param_unknown"));
}

#[tokio::test]
async fn sessions_can_be_created_directly_only_in_development() {
    let body = json!({ "user_id": CANARY });
    let (status, answer) = acme().post("/v1/sessions", body.clone()).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "request_invalid_for_environment"));
    let development = changed(|settings| settings.instance["environment_type"] = "development".into());
    assert_eq!(development.post("/v1/sessions", body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn an_older_version_still_replaces_metadata_as_a_whole() {
    let path = "/v1/users/user_2adaAcme0000000000000000000?__clerk_api_version=2025-04-10";
    let (_, user) = acme().ask(KEY, "PATCH", path, json!({ "public_metadata": { "plan": "free" } })).await;
    assert_eq!(user["public_metadata"], json!({ "plan": "free" }));
}

#[tokio::test]
async fn a_user_update_accepts_only_known_fields() {
    let acme = acme();
    let path = format!("/v1/users/{CANARY}");
    assert_eq!(acme.ask(KEY, "PATCH", &path, json!({ "first_name": "Ada" })).await.0, StatusCode::OK);
    let (status, answer) = acme.ask(KEY, "PATCH", &path, json!({ "colour": "blue" })).await;
    assert_eq!((status, code(&answer)), (StatusCode::UNPROCESSABLE_ENTITY, "form_param_unknown"));
}

#[tokio::test]
async fn a_paginated_list_says_how_many_there_are() {
    let acme = acme();
    let (_, plain) = acme.get("/v1/jwt_templates").await;
    let (_, paginated) = acme.get("/v1/jwt_templates?paginated=true").await;
    assert_eq!((&paginated["data"], paginated["total_count"].as_u64()), (&plain, Some(1)));
}

#[tokio::test]
async fn revoking_a_session_takes_no_fields() {
    let (status, answer) = acme().post("/v1/sessions/sess_1/revoke", json!({ "reason": "x" })).await;
    assert_eq!((status, code(&answer)), (StatusCode::BAD_REQUEST, "request_body_invalid"));
}

#[tokio::test]
async fn a_wrong_method_gets_an_error_in_clerks_format() {
    let (status, answer) = acme().ask(KEY, "DELETE", "/v1/instance", Value::Null).await;
    assert_eq!((status, code(&answer)), (StatusCode::NOT_FOUND, "resource_not_found"));
}

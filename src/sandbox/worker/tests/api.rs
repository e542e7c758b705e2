//! Tests of the routes for users.

use axum::http::StatusCode;
use serde_json::json;

use super::super::settings::{CrossOrigin, Defect, Limit};
use super::{ADA, APP, CANARY, ELSEWHERE_KEY, acme, changed, with};

#[tokio::test]
async fn health_works_without_the_webhook_secret() {
    let acme = changed(|_, bindings| drop(bindings.remove("STRIPE_WEBHOOK_SECRET")));
    let answer = acme.ask("GET", "/health", &[], "").await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"status":"ok"}"#));
}

#[tokio::test]
async fn tiers_are_public_and_sorted_by_price() {
    let answer = acme().ask("GET", "/api/tiers", &[], "").await.json();
    assert_eq!(answer["tiers"][1], json!({ "id": "pro", "name": "Pro", "price": 29, "limit": 50, "hasPriceId": true }));
    assert_eq!(answer["tiers"][0]["hasPriceId"], false);
    assert_eq!(answer["tiers"][2]["limit"], "unlimited");
}

#[tokio::test]
async fn usage_shows_the_tokens_plan_and_the_tiers_limit() {
    let answer = acme().ask_as(CANARY, "GET", "/api/usage", APP, "").await.json();
    assert_eq!((&answer["userId"], &answer["plan"], &answer["limit"]), (&json!(CANARY), &json!("pro"), &json!(50)));
    assert_eq!((&answer["usageCount"], &answer["remaining"]), (&json!(0), &json!(50)));
    assert!(answer["periodStart"].is_string() && answer["periodEnd"].is_string());
}

#[tokio::test]
async fn a_token_without_a_plan_is_free() {
    let answer = acme().ask_as("user_2fridaAcme00000000000000000", "GET", "/api/usage", APP, "").await.json();
    assert_eq!((&answer["plan"], &answer["limit"]), (&json!("free"), &json!(10)));
}

#[tokio::test]
async fn an_unknown_plan_has_a_limit_of_zero() {
    let acme = changed(|state, _| drop(state.tiers.remove("pro")));
    let answer = acme.ask_as(CANARY, "GET", "/api/usage", APP, "").await;
    assert_eq!((answer.status, &answer.json()["limit"]), (StatusCode::OK, &json!(0)));
}

#[tokio::test]
async fn missing_and_bad_tokens_are_rejected() {
    let acme = acme();
    for headers in [&[][..], &[("authorization", "Bearer garbage")]] {
        assert_eq!(acme.ask("GET", "/api/usage", headers, "").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn with_another_instances_clerk_key_every_token_is_rejected() {
    let acme = changed(|_, bindings| drop(bindings.insert("CLERK_SECRET_KEY".to_owned(), ELSEWHERE_KEY.to_owned())));
    assert_eq!(acme.ask_as(CANARY, "GET", "/api/usage", APP, "").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_tokens_of_authorized_parties_are_accepted() {
    let acme = changed(|state, _| state.authorized_parties = vec!["https://elsewhere.example".to_owned()]);
    assert_eq!(acme.ask_as(CANARY, "GET", "/api/usage", APP, "").await.status, StatusCode::UNAUTHORIZED);
    let acme = changed(|state, _| state.authorized_parties = vec![APP.to_owned()]);
    assert_eq!(acme.ask_as(CANARY, "GET", "/api/usage", APP, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_call_is_one_use_until_the_limit_is_reached() {
    let acme = changed(|state, _| state.tiers.get_mut("pro").unwrap().limit = Limit::Of(1));
    assert_eq!(acme.ask_as(CANARY, "POST", "/api/data", APP, "").await.status, StatusCode::OK);
    assert_eq!(acme.ask_as(CANARY, "POST", "/api/data", APP, "").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn checkout_names_the_user_and_the_tier() {
    let acme = acme();
    let answer = acme.ask_as(CANARY, "POST", "/api/create-checkout", APP, r#"{"tier":"pro"}"#).await;
    assert_eq!(answer.json(), json!({ "url": "https://stripe.example/session" }));
    let (path, form) = acme.asked();
    assert_eq!(path, "POST /v1/checkout/sessions");
    assert_eq!(form["line_items[0][price]"], "price_1Rlivecme7LaunchProMonth");
    assert_eq!((form["client_reference_id"].as_str(), form["metadata[tier]"].as_str()), (CANARY, "pro"));
    assert_eq!(form["success_url"], "https://app.acme.com/dashboard?success=true");
}

#[tokio::test]
async fn checkout_ignores_an_unknown_origin() {
    let acme = acme();
    acme.ask_as(CANARY, "POST", "/api/create-checkout", "https://evil.example", r#"{"tier":"pro"}"#).await;
    assert!(acme.asked().1["success_url"].starts_with(APP));
}

#[tokio::test]
async fn a_worker_that_trusts_origins_returns_to_an_unknown_origin() {
    let acme = with(Defect::TrustsOrigin);
    acme.ask_as(CANARY, "POST", "/api/create-checkout", "https://evil.example", r#"{"tier":"pro"}"#).await;
    assert!(acme.asked().1["success_url"].starts_with("https://evil.example/"));
}

#[tokio::test]
async fn checkout_changes_an_existing_subscription() {
    let acme = acme();
    acme.ask_as(ADA, "POST", "/api/create-checkout", APP, r#"{"tier":"enterprise"}"#).await;
    assert_eq!(acme.asked().0, "POST /v1/subscriptions/sub_1Rlivecme7LaunchAda00001");
}

#[tokio::test]
async fn an_unknown_tier_cannot_be_bought() {
    let answer = acme().ask_as(CANARY, "POST", "/api/create-checkout", APP, r#"{"tier":"free"}"#).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_portal_needs_a_customer() {
    let answer = acme().ask_as(CANARY, "POST", "/api/customer-portal", APP, "").await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (StatusCode::BAD_REQUEST, &json!("No active subscription found"))
    );
}

#[tokio::test]
async fn the_portal_opens_for_a_customer() {
    let acme = acme();
    assert_eq!(acme.ask_as(ADA, "POST", "/api/customer-portal", APP, "").await.status, StatusCode::OK);
    let (path, form) = acme.asked();
    assert_eq!((path.as_str(), form["customer"].as_str()), ("POST /v1/billing_portal/sessions", "cus_QpanAda0000001"));
}

#[tokio::test]
async fn an_unknown_origin_gets_the_first_allowed_one() {
    let answer = acme().ask("OPTIONS", "/api/usage", &[("origin", "https://evil.example")], "").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (StatusCode::NO_CONTENT, APP));
}

#[tokio::test]
async fn an_allowed_origin_is_allowed() {
    let answer = acme().ask("OPTIONS", "/api/usage", &[("origin", "https://www.acme.com")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://www.acme.com");
}

#[tokio::test]
async fn origins_can_be_reflected_or_all_be_allowed() {
    let header = [("origin", "https://evil.example")];
    let reflects = changed(|state, _| state.cross_origin = CrossOrigin::Reflects);
    let answer = reflects.ask("OPTIONS", "/", &header, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://evil.example");
    let wildcard = changed(|state, _| state.cross_origin = CrossOrigin::WildcardWithCredentials);
    let answer = wildcard.ask("OPTIONS", "/", &header, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
}

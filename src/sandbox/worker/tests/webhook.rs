//! Tests of a healthy webhook route.

use axum::http::StatusCode;
use jsonwebtoken::get_current_timestamp;
use serde_json::json;

use super::super::settings::{Entitlement, WorkerSettings};
use super::super::signature::sign;
use super::{CANARY, ELSEWHERE_KEY, SECRET, acme, changed, event};

fn probe() -> String {
    event("evt_probe", "preflight.probe", &json!({}))
}

fn from_subscription(state: &mut WorkerSettings) {
    state.entitlement = Entitlement::SubscriptionMetadata;
}

#[tokio::test]
async fn an_event_without_a_signature_is_rejected() {
    let answer = acme().post_event(&[], &probe()).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::BAD_REQUEST, r#"{"error":"No signature"}"#));
    assert_eq!(answer.header("content-type"), "text/plain;charset=UTF-8");
}

#[tokio::test]
async fn without_a_secret_an_unsigned_event_gets_the_same_error() {
    let acme = changed(|_, bindings| drop(bindings.remove("STRIPE_WEBHOOK_SECRET")));
    assert_eq!(acme.post_event(&[], &probe()).await.text, r#"{"error":"No signature"}"#);
}

#[tokio::test]
async fn without_a_secret_the_error_for_a_signed_event_says_so() {
    let acme = changed(|_, bindings| drop(bindings.insert("STRIPE_WEBHOOK_SECRET".to_owned(), String::new())));
    let answer = acme.deliver(&probe()).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.text, r#"{"error":"Webhook secret not configured"}"#);
}

#[tokio::test]
async fn a_malformed_signature_is_rejected() {
    let answer = acme().post_event(&[("stripe-signature", "nonsense")], &probe()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.text, "Webhook Error: Unable to extract timestamp and signatures from header");
}

#[tokio::test]
async fn a_signature_by_another_secret_is_rejected() {
    let signature = sign(&probe(), "whsec_other", get_current_timestamp());
    let answer = acme().post_event(&[("stripe-signature", &signature)], &probe()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text.starts_with("Webhook Error: No signatures found matching"));
}

#[tokio::test]
async fn a_signature_of_another_body_is_rejected() {
    let signature = sign("{}", SECRET, get_current_timestamp());
    assert_eq!(acme().post_event(&[("stripe-signature", &signature)], &probe()).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_ten_minute_old_signature_is_rejected() {
    let signature = sign(&probe(), SECRET, get_current_timestamp() - 600);
    let answer = acme().post_event(&[("stripe-signature", &signature)], &probe()).await;
    assert_eq!(answer.text, "Webhook Error: Timestamp upstream the tolerance zone");
}

#[tokio::test]
async fn a_signature_from_ten_minutes_ahead_is_accepted() {
    let signature = sign(&probe(), SECRET, get_current_timestamp() + 600);
    assert_eq!(acme().post_event(&[("stripe-signature", &signature)], &probe()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn one_correct_signature_of_two_is_enough() {
    let signature = sign(&probe(), SECRET, get_current_timestamp()).replace(",v1=", ",v1=00ff,v1=");
    assert_eq!(acme().post_event(&[("stripe-signature", &signature)], &probe()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_correct_signature_of_another_scheme_is_ignored() {
    let signature = sign(&probe(), SECRET, get_current_timestamp()).replace(",v1=", ",v0=");
    assert_eq!(acme().post_event(&[("stripe-signature", &signature)], &probe()).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unhandled_type_is_accepted() {
    let answer = acme().deliver(&probe()).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"received":true}"#));
}

#[tokio::test]
async fn unusual_but_valid_json_is_accepted() {
    let body = "{ \"id\" : \"evt_1\",\n\t\"type\" : \"preflight\\u002eprobe\" , \"n\": 1.0 }";
    assert_eq!(acme().deliver(body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_signed_body_that_is_not_json_is_rejected() {
    assert_eq!(acme().deliver("hello").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_large_body_is_accepted() {
    let body = event("evt_large", "preflight.probe", &json!({ "text": "a".repeat(5_000_000) }));
    assert_eq!(acme().deliver(&body).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_second_delivery_of_an_event_is_accepted_but_not_handled() {
    let acme = acme();
    acme.deliver(&probe()).await;
    let answer = acme.deliver(&event("evt_probe", "product.updated", &json!({}))).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::OK, r#"{"received":true,"idempotent":true}"#));
}

#[tokio::test]
async fn a_failed_event_is_handled_again() {
    let acme = acme();
    let body = event("evt_1", "customer.subscription.created", &json!({}));
    for _ in 0..2 {
        let answer = acme.deliver(&body).await;
        assert_eq!((answer.status, answer.text.as_str()), (StatusCode::BAD_REQUEST, "No userId"));
    }
}

#[tokio::test]
async fn a_subscription_without_a_tier_is_rejected() {
    let body = event(
        "evt_1",
        "customer.subscription.created",
        &json!({ "status": "active", "metadata": { "userId": CANARY } }),
    );
    let answer = acme().deliver(&body).await;
    assert_eq!((answer.status, answer.text.as_str()), (StatusCode::BAD_REQUEST, "Missing tier metadata"));
}

#[tokio::test]
async fn a_subscription_writes_its_tier_and_stripes_ids() {
    let acme = changed(|state, _| from_subscription(state));
    let metadata = json!({ "userId": CANARY, "tier": "anything", });
    let object = json!({ "id": "sub_1", "customer": "cus_1", "status": "active", "metadata": metadata });
    let answer = acme.deliver(&event("evt_1", "customer.subscription.updated", &object)).await;
    assert_eq!(answer.text, r#"{"received":true}"#);
    let expected = json!({ "plan": "anything", "stripeCustomerId": "cus_1", "subscriptionId": "sub_1" });
    assert_eq!(acme.metadata(CANARY).await, expected);
}

#[tokio::test]
async fn the_products_metadata_takes_precedence() {
    let acme = acme();
    let items = json!({ "data": [{ "price": { "product": "prod_1" } }] });
    let metadata = json!({ "userId": CANARY, "tier": "pro" });
    let object = json!({ "id": "sub_1", "status": "active", "metadata": metadata, "items": items });
    acme.deliver(&event("evt_1", "customer.subscription.created", &object)).await;
    assert_eq!(acme.metadata(CANARY).await["plan"], "enterprise");
}

#[tokio::test]
async fn a_completed_checkout_writes_the_tier_to_the_user() {
    let acme = acme();
    let object = json!({
        "client_reference_id": CANARY, "customer": "cus_1", "subscription": "sub_1", "metadata": { "tier": "enterprise" },
    });
    assert_eq!(acme.deliver(&event("evt_1", "checkout.session.completed", &object)).await.status, StatusCode::OK);
    assert_eq!(acme.metadata(CANARY).await["plan"], "enterprise");
}

#[tokio::test]
async fn a_deleted_subscription_takes_the_tier_unless_there_is_a_newer_one() {
    let acme = acme();
    let deleted = |event_id: &str, id: &str| {
        let object = json!({ "id": id, "status": "canceled", "metadata": { "userId": super::ADA } });
        event(event_id, "customer.subscription.deleted", &object)
    };
    acme.deliver(&deleted("evt_1", "sub_Another")).await;
    assert_eq!(acme.metadata(super::ADA).await["plan"], "pro");
    let current = acme.metadata(super::ADA).await["subscriptionId"].as_str().unwrap().to_owned();
    acme.deliver(&deleted("evt_2", &current)).await;
    assert_eq!(acme.metadata(super::ADA).await["plan"], "free");
}

#[tokio::test]
async fn only_a_status_that_is_paid_for_grants_the_tier() {
    for (status, plan) in [("active", "pro"), ("past_due", "free"), ("unpaid", "free"), ("incomplete", "free")] {
        let acme = changed(|state, _| from_subscription(state));
        let metadata = json!({ "userId": CANARY, "tier": "pro" });
        let object = json!({ "id": "sub_1", "customer": "cus_1", "status": status, "metadata": metadata });
        acme.deliver(&event("evt_1", "customer.subscription.updated", &object)).await;
        assert_eq!(acme.metadata(CANARY).await["plan"], plan, "{status}");
    }
}

#[tokio::test]
async fn an_unknown_user_is_an_error() {
    let object = json!({ "status": "active", "metadata": { "userId": "user_missing", "tier": "pro" } });
    let answer = acme().deliver(&event("evt_1", "customer.subscription.created", &object)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.text, "Failed to update user metadata");
}

#[tokio::test]
async fn another_instances_clerk_key_fails_only_when_a_tier_is_written() {
    let acme = changed(|_, bindings| drop(bindings.insert("CLERK_SECRET_KEY".to_owned(), ELSEWHERE_KEY.to_owned())));
    assert_eq!(acme.deliver(&probe()).await.status, StatusCode::OK);
    let object = json!({ "status": "active", "metadata": { "userId": CANARY, "tier": "pro" } });
    let answer = acme.deliver(&event("evt_1", "customer.subscription.created", &object)).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn other_methods_and_spellings_of_the_path_need_a_token() {
    let acme = acme();
    let wrong = [("GET", "/webhook/stripe"), ("POST", "/webhook/stripe/"), ("POST", "/Webhook/Stripe"), ("POST", "/x")];
    for (method, path) in wrong {
        let answer = acme.ask(method, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(answer.text, "Missing or invalid Authorization header");
        assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-clerk")));
    }
}

#[tokio::test]
async fn every_route_fails_without_a_required_variable() {
    let acme = changed(|_, bindings| drop(bindings.remove("STRIPE_PRICE_ID_PRO")));
    for (method, path) in [("GET", "/health"), ("POST", "/webhook/stripe"), ("GET", "/nowhere")] {
        let answer = acme.ask(method, path, &[], "").await;
        assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        assert_eq!(answer.json()["missing"], json!(["STRIPE_PRICE_ID_PRO"]));
    }
}

#[tokio::test]
async fn after_a_roll_both_secrets_are_accepted() {
    let acme = changed(|state, _| state.previous_webhook_secret = Some("whsec_before".to_owned()));
    let signature = sign(&probe(), "whsec_before", get_current_timestamp());
    assert_eq!(acme.post_event(&[("stripe-signature", &signature)], &probe()).await.status, StatusCode::OK);
    let other = event("evt_2", "preflight.probe", &json!({}));
    assert_eq!(acme.deliver(&other).await.status, StatusCode::OK);
}

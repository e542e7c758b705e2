//! The Worker between the sandbox's own Stripe and Clerk.

use jsonwebtoken::get_current_timestamp;
use reqwest::header::{COOKIE, ORIGIN, SET_COOKIE};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::super::signature::sign;
use super::{APP, CANARY, event};
use crate::sandbox::{Options, Sandbox};

/// A world and a token for its canary.
struct Whole {
    sandbox: Sandbox,
    client: Client,
    token: String,
}

impl Whole {
    async fn start(scenarios: &[&str]) -> Self {
        let sandbox = Sandbox::start(scenarios, Options::default()).await.unwrap();
        let client = Client::new();
        let token = token(&sandbox, &client).await;
        Self { sandbox, client, token }
    }

    /// Sends a request to the Worker as the canary.
    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let url = self.sandbox.plain().worker.join(path).unwrap();
        let request = self.client.post(url).bearer_auth(&self.token).json(body);
        let response = request.send().await.unwrap();
        (response.status(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
    }

    async fn checkout(&self, tier: &str) -> String {
        let (status, answer) = self.post("/api/create-checkout", &json!({ "tier": tier })).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["url"].as_str().unwrap().to_owned()
    }
}

async fn token(sandbox: &Sandbox, client: &Client) -> String {
    let (backend, frontend) = (&sandbox.plain().clerk, &sandbox.plain().clerk_frontend);
    let key = &sandbox.environment()["CLERK_SECRET_KEY"];
    let request = client.post(backend.join("/v1/sign_in_tokens").unwrap()).bearer_auth(key);
    let ticket: Value = request.json(&json!({ "user_id": CANARY })).send().await.unwrap().json().await.unwrap();
    let form = [("strategy", "ticket"), ("ticket", ticket["token"].as_str().unwrap())];
    let request = client.post(frontend.join("/v1/client/sign_ins").unwrap()).header(ORIGIN, APP).form(&form);
    let response = request.send().await.unwrap();
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let signed_in: Value = response.json().await.unwrap();
    let session = signed_in["response"]["created_session_id"].as_str().unwrap();
    let path = format!("/v1/client/sessions/{session}/tokens/pan-api");
    let request = client.post(frontend.join(&path).unwrap()).header(ORIGIN, APP).header(COOKIE, cookie);
    let minted: Value = request.send().await.unwrap().json().await.unwrap();
    minted["jwt"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_paid_tier_has_a_checkout() {
    let whole = Whole::start(&["healthy"]).await;
    for tier in ["pro", "enterprise"] {
        assert!(whole.checkout(tier).await.contains("cs_live_"), "{tier}");
    }
    assert_eq!(whole.sandbox.effects()["stripe.checkout_session.created"], 2);
}

#[tokio::test]
async fn a_worker_with_the_test_key_creates_test_sessions() {
    assert!(Whole::start(&["checkout-test-key"]).await.checkout("pro").await.contains("cs_test_"));
}

#[tokio::test]
async fn a_worker_with_another_accounts_key_creates_sessions_too() {
    let whole = Whole::start(&["checkout-other-account"]).await;
    for tier in ["pro", "enterprise"] {
        assert!(whole.checkout(tier).await.contains("cs_live_"), "{tier}");
    }
}

#[tokio::test]
async fn a_worker_that_omits_the_user_or_the_tier_creates_sessions_too() {
    for scenario in ["checkout-no-user", "checkout-no-tier"] {
        assert!(Whole::start(&[scenario]).await.checkout("pro").await.contains("cs_live_"), "{scenario}");
    }
}

#[tokio::test]
async fn in_test_mode_sessions_are_test_sessions() {
    assert!(Whole::start(&["healthy-test-mode"]).await.checkout("enterprise").await.contains("cs_test_"));
}

#[tokio::test]
async fn a_subscription_writes_the_tier_of_the_product() {
    let whole = Whole::start(&["healthy"]).await;
    let items = json!({ "data": [{ "price": { "product": "prod_QpanAcmeEnt001" } }] });
    let object = json!({ "id": "sub_1", "customer": "cus_1", "metadata": { "userId": CANARY }, "items": items });
    let body = event("evt_1", "customer.subscription.created", &object);
    let secret = &whole.sandbox.environment()["STRIPE_WEBHOOK_SECRET"];
    let signature = sign(&body, secret, get_current_timestamp());
    let url = whole.sandbox.plain().worker.join("/webhook/stripe").unwrap();
    let request = whole.client.post(url).header("stripe-signature", signature).body(body);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), r#"{"received":true}"#);
    assert_eq!(whole.sandbox.effects()["clerk.user.metadata_changed"], 1);
}

#[tokio::test]
async fn the_portal_opens_for_a_canary_that_is_a_customer() {
    let whole = Whole::start(&["healthy-canary-customer"]).await;
    let (status, answer) = whole.post("/api/customer-portal", &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(answer["url"].as_str().unwrap().starts_with("https://billing.stripe.com/"), "{answer}");
}

#[tokio::test]
async fn the_portal_does_not_open_for_a_canary_without_a_customer() {
    let (status, _) = Whole::start(&["healthy"]).await.post("/api/customer-portal", &json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

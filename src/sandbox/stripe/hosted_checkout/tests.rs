//! Tests of the page of a Checkout Session.

use axum::http::StatusCode;
use serde_json::Value;

use super::super::test_client::{TestClient, TestResponse};

const SESSIONS: &str = "/v1/checkout/sessions";
const FORM: &str = "mode=subscription&line_items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchProMonth&\
                    success_url=https%3A%2F%2Fapp.acme.com%2Fsuccess%3Fid%3D%7BCHECKOUT_SESSION_ID%7D&\
                    client_reference_id=user_1&metadata%5Btier%5D=pro&subscription_data%5Bmetadata%5D%5BuserId%5D=user_1";
const FREE: &str = "allow_promotion_codes=true&payment_method_collection=if_required";

/// A session that is open, and the path of its page.
async fn open(client: &TestClient, form: &str) -> (String, String) {
    let made = client.post(SESSIONS, &format!("{FORM}&{form}")).await.body;
    let url = made["url"].as_str().unwrap_or_else(|| panic!("{made}"));
    (made["id"].as_str().unwrap().to_owned(), url.strip_prefix("https://checkout.stripe.com").unwrap().to_owned())
}

async fn read(client: &TestClient, id: &str) -> TestResponse {
    client.get(&format!("{SESSIONS}/{id}")).await
}

#[tokio::test]
async fn the_page_shows_what_is_sold_and_what_is_due() {
    let client = TestClient::of(&[]);
    let (_, path) = open(&client, FREE).await;
    let page = client.open(&path).await;
    for text in [
        "Subscribe to Pro Plan",
        "29.00 USD per month",
        "Total due today: 29.00 USD",
        "promotion_code",
        "name=\"card\"",
    ] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
}

#[tokio::test]
async fn with_a_code_for_everything_no_card_is_needed() {
    let client = TestClient::of(&[]);
    let (id, path) = open(&client, FREE).await;
    assert_eq!(client.submit(&path, "promotion_code=friends&apply=1").await.location, path);
    let page = client.open(&path).await;
    assert!(page.text.contains("Total due today: 0.00 USD") && !page.text.contains("name=\"card\""), "{}", page.text);
    let done = client.submit(&path, "email=ada%40example.com&subscribe=1").await;
    assert_eq!((done.status, done.location), (StatusCode::SEE_OTHER, format!("https://app.acme.com/success?id={id}")));
    let session = read(&client, &id).await.body;
    assert_eq!((&session["status"], &session["payment_status"]), (&"complete".into(), &"no_payment_required".into()));
    assert_eq!((&session["url"], &session["customer_details"]["email"]), (&Value::Null, &"ada@example.com".into()));
    let subscription =
        client.get(&format!("/v1/subscriptions/{}", session["subscription"].as_str().unwrap())).await.body;
    assert_eq!((&subscription["status"], &subscription["metadata"]["userId"]), (&"active".into(), &"user_1".into()));
    assert_eq!((&subscription["customer"], &subscription["metadata"]["tier"]), (&session["customer"], &Value::Null));
    assert!(client.open(&path).await.text.contains("You have already paid."));
}

#[tokio::test]
async fn a_completed_session_has_its_events() {
    let client = TestClient::of(&[]);
    let (id, path) = open(&client, &format!("{FREE}&customer=cus_QpanAlan000001")).await;
    client.submit(&path, "promotion_code=FRIENDS&subscribe=1").await;
    let events = client.get("/v1/events?limit=4").await;
    let mut kinds: Vec<&str> =
        events.body["data"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    assert!(
        kinds.contains(&"checkout.session.completed") && kinds.contains(&"customer.subscription.created"),
        "{kinds:?}"
    );
    let completed = client.get("/v1/events?type=checkout.session.completed&limit=1").await;
    let session = &completed.body["data"][0]["data"]["object"];
    assert_eq!((&session["id"], &session["line_items"]), (&id.as_str().into(), &Value::Null));
    assert_eq!(
        (&session["customer"], &session["client_reference_id"]),
        (&"cus_QpanAlan000001".into(), &"user_1".into())
    );
}

#[tokio::test]
async fn an_unknown_code_leaves_the_session_open() {
    let client = TestClient::of(&[]);
    let (id, path) = open(&client, FREE).await;
    let page = client.submit(&path, "promotion_code=%3Cb%3E&apply=1").await;
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert!(page.text.contains("This code is invalid."), "{}", page.text);
    assert_eq!(read(&client, &id).await.body["status"], "open");
}

#[tokio::test]
async fn live_mode_takes_no_test_card() {
    let client = TestClient::of(&[]);
    let (_, path) = open(&client, "customer_email=ada%40example.com").await;
    let page = client.submit(&path, "card=4242424242424242&subscribe=1").await;
    assert!(page.text.contains("used a known test card"), "{}", page.text);
    assert_eq!(client.count("stripe.customer.created"), 0);
}

#[tokio::test]
async fn a_test_card_pays_in_test_mode() {
    let client = TestClient::of(&[]);
    let form = format!("{}&customer_email=ada%40example.com", FORM.replace("1Rlive", "1Rtest"));
    let made = client.post_in_test_mode(SESSIONS, &form).await.body;
    let path = format!("/c/pay/{}", made["id"].as_str().unwrap());
    let declined = client.submit(&path, "card=4000000000000341&subscribe=1").await;
    assert!(declined.text.contains("Your card was declined."), "{}", declined.text);
    assert_eq!(client.submit(&path, "card=4242+4242+4242+4242&subscribe=1").await.status, StatusCode::SEE_OTHER);
    let session = client.get_in_test_mode(&format!("{SESSIONS}/{}", made["id"].as_str().unwrap())).await.body;
    assert_eq!((&session["payment_status"], &session["amount_total"]), (&"paid".into(), &2900.into()));
}

#[tokio::test]
async fn a_trial_has_nothing_due_and_ends_later() {
    let client = TestClient::of(&[]);
    let form =
        "payment_method_collection=if_required&customer=cus_QpanAlan000001&subscription_data%5Btrial_period_days%5D=7";
    let (id, path) = open(&client, form).await;
    assert_eq!(client.submit(&path, "subscribe=1").await.status, StatusCode::SEE_OTHER);
    let subscription = read(&client, &id).await.body["subscription"].as_str().unwrap().to_owned();
    assert_eq!(client.get(&format!("/v1/subscriptions/{subscription}")).await.body["status"], "trialing");
}

#[tokio::test]
async fn an_expired_session_cannot_be_completed() {
    let client = TestClient::of(&[]);
    let (id, path) = open(&client, FREE).await;
    client.post(&format!("{SESSIONS}/{id}/expire"), "").await;
    assert!(client.open(&path).await.text.contains("This page has expired."));
    assert_eq!(client.submit(&path, "promotion_code=FRIENDS&subscribe=1").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(client.get("/v1/events?type=checkout.session.expired").await.ids().len(), 1);
    assert_eq!(client.open("/c/pay/cs_live_none").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_a_subscription_cannot_get_is_rejected() {
    let client = TestClient::of(&[]);
    let answer = client.post(SESSIONS, &format!("{FORM}&subscription_data%5Bcolour%5D=blue")).await;
    assert_eq!(answer.body["error"]["param"], "subscription_data[colour]");
    let long = format!("{FORM}&subscription_data%5Bmetadata%5D%5Btier%5D={}", "x".repeat(501));
    assert_eq!(client.post(SESSIONS, &long).await.status, 400);
}

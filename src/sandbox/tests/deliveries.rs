//! What happens at Stripe reaches the Worker, and through it Clerk.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::super::{DeliveryAttempt, Sandbox};
use super::{client, start};

const CANARY: &str = "user_2canaryAcme0000000000000000";
const ADA: &str = "/v1/subscriptions/sub_1Rlivecme7LaunchAda00001";

/// Sends a form to Stripe, by its plain address.
async fn ask_stripe(sandbox: &Sandbox, method: reqwest::Method, path: &str, form: &[(&str, &str)]) -> Value {
    let url = sandbox.plain().stripe.join(path).unwrap();
    let request = client(sandbox).request(method, url).bearer_auth(&sandbox.environment()["STRIPE_SECRET_KEY"]);
    let response = if form.is_empty() { request.send().await } else { request.form(form).send().await };
    let answer: Value = response.unwrap().json().await.unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer
}

async fn create(sandbox: &Sandbox, path: &str, form: &[(&str, &str)]) -> Value {
    ask_stripe(sandbox, reqwest::Method::POST, path, form).await
}

async fn end(sandbox: &Sandbox, path: &str) -> Value {
    ask_stripe(sandbox, reqwest::Method::DELETE, path, &[]).await
}

/// The canary's public metadata at Clerk.
async fn metadata(sandbox: &Sandbox) -> Value {
    let url = sandbox.plain().clerk.join(&format!("/v1/users/{CANARY}")).unwrap();
    let request = client(sandbox).get(url).bearer_auth(&sandbox.environment()["CLERK_SECRET_KEY"]);
    request.send().await.unwrap().json::<Value>().await.unwrap()["public_metadata"].take()
}

/// How many endpoints wait for the newest event of a type.
async fn pending(sandbox: &Sandbox, kind: &str) -> Value {
    let path = format!("/v1/events?limit=1&type={kind}");
    let events = ask_stripe(sandbox, reqwest::Method::GET, &path, &[]).await;
    events["data"][0]["pending_webhooks"].clone()
}

fn statuses(attempts: &[DeliveryAttempt]) -> Vec<Option<u16>> {
    attempts.iter().map(|attempt| attempt.status).collect()
}

#[tokio::test]
async fn a_free_subscription_gives_the_tier_and_its_end_takes_it_away() {
    let sandbox = start(&[]).await;
    let customer = create(&sandbox, "/v1/customers", &[("metadata[userId]", CANARY)]).await;
    let coupon = create(&sandbox, "/v1/coupons", &[("percent_off", "100"), ("duration", "once")]).await;
    let form = [
        ("customer", customer["id"].as_str().unwrap()),
        ("items[0][price]", "price_1Rlivecme7LaunchEntMonth"),
        ("discounts[0][coupon]", coupon["id"].as_str().unwrap()),
        ("metadata[userId]", CANARY),
        ("metadata[tier]", "enterprise"),
    ];
    let subscription = create(&sandbox, "/v1/subscriptions", &form).await;
    sandbox.delivered().await;
    let granted =
        json!({ "plan": "enterprise", "stripeCustomerId": customer["id"], "subscriptionId": subscription["id"] });
    assert_eq!(metadata(&sandbox).await, granted);
    assert_eq!(pending(&sandbox, "customer.subscription.created").await, 0);
    end(&sandbox, &format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap())).await;
    sandbox.delivered().await;
    assert_eq!(metadata(&sandbox).await["plan"], "free");
    let kinds: Vec<String> = sandbox.deliveries().into_iter().map(|attempt| attempt.kind).collect();
    let selected = ["customer.subscription.created", "customer.subscription.deleted"];
    assert_eq!(kinds, selected, "only what the endpoint selects is sent, and once");
}

#[tokio::test]
async fn a_customer_who_pays_on_the_page_gets_the_tier() {
    let sandbox = start(&[]).await;
    let form = [
        ("mode", "subscription"),
        ("line_items[0][price]", "price_1Rlivecme7LaunchEntMonth"),
        ("success_url", "https://app.acme.com/success"),
        ("client_reference_id", CANARY),
        ("metadata[tier]", "enterprise"),
        ("subscription_data[metadata][userId]", CANARY),
        ("subscription_data[metadata][tier]", "enterprise"),
        ("allow_promotion_codes", "true"),
        ("payment_method_collection", "if_required"),
        ("customer_email", "canary@acme.com"),
    ];
    let session = create(&sandbox, "/v1/checkout/sessions", &form).await;
    let url = url::Url::parse(session["url"].as_str().unwrap()).unwrap();
    let page = sandbox.plain().stripe.join(url.path()).unwrap();
    let browser = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = browser.post(page).form(&[("promotion_code", "FRIENDS")]).send().await.unwrap();
    assert_eq!(
        (answer.status(), &answer.headers()["location"]),
        (StatusCode::SEE_OTHER, &"https://app.acme.com/success".parse().unwrap())
    );
    sandbox.delivered().await;
    assert_eq!(metadata(&sandbox).await["plan"], "enterprise");
    assert_eq!(pending(&sandbox, "checkout.session.completed").await, 0);
}

#[tokio::test]
async fn an_event_that_is_not_accepted_is_retried_and_stays_pending() {
    let sandbox = start(&["secret-not-set"]).await;
    end(&sandbox, ADA).await;
    sandbox.delivered().await;
    assert_eq!(statuses(&sandbox.deliveries()), [Some(500); 4]);
    assert_eq!(pending(&sandbox, "customer.subscription.deleted").await, 1);
}

#[tokio::test]
async fn nothing_is_delivered_to_a_host_that_is_not_there() {
    let sandbox = start(&["endpoint-old-host"]).await;
    end(&sandbox, ADA).await;
    sandbox.delivered().await;
    assert_eq!(statuses(&sandbox.deliveries()), [None; 4]);
}

#[tokio::test]
async fn a_disabled_endpoint_gets_nothing() {
    let sandbox = start(&["endpoint-disabled"]).await;
    end(&sandbox, ADA).await;
    sandbox.delivered().await;
    assert_eq!(
        (sandbox.deliveries(), pending(&sandbox, "customer.subscription.deleted").await),
        (Vec::new(), json!(0))
    );
}

#[tokio::test]
async fn a_renewed_sandbox_has_forgotten_its_deliveries() {
    let sandbox = start(&["secret-not-set"]).await;
    end(&sandbox, ADA).await;
    sandbox.renew().unwrap();
    sandbox.delivered().await;
    assert_eq!((sandbox.deliveries(), sandbox.state()), (Vec::new(), start(&["secret-not-set"]).await.state()));
}

#[tokio::test]
async fn events_and_deliveries_are_not_part_of_the_state() {
    let (sandbox, other) = (start(&[]).await, start(&["endpoint-disabled"]).await);
    let enable = [("disabled", "false")];
    end(&sandbox, ADA).await;
    end(&other, ADA).await;
    create(&other, "/v1/webhook_endpoints/we_1Rlivecme7LaunchWorker00", &enable).await;
    sandbox.delivered().await;
    assert_eq!(sandbox.state()["stripe"], other.state()["stripe"]);
}

#[tokio::test]
async fn an_external_worker_receives_deliveries_in_the_shape_of_its_endpoint() {
    let received: Arc<Mutex<Vec<(HeaderMap, Value)>>> = Arc::default();
    let log = Arc::clone(&received);
    let worker = Router::new().fallback(async move |headers: HeaderMap, body: String| {
        log.lock().unwrap().push((headers, serde_json::from_str(&body).unwrap()));
        StatusCode::OK
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, worker).await });
    let sandbox = start(&["endpoint-api-version"]).await;
    sandbox.use_worker_at(format!("http://{address}").parse().unwrap()).unwrap();
    end(&sandbox, ADA).await;
    sandbox.delivered().await;
    server.abort();
    let received = std::mem::take(&mut *received.lock().unwrap());
    let (headers, event) = &received[0];
    assert_eq!((&event["api_version"], received.len()), (&"2024-06-20".into(), 1));
    assert!(event["data"]["object"]["current_period_end"].is_i64(), "{event}");
    assert!(headers["stripe-signature"].to_str().unwrap().contains(",v1="));
    assert_eq!(headers["host"], "pan-api.acme.workers.dev");
    assert_eq!(pending(&sandbox, "customer.subscription.deleted").await, 0);
}

#[tokio::test]
async fn an_event_destination_receives_what_it_selects() {
    let sandbox = start(&["healthy-event-destination"]).await;
    end(&sandbox, "/v1/customers/cus_QpanAda0000001").await;
    sandbox.delivered().await;
    let attempts = sandbox.deliveries();
    assert_eq!((statuses(&attempts), attempts[0].kind.as_str()), (vec![Some(200)], "customer.subscription.deleted"));
    assert_eq!(attempts[0].endpoint, "ed_1Rlivecme7LaunchWorker00");
}

#[tokio::test]
async fn a_thin_event_has_no_object_to_handle() {
    let sandbox = start(&["endpoint-thin"]).await;
    end(&sandbox, ADA).await;
    sandbox.delivered().await;
    assert_eq!(statuses(&sandbox.deliveries()), [Some(400); 4]);
}

#[tokio::test]
async fn in_test_mode_a_clock_takes_a_customer_through_a_year() {
    let sandbox = start(&["healthy-test-mode"]).await;
    let begin = 1_800_000_000;
    let clocks = "/v1/test_helpers/test_clocks";
    let clock = create(&sandbox, clocks, &[("frozen_time", &begin.to_string())]).await;
    let clock = format!("{clocks}/{}", clock["id"].as_str().unwrap());
    let card = "pm_card_visa";
    let form = [
        ("test_clock", clock.rsplit('/').next().unwrap()),
        ("payment_method", card),
        ("invoice_settings[default_payment_method]", card),
    ];
    let customer = create(&sandbox, "/v1/customers", &form).await;
    let form = [
        ("customer", customer["id"].as_str().unwrap()),
        ("items[0][price]", "price_1Rtestcme7LaunchEntMonth"),
        ("metadata[userId]", CANARY),
        ("metadata[tier]", "enterprise"),
    ];
    let subscription = create(&sandbox, "/v1/subscriptions", &form).await;
    sandbox.delivered().await;
    assert_eq!(metadata(&sandbox).await["plan"], "enterprise");
    let path = format!("/v1/subscriptions/{}", subscription["id"].as_str().unwrap());
    for months in 1..=12 {
        if months == 12 {
            create(&sandbox, &path, &[("cancel_at_period_end", "true")]).await;
        }
        let time = (begin + months * 31 * 24 * 3600).to_string();
        create(&sandbox, &format!("{clock}/advance"), &[("frozen_time", &time)]).await;
        while ask_stripe(&sandbox, reqwest::Method::GET, &clock, &[]).await["status"] != "ready" {}
    }
    sandbox.delivered().await;
    assert_eq!(metadata(&sandbox).await["plan"], "free");
    let count = |kind: &str| sandbox.deliveries().iter().filter(|attempt| attempt.kind == kind).count();
    assert_eq!((count("customer.subscription.updated"), count("customer.subscription.deleted")), (12, 1));
    assert!(sandbox.deliveries().iter().all(|attempt| attempt.status == Some(200)));
}

#[tokio::test]
async fn deliveries_end_with_the_sandbox() {
    let sandbox = start(&["worker-hangs"]).await;
    end(&sandbox, ADA).await;
    let log = sandbox.providers().stripe.delivery_log();
    drop(sandbox);
    log.finished().await;
    assert!(log.attempts().is_empty(), "the only attempt was still waiting for an answer");
}

//! Tests of test clocks.

use serde_json::Value;

use super::super::test_client::{TestClient, TestResponse};

const CLOCKS: &str = "/v1/test_helpers/test_clocks";
const START: i64 = 1_800_000_000;
const DAY: i64 = 24 * 3600;

/// A customer with a test card and a subscription, in the time of a clock.
struct Clock {
    client: TestClient,
    id: String,
    customer: String,
    subscription: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Clock {
    async fn with(card: &str, form: &str) -> Self {
        let client = TestClient::of(&[]);
        let id = text(&client.post_in_test_mode(CLOCKS, &format!("frozen_time={START}")).await.body["id"]);
        let method = match card {
            "" => String::new(),
            card => format!("&payment_method={card}&invoice_settings%5Bdefault_payment_method%5D={card}"),
        };
        let made = client.post_in_test_mode("/v1/customers", &format!("test_clock={id}{method}")).await;
        let customer = text(&made.body["id"]);
        let price = "items%5B0%5D%5Bprice%5D=price_1Rtestcme7LaunchProMonth";
        let made = client.post_in_test_mode("/v1/subscriptions", &format!("customer={customer}&{price}&{form}")).await;
        let subscription = text(&made.body["id"]);
        Self { client, id, customer, subscription }
    }

    async fn ask_to_advance(&self, days: i64) -> TestResponse {
        let form = format!("frozen_time={}", START + days * DAY);
        self.client.post_in_test_mode(&format!("{CLOCKS}/{}/advance", self.id), &form).await
    }

    async fn status(&self) -> Value {
        self.client.get_in_test_mode(&format!("{CLOCKS}/{}", self.id)).await.body["status"].clone()
    }

    /// Advances to so many days after the start, and returns the subscription.
    async fn advance(&self, days: i64) -> Value {
        let answer = self.ask_to_advance(days).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        while self.status().await != "ready" {}
        self.subscription().await
    }

    async fn subscription(&self) -> Value {
        self.client.get_in_test_mode(&format!("/v1/subscriptions/{}", self.subscription)).await.body
    }

    /// How many events of a type there are.
    async fn events(&self, kind: &str) -> usize {
        self.client.get_in_test_mode(&format!("/v1/events?limit=100&type={kind}")).await.ids().len()
    }

    async fn use_card(&self, card: &str) {
        let form = format!("customer={}", self.customer);
        let attached = self.client.post_in_test_mode(&format!("/v1/payment_methods/{card}/attach"), &form).await;
        let form = format!("invoice_settings%5Bdefault_payment_method%5D={}", text(&attached.body["id"]));
        self.client.post_in_test_mode(&format!("/v1/customers/{}", self.customer), &form).await;
    }
}

#[tokio::test]
async fn a_clock_is_advancing_before_it_is_ready() {
    let clock = Clock::with("pm_card_visa", "").await;
    assert_eq!(clock.ask_to_advance(1).await.body["status"], "advancing");
    assert_eq!(clock.ask_to_advance(2).await.status, 400);
    assert_eq!((clock.status().await, clock.status().await), ("advancing".into(), "ready".into()));
}

#[tokio::test]
async fn a_period_is_renewed_and_paid() {
    let clock = Clock::with("pm_card_visa", "").await;
    let before = clock.subscription().await;
    let after = clock.advance(32).await;
    let item = |subscription: &Value, field: &str| subscription["items"]["data"][0][field].clone();
    assert_eq!(
        (&after["status"], item(&after, "current_period_start")),
        (&"active".into(), item(&before, "current_period_end"))
    );
    assert_eq!((clock.events("invoice.paid").await, clock.events("customer.subscription.updated").await), (2, 1));
}

#[tokio::test]
async fn a_card_that_fails_makes_it_past_due_and_another_one_active_again() {
    let clock = Clock::with("pm_card_visa", "").await;
    clock.use_card("pm_card_chargeCustomerFail").await;
    assert_eq!(clock.advance(32).await["status"], "past_due");
    assert_eq!(clock.events("invoice.payment_failed").await, 1);
    clock.use_card("pm_card_visa").await;
    assert_eq!(clock.advance(36).await["status"], "active");
}

#[tokio::test]
async fn a_trial_ends_in_a_paid_period() {
    let clock = Clock::with("pm_card_visa", "trial_period_days=7").await;
    assert_eq!(clock.advance(5).await["status"], "trialing");
    assert_eq!(clock.events("customer.subscription.trial_will_end").await, 1);
    let after = clock.advance(8).await;
    assert_eq!(
        (&after["status"], &after["items"]["data"][0]["current_period_start"]),
        (&"active".into(), &after["trial_end"])
    );
    assert_eq!(clock.events("customer.subscription.trial_will_end").await, 1);
}

#[tokio::test]
async fn a_trial_without_a_card_ends_as_its_settings_say() {
    let settings = "trial_period_days=7&trial_settings%5Bend_behavior%5D%5Bmissing_payment_method%5D=";
    for (behavior, status) in [("cancel", "canceled"), ("pause", "paused"), ("create_invoice", "past_due")] {
        let clock = Clock::with("", &format!("{settings}{behavior}")).await;
        assert_eq!(clock.advance(8).await["status"], status);
    }
}

#[tokio::test]
async fn a_cancellation_takes_effect_at_the_end_of_the_period() {
    let clock = Clock::with("pm_card_visa", "").await;
    let path = format!("/v1/subscriptions/{}", clock.subscription);
    clock.client.post_in_test_mode(&path, "cancel_at_period_end=true").await;
    assert_eq!(clock.advance(20).await["status"], "active");
    let after = clock.advance(32).await;
    assert_eq!((&after["status"], &after["ended_at"]), (&"canceled".into(), &after["cancel_at"]));
    assert_eq!(clock.events("customer.subscription.deleted").await, 1);
}

#[tokio::test]
async fn a_first_payment_that_is_never_made_expires() {
    let clock = Clock::with("", "payment_behavior=default_incomplete").await;
    assert_eq!(clock.advance(1).await["status"], "incomplete_expired");
}

#[tokio::test]
async fn a_clock_cannot_skip_more_than_two_periods() {
    let clock = Clock::with("pm_card_visa", "").await;
    assert_eq!(clock.ask_to_advance(70).await.body["error"]["param"], "frozen_time");
    assert_eq!(clock.ask_to_advance(0).await.status, 400);
    assert_eq!(clock.ask_to_advance(59).await.status, 200);
}

#[tokio::test]
async fn a_deleted_clock_takes_its_customers_with_it() {
    let clock = Clock::with("pm_card_visa", "").await;
    let path = format!("{CLOCKS}/{}", clock.id);
    assert_eq!(clock.client.delete_in_test_mode(&path).await.body["deleted"], true);
    assert_eq!(clock.client.get_in_test_mode(&path).await.status, 404);
    let customer = clock.client.get_in_test_mode(&format!("/v1/customers/{}", clock.customer)).await;
    assert_eq!((&customer.body["deleted"], &clock.subscription().await["status"]), (&true.into(), &"canceled".into()));
}

#[tokio::test]
async fn what_has_a_clock_is_listed_only_for_it() {
    let clock = Clock::with("pm_card_visa", "").await;
    let client = &clock.client;
    assert!(client.get_in_test_mode("/v1/customers").await.ids().is_empty());
    assert!(client.get_in_test_mode("/v1/subscriptions").await.ids().is_empty());
    let query = format!("?test_clock={}", clock.id);
    assert_eq!(client.get_in_test_mode(&format!("/v1/customers{query}")).await.ids(), [&clock.customer]);
    assert_eq!(client.get_in_test_mode(&format!("/v1/subscriptions{query}")).await.ids(), [&clock.subscription]);
}

#[tokio::test]
async fn live_mode_has_no_clocks() {
    assert_eq!(TestClient::of(&[]).post(CLOCKS, "frozen_time=1800000000").await.status, 400);
}

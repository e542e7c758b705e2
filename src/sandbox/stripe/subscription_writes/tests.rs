//! Tests of changes to subscriptions.

use serde_json::{Value, json};

use super::super::test_client::{TestClient, TestResponse};

const SUBSCRIPTIONS: &str = "/v1/subscriptions";
const ADA: &str = "/v1/subscriptions/sub_1Rlivecme7LaunchAda00001";
const PRO: &str = "items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchProMonth";
const FREE: &str = "discounts%5B0%5D%5Bcoupon%5D=Friends0";

/// A subscription of Alan, who has none in force.
async fn subscribe(client: &TestClient, form: &str) -> TestResponse {
    client.post(SUBSCRIPTIONS, &format!("customer=cus_QpanAlan000001&{PRO}&{form}")).await
}

/// A test-mode customer with the test card that has this ID.
async fn customer_with(client: &TestClient, card: &str) -> String {
    let form = format!("payment_method={card}&invoice_settings%5Bdefault_payment_method%5D={card}");
    let made = client.post_in_test_mode("/v1/customers", &form).await;
    made.body["id"].as_str().unwrap_or_else(|| panic!("{}", made.body)).to_owned()
}

async fn subscribe_in_test_mode(client: &TestClient, customer: &str, form: &str) -> TestResponse {
    let price = PRO.replace("1Rlive", "1Rtest");
    client.post_in_test_mode(SUBSCRIPTIONS, &format!("customer={customer}&{price}&{form}")).await
}

#[tokio::test]
async fn with_everything_off_a_subscription_is_active_without_a_card() {
    let client = TestClient::of(&[]);
    let made =
        subscribe(&client, &format!("{FREE}&metadata%5BuserId%5D=user_1&expand%5B%5D=latest_invoice")).await.body;
    assert_eq!((&made["status"], &made["metadata"]["userId"]), (&"active".into(), &"user_1".into()), "{made}");
    assert_eq!((&made["latest_invoice"]["status"], &made["latest_invoice"]["total"]), (&"paid".into(), &0.into()));
    assert_eq!(made["latest_invoice"]["subtotal"], 2900);
    let item = &made["items"]["data"][0];
    assert_eq!((&item["price"]["unit_amount"], &item["subscription"]), (&2900.into(), &made["id"]));
    assert_eq!(client.get("/v1/coupons/Friends0").await.body["times_redeemed"], 1);
    let listed = client.get(&format!("/v1/invoices?subscription={}", made["id"].as_str().unwrap())).await;
    assert_eq!(listed.ids(), [made["latest_invoice"]["id"].as_str().unwrap()]);
}

#[tokio::test]
async fn a_new_subscription_has_its_events() {
    let client = TestClient::of(&[]);
    let made = subscribe(&client, FREE).await.body;
    let created = client.get("/v1/events?type=customer.subscription.created").await;
    assert_eq!(created.body["data"][0]["data"]["object"], made);
    let paid = client.get("/v1/events?type=invoice.paid").await;
    assert_eq!(paid.body["data"][0]["data"]["object"]["id"], made["latest_invoice"]);
}

#[tokio::test]
async fn a_trial_costs_nothing_at_first() {
    let client = TestClient::of(&[]);
    let made = subscribe(&client, "trial_period_days=14&expand%5B%5D=latest_invoice").await.body;
    assert_eq!((&made["status"], &made["latest_invoice"]["total"]), (&"trialing".into(), &0.into()));
    let days = (made["trial_end"].as_i64().unwrap() - made["trial_start"].as_i64().unwrap()) / 86_400;
    assert_eq!((days, &made["items"]["data"][0]["current_period_end"]), (14, &made["trial_end"]));
}

#[tokio::test]
async fn without_a_payment_method_nothing_can_be_charged() {
    let client = TestClient::of(&[]);
    let refused = subscribe(&client, "").await;
    assert_eq!(refused.status, 400);
    assert!(refused.message().starts_with("This customer has no attached payment source"), "{}", refused.message());
    let incomplete = subscribe(&client, "payment_behavior=default_incomplete").await.body;
    assert_eq!(incomplete["status"], "incomplete");
}

#[tokio::test]
async fn a_test_card_pays() {
    let client = TestClient::of(&[]);
    let customer = customer_with(&client, "pm_card_visa").await;
    let made = subscribe_in_test_mode(&client, &customer, "expand%5B%5D=latest_invoice").await.body;
    assert_eq!((&made["status"], &made["latest_invoice"]["amount_paid"]), (&"active".into(), &2900.into()), "{made}");
}

#[tokio::test]
async fn a_card_that_fails_leaves_the_subscription_incomplete_until_another_one_pays() {
    let client = TestClient::of(&[]);
    let customer = customer_with(&client, "pm_card_chargeCustomerFail").await;
    let refused = subscribe_in_test_mode(&client, &customer, "payment_behavior=error_if_incomplete").await;
    assert_eq!((refused.status, &refused.body["error"]["code"]), (402, &"card_declined".into()));
    let made = subscribe_in_test_mode(&client, &customer, "").await.body;
    assert_eq!(made["status"], "incomplete");
    let pay = format!("/v1/invoices/{}/pay", made["latest_invoice"].as_str().unwrap());
    assert_eq!(client.post_in_test_mode(&pay, "").await.status, 402);
    assert_eq!(client.post_in_test_mode(&pay, "payment_method=pm_card_visa").await.body["status"], "paid");
    let path = format!("{SUBSCRIPTIONS}/{}", made["id"].as_str().unwrap());
    assert_eq!(client.get_in_test_mode(&path).await.body["status"], "active");
}

#[tokio::test]
async fn what_stripe_does_not_know_is_rejected() {
    let client = TestClient::of(&[]);
    let parameter = async |form: &str| subscribe(&client, form).await.body["error"]["param"].clone();
    assert_eq!(parameter("coupon=Friends0").await, "coupon");
    assert_eq!(parameter("items%5B0%5D%5Bcolour%5D=blue").await, "items[0][colour]");
    assert_eq!(parameter("discounts%5B0%5D%5Bcoupon%5D=NONE").await, "discounts[0][coupon]");
    assert_eq!(parameter("payment_behavior=hope").await, "payment_behavior");
    let other_mode = PRO.replace("1Rlive", "1Rtest");
    let answer = client.post(SUBSCRIPTIONS, &format!("customer=cus_QpanAlan000001&{other_mode}&{FREE}")).await;
    assert!(answer.message().contains("a similar object exists in test mode"), "{}", answer.message());
}

#[tokio::test]
async fn a_code_for_one_redemption_is_redeemed_once_and_by_its_customer() {
    let client = TestClient::of(&[]);
    let form =
        "promotion%5Btype%5D=coupon&promotion%5Bcoupon%5D=Friends0&max_redemptions=1&customer=cus_QpanAlan000001";
    let code = client.post("/v1/promotion_codes", form).await.body["id"].as_str().unwrap().to_owned();
    let discount = format!("discounts%5B0%5D%5Bpromotion_code%5D={code}");
    let grace = client.post(SUBSCRIPTIONS, &format!("customer=cus_QpanGrace00001&{PRO}&{discount}")).await;
    assert_eq!(grace.message(), "This promotion code cannot be redeemed by this customer.");
    let made = subscribe(&client, &format!("{discount}&expand%5B%5D=discounts")).await.body;
    assert_eq!(made["discounts"][0]["promotion_code"], code.as_str());
    assert_eq!(made["discounts"][0]["source"], json!({ "coupon": "Friends0", "type": "coupon" }));
    assert_eq!(subscribe(&client, &discount).await.status, 400);
    let read = client.get(&format!("/v1/promotion_codes/{code}")).await.body;
    assert_eq!((&read["active"], &read["times_redeemed"]), (&false.into(), &1.into()));
}

#[tokio::test]
async fn a_subscription_can_be_moved_to_another_price() {
    let client = TestClient::of(&[]);
    let item = client.get(ADA).await.body["items"]["data"][0]["id"].as_str().unwrap().to_owned();
    let form = format!(
        "items%5B0%5D%5Bid%5D={item}&items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchEntMonth&metadata%5Btier%5D=enterprise"
    );
    client.post(ADA, &form).await;
    let body = client.get(ADA).await.body;
    assert_eq!(
        (&body["items"]["data"][0]["price"]["unit_amount"], &body["items"]["data"][1]),
        (&9900.into(), &Value::Null)
    );
    assert_eq!(body["metadata"]["tier"], "enterprise");
    let updated = client.get("/v1/events?type=customer.subscription.updated").await;
    let previous = &updated.body["data"][0]["data"]["previous_attributes"];
    assert_eq!(previous["metadata"], json!({ "tier": "pro" }));
    assert_eq!(previous["items"]["data"][0]["price"]["unit_amount"], 2900);
}

#[tokio::test]
async fn an_item_without_an_id_is_added() {
    let client = TestClient::of(&[]);
    let body = client.post(ADA, "items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchEntMonth").await.body;
    assert_eq!(body["items"]["data"].as_array().unwrap().len(), 2);
    assert_eq!(client.post(ADA, PRO).await.message(), "Cannot add multiple subscription items with the same plan.");
}

#[tokio::test]
async fn a_cancellation_at_the_end_of_the_period_can_be_taken_back() {
    let client = TestClient::of(&[]);
    let body = client.post(ADA, "cancel_at_period_end=true").await.body;
    assert_eq!(
        (&body["status"], &body["cancel_at"]),
        (&"active".into(), &body["items"]["data"][0]["current_period_end"])
    );
    assert_eq!(body["cancellation_details"]["reason"], "cancellation_requested");
    let body = client.post(ADA, "cancel_at_period_end=false").await.body;
    assert_eq!((&body["cancel_at"], &body["canceled_at"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_canceled_subscription_can_only_change_its_metadata() {
    let (client, path) = (TestClient::of(&[]), "/v1/subscriptions/sub_1Rlivecme7LaunchAlan0001");
    assert_eq!(client.post(path, "metadata%5BuserId%5D=user_1").await.body["metadata"]["userId"], "user_1");
    assert_eq!(client.post(path, "cancel_at_period_end=true").await.status, 400);
}

#[tokio::test]
async fn a_subscription_ends_at_once_when_it_is_deleted() {
    let client = TestClient::of(&[]);
    let ended = client.delete(&format!("{ADA}?cancellation_details%5Bcomment%5D=bye")).await.body;
    assert_eq!((&ended["status"], &ended["cancellation_details"]["comment"]), (&"canceled".into(), &"bye".into()));
    assert!(ended["ended_at"].is_i64() && ended["canceled_at"].is_i64());
    assert_eq!((client.delete(ADA).await.status, client.get(ADA).await.body), (404, ended));
}

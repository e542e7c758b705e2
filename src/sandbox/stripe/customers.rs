//! Customers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::store::Kind;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/customers", "rak_customer_read", Kind::Customer, list).filters(&["email"]).takes(&["created"]),
    Route::post("/v1/customers", "rak_customer_write", create).takes(&["description", "email", "metadata", "name"]),
    Route::retrieve("/v1/customers/{id}", "rak_customer_read", Kind::Customer, retrieve),
];

fn list(call: &Call) -> StripeResult {
    if call.parameters.get("email") == Some("") {
        let message = "You passed an empty string for 'email'. We assume empty values are an attempt to unset a parameter; \
                       however 'email' cannot be unset. You should remove 'email' from your request or supply a non-empty value.";
        return Err(StripeError::bad(message).about("email"));
    }
    call.list(|customer| customer.body["deleted"] != true)
}

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let fields = json!({
        "id": format!("cus_QpanSandbox{:04}", call.stripe.next_serial()),
        "created": Timestamp::now().as_second(),
        "email": parameters.get("email"),
        "livemode": call.caller.livemode,
        "metadata": Value::Object(parameters.map("metadata")),
        "name": parameters.get("name"),
    });
    let customer = call.complete("customer", &fields)?;
    call.stripe.store().insert(Kind::Customer, &call.caller.account, customer.clone());
    call.stripe.effects.record("stripe.customer.created");
    Ok(customer)
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const ADA: &str = "/v1/subscriptions/sub_1Rlivecme7LaunchAda00001";

    #[tokio::test]
    async fn the_period_is_in_the_item_and_holds_now() {
        let body = TestClient::of(&[]).get(ADA).await.body;
        let item = &body["items"]["data"][0];
        let now = jiff::Timestamp::now().as_second();
        assert!(item["current_period_start"].as_i64().unwrap() <= now);
        assert!(item["current_period_end"].as_i64().unwrap() > now);
        assert!(body["current_period_end"].is_null());
    }

    #[tokio::test]
    async fn canceled_subscriptions_are_listed_to_who_asks_for_them() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/subscriptions").await.ids().len(), 2);
        assert_eq!(client.get("/v1/subscriptions?status=all").await.ids().len(), 3);
        assert_eq!(client.get("/v1/subscriptions?status=canceled").await.ids(), ["sub_1Rlivecme7LaunchAlan0001"]);
    }

    #[tokio::test]
    async fn subscriptions_are_found_by_customer_and_by_price() {
        let client = TestClient::of(&[]);
        let of_ada = client.get("/v1/subscriptions?customer=cus_QpanAda0000001").await;
        assert_eq!(of_ada.ids(), ["sub_1Rlivecme7LaunchAda00001"]);
        let of_enterprise = client.get("/v1/subscriptions?price=price_1Rlivecme7LaunchEntMonth").await;
        assert_eq!(of_enterprise.ids(), ["sub_1Rlivecme7LaunchGrace001"]);
    }

    #[tokio::test]
    async fn customers_are_found_by_their_address_to_the_letter() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/customers?email=ada%40example.com&limit=100").await.ids(), ["cus_QpanAda0000001"]);
        assert!(client.get("/v1/customers?email=Ada%40example.com").await.ids().is_empty());
        assert_eq!(client.get("/v1/customers?email=").await.body["error"]["param"], "email");
    }

    #[tokio::test]
    async fn a_status_that_there_is_not_is_refused() {
        assert_eq!(TestClient::of(&[]).get("/v1/subscriptions?status=activ").await.body["error"]["param"], "status");
    }

    #[tokio::test]
    async fn a_subscription_can_be_moved_to_another_price() {
        let client = TestClient::of(&[]);
        client.post(ADA, "items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchEntMonth&metadata%5Btier%5D=enterprise").await;
        let body = client.get(ADA).await.body;
        assert_eq!(body["items"]["data"][0]["price"]["unit_amount"], 9900);
        assert_eq!(body["metadata"]["tier"], "enterprise");
    }

    #[tokio::test]
    async fn a_customer_that_was_made_can_be_read() {
        let client = TestClient::of(&[]);
        let made = client.post("/v1/customers", "email=a%40b.example&metadata%5BuserId%5D=user_1").await.body;
        let read = client.get(&format!("/v1/customers/{}", made["id"].as_str().unwrap())).await.body;
        assert_eq!((&read["email"], &read["metadata"]["userId"]), (&"a@b.example".into(), &"user_1".into()));
    }

    #[tokio::test]
    async fn the_product_of_a_subscriptions_price_can_be_expanded_but_not_in_a_list() {
        let client = TestClient::of(&[]);
        let body = client.get(&format!("{ADA}?expand%5B%5D=items.data.price.product")).await.body;
        assert_eq!(body["items"]["data"][0]["price"]["product"]["object"], "product");
        let listed = client.get("/v1/subscriptions?expand%5B%5D=data.items.data.price.product").await;
        assert_eq!(listed.message(), "You cannot expand more than 4 levels of a property.");
    }
}

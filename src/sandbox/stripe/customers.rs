//! Customers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/customers", "rak_customer_read", ObjectKind::Customer, list)
        .filters(&["email"])
        .takes(&["created"]),
    Route::post("/v1/customers", "rak_customer_write", create).takes(&["description", "email", "metadata", "name"]),
    Route::retrieve("/v1/customers/{id}", "rak_customer_read", ObjectKind::Customer, retrieve),
];

fn list(call: &Call) -> StripeResult {
    if call.parameters.get("email") == Some("") {
        return Err(StripeError::empty("email"));
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
    call.stripe.store().insert(ObjectKind::Customer, &call.caller.account, customer.clone());
    call.stripe.effects.record("stripe.customer.created");
    Ok(customer)
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    #[tokio::test]
    async fn customers_are_found_by_their_exact_email_address() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/customers?email=ada%40example.com&limit=100").await.ids(), ["cus_QpanAda0000001"]);
        assert!(client.get("/v1/customers?email=Ada%40example.com").await.ids().is_empty());
        assert_eq!(client.get("/v1/customers?email=").await.body["error"]["param"], "email");
    }

    #[tokio::test]
    async fn a_new_customer_can_be_read() {
        let client = TestClient::of(&[]);
        let made = client.post("/v1/customers", "email=a%40b.example&metadata%5BuserId%5D=user_1").await.body;
        let read = client.get(&format!("/v1/customers/{}", made["id"].as_str().unwrap())).await.body;
        assert_eq!((&read["email"], &read["metadata"]["userId"]), (&"a@b.example".into(), &"user_1".into()));
    }
}

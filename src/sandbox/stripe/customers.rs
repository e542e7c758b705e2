//! Customers.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::transaction::Transaction;
use super::writes::{Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/customers", "rak_customer_read", ObjectKind::Customer, list)
        .filters(&["email"])
        .takes(&["created", "test_clock"]),
    Route::write("/v1/customers", "rak_customer_write", ObjectKind::Customer, create)
        .takes(PARAMETERS)
        .takes_also(&["payment_method", "test_clock"]),
    Route::retrieve("/v1/customers/{id}", "rak_customer_read", ObjectKind::Customer, retrieve)
        .expands(&["invoice_settings.default_payment_method", "test_clock"]),
    Route::write("/v1/customers/{id}", "rak_customer_write", ObjectKind::Customer, update).takes(PARAMETERS),
    Route::delete("/v1/customers/{id}", "rak_customer_write", ObjectKind::Customer, delete),
];

/// What both requests take.
const PARAMETERS: &[&str] = &["description", "email", "invoice_settings", "metadata", "name", "phone"];

const FIELDS: &[Field] = &[
    ("description", Shape::OptionalText),
    ("email", Shape::OptionalText),
    ("invoice_settings[default_payment_method]", Shape::OptionalText),
    ("name", Shape::OptionalText),
    ("phone", Shape::OptionalText),
];

/// A customer with a test clock is listed only for its clock.
fn list(call: &Call) -> StripeResult {
    if call.parameters.get("email") == Some("") {
        return Err(StripeError::empty("email"));
    }
    let clock = call.parameters.get("test_clock");
    call.list(|customer| customer.body["deleted"] != true && customer.body["test_clock"].as_str() == clock)
}

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let mut transaction = call.begin();
    let clock = parameters.get("test_clock").map(|id| transaction.named(ObjectKind::TestClock, id, "test_clock"));
    if let Some(time) = clock.transpose()?.and_then(|clock| clock["frozen_time"].as_i64()) {
        transaction.now = time;
    }
    let id = format!("cus_QpanSandbox{:04}", call.stripe.next_serial());
    let fields = json!({ "id": id, "test_clock": parameters.get("test_clock") });
    let mut customer = transaction.new_object(ObjectKind::Customer, &fields)?;
    set(call, &mut customer)?;
    let default = parameters.get("invoice_settings[default_payment_method]").filter(|default| !default.is_empty());
    if default.is_some() && default != parameters.get("payment_method") {
        return Err(not_attached(default.unwrap_or_default()));
    }
    let method = parameters.get("payment_method").map(|method| transaction.payment_method(method, &id)).transpose()?;
    if let Some(method) = method.as_ref().filter(|_| default.is_some()) {
        customer["invoice_settings"]["default_payment_method"] = method["id"].clone();
    }
    transaction.keep(ObjectKind::Customer, &customer, Some("customer.created"))?;
    if let Some(method) = method {
        transaction.attach(&method)?;
    }
    Ok(call.shown(&transaction.store, ObjectKind::Customer, customer))
}

fn update(call: &Call) -> StripeResult {
    call.change("customer.updated", |transaction, customer| {
        if customer["deleted"] == true {
            return Err(StripeError::missing("customer", call.id, None));
        }
        set(call, customer)?;
        let default = &customer["invoice_settings"]["default_payment_method"];
        default.as_str().map_or(Ok(()), |method| transaction.is_attached(method, call.id))
    })
}

fn set(call: &Call, customer: &mut Value) -> Result<(), StripeError> {
    if let Some(email) = call.parameters.get("email").filter(|email| !email.is_empty() && !email.contains('@')) {
        return Err(StripeError::bad(format!("Invalid email address: {email}")).coded("email_invalid").about("email"));
    }
    set_fields(&call.parameters, FIELDS, customer)?;
    set_metadata(&call.parameters, customer)
}

/// Its subscriptions end at once. What is left says only that it was deleted.
fn delete(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let customer = transaction.customer(call.id, "id").map_err(StripeError::in_path)?;
    for subscription in transaction.subscriptions_of(call.id) {
        transaction.cancel(&subscription, &Value::Null)?;
    }
    let deleted = json!({ "id": call.id, "object": "customer", "deleted": true });
    transaction.put(ObjectKind::Customer, &deleted)?;
    call.stripe.effects.record("stripe.customer.deleted");
    transaction.emit("customer.deleted", &customer, None)?;
    Ok(deleted)
}

fn not_attached(method: &str) -> StripeError {
    StripeError::bad(format!(
        "The customer does not have a payment method with the ID {method}. The payment method must be attached to the \
         customer."
    ))
    .coded("resource_missing")
    .about("invoice_settings[default_payment_method]")
}

impl Transaction<'_> {
    /// A customer that a parameter names and that is not deleted. What happens from now on happens in its time.
    pub(super) fn customer(&mut self, id: &str, parameter: &str) -> StripeResult {
        let customer = self.named(ObjectKind::Customer, id, parameter)?;
        if customer["deleted"] == true {
            return Err(StripeError::missing("customer", id, None).in_parameter(parameter));
        }
        let clock = customer["test_clock"].as_str();
        let clock = clock.map(|clock| self.store.find(ObjectKind::TestClock, clock, self.caller)).transpose()?;
        if let Some(time) = clock.and_then(|clock| clock.body["frozen_time"].as_i64()) {
            self.now = time;
        }
        Ok(customer)
    }

    /// The subscriptions of a customer that have not ended.
    pub(super) fn subscriptions_of(&self, customer: &str) -> Vec<Value> {
        self.all(ObjectKind::Subscription, |subscription| {
            subscription["customer"] == customer && !has_ended(subscription)
        })
    }

    /// Refuses a payment method that is not the customer's.
    pub(super) fn is_attached(&self, method: &str, customer: &str) -> Result<(), StripeError> {
        let found = self.store.find(ObjectKind::PaymentMethod, method, self.caller);
        let is_attached = found.is_ok_and(|found| found.body["customer"] == customer);
        if is_attached { Ok(()) } else { Err(not_attached(method)) }
    }
}

/// Whether a subscription can only change its metadata.
pub(super) fn has_ended(subscription: &Value) -> bool {
    subscription["status"] == "canceled" || subscription["status"] == "incomplete_expired"
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const ADA: &str = "/v1/customers/cus_QpanAda0000001";

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

    #[tokio::test]
    async fn something_else_is_not_an_email_address() {
        let answer = TestClient::of(&[]).post("/v1/customers", "email=ada").await;
        assert_eq!(answer.message(), "Invalid email address: ada");
    }

    #[tokio::test]
    async fn a_deleted_customer_stays_readable_and_its_subscriptions_end() {
        let client = TestClient::of(&[]);
        let deleted = client.delete(ADA).await.body;
        assert_eq!(deleted, serde_json::json!({ "id": "cus_QpanAda0000001", "object": "customer", "deleted": true }));
        assert_eq!(client.get(ADA).await.body, deleted);
        let subscription = client.get("/v1/subscriptions/sub_1Rlivecme7LaunchAda00001").await.body;
        assert_eq!((&subscription["status"], subscription["ended_at"].is_i64()), (&"canceled".into(), true));
        let events = client.get("/v1/events?type=customer.subscription.deleted").await;
        assert_eq!(events.body["data"][0]["data"]["object"], subscription);
        assert_eq!(client.get("/v1/events?type=customer.deleted").await.ids().len(), 1);
    }

    #[tokio::test]
    async fn a_deleted_customer_can_be_neither_deleted_nor_changed_nor_listed() {
        let client = TestClient::of(&[]);
        client.delete(ADA).await;
        assert_eq!((client.delete(ADA).await.status, client.post(ADA, "name=Ada").await.status), (404, 404));
        assert!(client.get("/v1/customers?email=ada%40example.com").await.ids().is_empty());
        let form = "customer=cus_QpanAda0000001&items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchProMonth";
        assert_eq!(client.post("/v1/subscriptions", form).await.body["error"]["param"], "customer");
    }
}

//! Payment methods: Stripe's test cards, in test mode only (docs/providers.md, "Stripe test mode").

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::transaction::Transaction;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/payment_methods", "rak_payment_method_read", ObjectKind::PaymentMethod, list)
        .filters(&["customer", "type"]),
    Route::retrieve("/v1/payment_methods/{id}", "rak_payment_method_read", ObjectKind::PaymentMethod, retrieve)
        .expands(&["customer"]),
    Route::write("/v1/payment_methods/{id}/attach", "rak_payment_method_write", ObjectKind::PaymentMethod, attach)
        .takes(&["customer"]),
    Route::write("/v1/payment_methods/{id}/detach", "rak_payment_method_write", ObjectKind::PaymentMethod, detach),
];

/// A test card: the ID that stands for it, its number, and whether it can be charged after it was attached.
struct TestCard {
    token: &'static str,
    number: &'static str,
    pays: bool,
}

const CARDS: [TestCard; 2] = [
    TestCard { token: "pm_card_visa", number: "4242424242424242", pays: true },
    TestCard { token: "pm_card_chargeCustomerFail", number: "4000000000000341", pays: false },
];

fn last_four(number: &str) -> &str {
    number.get(12..).unwrap_or_default()
}

/// Whether a charge of a payment method succeeds.
pub(super) fn pays(method: &Value) -> bool {
    CARDS.iter().any(|card| card.pays && method["card"]["last4"] == last_four(card.number))
}

/// The ID that stands for the test card with this number.
pub(super) fn token_of(number: &str) -> Option<&'static str> {
    CARDS.iter().find(|card| card.number == number).map(|card| card.token)
}

/// Only those of one customer.
fn list(call: &Call) -> StripeResult {
    call.parameters.required("customer")?;
    call.list(|_| true)
}

fn attach(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let customer = call.parameters.required("customer")?;
    transaction.customer(customer, "customer")?;
    let method = transaction.payment_method(call.id, customer).map_err(StripeError::in_path)?;
    transaction.attach(&method)?;
    Ok(method)
}

fn detach(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let before = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    let Some(customer) = before["customer"].as_str() else {
        return Err(StripeError::bad(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        ));
    };
    let mut owner = transaction.named(ObjectKind::Customer, customer, "customer")?;
    if owner["invoice_settings"]["default_payment_method"] == call.id {
        owner["invoice_settings"]["default_payment_method"] = Value::Null;
        transaction.put(ObjectKind::Customer, &owner)?;
    }
    let mut after = before.clone();
    after["customer"] = Value::Null;
    call.stripe.effects.record("stripe.payment_method.detached");
    transaction.replace(call.kind, &before, &after, "payment_method.detached")?;
    Ok(after)
}

impl Transaction<'_> {
    /// The payment method that an ID stands for, as a customer's, which is not kept yet.
    pub(super) fn payment_method(&self, id: &str, customer: &str) -> StripeResult {
        let card = CARDS.iter().find(|card| card.token == id && !self.caller.livemode);
        let Some(card) = card else {
            let mut method = self.named(ObjectKind::PaymentMethod, id, "payment_method")?;
            if method["customer"].is_string() && method["customer"] != customer {
                return Err(StripeError::bad(
                    "The payment method you provided has already been attached to a customer.",
                ));
            }
            method["customer"] = customer.into();
            return Ok(method);
        };
        let fields = json!({
            "id": self.stripe.new_id(self.caller, "pm"), "customer": customer,
            "card": { "last4": last_four(card.number) },
        });
        self.new_object(ObjectKind::PaymentMethod, &fields)
    }

    /// Keeps a payment method that was attached to a customer.
    pub(super) fn attach(&mut self, method: &Value) -> Result<(), StripeError> {
        let id = method["id"].as_str().unwrap_or_default();
        let is_known = self.store.of(ObjectKind::PaymentMethod, self.caller).any(|known| known.id() == id);
        if is_known {
            self.put(ObjectKind::PaymentMethod, method)?;
            return self.emit("payment_method.attached", method, None);
        }
        self.keep(ObjectKind::PaymentMethod, method, Some("payment_method.attached"))
    }

    /// What a subscription is charged to: its own payment method, or the customer's.
    pub(super) fn payment_method_of(&self, subscription: &Value) -> Option<Value> {
        let of = |kind, id: &Value| {
            let found = self.store.find(kind, id.as_str()?, self.caller);
            found.ok().map(|found| found.body.clone())
        };
        of(ObjectKind::PaymentMethod, &subscription["default_payment_method"]).or_else(|| {
            let customer = of(ObjectKind::Customer, &subscription["customer"])?;
            of(ObjectKind::PaymentMethod, &customer["invoice_settings"]["default_payment_method"])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    #[tokio::test]
    async fn a_test_card_becomes_a_payment_method_of_its_own() {
        let client = TestClient::of(&[]);
        let customer = client.post_in_test_mode("/v1/customers", "").await.body["id"].as_str().unwrap().to_owned();
        let form = format!("customer={customer}");
        let attached = client.post_in_test_mode("/v1/payment_methods/pm_card_visa/attach", &form).await.body;
        assert_eq!((&attached["card"]["last4"], &attached["livemode"]), (&"4242".into(), &false.into()));
        let id = attached["id"].as_str().unwrap();
        assert_ne!(id, "pm_card_visa");
        let listed = client.get_in_test_mode(&format!("/v1/payment_methods?customer={customer}&type=card")).await;
        assert_eq!(listed.ids(), [id]);
    }

    #[tokio::test]
    async fn only_an_attached_payment_method_can_be_the_default() {
        let client = TestClient::of(&[]);
        let path = format!(
            "/v1/customers/{}",
            client.post_in_test_mode("/v1/customers", "").await.body["id"].as_str().unwrap()
        );
        let default = "invoice_settings%5Bdefault_payment_method%5D=pm_card_visa";
        assert_eq!(client.post_in_test_mode(&path, default).await.status, 400);
        let form = format!("payment_method=pm_card_visa&{default}");
        let made = client.post_in_test_mode("/v1/customers", &form).await.body;
        assert!(made["invoice_settings"]["default_payment_method"].is_string(), "{made}");
    }

    #[tokio::test]
    async fn live_mode_has_no_test_cards() {
        let client = TestClient::of(&[]);
        let answer = client.post("/v1/payment_methods/pm_card_visa/attach", "customer=cus_QpanAda0000001").await;
        assert_eq!((answer.status, answer.message()), (404, "No such PaymentMethod: 'pm_card_visa'"));
    }
}

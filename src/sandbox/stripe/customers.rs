//! Customers and their subscriptions.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::{created_in, expand_product, price_body, put};
use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::state::{Customer, State, Subscription};
use super::store::{Kind, Store, page};
use super::{Error, decimal, joined, named};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/customers", "rak_customer_read", list_customers).takes(&["created", "email"]),
    Route::post("/v1/customers", "rak_customer_write", create_customer).takes(&[
        "description",
        "email",
        "metadata",
        "name",
    ]),
    Route::get("/v1/customers/{id}", "rak_customer_read", one_customer),
    Route::list("/v1/subscriptions", "rak_subscription_read", list_subscriptions)
        .takes(&["collection_method", "created", "current_period_end", "customer", "plan", "price", "status"])
        .expands(&["data.customer", "data.items.data.price"]),
    Route::get("/v1/subscriptions/{id}", "rak_subscription_read", one_subscription).expands(&[
        "customer",
        "items.data.price",
        "items.data.price.product",
    ]),
    Route::post("/v1/subscriptions/{id}", "rak_subscription_write", update_subscription).takes(&[
        "cancel_at_period_end",
        "items",
        "metadata",
        "payment_behavior",
        "proration_behavior",
    ]),
];

/// A month, as far as periods go here.
const PERIOD: i64 = 30 * 24 * 3600;

/// Puts the document's customers and subscriptions on their store.
pub(super) fn load(state: &State, now: Timestamp, store: &mut Store) -> Result<(), Error> {
    for customer in state.customers.values() {
        let body = customer_body(customer, customer.age.before(now));
        put(store, Kind::Customer, &customer.account, customer.livemode, body);
    }
    for subscription in state.subscriptions.values() {
        let body = subscription_body(state, subscription, now)?;
        put(store, Kind::Subscription, &subscription.account, subscription.livemode, body);
    }
    Ok(())
}

fn customer_body(customer: &Customer, created: i64) -> Value {
    if customer.deleted {
        return json!({ "id": customer.id, "object": "customer", "deleted": true });
    }
    json!({
        "id": customer.id,
        "object": "customer",
        "address": null,
        "balance": 0,
        "created": created,
        "currency": "usd",
        "default_source": null,
        "delinquent": false,
        "description": null,
        "discount": null,
        "email": customer.email,
        "invoice_prefix": "5A2DB0F1",
        "invoice_settings": {
            "custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null,
        },
        "livemode": customer.livemode,
        "metadata": customer.metadata,
        "name": customer.name,
        "next_invoice_sequence": 2,
        "phone": null,
        "preferred_locales": [],
        "shipping": null,
        "tax_exempt": "none",
        "test_clock": null,
    })
}

/// A subscription, as it is answered and as an event carries it.
pub(super) fn subscription_body(state: &State, subscription: &Subscription, now: Timestamp) -> Result<Value, Error> {
    let created = subscription.age.before(now);
    let price_of = named(&state.prices, "price", &subscription.price)?;
    let price = price_body(state, price_of, now)?;
    let ended = subscription.ended.map(|ended| ended.before(now));
    // The period that now, or the end, is in.
    let periods = (ended.unwrap_or_else(|| now.as_second()) - created).max(0) / PERIOD;
    let period_start = created + periods * PERIOD;
    let item = json!({
        "id": format!("si_{}", subscription.id.trim_start_matches("sub_1")),
        "object": "subscription_item",
        "billing_thresholds": null,
        "created": created,
        "current_period_end": period_start + PERIOD,
        "current_period_start": period_start,
        "current_trial": null,
        "discounts": [],
        "metadata": {},
        "plan": plan_body(&price),
        "price": price,
        "quantity": 1,
        "subscription": subscription.id,
        "tax_rates": [],
    });
    let cancels = subscription.cancel_at_period_end;
    let reason = (ended.is_some() || cancels).then_some("cancellation_requested");
    let first = json!({
        "id": subscription.id,
        "object": "subscription",
        "application": null,
        "application_fee_percent": null,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null },
        "billing_cycle_anchor": created,
        "billing_cycle_anchor_config": null,
        "billing_mode": { "flexible": null, "type": "classic" },
        "billing_schedules": [],
        "billing_thresholds": null,
        "cancel_at": cancels.then_some(period_start + PERIOD),
        "cancel_at_period_end": cancels,
        "canceled_at": ended,
        "cancellation_details": { "comment": null, "feedback": null, "reason": reason },
        "collection_method": "charge_automatically",
        "created": created,
        "currency": price_of.currency,
        "customer": named(&state.customers, "customer", &subscription.customer)?.id,
        "customer_account": null,
        "days_until_due": null,
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "description": null,
        "discounts": [],
        "ended_at": ended,
        "invoice_settings": {
            "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": { "type": "self" },
        },
        "items": {
            "object": "list",
            "data": [item],
            "has_more": false,
            "url": format!("/v1/subscription_items?subscription={}", subscription.id),
        },
    });
    let rest = json!({
        "latest_invoice": subscription.id.replacen("sub_", "in_", 1),
        "livemode": subscription.livemode,
        "managed_payments": null,
        "metadata": subscription.metadata,
        "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null,
        "pause_collection": null,
        "payment_settings": {
            "payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": null,
        "pending_setup_intent": null,
        "pending_update": null,
        "schedule": null,
        "start_date": created,
        "status": subscription.status,
        "test_clock": null,
        "transfer_data": null,
        "trial_end": null,
        "trial_settings": { "end_behavior": { "missing_payment_method": "create_invoice" } },
        "trial_start": null,
    });
    Ok(joined(first, rest))
}

/// The price's older twin, which items still carry.
fn plan_body(price: &Value) -> Value {
    let amount = price["unit_amount"].as_i64().unwrap_or_default();
    json!({
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": amount,
        "amount_decimal": decimal(amount),
        "billing_scheme": "per_unit",
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": {},
        "meter": null,
        "nickname": null,
        "product": price["product"],
        "tiers_mode": null,
        "transform_usage": null,
        "trial_period_days": null,
        "usage_type": price["recurring"]["usage_type"],
    })
}

fn list_customers(call: &Call) -> StripeResult {
    let created = created_in(&call.parameters)?;
    let email = call.parameters.get("email");
    if email == Some("") {
        let message = "You passed an empty string for 'email'. We assume empty values are an attempt to unset a parameter; \
                       however 'email' cannot be unset. You should remove 'email' from your request or supply a non-empty value.";
        return Err(StripeError::bad(message).about("email"));
    }
    let store = call.stripe.store();
    let wanted = store.of(Kind::Customer, &call.caller).filter(|customer| {
        created(customer)
            && customer.body["deleted"] != true
            && email.is_none_or(|email| customer.body["email"].as_str() == Some(email))
    });
    page(wanted, "/v1/customers", "customer", &call.parameters)
}

fn one_customer(call: &Call) -> StripeResult {
    Ok(call.stripe.store().find(Kind::Customer, call.id, &call.caller)?.body.clone())
}

#[expect(clippy::unnecessary_wraps, reason = "a route's answer may be a error, though not this one's")]
fn create_customer(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let customer = Customer {
        id: format!("cus_QpanSandbox{:04}", call.stripe.next_serial()),
        email: parameters.get("email").unwrap_or_default().to_owned(),
        livemode: call.caller.livemode,
        account: call.caller.account.clone(),
        age: super::super::age::Age::default(),
        name: parameters.get("name").map(str::to_owned),
        deleted: false,
        metadata: std::collections::BTreeMap::new(),
    };
    let mut body = customer_body(&customer, Timestamp::now().as_second());
    body["metadata"] = Value::Object(parameters.map("metadata"));
    put(&mut call.stripe.store(), Kind::Customer, &customer.account, customer.livemode, body.clone());
    call.stripe.effects.record("stripe.customer.created");
    Ok(body)
}

const STATUSES: [&str; 10] = [
    "active",
    "all",
    "canceled",
    "ended",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
];

fn list_subscriptions(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let created = created_in(parameters)?;
    let status = parameters.get("status");
    if let Some(status) = status.filter(|status| !STATUSES.contains(status)) {
        let known = STATUSES.join(", ");
        return Err(
            StripeError::bad(format!("Invalid status: must be one of {known}, and not {status}")).about("status")
        );
    }
    let store = call.stripe.store();
    for (parameter, kind) in [("customer", Kind::Customer), ("price", Kind::Price)] {
        if let Some(id) = parameters.get(parameter) {
            store.find(kind, id, &call.caller).map_err(|error| error.in_parameter(parameter))?;
        }
    }
    let is = |value: &Value, wanted: Option<&str>| wanted.is_none_or(|wanted| value.as_str() == Some(wanted));
    let wanted = store.of(Kind::Subscription, &call.caller).filter(|subscription| {
        let body = &subscription.body;
        let has_status = match status {
            // All that are not canceled.
            None => body["status"] != "canceled" && body["status"] != "incomplete_expired",
            Some("all") => true,
            Some("ended") => body["status"] == "canceled" || body["status"] == "incomplete_expired",
            Some(status) => body["status"] == status,
        };
        has_status
            && created(subscription)
            && is(&body["customer"], parameters.get("customer"))
            && is(&body["collection_method"], parameters.get("collection_method"))
            && is(&body["items"]["data"][0]["price"]["id"], parameters.get("price").or(parameters.get("plan")))
    });
    let mut list = page(wanted, "/v1/subscriptions", "subscription", parameters)?;
    if parameters.all("expand").contains(&"data.customer") {
        for subscription in list["data"].as_array_mut().into_iter().flatten() {
            expand_customer(&store, call, subscription);
        }
    }
    Ok(list)
}

fn one_subscription(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let mut subscription = store.find(Kind::Subscription, call.id, &call.caller)?.body.clone();
    if call.parameters.all("expand").contains(&"customer") {
        expand_customer(&store, call, &mut subscription);
    }
    if call.parameters.all("expand").contains(&"items.data.price.product") {
        for item in subscription["items"]["data"].as_array_mut().into_iter().flatten() {
            expand_product(&store, call, &mut item["price"]);
        }
    }
    Ok(subscription)
}

fn update_subscription(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let cancels = parameters.boolean("cancel_at_period_end")?;
    let mut store = call.stripe.store();
    let price = match parameters.get("items[0][price]") {
        None => None,
        Some(id) => {
            let found = store.find(Kind::Price, id, &call.caller);
            Some(found.map_err(|error| error.in_parameter("items[0][price]"))?.body.clone())
        }
    };
    let subscription = &mut store.find_mut(Kind::Subscription, call.id, &call.caller)?.body;
    if subscription["status"] == "canceled" {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(StripeError::bad(message));
    }
    if let Some(price) = price {
        subscription["items"]["data"][0]["plan"] = plan_body(&price);
        subscription["items"]["data"][0]["price"] = price;
    }
    if let Some(cancels) = cancels {
        subscription["cancel_at_period_end"] = cancels.into();
    }
    // An empty value takes a key away.
    for (key, value) in parameters.map("metadata") {
        match subscription["metadata"].as_object_mut() {
            Some(metadata) if value == "" => drop(metadata.remove(&key)),
            Some(metadata) => drop(metadata.insert(key, value)),
            None => {}
        }
    }
    call.stripe.effects.record("stripe.subscription.updated");
    Ok(subscription.clone())
}

fn expand_customer(store: &Store, call: &Call, subscription: &mut Value) {
    let id = subscription["customer"].as_str().unwrap_or_default();
    if let Ok(customer) = store.find(Kind::Customer, id, &call.caller) {
        subscription["customer"] = customer.body.clone();
    }
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

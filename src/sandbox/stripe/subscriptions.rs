//! Subscriptions.

use super::derived;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::writes::set_metadata;

pub(super) const ROUTES: &[Route] =
    &[
        Route::list("/v1/subscriptions", "rak_subscription_read", ObjectKind::Subscription, list)
            .filters(&["collection_method", "customer"])
            .takes(&["created", "current_period_end", "plan", "price", "status"])
            .expands(&["data.customer", "data.items.data.price"]),
        Route::retrieve("/v1/subscriptions/{id}", "rak_subscription_read", ObjectKind::Subscription, retrieve)
            .expands(&["customer", "items.data.price", "items.data.price.product"]),
        Route::post("/v1/subscriptions/{id}", "rak_subscription_write", update).takes(&[
            "cancel_at_period_end",
            "items",
            "metadata",
            "payment_behavior",
            "proration_behavior",
        ]),
    ];

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

fn list(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let status = parameters.get("status");
    if let Some(status) = status.filter(|status| !STATUSES.contains(status)) {
        let known = STATUSES.join(", ");
        let message = format!("Invalid status: must be one of {known}, and not {status}");
        return Err(StripeError::bad(message).about("status"));
    }
    for (parameter, kind) in [("customer", ObjectKind::Customer), ("price", ObjectKind::Price)] {
        if let Some(id) = parameters.get(parameter).filter(|id| !call.stripe.many.has_customer(id)) {
            let store = call.stripe.store();
            store.find(kind, id, &call.caller).map_err(|error| error.in_parameter(parameter))?;
        }
    }
    let price = parameters.get("price").or(parameters.get("plan"));
    call.list(|subscription| {
        let body = &subscription.body;
        let ended = body["status"] == "canceled" || body["status"] == "incomplete_expired";
        let has_status = match status {
            None => !ended,
            Some("all") => true,
            Some("ended") => ended,
            Some(status) => body["status"] == status,
        };
        has_status && price.is_none_or(|price| body["items"]["data"][0]["price"]["id"] == price)
    })
}

fn update(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let cancels = parameters.boolean("cancel_at_period_end")?;
    let mut store = call.stripe.store();
    let price = match parameters.get("items[0][price]") {
        None => None,
        Some(id) => {
            let found = store.find(ObjectKind::Price, id, &call.caller);
            Some(found.map_err(|error| error.in_parameter("items[0][price]"))?.body.clone())
        }
    };
    let subscription = store.find_mut(ObjectKind::Subscription, call.id, &call.caller)?;
    let only_metadata = parameters.iter().all(|(name, _)| name.starts_with("metadata") || name.starts_with("expand"));
    if subscription["status"] == "canceled" && !only_metadata {
        let message = "A canceled subscription can only update its cancellation_details and metadata.";
        return Err(StripeError::bad(message));
    }
    let mut changed = subscription.clone();
    set_metadata(parameters, &mut changed)?;
    *subscription = changed;
    if let Some(price) = price {
        subscription["items"]["data"][0]["plan"] = derived::plan(&price, &call.stripe.recorded)?;
        subscription["items"]["data"][0]["price"] = price;
    }
    if let Some(cancels) = cancels {
        subscription["cancel_at_period_end"] = cancels.into();
    }
    call.stripe.effects.record("stripe.subscription.updated");
    Ok(subscription.clone())
}
#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const ADA: &str = "/v1/subscriptions/sub_1Rlivecme7LaunchAda00001";

    #[tokio::test]
    async fn the_current_period_is_on_the_item() {
        let body = TestClient::of(&[]).get(ADA).await.body;
        let item = &body["items"]["data"][0];
        let now = jiff::Timestamp::now().as_second();
        assert!(item["current_period_start"].as_i64().unwrap() <= now);
        assert!(item["current_period_end"].as_i64().unwrap() > now);
        assert!(body["current_period_end"].is_null());
    }

    #[tokio::test]
    async fn canceled_subscriptions_are_listed_only_if_requested() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/subscriptions").await.ids().len(), 2);
        assert_eq!(client.get("/v1/subscriptions?status=all").await.ids().len(), 3);
        assert_eq!(client.get("/v1/subscriptions?status=canceled").await.ids(), ["sub_1Rlivecme7LaunchAlan0001"]);
    }

    #[tokio::test]
    async fn subscriptions_can_be_filtered_by_customer_and_price() {
        let client = TestClient::of(&[]);
        let of_ada = client.get("/v1/subscriptions?customer=cus_QpanAda0000001").await;
        assert_eq!(of_ada.ids(), ["sub_1Rlivecme7LaunchAda00001"]);
        let of_enterprise = client.get("/v1/subscriptions?price=price_1Rlivecme7LaunchEntMonth").await;
        assert_eq!(of_enterprise.ids(), ["sub_1Rlivecme7LaunchGrace001"]);
    }

    #[tokio::test]
    async fn an_unknown_status_is_rejected() {
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
    async fn a_canceled_subscription_can_only_change_its_metadata() {
        let (client, path) = (TestClient::of(&[]), "/v1/subscriptions/sub_1Rlivecme7LaunchAlan0001");
        assert_eq!(client.post(path, "metadata%5BuserId%5D=user_1").await.body["metadata"]["userId"], "user_1");
        assert_eq!(client.post(path, "cancel_at_period_end=true").await.status, 400);
    }

    #[tokio::test]
    async fn a_subscriptions_product_can_be_expanded_but_not_in_a_list() {
        let client = TestClient::of(&[]);
        let body = client.get(&format!("{ADA}?expand%5B%5D=items.data.price.product")).await.body;
        assert_eq!(body["items"]["data"][0]["price"]["product"]["object"], "product");
        let listed = client.get("/v1/subscriptions?expand%5B%5D=data.items.data.price.product").await;
        assert_eq!(listed.message(), "You cannot expand more than 4 levels of a property.");
    }
}

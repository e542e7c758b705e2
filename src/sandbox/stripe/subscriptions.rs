//! Subscriptions.

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/subscriptions", "rak_subscription_read", ObjectKind::Subscription, list)
        .filters(&["collection_method", "customer"])
        .takes(&["created", "current_period_end", "plan", "price", "status", "test_clock"])
        .expands(&["data.customer", "data.items.data.price"]),
    Route::retrieve("/v1/subscriptions/{id}", "rak_subscription_read", ObjectKind::Subscription, retrieve).expands(&[
        "customer",
        "default_payment_method",
        "discounts",
        "discounts.source.coupon",
        "items.data.price",
        "items.data.price.product",
        "latest_invoice",
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
        // Those with a test clock are listed only for their clock or their customer.
        let clock = parameters.get("test_clock");
        let has_clock =
            body["test_clock"].as_str() == clock || (clock.is_none() && parameters.get("customer").is_some());
        has_status && has_clock && price.is_none_or(|price| body["items"]["data"][0]["price"]["id"] == price)
    })
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
    async fn a_subscriptions_product_can_be_expanded_but_not_in_a_list() {
        let client = TestClient::of(&[]);
        let body = client.get(&format!("{ADA}?expand%5B%5D=items.data.price.product")).await.body;
        assert_eq!(body["items"]["data"][0]["price"]["product"]["object"], "product");
        let listed = client.get("/v1/subscriptions?expand%5B%5D=data.items.data.price.product").await;
        assert_eq!(listed.message(), "You cannot expand more than 4 levels of a property.");
    }
}

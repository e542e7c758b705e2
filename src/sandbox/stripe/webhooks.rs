//! Webhook endpoints and event destinations.

use serde_json::{Value, json};

use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};
use super::store::{Kind, StoredObject, limit};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/webhook_endpoints", "rak_webhook_read", Kind::WebhookEndpoint, list),
    Route::retrieve("/v1/webhook_endpoints/{id}", "rak_webhook_read", Kind::WebhookEndpoint, retrieve),
    Route::retrieve(
        "/v2/core/event_destinations",
        "rak_event_destination_read",
        Kind::EventDestination,
        list_destinations,
    )
    .takes(&["include", "limit", "page"]),
    Route::retrieve("/v2/core/event_destinations/{id}", "rak_event_destination_read", Kind::EventDestination, retrieve)
        .takes(&["include"]),
];

fn list_destinations(call: &Call) -> StripeResult {
    let (limit, parameters) = (limit(&call.parameters)?, &call.parameters);
    let first: usize = match parameters.get("page") {
        None => 0,
        Some(token) => {
            let place = token.strip_prefix("page_").and_then(|place| place.parse().ok());
            place.ok_or_else(|| StripeError::bad("The page token is invalid.").about("page"))?
        }
    };
    let store = call.stripe.store();
    let all: Vec<&StoredObject> = store.of(Kind::EventDestination, &call.caller).collect();
    let page = all.iter().skip(first).take(limit);
    let data: Value = page.map(|object| call.shown(&store, Kind::EventDestination, object.body.clone())).collect();
    // The URL of a page does not repeat what to include: the client asks for it on every page.
    let url = |place: usize| format!("/v2/core/event_destinations?limit={limit}&page=page_{place}");
    Ok(json!({
        "data": data,
        "next_page_url": (first + limit < all.len()).then(|| url(first + limit)),
        "previous_page_url": (first > 0).then(|| url(first.saturating_sub(limit))),
    }))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::super::test_client::{TestClient, TestResponse};

    const DESTINATIONS: &str = "/v2/core/event_destinations";

    async fn destinations(query: &str) -> TestResponse {
        let client = TestClient::of(&["healthy-event-destination"]);
        let key = format!("Bearer {}", client.live);
        let headers = [("authorization", key.as_str()), ("stripe-version", "2026-09-30.endive")];
        client.ask(Method::GET, &format!("{DESTINATIONS}{query}"), &headers, "").await
    }

    #[tokio::test]
    async fn the_second_api_wants_a_version() {
        assert_eq!(TestClient::of(&[]).get(DESTINATIONS).await.status, 400);
        assert_eq!(destinations("").await.status, 200);
    }

    #[tokio::test]
    async fn a_destination_hides_its_url_unless_it_is_to_be_included() {
        let url = |answer: &TestResponse| answer.body["data"][0]["webhook_endpoint"]["url"].clone();
        assert!(url(&destinations("").await).is_null());
        let included = destinations("?include%5B0%5D=webhook_endpoint.url").await;
        assert_eq!(url(&included), "https://pan-api.acme.workers.dev/webhook/stripe");
    }

    #[tokio::test]
    async fn an_endpoint_does_not_tell_its_secret() {
        let endpoint = TestClient::of(&[]).get("/v1/webhook_endpoints").await.body["data"][0].clone();
        assert!(endpoint["secret"].is_null() && endpoint["url"].is_string());
    }

    #[tokio::test]
    async fn an_undelivered_event_is_found() {
        let client = TestClient::of(&["deliveries-failing"]);
        let undelivered = client.get("/v1/events?delivery_success=false").await;
        assert_eq!(undelivered.body["data"][0]["type"], "customer.subscription.updated");
        assert_eq!((undelivered.ids().len(), client.get("/v1/events?delivery_success=true").await.ids().len()), (1, 3));
    }

    #[tokio::test]
    async fn events_are_found_by_type_by_several_and_by_pattern() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/events?type=checkout.session.completed").await.ids().len(), 1);
        let query = "types%5B%5D=checkout.session.completed&types%5B%5D=customer.subscription.deleted";
        assert_eq!(client.get(&format!("/v1/events?{query}")).await.ids().len(), 2);
        assert_eq!(client.get("/v1/events?type=customer.subscription.*").await.ids().len(), 3);
        assert_eq!(client.get(&format!("/v1/events?type=x&{query}")).await.status, 400);
    }

    #[tokio::test]
    async fn events_are_found_by_age() {
        let since = jiff::Timestamp::now().as_second() - 3 * 24 * 3600;
        let recent = TestClient::of(&[]).get(&format!("/v1/events?created%5Bgte%5D={since}")).await;
        assert_eq!(recent.body["data"][0]["type"], "customer.subscription.updated");
        assert_eq!(recent.ids().len(), 1);
    }

    #[tokio::test]
    async fn an_event_carries_what_it_is_about() {
        let client = TestClient::of(&[]);
        let completed = client.get("/v1/events?type=checkout.session.completed").await;
        let session = &completed.body["data"][0]["data"]["object"];
        assert_eq!(
            (&session["object"], &session["subscription"]),
            (&"checkout.session".into(), &"sub_1Rlivecme7LaunchGrace001".into())
        );
        assert!(session["line_items"].is_null());
    }
}

//! Webhook endpoints and event destinations.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};
use super::store::{StoredObject, limit};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/webhook_endpoints", "rak_webhook_read", ObjectKind::WebhookEndpoint, list),
    Route::retrieve("/v1/webhook_endpoints/{id}", "rak_webhook_read", ObjectKind::WebhookEndpoint, retrieve),
    Route::retrieve(
        "/v2/core/event_destinations",
        "rak_event_destination_read",
        ObjectKind::EventDestination,
        list_destinations,
    )
    .takes(&["include", "limit", "page"]),
    Route::retrieve(
        "/v2/core/event_destinations/{id}",
        "rak_event_destination_read",
        ObjectKind::EventDestination,
        retrieve,
    )
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
    let all: Vec<&StoredObject> = store.of(ObjectKind::EventDestination, &call.caller).collect();
    let page = all.iter().skip(first).take(limit);
    let data: Value =
        page.map(|object| call.shown(&store, ObjectKind::EventDestination, object.body.clone())).collect();
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
    async fn version_2_of_the_api_needs_a_version_header() {
        assert_eq!(TestClient::of(&[]).get(DESTINATIONS).await.status, 400);
        assert_eq!(destinations("").await.status, 200);
    }

    #[tokio::test]
    async fn a_destinations_url_is_shown_only_if_included() {
        let url = |answer: &TestResponse| answer.body["data"][0]["webhook_endpoint"]["url"].clone();
        assert!(url(&destinations("").await).is_null());
        let included = destinations("?include%5B0%5D=webhook_endpoint.url").await;
        assert_eq!(url(&included), "https://pan-api.acme.workers.dev/webhook/stripe");
    }

    #[tokio::test]
    async fn an_endpoint_does_not_show_its_secret() {
        let endpoint = TestClient::of(&[]).get("/v1/webhook_endpoints").await.body["data"][0].clone();
        assert!(endpoint["secret"].is_null() && endpoint["url"].is_string());
    }
}

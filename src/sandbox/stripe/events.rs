//! The record of events.

use jiff::Timestamp;

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/events", "rak_event_read", ObjectKind::Event, list).takes(&[
        "created",
        "delivery_success",
        "type",
        "types",
    ]),
    Route::retrieve("/v1/events/{id}", "rak_event_read", ObjectKind::Event, retrieve),
];

/// How long events are listed, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

fn list(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let delivered = parameters.boolean("delivery_success")?;
    let (one, types) = (parameters.get("type"), parameters.all("types"));
    if one.is_some() && !types.is_empty() {
        return Err(StripeError::bad("You may only specify one of these parameters: type, types.").about("type"));
    }
    if types.len() > 20 {
        return Err(StripeError::bad("Array types exceeded maximum 20 allowed elements.").about("types"));
    }
    let oldest = Timestamp::now().as_second() - KEPT;
    call.list(|event| {
        let kind = event.body["type"].as_str().unwrap_or_default();
        event.body["created"].as_i64().is_some_and(|created| created >= oldest)
            && delivered.is_none_or(|delivered| (event.body["pending_webhooks"] == 0) == delivered)
            && one.is_none_or(|pattern| matches(pattern, kind))
            && (types.is_empty() || types.contains(&kind))
    })
}

/// Whether a pattern such as `customer.subscription.*` matches a type.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => kind.starts_with(before) && kind.ends_with(after),
        None => pattern == kind,
    }
}
#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    #[tokio::test]
    async fn an_undelivered_event_is_found() {
        let client = TestClient::of(&["deliveries-failing"]);
        let undelivered = client.get("/v1/events?delivery_success=false").await;
        assert_eq!(undelivered.body["data"][0]["type"], "customer.subscription.updated");
        assert_eq!((undelivered.ids().len(), client.get("/v1/events?delivery_success=true").await.ids().len()), (1, 3));
    }

    #[tokio::test]
    async fn events_can_be_filtered_by_types_and_patterns() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/events?type=checkout.session.completed").await.ids().len(), 1);
        let query = "types%5B%5D=checkout.session.completed&types%5B%5D=customer.subscription.deleted";
        assert_eq!(client.get(&format!("/v1/events?{query}")).await.ids().len(), 2);
        assert_eq!(client.get("/v1/events?type=customer.subscription.*").await.ids().len(), 3);
        assert_eq!(client.get(&format!("/v1/events?type=x&{query}")).await.status, 400);
    }

    #[tokio::test]
    async fn events_can_be_filtered_by_age() {
        let since = jiff::Timestamp::now().as_second() - 3 * 24 * 3600;
        let recent = TestClient::of(&[]).get(&format!("/v1/events?created%5Bgte%5D={since}")).await;
        assert_eq!(recent.body["data"][0]["type"], "customer.subscription.updated");
        assert_eq!(recent.ids().len(), 1);
    }

    #[tokio::test]
    async fn an_event_contains_its_object() {
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

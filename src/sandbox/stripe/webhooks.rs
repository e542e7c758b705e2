//! Who is told what: webhook endpoints, event destinations, and the record of events.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::{created_in, put};
use super::customers::subscription_body;
use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::state::{Event, EventDestination, State, WebhookEndpoint};
use super::store::{Kind, Store, StoredObject, limit, page};
use super::{Error, named, session};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/webhook_endpoints", "rak_webhook_read", list_endpoints),
    Route::get("/v1/webhook_endpoints/{id}", "rak_webhook_read", one_endpoint),
    Route::get("/v2/core/event_destinations", "rak_event_destination_read", list_destinations)
        .takes(&["include", "limit", "page"]),
    Route::get("/v2/core/event_destinations/{id}", "rak_event_destination_read", one_destination).takes(&["include"]),
    Route::list("/v1/events", "rak_event_read", list_events).takes(&["created", "delivery_success", "type", "types"]),
    Route::get("/v1/events/{id}", "rak_event_read", one_event),
];

/// Events are kept for so long, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

/// Puts the document's endpoints, destinations and events on their store.
pub(super) fn load(state: &State, now: Timestamp, store: &mut Store) -> Result<(), Error> {
    for endpoint in state.webhook_endpoints.values() {
        put(store, Kind::WebhookEndpoint, &endpoint.account, endpoint.livemode, endpoint_body(endpoint, now));
    }
    for number in 0..state.extra_webhook_endpoints {
        put(store, Kind::WebhookEndpoint, "acme", true, extra_endpoint(number, now));
    }
    for destination in state.event_destinations.values() {
        let object = StoredObject {
            account: destination.account.clone(),
            livemode: destination.livemode,
            created: destination.age.before(now),
            id: destination.id.clone(),
            body: destination_body(destination, now),
        };
        store.put(Kind::EventDestination, object);
    }
    for (name, event) in &state.events {
        put(store, Kind::Event, &event.account, event.livemode, event_body(state, name, event, now)?);
    }
    Ok(())
}

fn endpoint_body(endpoint: &WebhookEndpoint, now: Timestamp) -> Value {
    json!({
        "id": endpoint.id,
        "object": "webhook_endpoint",
        "api_version": endpoint.api_version,
        "application": endpoint.application,
        "created": endpoint.age.before(now),
        "description": endpoint.description,
        "enabled_events": endpoint.enabled_events,
        "livemode": endpoint.livemode,
        "metadata": endpoint.metadata,
        "status": endpoint.status,
        "url": endpoint.url,
    })
}

/// Another system's: newer than ours, and for other events.
fn extra_endpoint(number: u32, now: Timestamp) -> Value {
    json!({
        "id": format!("we_1Rlivecme7Launch{number:08}"),
        "object": "webhook_endpoint",
        "api_version": null,
        "application": null,
        "created": now.as_second() - i64::from(number),
        "description": "bookkeeping",
        "enabled_events": ["invoice.paid"],
        "livemode": true,
        "metadata": {},
        "status": "enabled",
        "url": format!("https://books-{number}.acme.com/stripe"),
    })
}

fn destination_body(destination: &EventDestination, now: Timestamp) -> Value {
    let created = destination.age.date_before(now);
    let mut body = json!({
        "id": destination.id,
        "object": "v2.core.event_destination",
        "created": created,
        "description": "",
        "enabled_events": destination.enabled_events,
        "event_payload": destination.event_payload,
        "events_from": ["@self"],
        "livemode": destination.livemode,
        "metadata": destination.metadata,
        "name": destination.name,
        "snapshot_api_version": destination.snapshot_api_version,
        "status": destination.status,
        "type": destination.kind,
        "updated": created,
    });
    if destination.status == "disabled" {
        body["status_details"] = json!({ "disabled": { "reason": "user" } });
    }
    if let Some(url) = &destination.url {
        body["webhook_endpoint"] = json!({ "url": url });
    }
    body
}

fn event_body(state: &State, name: &str, event: &Event, now: Timestamp) -> Result<Value, Error> {
    let account = named(&state.accounts, "account", &event.account)?;
    let subscription = event.subscription.as_ref();
    let subscription = subscription.map(|name| named(&state.subscriptions, "subscription", name)).transpose()?;
    let created = event.age.before(now);
    let object = match subscription {
        Some(subscription) if event.kind.starts_with("checkout.session.") => {
            session::completed_body(state, subscription, created)?
        }
        Some(subscription) => subscription_body(state, subscription, now)?,
        None => json!({ "id": "obj_Sandbox", "object": event.kind.rsplit_once('.').map_or("", |(object, _)| object) }),
    };
    let mut data = json!({ "object": object });
    if event.kind.ends_with(".updated") {
        data["previous_attributes"] = json!({ "default_payment_method": null });
    }
    // Eight characters at the end tell the events of one account apart.
    let end: String = name.chars().filter(char::is_ascii_alphanumeric).chain("00000000".chars()).take(8).collect();
    let middle: String = account.id.chars().skip(account.id.chars().count().saturating_sub(10)).collect();
    Ok(json!({
        "id": format!("evt_1Rlive{middle}{end}"),
        "object": "event",
        "api_version": account.api_version,
        "created": created,
        "data": data,
        "livemode": event.livemode,
        "pending_webhooks": event.pending_webhooks,
        "request": { "id": null, "idempotency_key": null },
        "type": event.kind,
    }))
}

fn list_endpoints(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    page(store.of(Kind::WebhookEndpoint, &call.caller), "/v1/webhook_endpoints", "webhook endpoint", &call.parameters)
}

fn one_endpoint(call: &Call) -> StripeResult {
    Ok(call.stripe.store().find(Kind::WebhookEndpoint, call.id, &call.caller)?.body.clone())
}

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
    let data: Vec<Value> = all.iter().skip(first).take(limit).map(|object| shown(object, call)).collect();
    // What was to be included is not part of the address: it is call for on every page.
    let url = |place: usize| format!("/v2/core/event_destinations?limit={limit}&page=page_{place}");
    Ok(json!({
        "data": data,
        "next_page_url": (first + limit < all.len()).then(|| url(first + limit)),
        "previous_page_url": (first > 0).then(|| url(first.saturating_sub(limit))),
    }))
}

fn one_destination(call: &Call) -> StripeResult {
    Ok(shown(call.stripe.store().find(Kind::EventDestination, call.id, &call.caller)?, call))
}

/// A destination with the URL only for one who call for it.
fn shown(destination: &StoredObject, call: &Call) -> Value {
    let mut body = destination.body.clone();
    let includes = call.parameters.all("include").contains(&"webhook_endpoint.url");
    if let Some(endpoint) = body.get_mut("webhook_endpoint").and_then(Value::as_object_mut).filter(|_| !includes) {
        endpoint.remove("url");
    }
    body
}

fn list_events(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let created = created_in(parameters)?;
    let delivered = parameters.boolean("delivery_success")?;
    let (one, types) = (parameters.get("type"), parameters.all("types"));
    if one.is_some() && !types.is_empty() {
        return Err(StripeError::bad("You may only specify one of these parameters: type, types.").about("type"));
    }
    if types.len() > 20 {
        return Err(StripeError::bad("Array types exceeded maximum 20 allowed elements.").about("types"));
    }
    let oldest = Timestamp::now().as_second() - KEPT;
    let store = call.stripe.store();
    let wanted = store.of(Kind::Event, &call.caller).filter(|event| {
        let kind = event.body["type"].as_str().unwrap_or_default();
        event.created >= oldest
            && created(event)
            && delivered.is_none_or(|delivered| (event.body["pending_webhooks"] == 0) == delivered)
            && one.is_none_or(|pattern| matches(pattern, kind))
            && (types.is_empty() || types.contains(&kind))
    });
    page(wanted, "/v1/events", "event", parameters)
}

/// Whether a type is meant by a pattern such as `customer.subscription.*`.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => kind.starts_with(before) && kind.ends_with(after),
        None => pattern == kind,
    }
}

fn one_event(call: &Call) -> StripeResult {
    Ok(call.stripe.store().find(Kind::Event, call.id, &call.caller)?.body.clone())
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

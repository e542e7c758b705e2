//! Changes to webhook endpoints.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult, check_version_name};
use super::writes::{Field, Shape, set_fields, set_metadata, web_address};

pub(super) const ROUTES: &[Route] = &[
    Route::write("/v1/webhook_endpoints", "rak_webhook_write", ObjectKind::WebhookEndpoint, create)
        .takes(PARAMETERS)
        .takes_also(&["api_version", "connect"]),
    // The API version cannot be changed.
    Route::write("/v1/webhook_endpoints/{id}", "rak_webhook_write", ObjectKind::WebhookEndpoint, update)
        .takes(PARAMETERS)
        .takes_also(&["disabled"]),
    Route::delete("/v1/webhook_endpoints/{id}", "rak_webhook_write", ObjectKind::WebhookEndpoint, delete),
];

/// What both requests take.
const PARAMETERS: &[&str] = &["description", "enabled_events", "metadata", "url"];

const FIELDS: &[Field] = &[("description", Shape::OptionalText)];

/// How many endpoints an account can have in each mode.
const MOST: usize = 16;

/// The answer shows the new secret, which no later answer does.
fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    parameters.required("url")?;
    if parameters.all("enabled_events").is_empty() {
        return Err(StripeError::missing_parameter("enabled_events"));
    }
    if let Some(version) = parameters.get("api_version") {
        check_version_name(version).map_err(|error| error.about("api_version"))?;
    }
    parameters.boolean("connect")?;
    if call.stripe.store().of(ObjectKind::WebhookEndpoint, &call.caller).count() >= MOST {
        let mode = call.caller.mode();
        return Err(StripeError::bad(format!("You have reached the maximum of {MOST} {mode} webhook endpoints.")));
    }
    let id = call.new_id("we")?;
    let secret = format!("whsec_Sandbox{:025}", call.stripe.next_serial());
    let fields = json!({ "id": id, "api_version": parameters.get("api_version") });
    let mut endpoint = call.create(&fields, |endpoint| set(call, endpoint))?;
    call.stripe.store().keep_secret(&id, &secret);
    endpoint["secret"] = secret.into();
    Ok(endpoint)
}

fn update(call: &Call) -> StripeResult {
    let disabled = call.parameters.boolean("disabled")?;
    call.update(|endpoint| {
        if let Some(disabled) = disabled {
            endpoint["status"] = if disabled { "disabled" } else { "enabled" }.into();
        }
        set(call, endpoint)
    })
}

fn delete(call: &Call) -> StripeResult {
    let object = call.kind.object();
    call.stripe.store().remove(call.kind, call.id, &call.caller)?;
    call.stripe.effects.record("stripe.webhook_endpoint.deleted");
    Ok(json!({ "id": call.id, "object": object, "deleted": true }))
}

fn set(call: &Call, endpoint: &mut Value) -> Result<(), StripeError> {
    let parameters = &call.parameters;
    if let Some(url) = parameters.get("url") {
        if url.is_empty() {
            return Err(StripeError::empty("url"));
        }
        web_address("url", url)?;
        if call.caller.livemode && url.starts_with("http:") {
            let message = "Invalid URL: URL must be HTTPS in live mode.";
            return Err(StripeError::bad(message).coded("url_invalid").about("url"));
        }
        endpoint["url"] = url.into();
    }
    let events = parameters.all("enabled_events");
    if parameters.get("enabled_events").is_some() {
        return Err(StripeError::bad("Invalid array").about("enabled_events"));
    }
    if let Some(place) = events.iter().position(|event| !is_event_type(event)) {
        let (event, name) = (events[place], format!("enabled_events[{place}]"));
        return Err(StripeError::bad(format!("Invalid {name}: {event} is not an event type")).about(name));
    }
    if !events.is_empty() {
        endpoint["enabled_events"] = json!(events);
    }
    set_fields(parameters, FIELDS, endpoint)?;
    set_metadata(parameters, endpoint)
}

/// Whether it has the form of a type such as `customer.subscription.created`, or is `*`.
fn is_event_type(event: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    event == "*" || (event.contains('.') && event.split('.').all(is_word))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::super::test_client::TestClient;

    const ENDPOINTS: &str = "/v1/webhook_endpoints";
    const WORKER: &str = "/v1/webhook_endpoints/we_1Rlivecme7LaunchWorker00";
    const FORM: &str = "url=https%3A%2F%2Fapi.acme.com%2Fhook&enabled_events%5B%5D=invoice.paid";

    #[tokio::test]
    async fn a_disabled_endpoint_can_be_enabled() {
        let client = TestClient::of(&["endpoint-disabled"]);
        client.post(WORKER, "disabled=false").await;
        assert_eq!(client.get(WORKER).await.body["status"], "enabled");
        assert_eq!(client.count("stripe.webhook_endpoint.updated"), 1);
    }

    #[tokio::test]
    async fn events_replace_the_selected_ones_with_or_without_indexes() {
        let client = TestClient::of(&[]);
        for form in ["enabled_events%5B0%5D=invoice.paid&enabled_events%5B1%5D=a.b", "enabled_events%5B%5D=*"] {
            client.post(WORKER, form).await;
            let events = client.get(WORKER).await.body["enabled_events"].as_array().unwrap().len();
            assert_eq!(events, form.matches('=').count());
        }
    }

    #[tokio::test]
    async fn the_api_version_cannot_be_changed() {
        let answer = TestClient::of(&[]).post(WORKER, "api_version=2026-09-30.endive").await;
        assert_eq!(answer.message(), "Received unknown parameter: api_version");
    }

    #[tokio::test]
    async fn a_live_endpoint_needs_https() {
        let client = TestClient::of(&[]);
        for url in ["http%3A%2F%2Fapi.acme.com%2Fhook", "api.acme.com"] {
            assert_eq!(client.post(WORKER, &format!("url={url}")).await.body["error"]["param"], "url");
        }
    }

    #[tokio::test]
    async fn something_else_is_not_an_event_type() {
        let answer = TestClient::of(&[]).post(WORKER, "enabled_events%5B%5D=everything").await;
        assert_eq!(answer.body["error"]["param"], "enabled_events[0]");
    }

    #[tokio::test]
    async fn only_the_answer_to_the_creation_has_the_secret() {
        let client = TestClient::of(&[]);
        let made = client.post(ENDPOINTS, FORM).await.body;
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"), "{made}");
        let read = client.get(&format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap())).await.body;
        assert_eq!((&read["url"], read["secret"].is_null()), (&"https://api.acme.com/hook".into(), true));
    }

    #[tokio::test]
    async fn a_new_endpoint_needs_a_url_and_events() {
        let client = TestClient::of(&[]);
        let parameter = async |form: &str| client.post(ENDPOINTS, form).await.body["error"]["param"].clone();
        assert_eq!(parameter("enabled_events%5B%5D=*").await, "url");
        assert_eq!(parameter("url=https%3A%2F%2Fapi.acme.com").await, "enabled_events");
    }

    #[tokio::test]
    async fn a_deleted_endpoint_is_gone() {
        let client = TestClient::of(&[]);
        let authorization = format!("Bearer {}", client.live);
        let deleted = client.ask(Method::DELETE, WORKER, &[("authorization", &authorization)], "").await;
        assert_eq!(deleted.body["deleted"], true);
        assert_eq!(client.get(WORKER).await.status, 404);
    }

    #[tokio::test]
    async fn a_seventeenth_endpoint_is_rejected() {
        let answer = TestClient::of(&["healthy-many-pages"]).post(ENDPOINTS, FORM).await;
        assert_eq!(answer.message(), "You have reached the maximum of 16 live webhook endpoints.");
    }
}

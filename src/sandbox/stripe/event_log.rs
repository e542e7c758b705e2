//! What happens becomes an event, and a delivery to each endpoint that selects its type.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::recorded::rfc3339;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::outbox::Delivery;
use super::rendering::rendered;
use super::transaction::Transaction;

/// An endpoint or event destination that receives an event.
struct Receiver {
    id: String,
    url: String,
    /// The API version of what it receives; the account's default if it has none.
    api_version: Option<String>,
    is_thin: bool,
}

impl Transaction<'_> {
    /// Records an event of an object and sends it to the endpoints. `before` is the object before the change, if it
    /// existed.
    pub(super) fn emit(&mut self, event: &str, object: &Value, before: Option<&Value>) -> Result<(), StripeError> {
        let receivers = self.receivers(event);
        let id = self.stripe.new_id(self.caller, "evt");
        // A test clock does not change when an event is recorded.
        let created = Timestamp::now().as_second();
        let in_version = |version: &str| -> Result<Value, StripeError> {
            let fields = json!({
                "id": id, "api_version": version, "created": created, "livemode": self.caller.livemode,
                "pending_webhooks": receivers.len(), "request": self.request, "type": event,
            });
            let mut body = self.stripe.recorded.complete("event", &fields)?;
            body["data"] = data(version, object, before);
            Ok(body)
        };
        let default = &self.stripe.default_api_version;
        let deliveries = receivers.iter().map(|receiver| {
            let body = if receiver.is_thin {
                thin(&id, event, created, self.caller.livemode)
            } else {
                in_version(receiver.api_version.as_ref().unwrap_or(default))?
            };
            Ok(Delivery {
                event: id.clone(),
                kind: event.to_owned(),
                endpoint: receiver.id.clone(),
                url: receiver.url.clone(),
                secret: self.store.signing_secret(&receiver.id).to_owned(),
                body: body.to_string(),
                caller: self.caller.clone(),
            })
        });
        let deliveries = deliveries.collect::<Result<Vec<_>, StripeError>>()?;
        let body = in_version(default)?;
        self.store.add(ObjectKind::Event, self.caller, body);
        for delivery in deliveries {
            self.stripe.outbox.put(delivery);
        }
        Ok(())
    }

    /// Every enabled endpoint, of both generations, that selects a type.
    fn receivers(&self, event: &str) -> Vec<Receiver> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let of = |kind| {
            let all = self.store.of(kind, self.caller).map(|object| &object.body);
            all.filter(|body| body["status"] == "enabled" && selects(body, event))
        };
        let classic = of(ObjectKind::WebhookEndpoint).map(|body| Receiver {
            id: text(&body["id"]).unwrap_or_default(),
            url: text(&body["url"]).unwrap_or_default(),
            api_version: text(&body["api_version"]),
            is_thin: false,
        });
        let destinations = of(ObjectKind::EventDestination).filter(|body| body["type"] == "webhook_endpoint");
        let destinations = destinations.map(|body| Receiver {
            id: text(&body["id"]).unwrap_or_default(),
            url: text(&body["webhook_endpoint"]["url"]).unwrap_or_default(),
            api_version: text(&body["snapshot_api_version"]),
            is_thin: body["event_payload"] == "thin",
        });
        classic.chain(destinations).collect()
    }
}

fn selects(endpoint: &Value, event: &str) -> bool {
    let mut selected = endpoint["enabled_events"].as_array().into_iter().flatten();
    selected.any(|selected| selected == "*" || selected == event)
}

/// An event's `data` in an API version.
fn data(version: &str, object: &Value, before: Option<&Value>) -> Value {
    let shown = |object: &Value| {
        let mut object = rendered(object, version);
        if let Some(kind) = object["object"].as_str().and_then(ObjectKind::of_field) {
            kind.leave_out(&mut object, &[]);
        }
        object
    };
    let object = shown(object);
    let previous = before.map(|before| previous_attributes(&shown(before), &object));
    let mut data = json!({ "object": object });
    if let Some(previous) = previous {
        data["previous_attributes"] = previous.into();
    }
    data
}

/// What the fields that changed were before; null if they are new.
fn previous_attributes(before: &Value, after: &Value) -> Map<String, Value> {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
    };
    let mut previous = Map::new();
    for name in names(before).into_iter().chain(names(after)) {
        let (old, new) = (&before[&name], &after[&name]);
        if old == new || previous.contains_key(&name) {
            continue;
        }
        let changed =
            if old.is_object() && new.is_object() { previous_attributes(old, new).into() } else { old.clone() };
        previous.insert(name, changed);
    }
    previous
}

/// An event that only says that something happened.
fn thin(id: &str, event: &str, created: i64, livemode: bool) -> Value {
    json!({ "id": id, "object": "v2.core.event", "type": event, "created": rfc3339(created), "livemode": livemode })
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;
    use super::*;

    #[test]
    fn previous_attributes_are_only_what_changed() {
        let before = json!({ "status": "active", "metadata": { "tier": "pro", "kept": "1" }, "same": 1 });
        let after = json!({ "status": "past_due", "metadata": { "tier": "max", "kept": "1", "new": "2" }, "same": 1 });
        let expected = json!({ "status": "active", "metadata": { "tier": "pro", "new": null } });
        assert_eq!(Value::from(previous_attributes(&before, &after)), expected);
    }

    #[tokio::test]
    async fn a_change_is_recorded_with_the_request_that_made_it() {
        let client = TestClient::of(&[]);
        let made = client.post("/v1/customers", "name=Ada").await;
        let events = client.get("/v1/events?type=customer.created").await;
        let event = &events.body["data"][0];
        assert_eq!(event["data"]["object"], made.body);
        assert_eq!(event["request"]["id"], made.headers["request-id"].to_str().unwrap());
        assert_eq!((&event["pending_webhooks"], &event["livemode"]), (&0.into(), &true.into()));
    }

    #[tokio::test]
    async fn an_update_that_changes_nothing_has_no_event() {
        let client = TestClient::of(&[]);
        let path = "/v1/customers/cus_QpanAda0000001";
        client.post(path, "email=ada%40example.com").await;
        assert!(client.get("/v1/events?type=customer.updated").await.ids().is_empty());
        client.post(path, "name=Ada").await;
        let events = client.get("/v1/events?type=customer.updated").await;
        assert_eq!(events.body["data"][0]["data"]["previous_attributes"], json!({ "name": null }));
    }

    #[tokio::test]
    async fn an_event_of_the_other_mode_is_not_seen() {
        let client = TestClient::of(&[]);
        client.post("/v1/customers", "name=Ada").await;
        assert!(client.get_in_test_mode("/v1/events?type=customer.created").await.ids().is_empty());
    }

    #[tokio::test]
    async fn an_endpoint_that_selects_the_type_waits_for_it() {
        let client = TestClient::of(&[]);
        client.delete("/v1/subscriptions/sub_1Rlivecme7LaunchAda00001").await;
        let events = client.get("/v1/events?type=customer.subscription.deleted&delivery_success=false").await;
        assert_eq!(events.body["data"][0]["pending_webhooks"], 1);
    }
}

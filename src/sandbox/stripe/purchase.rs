//! A purchase in Checkout, as its traces in Stripe: a customer, a subscription and the events.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::caller::Caller;
use super::derived;
use super::object_kind::ObjectKind;
use super::state::Stripe;
use crate::sandbox::Error;

/// The account that sells.
const ACCOUNT: &str = "acme";

impl Stripe {
    /// A user buys a price just now, and the events are not delivered yet. Returns the IDs of the customer, the subscription
    /// and both events.
    ///
    /// # Errors
    ///
    /// If there is no such price.
    pub(in crate::sandbox) fn buy(&self, user: &str, price: &str) -> Result<[String; 4], Error> {
        let (now, serial) = (Timestamp::now().as_second(), self.next_serial());
        let mut store = self.store();
        let callers = [true, false].map(|livemode| Caller { account: ACCOUNT.to_owned(), livemode });
        let found = callers
            .iter()
            .find_map(|caller| Some((caller.livemode, store.find(ObjectKind::Price, price, caller).ok()?)));
        let (livemode, price) = found.ok_or_else(|| Error::Document(format!("there is no price {price}")))?;
        let (price, mode) = (price.body.clone(), if livemode { "live" } else { "test" });
        let customer = format!("cus_QpanBuyer{serial:05}");
        let subscription = format!("sub_1Rlivecme7LaunchBuyer{serial:03}");
        let events = ["Chk", "Cre"].map(|kind| format!("evt_1Rlivecme7LaunchBuy{kind}{serial:02}"));
        let metadata = json!({ "userId": user });

        let fields = json!({ "id": customer, "created": now, "livemode": livemode, "metadata": metadata });
        store.insert(ObjectKind::Customer, ACCOUNT, self.recorded.complete("customer", &fields)?);

        let item = json!({ "price": price["id"] });
        let fields = json!({
            "id": subscription, "customer": customer, "created": now, "livemode": livemode, "metadata": metadata,
            "items": { "data": [item] },
        });
        let mut body = self.recorded.complete("subscription", &fields)?;
        derived::subscription(&mut body, vec![price], &self.recorded)?;
        store.insert(ObjectKind::Subscription, ACCOUNT, body.clone());

        let session = json!({
            "object": "checkout.session", "id": format!("cs_{mode}_a1Buyer{serial:05}"), "client_reference_id": user,
            "created": now, "customer": customer, "livemode": livemode, "metadata": metadata,
            "payment_status": "paid", "status": "complete", "subscription": subscription,
            "success_url": "https://app.acme.com/success",
        });
        let session = self.recorded.complete("checkout.session", &session)?;
        store.insert(ObjectKind::CheckoutSession, ACCOUNT, session.clone());
        let kinds = ["checkout.session.completed", "customer.subscription.created"];
        for ((id, kind), object) in events.iter().zip(kinds).zip([session, body]) {
            let fields = json!({ "id": id, "type": kind, "created": now, "livemode": livemode, "pending_webhooks": 1 });
            let mut event = self.recorded.complete("event", &fields)?;
            event["data"]["object"] = object;
            store.insert(ObjectKind::Event, ACCOUNT, event);
        }
        let [checkout, created] = events;
        Ok([customer, subscription, checkout, created])
    }

    /// Notes that an event was delivered to every endpoint that selects it. Returns whether there is one.
    pub(in crate::sandbox) fn delivered(&self, event: &str) -> bool {
        let (mut store, mut is_heard) = (self.store(), false);
        for livemode in [true, false] {
            let caller = Caller { account: ACCOUNT.to_owned(), livemode };
            let Ok(body) = store.find_mut(ObjectKind::Event, event, &caller) else { continue };
            body["pending_webhooks"] = Value::from(0);
            let kind = body["type"].clone();
            let endpoints = [ObjectKind::WebhookEndpoint, ObjectKind::EventDestination];
            let mut endpoints = endpoints.into_iter().flat_map(|endpoint| store.of(endpoint, &caller));
            is_heard |= endpoints.any(|endpoint| {
                let selected = endpoint.body["enabled_events"].as_array();
                let is_selected = selected.is_some_and(|all| all.contains(&kind) || all.contains(&"*".into()));
                is_selected && endpoint.body["status"] == "enabled"
            });
        }
        is_heard
    }
}

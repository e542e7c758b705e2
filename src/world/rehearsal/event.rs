//! Signed events about subscriptions that do not exist, in the shape of the endpoint's API version (docs/providers.md, "Stripe
//! event payloads").

use serde_json::{Value, json};

/// The first version whose subscriptions have their period on the item and not at the top.
const PERIOD_ON_ITEM: &str = "2025-03-31";
/// The first version that calls the hosted page `hosted_page`.
const HOSTED_PAGE: &str = "2026-03-25";
const DAY: i64 = 24 * 3600;
const MONTH: i64 = 30 * DAY;

/// Every field of both objects, with what does not change from one to the next.
const SUBSCRIPTION: &str = include_str!("subscription.json");
const CHECKOUT_SESSION: &str = include_str!("checkout_session.json");

/// What every event of a rehearsal has in common.
#[derive(Debug, Clone)]
pub(super) struct EventFrame {
    /// The API version that shapes the payload.
    pub version: String,
    /// Whether it is about real money.
    pub livemode: bool,
    /// `cus_…`; no such customer exists.
    pub customer: String,
    /// The canary, or its organization.
    pub holder: String,
    /// The metadata key for its ID.
    pub holder_key: String,
    /// The metadata key that holds the tier.
    pub tier_key: String,
}

/// A subscription that does not exist, at one moment.
#[derive(Debug, Clone)]
pub(super) struct MadeUpSubscription {
    /// `sub_…`.
    pub id: String,
    /// The value of the tier in metadata.
    pub tier: String,
    /// The tier's real price, as Stripe returns it.
    pub price: Value,
    pub status: &'static str,
    pub cancels_at_period_end: bool,
    /// In Unix seconds.
    pub created: i64,
}

impl EventFrame {
    /// An event, as the text that is signed.
    pub fn event(&self, id: &str, kind: &str, created: i64, object: &Value, previous: Option<Value>) -> String {
        let mut data = json!({ "object": object });
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        json!({
            "id": id,
            "object": "event",
            "api_version": self.version,
            "created": created,
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": kind,
        })
        .to_string()
    }

    fn metadata(&self, tier: &str) -> Value {
        json!({ self.holder_key.as_str(): self.holder, self.tier_key.as_str(): tier })
    }

    fn is_from(&self, version: &str) -> bool {
        self.version.as_str() >= version
    }

    /// The subscription as an event contains it.
    pub fn subscription(&self, subscription: &MadeUpSubscription) -> Value {
        let MadeUpSubscription { id, tier, price, status, cancels_at_period_end, created } = subscription;
        let (start, end) = (*created, created + MONTH);
        let ended = matches!(*status, "canceled" | "incomplete_expired").then_some(*created + 1);
        let mut object = shape(SUBSCRIPTION);
        for field in ["billing_cycle_anchor", "created", "start_date"] {
            object[field] = start.into();
        }
        object["id"] = id.as_str().into();
        object["cancel_at"] = cancels_at_period_end.then_some(end).into();
        object["cancel_at_period_end"] = (*cancels_at_period_end).into();
        object["canceled_at"] = ended.or(cancels_at_period_end.then_some(start + 1)).into();
        object["cancellation_details"]["reason"] = ended.map(|_| "cancellation_requested").into();
        object["currency"] = price["currency"].clone();
        object["customer"] = self.customer.as_str().into();
        object["ended_at"] = ended.into();
        object["items"]["url"] = format!("/v1/subscription_items?subscription={id}").into();
        object["latest_invoice"] = id.replacen("sub_", "in_", 1).into();
        object["livemode"] = self.livemode.into();
        object["metadata"] = self.metadata(tier);
        object["status"] = (*status).into();
        let item = &mut object["items"]["data"][0];
        item["id"] = item_of(id).into();
        item["created"] = start.into();
        item["current_period_start"] = start.into();
        item["current_period_end"] = end.into();
        item["plan"] = plan(price);
        item["price"] = price.clone();
        item["subscription"] = id.as_str().into();
        if !self.is_from(PERIOD_ON_ITEM) {
            object["current_period_start"] = start.into();
            object["current_period_end"] = end.into();
            object["discount"] = Value::Null;
        }
        object
    }

    /// The completed Checkout Session that a subscription was bought with.
    pub fn checkout_session(&self, id: &str, subscription: &MadeUpSubscription) -> Value {
        let MadeUpSubscription { tier, price, created, .. } = subscription;
        let mut object = shape(CHECKOUT_SESSION);
        object["id"] = id.into();
        object["amount_subtotal"] = price["unit_amount"].clone();
        object["amount_total"] = price["unit_amount"].clone();
        object["client_reference_id"] = self.holder.as_str().into();
        object["created"] = (*created).into();
        object["currency"] = price["currency"].clone();
        object["customer"] = self.customer.as_str().into();
        object["expires_at"] = (created + DAY).into();
        object["invoice"] = subscription.id.replacen("sub_", "in_", 1).into();
        object["livemode"] = self.livemode.into();
        object["metadata"] = self.metadata(tier);
        object["subscription"] = subscription.id.as_str().into();
        if !self.is_from(HOSTED_PAGE) {
            object["ui_mode"] = "hosted".into();
        }
        object
    }
}

/// The ID of a subscription's only item.
pub(super) fn item_of(subscription: &str) -> String {
    subscription.replacen("sub_", "si_", 1)
}

fn shape(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The old form of a price, which subscriptions still contain.
fn plan(price: &Value) -> Value {
    json!({
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "livemode": price["livemode"],
        "metadata": price["metadata"],
        "meter": price["recurring"]["meter"],
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": null,
        "transform_usage": null,
        "trial_period_days": null,
        "usage_type": price["recurring"]["usage_type"],
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{EventFrame, MadeUpSubscription};

    fn frame(version: &str) -> EventFrame {
        let text = |text: &str| text.to_owned();
        let (holder_key, tier_key) = (text("userId"), text("tier"));
        let (customer, holder) = (text("cus_1"), text("user_1"));
        EventFrame { version: version.to_owned(), livemode: true, customer, holder, holder_key, tier_key }
    }

    fn active() -> MadeUpSubscription {
        let price = json!({ "id": "price_1", "currency": "usd", "unit_amount": 2900, "product": "prod_1" });
        let (id, tier) = ("sub_1".to_owned(), "pro".to_owned());
        MadeUpSubscription { id, tier, price, status: "active", cancels_at_period_end: false, created: 1_000 }
    }

    #[test]
    fn the_period_is_where_the_api_version_has_it() {
        let place = |version: &str| {
            let object = frame(version).subscription(&active());
            (object.get("current_period_end").cloned(), object["items"]["data"][0]["current_period_end"].clone())
        };
        let end = Value::from(1_000 + super::MONTH);
        assert_eq!(place("2026-09-30.endive"), (None, end.clone()));
        assert_eq!(place("2024-06-20"), (Some(end.clone()), end));
    }

    #[test]
    fn a_session_names_its_user_its_tier_and_its_subscription() {
        let session = frame("2026-09-30.endive").checkout_session("cs_live_1", &active());
        assert_eq!(session["client_reference_id"], "user_1");
        assert_eq!(session["metadata"], json!({ "userId": "user_1", "tier": "pro" }));
        assert_eq!((&session["subscription"], &session["payment_intent"]), (&"sub_1".into(), &Value::Null));
    }

    #[test]
    fn an_updated_event_says_what_changed() {
        let frame = frame("2026-09-30.endive");
        let previous = Some(json!({ "status": "active" }));
        let text = frame.event("evt_1", "customer.subscription.updated", 5, &json!({ "id": "sub_1" }), previous);
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["data"]["previous_attributes"]["status"], "active");
        assert_eq!((&event["object"], &event["created"]), (&"event".into(), &5.into()));
    }
}

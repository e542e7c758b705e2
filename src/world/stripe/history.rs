//! What happened to one customer, as Stripe's events and Checkout Sessions tell it.

use jiff::Timestamp;
use serde::Deserialize;
use stripe_checkout::checkout_session::{ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::client::{ListPage, Stripe, get};
use super::error::Found;
use crate::finding::Answered;
use crate::holder::HolderKind;
use crate::world::field::{Field, Metadata};
use crate::world::id::{ApiPath, CheckoutSessionId, CustomerId, EventId, PathId};
use crate::world::seen::{List, Seen};

/// An event and the object that it is about (docs/providers.md, "Stripe event payloads").
#[derive(Debug, Clone, Deserialize)]
pub struct EventRecord {
    /// `evt_…`.
    pub id: String,
    /// When it happened, in Unix seconds.
    pub created: i64,
    /// `customer.subscription.updated`, …
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pending_webhooks: Field<u64>,
    #[serde(default)]
    data: Field<EventData>,
}

#[derive(Debug, Clone, Deserialize)]
struct EventData {
    #[serde(default)]
    object: Field<EventObject>,
}

/// What an event is about: a Checkout Session, a subscription, or another object of a customer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct EventObject {
    id: Field<String>,
    object: Field<String>,
    customer: Field<String>,
    subscription: Field<String>,
}

/// How far a customer came in Checkout (docs/providers.md, "Stripe event payloads").
#[derive(Debug, Clone, Deserialize)]
pub struct Purchase {
    /// `cs_live_…`.
    pub id: String,
    /// When the session was created, in Unix seconds.
    pub created: i64,
    /// `open`, `complete` or `expired`.
    #[serde(default)]
    pub status: Field<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    #[serde(default)]
    pub payment_status: Field<String>,
    /// `cus_…`, once there is one.
    #[serde(default)]
    pub customer: Field<String>,
    /// `sub_…`, once there is one.
    #[serde(default)]
    pub subscription: Field<String>,
    /// The Worker's reference for the user.
    #[serde(default)]
    pub client_reference_id: Field<String>,
    #[serde(default)]
    pub metadata: Metadata,
}

/// How long Stripe keeps events, in seconds (docs/providers.md, "Stripe API objects").
pub const EVENTS_KEPT: i64 = 30 * 24 * 3600;
/// The most event types that Stripe accepts in one request.
const MOST_TYPES: usize = 20;
/// The most objects that Stripe returns at once.
const PAGE: i64 = 100;

impl EventRecord {
    /// How many endpoints it was not delivered to yet.
    pub fn pending(&self) -> Answered<u64> {
        self.pending_webhooks.known(format_args!("pending_webhooks of {}", self.id)).copied()
    }

    fn object(&self) -> Option<&EventObject> {
        self.data.value()?.object.value()
    }

    /// The customer whom it is about, if it is about one.
    pub fn customer(&self) -> Option<&str> {
        self.object()?.customer.text()
    }

    /// The subscription that it is about, or that its Checkout Session made.
    pub fn subscription(&self) -> Option<&str> {
        let object = self.object()?;
        if object.object.text() == Some("subscription") { object.id.text() } else { object.subscription.text() }
    }

    /// The Checkout Session that it is about.
    pub fn session(&self) -> Option<&str> {
        let object = self.object()?;
        object.id.text().filter(|_| object.object.text() == Some("checkout.session"))
    }
}

impl Purchase {
    /// The user or the organization that the Worker named, in the metadata or as the reference. A reference to a user does not
    /// name an organization.
    pub fn holder(&self, key: &str, kind: HolderKind) -> Option<&str> {
        let reference = || self.client_reference_id.text().filter(|id| kind.other_of(id).is_none());
        self.metadata.text(key).or_else(reference).filter(|id| !id.is_empty())
    }

    /// Whether the customer has paid, or has nothing to pay.
    pub fn is_paid(&self) -> Answered<bool> {
        if self.status.known(format_args!("status of {}", self.id))? != "complete" {
            return Ok(false);
        }
        let payment = self.payment_status.known(format_args!("payment_status of {}", self.id))?;
        Ok(matches!(payment.as_str(), "paid" | "no_payment_required"))
    }
}

/// The request for events of these types, the newest first.
fn events(types: &[String], from: i64, until: Option<i64>, delivered: Option<bool>) -> RequestBuilder {
    let types = types.iter().take(MOST_TYPES);
    let path = types.fold(ApiPath::new("/events").query("limit", PAGE), |path, kind| path.query("types[]", kind));
    let path = path.query("created[gte]", from);
    let path = until.into_iter().fold(path, |path, until| path.query("created[lte]", until));
    get(&delivered.into_iter().fold(path, |path, delivered| path.query("delivery_success", delivered)))
}

impl Stripe<'_> {
    /// One event.
    pub async fn event(self, id: &EventId) -> Answered<Found<EventRecord>> {
        self.ask(&get(&ApiPath::new("/events/").id(id))).await
    }

    /// The newest events of these types in a time, in Unix seconds, that were or were not `delivered` to every endpoint; and
    /// whether there are more.
    pub async fn events_between(
        self,
        types: &[String],
        from: i64,
        until: Option<i64>,
        delivered: Option<bool>,
    ) -> Answered<(List<EventRecord>, bool)> {
        self.page(&events(types, from, until, delivered)).await
    }

    /// The events of these types since a time in Unix seconds, past the memo, and the time by Stripe's clock.
    pub async fn events_since(self, types: &[String], from: i64) -> Answered<(List<EventRecord>, Option<Timestamp>)> {
        match self.past_memo().ask::<ListPage<EventRecord>>(&events(types, from, None, None)).await? {
            Found::Here(Seen { value, answer }) => {
                let (items, unread, _) = value.read(&answer.request)?;
                let now = answer.date();
                Ok((List { items, unread, answer }, now))
            }
            Found::Missing(error) => Err(error.unknown()),
        }
    }

    /// One Checkout Session.
    pub async fn purchase(self, id: &CheckoutSessionId) -> Answered<Found<Purchase>> {
        self.ask(&RetrieveCheckoutSession::new(id.segment()).build()).await
    }

    /// The newest Checkout Sessions of a customer, or of everyone.
    pub async fn newest_purchases(self, customer: Option<&CustomerId>) -> Answered<List<Purchase>> {
        let list = ListCheckoutSession::new().limit(PAGE);
        let request = match customer {
            Some(customer) => list.customer(customer.as_str()).build(),
            None => list.build(),
        };
        Ok(self.page(&request).await?.0)
    }
}

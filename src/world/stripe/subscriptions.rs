//! Subscriptions.

use serde::Deserialize;
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus, RetrieveSubscription};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::client::{ListPage, Permission, Stripe};
use super::error::Found;
use super::price::Price;
use crate::finding::{Answered, NoAnswer};
use crate::world::field::{Field, Metadata};
use crate::world::id::{CustomerId, PathId, SubscriptionId};
use crate::world::seen::{List, Seen};

pub(super) const SUBSCRIPTIONS: Permission = Permission {
    name: "rak_subscription_read",
    purpose: "compare subscriptions with users",
    shown_by: |_| Some(newest()),
};

/// A subscription (docs/providers.md, "Stripe event payloads").
#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// `active`, `past_due`, `canceled`, …
    pub status: String,
    /// `cus_…`; null if an account pays instead of a customer.
    #[serde(default)]
    pub customer: Field<String>,
    /// When it was created, in Unix seconds.
    pub created: i64,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    cancel_at_period_end: Field<bool>,
    #[serde(default)]
    canceled_at: Field<i64>,
    #[serde(default)]
    ended_at: Field<i64>,
    #[serde(default)]
    items: Field<ItemList>,
}

#[derive(Debug, Clone, Deserialize)]
struct ItemList {
    #[serde(default)]
    data: Field<Vec<Item>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Item {
    price: Price,
    #[serde(default)]
    quantity: Field<u64>,
}

/// The subscriptions created in a span of time.
#[derive(Debug, Clone)]
pub struct SubscriptionSpan {
    /// The first second, in Unix time.
    pub from: i64,
    /// The second after the last.
    pub until: i64,
    /// Only those after this one in the list, which is older.
    pub after: Option<String>,
}

/// A page of a list of subscriptions.
#[derive(Debug)]
pub struct SubscriptionPage {
    /// The newest first.
    pub subscriptions: Vec<Subscription>,
    /// Why others could not be read.
    pub unread: Vec<NoAnswer>,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// The newest subscriptions, whatever their status.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The newest first.
    pub listed: List<Subscription>,
    /// Whether these are all.
    pub are_all: bool,
}

impl Subscription {
    /// Its prices.
    pub fn prices(&self) -> Answered<Vec<&Price>> {
        let items = self.items.known(format_args!("items of {}", self.id))?;
        let items = items.data.known(format_args!("items.data of {}", self.id))?;
        Ok(items.iter().map(|item| &item.price).collect())
    }

    /// Its prices, each with the quantity if that is known.
    pub fn quantities(&self) -> Answered<Vec<(&Price, Option<u64>)>> {
        let items = self.items.known(format_args!("items of {}", self.id))?;
        let items = items.data.known(format_args!("items.data of {}", self.id))?;
        Ok(items.iter().map(|item| (&item.price, item.quantity.value().copied())).collect())
    }

    /// Whether it has ended for good: no payment can revive it.
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// Whether its last payment failed, and Stripe still tries to collect it.
    pub fn is_past_due(&self) -> bool {
        self.status == "past_due"
    }

    /// Whether it is canceled and ends with its billing period.
    pub fn is_ending(&self) -> Answered<bool> {
        if *self.cancel_at_period_end.known(format_args!("cancel_at_period_end of {}", self.id))? {
            return Ok(true);
        }
        Ok(self.canceled_at.nullable(format_args!("canceled_at of {}", self.id))?.is_some())
    }

    /// When it was created, canceled or ended, whichever came last; in Unix seconds.
    pub fn changed(&self) -> Answered<i64> {
        let canceled = self.canceled_at.nullable(format_args!("canceled_at of {}", self.id))?;
        let ended = self.ended_at.nullable(format_args!("ended_at of {}", self.id))?;
        Ok([canceled, ended].into_iter().flatten().copied().fold(self.created, i64::max))
    }
}

/// The sample is one page.
const SAMPLE: i64 = 100;

/// The request for the newest subscriptions.
fn newest() -> RequestBuilder {
    ListSubscription::new().status(ListSubscriptionStatus::All).limit(SAMPLE).build()
}

impl Stripe<'_> {
    /// The newest subscriptions, whatever their status.
    pub async fn newest_subscriptions(self) -> Answered<Newest> {
        let (listed, has_more) = self.page(&newest()).await?;
        Ok(Newest { listed, are_all: !has_more })
    }

    /// A page of the subscriptions created in a span, whatever their status.
    pub(crate) async fn subscriptions_in(self, span: &SubscriptionSpan) -> Answered<SubscriptionPage> {
        let mut request = ListSubscription::new().status(ListSubscriptionStatus::All).limit(SAMPLE);
        if let Some(after) = &span.after {
            request = request.starting_after(after);
        }
        let mut request = request.build();
        // The builder's type for an interval is in another crate.
        let interval = format!("created[gte]={}&created[lt]={}", span.from, span.until);
        request.query = Some(request.query.map_or_else(|| interval.clone(), |query| format!("{query}&{interval}")));
        let Seen { value, answer } = self.ask_existing::<ListPage<Subscription>>(&request).await?;
        let (subscriptions, mut unread, has_more) = value.read(&answer.request)?;
        if has_more && subscriptions.is_empty() {
            let words = format!("{} says has_more, but the page is empty", answer.request);
            unread.push(NoAnswer::Unknown(words));
        }
        Ok(SubscriptionPage { subscriptions, unread, has_more })
    }

    /// One subscription.
    pub async fn subscription(self, id: &SubscriptionId) -> Answered<Found<Subscription>> {
        self.ask(&RetrieveSubscription::new(id.segment()).build()).await
    }

    /// One subscription, with the products of its prices.
    pub async fn subscription_with_products(self, id: &SubscriptionId) -> Answered<Found<Subscription>> {
        let products = ["items.data.price.product".to_owned()];
        self.ask(&RetrieveSubscription::new(id.segment()).expand(products).build()).await
    }

    /// The newest subscriptions of a customer, and what could not be read of them.
    pub async fn subscriptions_of(self, customer: &CustomerId) -> Answered<Found<(Vec<Subscription>, Vec<NoAnswer>)>> {
        let request =
            ListSubscription::new().customer(customer.as_str()).status(ListSubscriptionStatus::All).limit(SAMPLE);
        Ok(match self.ask::<ListPage<Subscription>>(&request.build()).await? {
            Found::Here(Seen { value, answer }) => {
                let (items, mut unread, has_more) = value.read(&answer.request)?;
                if has_more {
                    let words =
                        format!("{customer} has more than {SAMPLE} subscriptions, of which the newest were read");
                    unread.push(NoAnswer::Unknown(words));
                }
                Found::Here(Seen { value: (items, unread), answer })
            }
            Found::Missing(error) => Found::Missing(error),
        })
    }
}

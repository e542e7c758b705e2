//! Subscriptions: who pays, and for what.

use std::collections::BTreeMap;

use serde::Deserialize;
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus, RetrieveSubscription};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::super::id::{CustomerId, PathId, SubscriptionId};
use super::{Found, NoAnswer, Page, Price, Seen, Stripe};

/// A subscription (facts.md, A6).
#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// `active`, `past_due`, `canceled`, …
    pub status: String,
    /// `cus_…`.
    pub customer: String,
    /// When it began, in seconds.
    pub created: i64,
    /// When it was cancelled, in seconds.
    pub canceled_at: Option<i64>,
    /// When it ended, in seconds.
    pub ended_at: Option<i64>,
    /// Its metadata.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    items: Items,
}

#[derive(Debug, Clone, Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Debug, Clone, Deserialize)]
struct Item {
    price: Price,
}

/// The newest subscriptions.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The newest first.
    pub subscriptions: Vec<Subscription>,
    /// Whether there are no others.
    pub are_all: bool,
}

impl Subscription {
    /// What is paid for.
    pub fn prices(&self) -> impl Iterator<Item = &Price> {
        self.items.data.iter().map(|item| &item.price)
    }

    /// Whether it is over: no payment can bring it back.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// When something was last seen to happen to it, in seconds.
    #[must_use]
    pub fn changed(&self) -> i64 {
        [Some(self.created), self.canceled_at, self.ended_at].into_iter().flatten().max().unwrap_or_default()
    }
}

/// A sample that is read every night is one page.
const SAMPLE: i64 = 100;

/// The first request for subscriptions, to learn whether they may be read.
pub(super) fn newest_page() -> RequestBuilder {
    ListSubscription::new().status(ListSubscriptionStatus::All).limit(SAMPLE).build()
}

impl Stripe<'_> {
    /// The newest subscriptions, whatever became of them.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn newest_subscriptions(self) -> Result<Seen<Newest>, NoAnswer> {
        match self.ask::<Page<Subscription>>(&newest_page()).await? {
            Found::Here(Seen { value: Page { data, has_more }, answer }) => {
                Ok(Seen { value: Newest { subscriptions: data, are_all: !has_more }, answer })
            }
            Found::Missing(refusal) => Err(refusal.unknown()),
        }
    }

    /// One subscription.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn subscription(self, id: &SubscriptionId) -> Result<Found<Subscription>, NoAnswer> {
        self.ask(&RetrieveSubscription::new(id.segment()).build()).await
    }

    /// The newest subscriptions of one customer.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn subscriptions_of(self, customer: &CustomerId) -> Result<Found<Vec<Subscription>>, NoAnswer> {
        let request =
            ListSubscription::new().customer(customer.as_str()).status(ListSubscriptionStatus::All).limit(SAMPLE);
        Ok(match self.ask::<Page<Subscription>>(&request.build()).await? {
            Found::Here(Seen { value, answer }) => Found::Here(Seen { value: value.data, answer }),
            Found::Missing(refusal) => Found::Missing(refusal),
        })
    }
}

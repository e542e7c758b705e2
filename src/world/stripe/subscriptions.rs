//! Subscriptions: who pays, and for what.

use serde::Deserialize;
use stripe_billing::subscription::{ListSubscription, ListSubscriptionStatus, RetrieveSubscription};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::super::id::{CustomerId, PathId, SubscriptionId};
use super::{Found, Listed, NoAnswer, Page, Price, Seen, Stripe};
use crate::finding::Answered;
use crate::world::field::{Field, Metadata};

/// A subscription (facts.md, A6).
#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    /// `sub_…`.
    pub id: String,
    /// `active`, `past_due`, `canceled`, …
    pub status: String,
    /// `cus_…`; null where an account pays and no customer.
    #[serde(default)]
    pub customer: Field<String>,
    /// When it began, in seconds.
    pub created: i64,
    /// Its metadata.
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
}

/// The newest subscriptions, whatever became of them.
#[derive(Debug, Clone)]
pub struct Newest {
    /// The newest first.
    pub listed: Listed<Subscription>,
    /// Whether there are no others.
    pub are_all: bool,
}

impl Subscription {
    /// What is paid for.
    ///
    /// # Errors
    /// Unknown where Stripe does not say, or says something that could not be read.
    pub fn prices(&self) -> Answered<Vec<&Price>> {
        let items = self.items.known(format_args!("items of {}", self.id))?;
        let items = items.data.known(format_args!("items.data of {}", self.id))?;
        Ok(items.iter().map(|item| &item.price).collect())
    }

    /// Whether it is over: no payment can bring it back.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "canceled" | "incomplete_expired")
    }

    /// Whether it is cancelled already and ends with its period.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn is_ending(&self) -> Answered<bool> {
        if *self.cancel_at_period_end.known(format_args!("cancel_at_period_end of {}", self.id))? {
            return Ok(true);
        }
        Ok(self.canceled_at.nullable(format_args!("canceled_at of {}", self.id))?.is_some())
    }

    /// When something was last seen to happen to it, in seconds.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn changed(&self) -> Answered<i64> {
        let canceled = self.canceled_at.nullable(format_args!("canceled_at of {}", self.id))?;
        let ended = self.ended_at.nullable(format_args!("ended_at of {}", self.id))?;
        Ok([canceled, ended].into_iter().flatten().copied().fold(self.created, i64::max))
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
    /// Unknown where Stripe gives no answer.
    pub async fn newest_subscriptions(self) -> Answered<Newest> {
        let (listed, has_more) = self.page(&newest_page()).await?;
        Ok(Newest { listed, are_all: !has_more })
    }

    /// One subscription.
    ///
    /// # Errors
    /// Unknown where Stripe gives no answer.
    pub async fn subscription(self, id: &SubscriptionId) -> Answered<Found<Subscription>> {
        self.ask(&RetrieveSubscription::new(id.segment()).build()).await
    }

    /// The newest subscriptions of one customer, with what could not be read of them.
    ///
    /// # Errors
    /// Unknown where Stripe gives no answer.
    pub async fn subscriptions_of(self, customer: &CustomerId) -> Answered<Found<(Vec<Subscription>, Vec<NoAnswer>)>> {
        let request =
            ListSubscription::new().customer(customer.as_str()).status(ListSubscriptionStatus::All).limit(SAMPLE);
        Ok(match self.ask::<Page<Subscription>>(&request.build()).await? {
            Found::Here(Seen { value, answer }) => {
                let (items, mut unread, has_more) = value.read(&answer.request)?;
                if has_more {
                    let words =
                        format!("{customer} has more than {SAMPLE} subscriptions, of which the newest were read");
                    unread.push(NoAnswer::Unknown(words));
                }
                Found::Here(Seen { value: (items, unread), answer })
            }
            Found::Missing(refusal) => Found::Missing(refusal),
        })
    }
}

//! A purchase in a running sandbox, step by step, for those who wait for one.

use std::convert::Infallible;

use serde_json::{Map, Value};
use url::Url;

use super::stripe::complete_page;
use super::{Error, Sandbox};
use crate::world::{Invitation, World};

/// A purchase that was made in a running sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    /// The Clerk user who bought.
    pub user: String,
    /// `cus_…`.
    pub customer: String,
    /// `sub_…`.
    pub subscription: String,
    /// The events of the Checkout Session and of the subscription.
    pub events: [String; 2],
}

impl Sandbox {
    /// The address on this machine of a Checkout page of the sandbox.
    #[must_use]
    pub fn checkout_page(&self, url: &str) -> Option<String> {
        let page = Url::parse(url).ok()?;
        self.plain().stripe.join(page.path()).ok().map(|page| page.to_string())
    }

    /// Completes every Checkout page that a rehearsal of `world` asks a person to complete.
    pub async fn complete_checkouts(&self, world: &World) -> Infallible {
        let Invitation { url, code, .. } = world.invitation().await;
        let fields = [("promotion_code", code.as_str()), ("email", "canary@acme.com")];
        if let Ok(url) = Url::parse(&url) {
            // What goes wrong here, the rehearsal reports: the page was not completed.
            drop(complete_page(&self.providers().stripe, &url, &fields));
        }
        std::future::pending().await
    }

    /// A user buys a price in Checkout. The events are not delivered yet.
    ///
    /// # Errors
    ///
    /// If there is no such price.
    pub fn buy(&self, user: &str, price: &str) -> Result<Bought, Error> {
        let [customer, subscription, checkout, created] = self.providers().stripe.buy(user, price)?;
        Ok(Bought { user: user.to_owned(), customer, subscription, events: [checkout, created] })
    }

    /// Notes the events of a purchase as delivered, without a delivery. Returns whether an endpoint gets any of them.
    pub fn mark_delivered(&self, bought: &Bought) -> bool {
        let stripe = &self.providers().stripe;
        bought.events.iter().filter(|event| stripe.delivered(event)).count() > 0
    }

    /// The Worker writes the plan to Clerk.
    pub fn grant(&self, bought: &Bought, plan: &str) {
        let fields = [
            ("plan", plan),
            ("stripeCustomerId", bought.customer.as_str()),
            ("subscriptionId", bought.subscription.as_str()),
        ];
        let fields: Map<String, Value> =
            fields.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
        self.providers().clerk.merge_public_metadata(&bought.user, &fields);
    }
}

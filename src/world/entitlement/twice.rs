//! Who pays twice.

use std::collections::BTreeMap;

use super::super::stripe::Subscription;
use super::Part;
use super::sold::Shop;

impl Shop<'_> {
    /// The customers with several active subscriptions to configured prices. One that is about to end does not count: it may
    /// be replaced by the other.
    pub fn charged_twice<'s>(&self, subscriptions: impl Iterator<Item = &'s Subscription>) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut by_customer: BTreeMap<&str, Vec<&Subscription>> = BTreeMap::new();
        for subscription in subscriptions.filter(|subscription| subscription.status == "active") {
            let Some(customer) = subscription.customer.text() else { continue };
            by_customer.entry(customer).or_default().push(subscription);
        }
        for (customer, mut subscriptions) in by_customer {
            subscriptions.sort_by_key(|subscription| (subscription.created, &subscription.id));
            subscriptions.dedup_by_key(|subscription| &subscription.id);
            if subscriptions.len() < 2 {
                continue;
            }
            let mut charged = Vec::new();
            for subscription in subscriptions {
                let counts = self.is_for_configured_price(subscription).and_then(|is_configured| {
                    Ok(is_configured && !subscription.is_ending()? && !self.is_fresh(subscription)?)
                });
                match counts {
                    Ok(true) => charged.push(subscription.id.clone()),
                    Ok(false) => {}
                    Err(why) => parts.push(Part::Unanswered(why)),
                }
            }
            if charged.len() > 1 {
                parts.push(Part::ChargedTwice { customer: customer.to_owned(), subscriptions: charged });
            }
        }
        parts
    }
}

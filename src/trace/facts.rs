//! What is known of a customer before anything is judged.

use serde_json::Value;

use super::due::Due;
use crate::change::{ClerkMetadata, Fix};
use crate::config::Tier;
use crate::finding::Answered;
use crate::world::{EventRecord, Holder, Purchase, Subscription, UserId, World, plan_text};

/// What is known of a customer.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// The user or the organization that has the customer's plan.
    pub holder: Option<Holder>,
    /// The user who was asked about, if an organization has the plan.
    pub member: Option<UserId>,
    /// The ID of the Stripe customer.
    pub customer: Option<String>,
    /// The customer's subscriptions, whatever their status.
    pub subscriptions: Vec<Subscription>,
    /// The Checkout Session, if it was looked for.
    pub purchase: Option<Purchase>,
    /// The event that was asked about.
    pub event: Option<EventRecord>,
    /// The subscription that was asked about.
    pub asked: Option<String>,
    /// Whether only the email address leads from Clerk to the customer.
    pub is_by_email: bool,
    /// Whether there may be subscriptions that were not looked at.
    pub may_have_others: bool,
}

impl Facts {
    /// The subscription that decides what the customer gets: one that grants a tier, or the one that was asked about, or the
    /// newest.
    pub fn subscription(&self, world: &World) -> Option<&Subscription> {
        let is_asked = |subscription: &&Subscription| Some(&subscription.id) == self.asked.as_ref();
        let granting = || self.subscriptions.iter().filter(|subscription| grants(world, subscription));
        let asked = self.subscriptions.iter().find(is_asked);
        asked
            .filter(|asked| grants(world, asked))
            .or_else(|| granting().max_by_key(|subscription| subscription.created))
            .or(asked)
            .or_else(|| self.subscriptions.iter().max_by_key(|subscription| subscription.created))
    }

    /// The plan in the holder's public metadata.
    pub fn plan(&self, world: &World) -> Answered<Option<String>> {
        let Some(holder) = &self.holder else { return Ok(None) };
        Ok(holder.public_metadata()?.get(&world.config().clerk.metadata_key).and_then(plan_text))
    }

    /// The tier whose value the plan is.
    pub fn tier<'w>(&self, world: &'w World) -> Answered<Option<&'w Tier>> {
        let plan = self.plan(world)?;
        Ok(world.config().tiers.iter().find(|tier| plan.as_ref() == Some(&tier.metadata)))
    }

    /// Whether the holder has exactly the tier that is due.
    pub fn has_due_tier(&self, world: &World, due: &Due<'_>) -> Answered<bool> {
        let has = self.tier(world)?;
        let plan = self.plan(world)?;
        Ok(match due.tier() {
            Some(tier) if tier.is_paid() => has.is_some_and(|has| has.name == tier.name),
            _ => has.map_or(plan.is_none(), |has| !has.is_paid()),
        })
    }

    /// What gives the holder the plan that is due: the value, and the change.
    pub fn repair(&self, world: &World, due: &Due<'_>) -> Answered<Option<(String, ClerkMetadata)>> {
        let Some(holder) = &self.holder else { return Ok(None) };
        let Some(tier) = due.tier().or_else(|| world.config().free_tier()) else { return Ok(None) };
        let change = world.plan_of(&holder.id, self.plan(world)?, tier.metadata.as_str());
        Ok(Some((tier.metadata.clone(), change)))
    }

    /// The fix of a link, and then what gives this customer the plan: events that are over do not happen again.
    pub fn and_repair(&self, world: &World, due: &Due<'_>, mut fix: Fix) -> Answered<Fix> {
        let (Some((value, change)), Some(holder)) = (self.repair(world, due)?, &self.holder) else { return Ok(fix) };
        let key = &world.config().clerk.metadata_key;
        fix.summary.push_str(&format!(" Then set {key} to {value} in the public metadata of {}.", holder.id));
        Ok(fix.then(change))
    }

    /// Whether the holder's public metadata has the ID of the subscription or of its customer.
    pub fn holds(&self, world: &World, subscription: &Subscription) -> Answered<bool> {
        let (Some(holder), clerk) = (&self.holder, &world.config().clerk) else { return Ok(false) };
        let metadata = holder.public_metadata()?;
        let held = |key: &str| metadata.get(key).and_then(Value::as_str).filter(|id| !id.is_empty());
        let customer = held(&clerk.customer_key);
        Ok(held(&clerk.subscription_key) == Some(subscription.id.as_str())
            || (customer.is_some() && customer == subscription.customer.text()))
    }
}

/// Whether a subscription's status grants its tier.
pub(super) fn grants(world: &World, subscription: &Subscription) -> bool {
    world.config().entitlement.entitling_statuses.contains(&subscription.status)
}

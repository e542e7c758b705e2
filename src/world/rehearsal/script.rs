//! The events of a rehearsal, in the order in which they are sent.

use super::event::{MadeUpSubscription, item_of};
use crate::config::{Config, Source, Tier};

/// One event of a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RehearsalStep {
    /// A Checkout Session is completed.
    Checkout,
    /// Its subscription is created, active.
    Created,
    /// The Checkout Session is completed, again: Stripe promises no order.
    CheckoutAfterCreated,
    /// The subscription moves to another tier.
    PlanChange,
    /// The last event arrives again.
    Repeated,
    /// An older event arrives late.
    Older,
    /// A renewal fails, and Stripe tries again.
    PastDue,
    /// A later attempt succeeds.
    Recovered,
    /// Stripe gives up on the invoice, and keeps the subscription.
    Unpaid,
    /// A second subscription waits for its first payment.
    Incomplete,
    /// Its first payment never comes.
    IncompleteExpired,
    /// A second subscription waits for its first payment while the first one is active.
    IncompleteBesides,
    /// Its first payment never comes.
    ExpiredBesides,
    /// A third subscription is created, active.
    Resubscribed,
    /// The first subscription is deleted.
    OldDeleted,
    /// The third subscription is set to end with its period.
    Ending,
    /// It ends.
    Deleted,
    /// A Checkout Session is completed in the other mode.
    OtherModeCheckout,
    /// A subscription is created in the other mode.
    OtherMode,
    /// A real subscription is bought.
    Bought,
    /// Its trial ends, and the first invoice is paid.
    TrialEnded,
}

/// What a step waits for before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitFor {
    /// The plan is that of the event's tier.
    Tier,
    /// The plan is that of no paid tier.
    Free,
    /// Nothing, for a while.
    Nothing,
}

/// The two tiers that a rehearsal moves between. With one paid tier they are the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct TwoTiers<'w> {
    /// The one with the higher limit, so that one use is not too many.
    pub first: &'w Tier,
    pub second: &'w Tier,
}

/// Which of the made-up subscriptions an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    First,
    Second,
    Third,
    Fourth,
    Fifth,
}

/// One event.
#[derive(Debug, Clone)]
pub(super) struct Scripted<'w> {
    pub step: RehearsalStep,
    pub kind: &'static str,
    pub which: Which,
    pub tier: &'w Tier,
    pub status: &'static str,
    pub wait_for: WaitFor,
    /// Whether what the canary is granted is looked at afterward.
    pub looks_at_grant: bool,
}

impl RehearsalStep {
    /// The event, in a sentence: `after a renewal failed (past_due)`.
    #[must_use]
    pub const fn after(self) -> &'static str {
        match self {
            Self::Checkout => "after checkout.session.completed",
            Self::Created => "after customer.subscription.created",
            Self::CheckoutAfterCreated => "after a checkout.session.completed that arrived late",
            Self::PlanChange => "after a change of plan",
            Self::Repeated => "after the same event arrived twice",
            Self::Older => "after an older event arrived late",
            Self::PastDue => "after a renewal failed (past_due)",
            Self::Recovered => "after the failed renewal was paid",
            Self::Unpaid => "after Stripe gave up on the invoice (unpaid)",
            Self::Incomplete => "after a subscription was created without a first payment (incomplete)",
            Self::IncompleteExpired => "after the first payment never came (incomplete_expired)",
            Self::IncompleteBesides => "after a second subscription was created without a first payment (incomplete)",
            Self::ExpiredBesides => "after the second subscription's first payment never came (incomplete_expired)",
            Self::Resubscribed => "after a new subscription was created",
            Self::OldDeleted => "after an older subscription was deleted",
            Self::Ending => "after the customer canceled at period end",
            Self::Deleted => "after the subscription was deleted",
            Self::OtherModeCheckout => "after a checkout.session.completed with livemode false",
            Self::OtherMode => "after a customer.subscription.created with livemode false",
            Self::Bought => "after the purchase",
            Self::TrialEnded => "after the trial ended",
        }
    }
}

pub(super) const CHECKOUT: &str = "checkout.session.completed";
const CREATED: &str = "customer.subscription.created";
const UPDATED: &str = "customer.subscription.updated";
const DELETED: &str = "customer.subscription.deleted";

/// The two tiers of a rehearsal; `None` if no tier is paid for.
pub(super) fn two_tiers(config: &Config) -> Option<TwoTiers<'_>> {
    let first = config.paid_tiers().max_by_key(|tier| tier.limit)?;
    let second = config.paid_tiers().find(|tier| tier.name != first.name).unwrap_or(first);
    Some(TwoTiers { first, second })
}

/// Every event that this configuration's rehearsal sends.
pub(super) fn script<'w>(config: &Config, tiers: TwoTiers<'w>) -> Vec<Scripted<'w>> {
    use RehearsalStep as Step;
    let TwoTiers { first, second } = tiers;
    let unless_granting = |status: &str| if grants(config, status) { WaitFor::Nothing } else { WaitFor::Free };
    let event = |step, kind, which, tier, status, wait_for| {
        let looks_at_grant = matches!(step, Step::Created | Step::PlanChange | Step::Deleted);
        Scripted { step, kind, which, tier, status, wait_for, looks_at_grant }
    };
    let has_two = first.name != second.name;
    let is_live = config.project.mode == crate::config::Mode::Live;
    let repeated = if has_two { UPDATED } else { CREATED };
    let mut events = vec![
        event(Step::Checkout, CHECKOUT, Which::First, first, "active", WaitFor::Tier),
        event(Step::Created, CREATED, Which::First, first, "active", WaitFor::Tier),
        event(Step::CheckoutAfterCreated, CHECKOUT, Which::First, first, "active", WaitFor::Nothing),
        event(Step::PlanChange, UPDATED, Which::First, second, "active", WaitFor::Tier),
        event(Step::Repeated, repeated, Which::First, second, "active", WaitFor::Nothing),
        event(Step::Older, UPDATED, Which::First, first, "active", WaitFor::Nothing),
        event(Step::PastDue, UPDATED, Which::First, second, "past_due", unless_granting("past_due")),
        event(Step::Recovered, UPDATED, Which::First, second, "active", WaitFor::Tier),
        event(Step::Unpaid, UPDATED, Which::First, second, "unpaid", unless_granting("unpaid")),
        event(Step::Incomplete, CREATED, Which::Second, first, "incomplete", WaitFor::Nothing),
        event(Step::IncompleteExpired, UPDATED, Which::Second, first, "incomplete_expired", WaitFor::Nothing),
        event(Step::Resubscribed, CREATED, Which::Third, first, "active", WaitFor::Tier),
        event(Step::OldDeleted, DELETED, Which::First, second, "canceled", WaitFor::Nothing),
        event(Step::IncompleteBesides, CREATED, Which::Fifth, first, "incomplete", WaitFor::Nothing),
        event(Step::ExpiredBesides, UPDATED, Which::Fifth, first, "incomplete_expired", WaitFor::Nothing),
        event(Step::Ending, UPDATED, Which::Third, first, "active", WaitFor::Nothing),
        event(Step::Deleted, DELETED, Which::Third, first, "canceled", WaitFor::Free),
        event(Step::OtherModeCheckout, CHECKOUT, Which::Fourth, first, "active", WaitFor::Nothing),
        event(Step::OtherMode, CREATED, Which::Fourth, first, "active", WaitFor::Nothing),
    ];
    events.retain(|event| match event.step {
        Step::PlanChange | Step::Older => has_two,
        Step::OtherModeCheckout | Step::OtherMode => is_live,
        _ => true,
    });
    events
}

/// Whether a subscription with this status grants its tier.
pub(super) fn grants(config: &Config, status: &str) -> bool {
    config.entitlement.entitling_statuses.iter().any(|entitling| entitling == status)
}

/// How many events this configuration's rehearsal sends.
#[must_use]
pub fn rehearsal_events(config: &Config) -> usize {
    two_tiers(config).map_or(0, |tiers| script(config, tiers).len())
}

impl Scripted<'_> {
    /// The tier in the subscription's metadata. Where the Worker reads the tier there, its own change of plan sets it; otherwise
    /// it stays as it was set at checkout, as after a change in the customer portal.
    pub fn tier_in_metadata<'t>(&self, config: &Config, tiers: TwoTiers<'t>) -> &'t str
    where
        Self: 't,
    {
        let is_second = self.tier.name == tiers.second.name;
        if config.entitlement.source == Source::SubscriptionMetadata && is_second {
            &tiers.second.metadata
        } else {
            &tiers.first.metadata
        }
    }

    /// Whether the subscription ends with its period.
    pub fn is_ending(&self) -> bool {
        matches!(self.step, RehearsalStep::Ending)
    }

    /// What an `updated` event says was there before.
    pub fn previous(&self, now: &MadeUpSubscription) -> Option<serde_json::Value> {
        if self.kind != UPDATED {
            return None;
        }
        Some(match self.step {
            RehearsalStep::Ending => {
                serde_json::json!({ "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null })
            }
            RehearsalStep::PlanChange | RehearsalStep::Repeated | RehearsalStep::Older => {
                serde_json::json!({ "items": { "data": [{ "id": item_of(&now.id) }] } })
            }
            RehearsalStep::Recovered => serde_json::json!({ "status": "past_due" }),
            RehearsalStep::IncompleteExpired | RehearsalStep::ExpiredBesides => {
                serde_json::json!({ "status": "incomplete" })
            }
            _ => serde_json::json!({ "status": "active" }),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{RehearsalStep, script, two_tiers};
    use crate::config::Config;
    use crate::sandbox::{Options, Sandbox};

    async fn config() -> Config {
        Sandbox::start(&["healthy"], Options::default()).await.unwrap().config(None).unwrap()
    }

    #[tokio::test]
    async fn with_one_paid_tier_there_is_no_change_of_plan() {
        let mut config = config().await;
        let steps = |config: &Config| {
            let tiers = two_tiers(config).unwrap();
            script(config, tiers).into_iter().map(|event| event.step).collect::<Vec<_>>()
        };
        assert!(steps(&config).contains(&RehearsalStep::PlanChange));
        config.tiers.retain(|tier| tier.name != "enterprise");
        assert!(!steps(&config).contains(&RehearsalStep::PlanChange));
        assert!(steps(&config).contains(&RehearsalStep::Deleted));
    }

    #[tokio::test]
    async fn the_first_tier_is_the_one_with_the_higher_limit() {
        let config = config().await;
        let tiers = two_tiers(&config).unwrap();
        assert_eq!((tiers.first.name.as_str(), tiers.second.name.as_str()), ("enterprise", "pro"));
    }
}

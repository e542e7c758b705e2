//! A rehearsal with a real subscription: Stripe bills it, sends its own events to the Worker, and what each does to the canary is
//! recorded. Nothing is charged, and what was created is removed.
//!
//! The checks of the group `billing` judge it.

mod buy;
mod clock;
mod play;
mod record;
mod remove;
mod stage;
mod stripe;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::{RehearsalStep, StepSeen};
use crate::finding::{Answered, NoAnswer};
use crate::world::transport::{Asked, Once};
use crate::world::{HolderId, PortalAnswer, Subscription, World};

pub use record::BillingRecord;

/// How a rehearsal makes the events that the Worker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// preflight makes and signs them. Nothing is created at Stripe.
    Events,
    /// Stripe sends them about a subscription that preflight creates: with a coupon of 100 %, or in test mode with a test card and
    /// a test clock.
    Live,
    /// Stripe sends them about a subscription that a person buys on the Worker's own Checkout page, with a promotion code of 100 %.
    Guided,
}

impl Depth {
    /// The flag of `preflight rehearse`.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Events => "--events",
            Self::Live => "--live",
            Self::Guided => "--guided",
        }
    }
}

/// What a person needs for buying the canary's subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The page. Anyone with its address can pay there, so no report shows it.
    pub url: String,
    /// The promotion code that makes it free.
    pub code: String,
    /// The tier.
    pub tier: String,
}

/// What one of Stripe's events did.
#[derive(Debug, Clone)]
pub struct BillingStep {
    /// The effect on the canary. Its answer is Stripe's, to the request that made the event.
    pub seen: StepSeen,
    /// The event, as Stripe lists it; `None` if Stripe does not list it yet.
    pub event: Answered<Option<StripeEvent>>,
}

/// An event that Stripe sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeEvent {
    /// `evt_…`.
    pub id: String,
    /// `customer.subscription.created`, …
    pub kind: String,
    /// To how many endpoints it was not delivered yet.
    pub pending: i64,
}

/// Everything that a rehearsal with a real subscription saw.
#[derive(Debug)]
pub struct Billing {
    steps: Vec<BillingStep>,
    /// Why there are no more.
    ended: Option<NoAnswer>,
    /// The subscription as the Worker's Checkout created it; `None` if preflight created it.
    pub bought: Option<Answered<Subscription>>,
    /// The customer portal, opened by the Worker after the purchase; `None` if the Worker has no such route.
    pub portal: Option<Answered<PortalAnswer>>,
    /// Whether a test clock made time pass.
    pub has_clock: bool,
}

impl Billing {
    /// What an event did.
    ///
    /// # Errors
    /// Why it did not happen.
    pub fn step(&self, step: RehearsalStep) -> Answered<&BillingStep> {
        let found = self.steps.iter().find(|billed| billed.seen.step == step);
        found.ok_or_else(|| self.ended.clone().unwrap_or_else(|| NoAnswer::unknown("this did not happen")))
    }

    /// Whether the subscription that the Worker's Checkout created names the canary, or its organization, in its metadata. One that preflight created does.
    ///
    /// # Errors
    /// If it could not be read.
    pub fn names(&self, holder: &HolderId) -> Answered<bool> {
        let Some(bought) = &self.bought else { return Ok(true) };
        Ok(bought.as_ref().map_err(Clone::clone)?.metadata.texts().any(|(_, text)| text == holder.as_str()))
    }

    /// What every event did, in order.
    #[must_use]
    pub fn steps(&self) -> &[BillingStep] {
        &self.steps
    }
}

/// The rehearsal with a real subscription of a world.
#[derive(Debug)]
pub(in crate::world) struct BillingCell {
    played: Once<Answered<Arc<Billing>>>,
    /// What was created at Stripe, until it is removed.
    open: Mutex<Option<BillingRecord>>,
    invitation: watch::Sender<Option<Invitation>>,
    /// How many changes were asked for.
    changes: AtomicUsize,
    /// Whether this process may have created something at Stripe.
    has_created: AtomicBool,
}

impl Default for BillingCell {
    fn default() -> Self {
        let invitation = watch::Sender::new(None);
        Self {
            played: Once::default(),
            open: Mutex::default(),
            invitation,
            changes: AtomicUsize::new(0),
            has_created: AtomicBool::new(false),
        }
    }
}

impl BillingCell {
    pub(super) fn record(&self) -> Option<BillingRecord> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the changes of this process apart.
    fn count(&self) -> usize {
        self.changes.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether Stripe may have done what it was asked for. Only a 4xx says for sure that it did not.
    fn is_answered(&self, asked: &Asked) {
        if !asked.as_ref().is_ok_and(|answer| (400..500).contains(&answer.status)) {
            self.has_created.store(true, Ordering::Relaxed);
        }
    }

    fn open(&self, record: BillingRecord) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(record);
    }

    fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl World {
    /// The rehearsal with a real subscription, played once.
    ///
    /// # Errors
    /// Blocked by the check that reports why the Worker or the canary cannot take part, and unknown if the canary must not.
    pub(crate) async fn billing(&self) -> Answered<Arc<Billing>> {
        self.rehearsal.billing.played.ask(|| Box::pin(self.play_billing())).await.clone()
    }

    /// Waits until a person is needed to buy the canary's subscription. Only a guided rehearsal asks.
    pub async fn invitation(&self) -> Invitation {
        let mut invitation = self.rehearsal.billing.invitation.subscribe();
        loop {
            if let Some(invitation) = invitation.borrow_and_update().clone() {
                return invitation;
            }
            if invitation.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

//! A rehearsal: signed events about the canary are sent to the deployed Worker, and what each one does at Clerk, in a new token and
//! at the Worker is recorded. Nothing is created at Stripe, and the canary is put back as it was.
//!
//! This module records what happens. The checks of the group `rehearsal` judge it.

mod billing;
mod canary;
mod clean_up;
mod event;
mod play;
mod script;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value};

use super::transport::{Answer, Asked, Failure, Once, OutgoingRequest};
use super::{ForgeryResponse, UsageAnswer, World};
use crate::config::Tier;
use crate::finding::{Answered, NoAnswer};

pub use billing::{Billing, BillingStep, Depth, Invitation, StripeEvent};
pub(super) use canary::UNFINISHED;
pub use canary::{CanarySnapshot, MARKER};
pub use clean_up::{CleanUp, LeftCanary};
pub use script::{RehearsalStep, rehearsal_events};

/// How a rehearsal is paced.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two events: Clerk allows ten changes of a user's metadata in ten seconds (docs/providers.md, "Clerk keys and API
    /// conventions").
    pub between: Duration,
    /// How long the Worker may take to change the canary.
    pub patience: Duration,
    /// How long nothing may happen before it counts as nothing.
    pub quiet: Duration,
    /// Before the canary is read again. Each wait is twice as long as the one before.
    pub poll: Duration,
    /// How long to wait for a token to expire. Tokens that last longer are not tried.
    pub token_wait: Duration,
    /// Whether a token that lasts longer is left out, and not unknown: in the sandbox, whose tests wait for no minute to pass.
    pub leaves_tokens_out: bool,
    /// How long a person may take to complete the Checkout page.
    pub person: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            between: Duration::from_millis(1_100),
            patience: Duration::from_secs(10),
            quiet: Duration::from_millis(1_500),
            poll: Duration::from_millis(250),
            token_wait: Duration::from_secs(90),
            leaves_tokens_out: false,
            person: Duration::from_mins(15),
        }
    }
}

impl Pace {
    /// For a Worker that writes before it answers, and a Clerk without limits.
    #[must_use]
    pub const fn fast() -> Self {
        let (none, short) = (Duration::ZERO, Duration::from_millis(20));
        let (patience, token_wait) = (Duration::from_secs(1), Duration::from_secs(10));
        Self {
            between: none,
            patience,
            quiet: none,
            poll: short,
            token_wait,
            leaves_tokens_out: true,
            person: Duration::from_mins(1),
        }
    }

    /// For Stripe's own deliveries, which may take a while.
    #[must_use]
    pub const fn patient(self) -> Self {
        Self { patience: self.patience.saturating_mul(6), quiet: self.quiet.saturating_mul(2), ..self }
    }
}

/// What one event did.
#[derive(Debug, Clone)]
pub struct StepSeen {
    /// The event.
    pub step: RehearsalStep,
    /// The tier that it is about.
    pub tier: Tier,
    /// The Worker's answer to it.
    pub answer: Result<Arc<Answer>, Arc<Failure>>,
    /// The canary's public metadata before.
    pub before: Map<String, Value>,
    /// The same afterward, once nothing changed anymore.
    pub after: Map<String, Value>,
    /// How long it took until the canary had changed as it should; `None` if it did not.
    pub took: Option<Duration>,
    /// What the canary is granted afterward, for the events after which it is asked.
    pub grant: Option<Grant>,
}

/// What the canary is granted.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The plan in a new token.
    pub claim: Answered<Option<String>>,
    /// What the Worker grants for that token; `None` if it has no such route.
    pub usage: Option<Answered<UsageAnswer>>,
}

/// Everything that a rehearsal saw.
#[derive(Debug)]
pub struct Rehearsal {
    steps: Vec<StepSeen>,
    /// Why there are no more.
    ended: Option<NoAnswer>,
    /// What one call of the metered route did, after the first purchase.
    pub metered: Option<Answered<Metered>>,
    /// What the Worker does with an expired token; `None` if it has no route that takes one.
    pub expired_token: Option<Answered<ExpiredToken>>,
}

/// One call of the metered route.
#[derive(Debug, Clone)]
pub struct Metered {
    /// The Worker's answer.
    pub answer: Arc<Answer>,
    /// What the usage route says afterward; `None` if there is no such route.
    pub after: Option<Answered<UsageAnswer>>,
}

/// What the Worker does with an expired token.
#[derive(Debug, Clone)]
pub enum ExpiredToken {
    /// The token lasts too long to wait for in the sandbox; why, in words.
    NotTried(String),
    /// It was sent.
    Tried(ForgeryResponse),
}

impl Rehearsal {
    /// What an event did.
    ///
    /// # Errors
    /// Why it was not sent.
    pub fn step(&self, step: RehearsalStep) -> Answered<&StepSeen> {
        let found = self.steps.iter().find(|seen| seen.step == step);
        found.ok_or_else(|| self.ended.clone().unwrap_or_else(|| NoAnswer::unknown("this event was not sent")))
    }

    /// What every event did, in order.
    #[must_use]
    pub fn steps(&self) -> &[StepSeen] {
        &self.steps
    }
}

/// The rehearsal of a world.
#[derive(Debug, Default)]
pub(super) struct RehearsalCell {
    played: Once<Answered<Arc<Rehearsal>>>,
    billing: billing::BillingCell,
    /// The canary as it was, until it is put back.
    open: Mutex<Option<CanarySnapshot>>,
    /// What it is doing, in words.
    progress: Mutex<String>,
    /// How long nothing happened before the Worker wrote something.
    learned: Mutex<Duration>,
}

impl RehearsalCell {
    fn note(&self, progress: String) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    fn learn(&self, quiet: Duration) {
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner) = quiet;
    }

    /// How long to wait before the canary is believed to stay as it is.
    fn learned(&self) -> Duration {
        *self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn snapshot(&self) -> Option<CanarySnapshot> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn open(&self, snapshot: CanarySnapshot) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
    }

    fn close(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The rehearsal door: sends events about the canary to the Worker, and changes the canary's metadata. It exists only for
/// `rehearse` and `cleanup`.
#[derive(Debug, Clone, Copy)]
pub(super) struct RehearsalDoor<'w> {
    world: &'w World,
    pace: Pace,
}

impl World {
    /// The rehearsal door, if this world was made for a rehearsal.
    fn rehearsal_door(&self) -> Answered<RehearsalDoor<'_>> {
        let pace = self.pace.ok_or_else(|| NoAnswer::unknown("only `preflight rehearse` does this"))?;
        Ok(RehearsalDoor { world: self, pace })
    }
}

impl World {
    /// What a rehearsal is doing now, in words.
    #[must_use]
    pub fn rehearsal_progress(&self) -> String {
        self.rehearsal.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl RehearsalDoor<'_> {
    /// Sends a request that changes something. A run that stops waits for it.
    async fn send(self, outgoing: OutgoingRequest) -> Asked {
        let _in_flight = self.world.transport.phases().begin();
        self.world.transport.ask(outgoing).await
    }
}

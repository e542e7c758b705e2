//! The Checkout Sessions of this run that are still open.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Checkouts;
use crate::world::World;
use crate::world::id::CheckoutSessionId;
use crate::world::transport::{Failure, Once};

/// Keeps each Checkout Session until it is expired, so that an interrupted run leaves none open.
#[derive(Debug, Default)]
pub(in crate::world) struct OpenSessions {
    checkouts: Once<Checkouts>,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    sessions: BTreeSet<CheckoutSessionId>,
    /// How many requests may have created a session that no answer names.
    unanswered: usize,
    /// The subscriptions that the Worker created or changed, by ID if it is known.
    changed: Vec<Option<String>>,
}

impl OpenSessions {
    /// The answers, asked for once.
    pub(super) async fn checkouts<F: Future<Output = Checkouts>>(&self, ask: impl FnOnce() -> F) -> &Checkouts {
        self.checkouts.ask(ask).await
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Worker is about to be asked for a session.
    pub(super) fn is_asked(&self) {
        self.ledger().unanswered += 1;
    }

    /// It was not asked after all.
    pub(super) fn is_not_asked(&self) {
        let mut ledger = self.ledger();
        ledger.unanswered = ledger.unanswered.saturating_sub(1);
    }

    /// It has answered, with a session or without. Only a session or a 4xx shows that there is no other: a Worker that fails,
    /// redirects or is cut off may have created one before.
    pub(super) fn is_answered(&self, status: u16, attempts: u32, named: bool, ours: Option<&CheckoutSessionId>) {
        let mut ledger = self.ledger();
        // If a request was sent twice, the Worker may have received the first one, too.
        if attempts == 1 && (named || (400..500).contains(&status)) {
            ledger.unanswered = ledger.unanswered.saturating_sub(1);
        }
        ledger.sessions.extend(ours.cloned());
    }

    /// No answer came.
    pub(super) fn is_silent(&self, failure: &Failure) {
        if failure.is_unsent() {
            self.is_not_asked();
        }
    }

    /// The Worker created or changed a subscription.
    pub(super) fn is_changed(&self, subscription: Option<String>) {
        self.ledger().changed.push(subscription);
    }

    /// A session is not open any more.
    pub(super) fn is_expired(&self, session: &CheckoutSessionId) {
        self.ledger().sessions.remove(session);
    }
}

impl World {
    /// The subscriptions that the Worker created or changed in this run, and how to undo that.
    #[must_use]
    pub fn changed(&self) -> Option<String> {
        let changed = self.open_sessions.ledger().changed.clone();
        let first = changed.first()?;
        let page = self.subscription_page(first.as_deref());
        let names: Vec<&str> = changed.iter().map(|id| id.as_deref().unwrap_or("a subscription")).collect();
        Some(format!(
            "THIS RUN CHANGED {}: asked for a Checkout Session for the canary, the Worker changed it. Undo the change at {page}: \
             set the former price, and void or refund the prorated invoice.",
            names.join(", ")
        ))
    }

    /// The dashboard page of a subscription, or of all subscriptions if its ID is not known.
    #[must_use]
    pub fn subscription_page(&self, id: Option<&str>) -> String {
        let path = id.map_or_else(|| "subscriptions".to_owned(), |id| format!("subscriptions/{id}"));
        self.stripe().dashboard(&path)
    }

    /// Expires every Checkout Session of this run that is still open.
    ///
    /// # Errors
    /// The sessions that could not be expired, in words.
    pub(in crate::world) async fn expire_open_sessions(&self) -> Result<(), String> {
        let (mut sessions, unanswered) = {
            let ledger = self.open_sessions.ledger();
            (ledger.sessions.clone(), ledger.unanswered)
        };
        let stripe = self.stripe();
        let mut trouble = Vec::new();
        if unanswered > 0 {
            match stripe.open_sessions_of_canary().await {
                Ok(found) => sessions.extend(found),
                Err(why) => trouble.push(format!(
                    "a Checkout Session that the Worker was asked for may be open, and expires by itself within a day: {why}")),
            }
        }
        let expired = sessions.iter().map(|session| async move { (session, stripe.expire(session).await) });
        for (session, expired) in futures::future::join_all(expired).await {
            match expired {
                Ok(()) => self.open_sessions.is_expired(session),
                Err(why) => trouble.push(format!(
                    "the Checkout Session {session} is still open, and expires by itself within a day: {why}"
                )),
            }
        }
        if trouble.is_empty() { Ok(()) } else { Err(trouble.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::OpenSessions;
    use crate::world::id::CheckoutSessionId;

    #[test]
    fn only_a_session_or_a_4xx_shows_that_no_other_session_was_created() {
        let session = CheckoutSessionId::parse("cs_live_a1").unwrap();
        let left = |status, session: Option<&CheckoutSessionId>| {
            let open = OpenSessions::default();
            open.is_asked();
            open.is_answered(status, 1, session.is_some(), session);
            open.ledger().unanswered
        };
        assert_eq!((left(200, Some(&session)), left(403, None)), (0, 0));
        assert_eq!((left(200, None), left(303, None), left(500, None)), (1, 1, 1));
    }
}

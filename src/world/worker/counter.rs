//! What was sold to the canary in this run, and what of it is still open.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::id::CheckoutSessionId;
use super::super::transport::{Failure, Once};
use super::super::{NoAnswer, World};
use super::checkout::Sales;

/// The counter at which the canary buys: each Checkout Session stays on it until it has ended, whoever is interrupted.
#[derive(Debug, Default)]
pub(in crate::world) struct Counter {
    sales: Once<Sales>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: BTreeSet<CheckoutSessionId>,
    /// How many were asked for and not answered, so that nobody knows what came of them.
    unanswered: usize,
    /// What the Worker changed instead of selling.
    changed: Vec<String>,
}

impl Counter {
    /// The sales, made once.
    pub(super) async fn sales<F: Future<Output = Sales>>(&self, make: impl FnOnce() -> F) -> &Sales {
        self.sales.ask(make).await
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Worker is about to be asked for a session.
    pub(super) fn is_asked(&self) {
        self.open().unanswered += 1;
    }

    /// It was not asked after all.
    pub(super) fn is_not_asked(&self) {
        let mut open = self.open();
        open.unanswered = open.unanswered.saturating_sub(1);
    }

    /// It has answered, with a session or without one. Only a session and a plain refusal tell that there is no other: a
    /// Worker that breaks down, sends elsewhere or is cut off may have made one before.
    pub(super) fn is_answered(&self, status: u16, attempts: u32, named: bool, ours: Option<&CheckoutSessionId>) {
        let mut open = self.open();
        // Of an order that had to be sent again, the first may have been heard as well.
        if attempts == 1 && (named || (400..500).contains(&status)) {
            open.unanswered = open.unanswered.saturating_sub(1);
        }
        open.sessions.extend(ours.cloned());
    }

    /// No answer came.
    pub(super) fn is_silent(&self, failure: &Failure) {
        if failure.is_unsent() {
            self.is_not_asked();
        }
    }

    /// The Worker has changed something instead of selling.
    pub(super) fn is_changed(&self, what: &str) {
        self.open().changed.push(what.to_owned());
    }

    /// A session has ended.
    pub(super) fn is_ended(&self, session: &CheckoutSessionId) {
        self.open().sessions.remove(session);
    }
}

impl World {
    /// What this run has changed at Stripe, and how to undo it; one sentence.
    #[must_use]
    pub fn changed(&self) -> Option<String> {
        let changed = self.counter.open().changed.clone();
        let first = changed.first()?;
        let page = self.worker().subscription_page(Some(first.as_str()).filter(|id| id.starts_with("sub_")));
        Some(format!(
            "THIS RUN CHANGED {}: asked to sell to the canary, the Worker changed it. Undo it at {page}: set the former price \
             and void or refund the prorated invoice.",
            changed.join(", ")
        ))
    }

    /// Ends every Checkout Session that the Worker made in this run and that is still open.
    ///
    /// # Errors
    /// In words, what could not be ended.
    pub(in crate::world) async fn close_counter(&self) -> Result<(), String> {
        let (mut sessions, unanswered) = {
            let open = self.counter.open();
            (open.sessions.clone(), open.unanswered)
        };
        let stripe = self.stripe();
        let mut trouble = Vec::new();
        if unanswered > 0 {
            let canary = self.config.clerk.canary_user.value.as_deref().unwrap_or_default();
            match stripe.open_sessions(canary).await {
                Ok(found) => sessions.extend(found),
                Err(why) => trouble.push(format!(
                    "a Checkout Session that the Worker was asked for may be open, and ends by itself within a day: {}",
                    words(why)
                )),
            }
        }
        let ended = sessions.iter().map(|session| async move { (session, stripe.expire(session).await) });
        for (session, ended) in futures::future::join_all(ended).await {
            match ended {
                Ok(()) => self.counter.is_ended(session),
                Err(why) => trouble.push(format!(
                    "the Checkout Session {session} is still open and ends by itself within a day: {}",
                    words(why)
                )),
            }
        }
        if trouble.is_empty() { Ok(()) } else { Err(trouble.join("; ")) }
    }
}

fn words(why: NoAnswer) -> String {
    match why {
        NoAnswer::Unknown(reason) => reason,
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::check::CheckId;
    use crate::checks;
    use crate::run::{Interruption, Selection, Status, run};
    use crate::sandbox::{self, Sandbox};
    use crate::world::id::CheckoutSessionId;
    use crate::world::{self, World};

    #[test]
    fn only_a_session_or_a_plain_refusal_tells_what_came_of_an_order() {
        let session = CheckoutSessionId::parse("cs_live_a1").unwrap();
        let left = |status, session: Option<&CheckoutSessionId>| {
            let counter = super::Counter::default();
            counter.is_asked();
            counter.is_answered(status, 1, session.is_some(), session);
            counter.open().unanswered
        };
        assert_eq!((left(200, Some(&session)), left(403, None)), (0, 0));
        assert_eq!((left(200, None), left(303, None), left(500, None)), (1, 1, 1));
    }

    async fn sandbox(latency: u64) -> Sandbox {
        let latency = Duration::from_millis(latency);
        let options = sandbox::Options { latency, ..sandbox::Options::default() };
        Sandbox::start(&["healthy"], options).await.unwrap()
    }

    fn world(sandbox: &Sandbox, journal: &std::path::Path, probe: bool) -> World {
        let options = world::Options { probe, journal: journal.to_owned(), ..world::Options::default() };
        World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap()
    }

    fn count(sandbox: &Sandbox, effect: &str) -> u64 {
        sandbox.effects().get(effect).copied().unwrap_or_default()
    }

    #[tokio::test]
    async fn whenever_a_run_is_interrupted_no_session_stays_open() {
        // What was made is counted before the Worker answers, so that each interruption comes in the middle.
        for reached in 1..=3 {
            let (sandbox, folder) = (sandbox(100).await, tempfile::tempdir().unwrap());
            let journal = folder.path().join("journal.jsonl");
            let world = world(&sandbox, &journal, true);
            let stop = async {
                while count(&sandbox, "stripe.checkout_session.created") < reached {
                    tokio::task::yield_now().await;
                }
                Interruption::Interrupt
            };
            let only = Selection::new(checks::ALL, &["worker/checkout".to_owned()], &[]).unwrap();
            let report = run(&world, &only, None, stop).await;
            let made = count(&sandbox, "stripe.checkout_session.created");
            assert_eq!(count(&sandbox, "stripe.checkout_session.expired"), made, "{reached}: {:?}", sandbox.effects());
            assert_eq!(report.left_open, None);
            let journal = std::fs::read_to_string(journal).unwrap();
            for step in ["worker.checkout_session.create", "stripe.checkout_session.expire"] {
                assert!(journal.matches(step).count() >= usize::try_from(made).unwrap(), "{step}: {journal}");
            }
        }
    }

    #[tokio::test]
    async fn without_the_probe_door_nothing_is_sent_to_the_worker() {
        let (sandbox, folder) = (sandbox(0).await, tempfile::tempdir().unwrap());
        let world = world(&sandbox, &folder.path().join("journal.jsonl"), false);
        let report = run(&world, &Selection::default(), None, std::future::pending()).await;
        let sent = sandbox.requests();
        assert!(!sent.iter().any(|(provider, _)| provider == "worker"), "{sent:?}");
        assert!(sandbox.effects().is_empty(), "{:?}", sandbox.effects());
        let left_out = |id| {
            let check = report.checks.iter().find(|check| check.id == CheckId::new(id)).unwrap();
            assert_eq!(check.status, Status::Skipped, "{id}: {:?}", check.reasons);
            assert_eq!(check.reasons, ["excluded by --no-probe"], "{id}");
        };
        for id in ["worker/health", "worker/tiers", "worker/auth", "worker/usage", "worker/checkout", "worker/portal"] {
            left_out(id);
        }
        for id in ["worker/cors", "webhook/raw-body", "webhook/idempotent"] {
            left_out(id);
        }
    }
}

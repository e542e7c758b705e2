//! What was sold to the canary in this run, and what of it is still open.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;

use super::super::transport::Answer;
use super::super::{NoAnswer, World};
use super::checkout::Sales;

/// The counter at which the canary buys: each Checkout Session stays on it until it has ended, whoever is interrupted.
#[derive(Debug, Default)]
pub(in crate::world) struct Counter {
    sales: OnceCell<Sales>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    sessions: BTreeSet<String>,
    /// How many were asked for and not answered, so that nobody knows what came of them.
    unanswered: usize,
}

impl Counter {
    /// The sales, made once.
    pub(super) async fn sales<F: Future<Output = Sales>>(&self, sell: impl FnOnce() -> F) -> &Sales {
        self.sales.get_or_init(sell).await
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Worker is about to be asked for a session.
    pub(super) fn is_asked(&self) {
        self.open().unanswered += 1;
    }

    /// It has answered, with a session that we can end or without one.
    pub(super) fn is_answered(&self, answer: &Answer, session: Option<&String>) {
        let mut open = self.open();
        // Of an order that had to be sent again, the first may have been heard as well.
        if answer.attempts == 1 {
            open.unanswered = open.unanswered.saturating_sub(1);
        }
        open.sessions.extend(session.cloned());
    }

    /// A session has ended.
    pub(super) fn is_ended(&self, session: &str) {
        self.open().sessions.remove(session);
    }
}

impl World {
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
            match stripe.open_sessions(canary, self.now).await {
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
                Ok(_) => self.counter.is_ended(session),
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

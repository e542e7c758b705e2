//! The canary's sessions that this run began, and their end.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::super::World;
use super::super::id::{ApiPath, SessionId, UserId, configured};
use super::super::step::Step;
use super::super::transport::Failure;
use super::{Clerk, NoAnswer, Party, judged, version};

/// What was begun and is not ended, whoever is interrupted.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    sessions: BTreeSet<SessionId>,
    /// How many sign-ins were asked for and not understood, so that nobody knows what came of them.
    unanswered: usize,
}

/// A session in a list (facts.md, B2).
#[derive(Deserialize)]
struct Listed {
    id: String,
    /// In milliseconds.
    created_at: i64,
}

/// A session that was revoked (facts.md, B2).
#[derive(Deserialize)]
struct Ended {
    status: String,
}

/// The canary signs in a few times at most in a run; the newest come first.
const PAGE: usize = 100;

impl Begun {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Clerk is about to be asked for a session.
    pub(super) fn is_asked(&self) {
        self.open().unanswered += 1;
    }

    /// Clerk has made this one.
    pub(super) fn is_made(&self, session: &SessionId) {
        let mut open = self.open();
        open.unanswered = open.unanswered.saturating_sub(1);
        open.sessions.insert(session.clone());
    }

    /// Clerk has made none, as far as it says in the answer to the first attempt.
    pub(super) fn is_refused(&self, attempts: u32) {
        if attempts <= 1 {
            self.is_not_asked();
        }
    }

    /// Clerk was not asked after all.
    pub(super) fn is_not_asked(&self) {
        let mut open = self.open();
        open.unanswered = open.unanswered.saturating_sub(1);
    }

    /// No answer came.
    pub(super) fn is_silent(&self, failure: &Failure) {
        if failure.is_unsent() {
            self.is_not_asked();
        }
    }
}

impl Clerk<'_> {
    /// Ends every session of the canary's that this run began and has not ended. One whose answer was not understood is
    /// looked for first.
    ///
    /// # Errors
    /// In words, what could not be ended.
    pub(in crate::world) async fn sign_out(self) -> Result<(), String> {
        let begun = &self.world.sign_in.begun;
        let (mut sessions, unanswered) = {
            let open = begun.open();
            (open.sessions.clone(), open.unanswered)
        };
        let mut trouble = Vec::new();
        if unanswered > 0 {
            match self.sessions_since_we_began().await {
                Ok(found) => {
                    sessions.extend(found);
                    begun.open().unanswered = 0;
                }
                Err(why) => trouble.push(format!(
                    "the canary was signed in with an answer that could not be understood, and its session may be open; it ends by itself: {}",
                    words(why)
                )),
            }
        }
        let ended = sessions.iter().map(|session| async move { (session, self.revoke(session).await) });
        for (session, ended) in futures::future::join_all(ended).await {
            match ended {
                Ok(()) => drop(begun.open().sessions.remove(session)),
                Err(why) => trouble
                    .push(format!("the canary's session {session} is still open and ends by itself: {}", words(why))),
            }
        }
        if trouble.is_empty() { Ok(()) } else { Err(trouble.join("; ")) }
    }

    async fn revoke(self, session: &SessionId) -> Result<(), NoAnswer> {
        let credential = Some(self.credential(self.key()?));
        let asked = self.world.leave_no_trace()?.take(Step::SignOut(session), version(), credential).await?;
        match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            // Only Clerk's word that it is active no more is the end of it.
            Ok(answer) => match answer.json::<Ended>()?.status.as_str() {
                "active" => {
                    Err(NoAnswer::unknown(format!("Clerk was asked to revoke {session}, and says that it is active")))
                }
                _ => Ok(()),
            },
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    /// The canary's active sessions that were made since the run began. Asked past the memo: it is what a run looks for
    /// whose sign-in was not understood.
    async fn sessions_since_we_began(self) -> Result<Vec<SessionId>, NoAnswer> {
        let user = configured(&self.world.config.clerk.canary_user, UserId::parse)?;
        let path = ApiPath::new("/v1/sessions").query("user_id", &user).query("status", "active").query("limit", PAGE);
        let (url, headers): (_, HeaderMap) = (path.at(&self.world.config.clerk.api_base), version());
        let credential = Some(self.credential(self.key()?));
        let asked = self.world.reads().get_unremembered(Party::Clerk, url, headers, credential).await;
        let answer = match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => answer,
            Err(refusal) => return Err(super::blocked_by_key(&refusal)),
        };
        let since = self.world.began_by(&answer).as_millisecond();
        let listed: Vec<Listed> = answer.json()?;
        listed
            .iter()
            .filter(|session| session.created_at >= since)
            .map(|session| SessionId::parse(&session.id).map_err(|malformed| malformed.in_answer(&answer)))
            .collect()
    }
}

fn words(why: NoAnswer) -> String {
    match why {
        NoAnswer::Unknown(reason) => reason,
        other => format!("{other:?}"),
    }
}

impl World {
    /// Whether this run has begun a session that is not ended, as far as is known.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        let open = self.sign_in.begun.open();
        open.unanswered > 0 || !open.sessions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::run::{Interruption, Report, Selection, Status, run};
    use crate::sandbox::{self, Sandbox};
    use crate::world::{self, World};

    async fn sandbox(scenario: &str, latency: u64) -> Sandbox {
        let latency = Duration::from_millis(latency);
        Sandbox::start(&[scenario], sandbox::Options { latency, ..sandbox::Options::default() }).await.unwrap()
    }

    fn world(sandbox: &Sandbox, folder: &Path, deadline: Option<Duration>) -> World {
        let journal = folder.join("journal.jsonl");
        let options = world::Options { deadline, journal, ..world::Options::default() };
        World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap()
    }

    fn count(sandbox: &Sandbox, effect: &str) -> u64 {
        sandbox.effects().get(effect).copied().unwrap_or_default()
    }

    /// What was begun has ended, and nothing else was changed.
    fn leaves_no_trace(sandbox: &Sandbox) {
        let effects = sandbox.effects();
        for (made, ended) in [
            ("clerk.session.created", "clerk.session.ended"),
            ("stripe.checkout_session.created", "stripe.checkout_session.expired"),
        ] {
            assert_eq!(count(sandbox, made), count(sandbox, ended), "{effects:?}");
        }
        let expected =
            ["clerk.session.", "clerk.sign_in_token.", "clerk.client.", "stripe.checkout_session.", "worker."];
        assert!(effects.keys().all(|effect| expected.iter().any(|start| effect.starts_with(start))), "{effects:?}");
    }

    fn failures(report: &Report) -> Vec<&str> {
        let failed = report.checks.iter().filter(|check| check.status == Status::Fail);
        failed.map(|check| check.id.as_str()).collect()
    }

    #[tokio::test]
    async fn a_session_is_ended_whose_sign_in_was_not_understood() {
        for scenario in ["clerk-hostile-session-id", "clerk-sign-in-cut-off"] {
            let (sandbox, folder) = (sandbox(scenario, 0).await, tempfile::tempdir().unwrap());
            let world = world(&sandbox, folder.path(), None);
            let report = run(&world, &Selection::default(), None, std::future::pending()).await;
            assert!(failures(&report).is_empty(), "{scenario}: {:?}", failures(&report));
            assert_eq!((report.left_open, world.is_signed_in()), (None, false), "{scenario}");
            assert_eq!(count(&sandbox, "clerk.session.created"), 1, "{scenario}: {:?}", sandbox.effects());
            leaves_no_trace(&sandbox);
            let asked = sandbox.requests();
            assert!(!asked.iter().any(|(_, request)| request.contains("ban")), "{scenario}: {asked:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_ended_is_named_and_stands_in_the_journal() {
        let (sandbox, folder) = (sandbox("healthy", 0).await, tempfile::tempdir().unwrap());
        let journal = folder.path().join("journal.jsonl");
        let options = world::Options { offline: true, journal: journal.clone(), ..world::Options::default() };
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
        world.sign_in.begun.is_asked();
        let left = world.leave().await.unwrap_err();
        assert!(left.contains("its session may be open"), "{left}");
        assert!(world.is_signed_in());
        assert!(std::fs::read_to_string(journal).unwrap().contains("left_open"));
    }

    #[tokio::test]
    async fn a_run_that_is_interrupted_in_a_sign_in_ends_the_session() {
        let (sandbox, folder) = (sandbox("healthy", 100).await, tempfile::tempdir().unwrap());
        let world = world(&sandbox, folder.path(), None);
        let stop = async {
            while count(&sandbox, "clerk.session.created") == 0 {
                tokio::task::yield_now().await;
            }
            Interruption::Interrupt
        };
        let report = run(&world, &Selection::default(), None, stop).await;
        assert_eq!((report.left_open, world.steps_in_flight()), (None, 0));
        leaves_no_trace(&sandbox);
    }

    #[tokio::test]
    async fn whenever_the_runs_time_is_over_what_was_begun_is_ended_and_nobody_is_blamed() {
        for deadline in [250, 600, 900, 1_300] {
            let (sandbox, folder) = (sandbox("healthy", 100).await, tempfile::tempdir().unwrap());
            let world = world(&sandbox, folder.path(), Some(Duration::from_millis(deadline)));
            let report = run(&world, &Selection::default(), None, std::future::pending()).await;
            assert!(failures(&report).is_empty(), "{deadline}: {:?}", failures(&report));
            assert_eq!(report.left_open, None, "{deadline}");
            leaves_no_trace(&sandbox);
        }
    }
}

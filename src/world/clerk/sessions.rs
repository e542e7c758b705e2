//! The sessions that this run started for the canary, and their end.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use super::super::World;
use super::super::id::{ApiPath, SessionId};
use super::super::step::Step;
use super::super::transport::Failure;
use super::{Clerk, NoAnswer, accepted, version};
use crate::finding::Answered;

/// The sessions that this run started and has not ended.
#[derive(Debug, Default)]
pub(super) struct StartedSessions(Mutex<Started>);

#[derive(Debug, Default)]
struct Started {
    sessions: BTreeSet<SessionId>,
    /// How many sign-ins have no understandable answer, so that each may have started a session.
    unanswered: usize,
}

/// A session in a list (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Deserialize)]
struct ListedSession {
    id: String,
    /// In milliseconds.
    created_at: i64,
}

/// A session that was revoked (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Deserialize)]
struct RevokedSession {
    status: String,
}

/// A run signs the canary in a few times at most, and Clerk lists the newest sessions first.
const PAGE: usize = 100;

impl StartedSessions {
    fn lock(&self) -> MutexGuard<'_, Started> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request for a session is about to be sent.
    pub(super) fn requested(&self) {
        self.lock().unanswered += 1;
    }

    /// Clerk has created this session.
    pub(super) fn created(&self, session: &SessionId) {
        self.not_requested();
        self.lock().sessions.insert(session.clone());
    }

    /// Clerk refused. After a retry, an earlier attempt may still have created a session.
    pub(super) fn refused(&self, attempts: u32) {
        if attempts <= 1 {
            self.not_requested();
        }
    }

    /// The request was not sent after all.
    pub(super) fn not_requested(&self) {
        let mut started = self.lock();
        started.unanswered = started.unanswered.saturating_sub(1);
    }

    /// The request failed.
    pub(super) fn failed(&self, failure: &Failure) {
        if failure.is_unsent() {
            self.not_requested();
        }
    }
}

impl Clerk<'_> {
    /// Ends every session that this run started for the canary. If a sign-in had no understandable answer, its session is
    /// looked up first.
    pub(in crate::world) async fn sign_out(self) -> Result<(), String> {
        let started = &self.world.sign_in.started;
        let (mut sessions, unanswered) = {
            let started = started.lock();
            (started.sessions.clone(), started.unanswered)
        };
        let mut trouble = Vec::new();
        if unanswered > 0 {
            match self.sessions_of_this_run().await {
                Ok(found) => {
                    sessions.extend(found);
                    started.lock().unanswered = 0;
                }
                Err(why) => trouble.push(format!(
                    "Clerk's answer to the canary's sign-in could not be read, so its session may still be open; it ends by itself: {why}")),
            }
        }
        let ended = sessions.iter().map(|session| async move { (session, self.revoke(session).await) });
        for (session, ended) in futures::future::join_all(ended).await {
            match ended {
                Ok(()) => drop(started.lock().sessions.remove(session)),
                Err(why) => {
                    trouble.push(format!("the canary's session {session} is still open and ends by itself: {why}"));
                }
            }
        }
        if trouble.is_empty() { Ok(()) } else { Err(trouble.join("; ")) }
    }

    async fn revoke(self, session: &SessionId) -> Answered {
        let credential = Some(self.credential()?);
        let asked = self.world.leave_no_trace()?.take(Step::SignOut(session), version(), credential).await?;
        match accepted(asked)?.json::<RevokedSession>()?.status.as_str() {
            "active" => Err(NoAnswer::unknown(format!("Clerk revoked {session} but still reports it as active"))),
            _ => Ok(()),
        }
    }

    /// The canary's active sessions that were created since the run began.
    async fn sessions_of_this_run(self) -> Answered<Vec<SessionId>> {
        let user = self.canary_user_id()?;
        let path = ApiPath::new("/v1/sessions").query("user_id", &user).query("status", "active").query("limit", PAGE);
        let answer = self.past_memo().answer(&path).await?;
        let since = self.world.began_by(&answer).as_millisecond();
        let listed: Vec<ListedSession> = answer.json()?;
        listed
            .iter()
            .filter(|session| session.created_at >= since)
            .map(|session| SessionId::parse(&session.id).map_err(|malformed| malformed.in_answer(&answer)))
            .collect()
    }
}

impl World {
    /// Whether a session that this run started may still be open.
    #[must_use]
    pub fn is_signed_in(&self) -> bool {
        let started = self.sign_in.started.lock();
        started.unanswered > 0 || !started.sessions.is_empty()
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

    /// Everything that was started has ended, and nothing else was changed.
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
    async fn a_session_is_ended_even_if_the_answer_to_its_sign_in_could_not_be_read() {
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
    async fn a_session_that_cannot_be_ended_is_reported_and_is_in_the_journal() {
        let (sandbox, folder) = (sandbox("healthy", 0).await, tempfile::tempdir().unwrap());
        let journal = folder.path().join("journal.jsonl");
        let options = world::Options { offline: true, journal: journal.clone(), ..world::Options::default() };
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
        world.sign_in.started.requested();
        let left = world.leave().await.unwrap_err();
        assert!(left.contains("its session may still be open"), "{left}");
        assert!(world.is_signed_in());
        assert!(std::fs::read_to_string(journal).unwrap().contains("left_open"));
    }

    #[tokio::test]
    async fn a_run_that_is_interrupted_during_sign_in_ends_the_session() {
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
    async fn a_run_that_times_out_ends_its_sessions_and_blames_nothing() {
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

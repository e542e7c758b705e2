//! The one way out: one pooled client, limits, retries, time-outs, the request log and the memo.
//!
//! Nobody else in the house opens a connection. The doors (`super::doors`) decide what may be sent; this module decides
//! how, and refuses to send a secret to a host that is not its own.

mod answer;
mod ask;
mod body;
mod budget;
mod client;
mod limits;
mod link;
mod log;
mod memo;
mod names;
mod options;
mod party;
mod phase;
mod records;
mod trail;
mod trouble;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::AUTHORIZATION;
use url::Url;

use crate::config::{Mode, Redactor, Secret};

pub use answer::Answer;
pub use ask::Credential;
pub use log::Logged;
pub use options::{Options, Resolve};
pub use party::Party;
pub use records::Alias;
pub use trail::{Trail, optional};
pub use trouble::{CertificateTrouble, Failure, Trouble};

pub(super) use answer::Asked;
pub(super) use ask::{Again, Ask, path_and_query};
pub(crate) use trail::followed;
pub(super) use trail::{Once, note};

use budget::Budget;
use client::Clients;
use limits::Limits;
use link::Link;
use memo::Memo;
use phase::Phases;
use records::Records;

/// The one way out.
#[derive(Debug)]
pub(super) struct Transport {
    clients: Clients,
    limits: Limits,
    link: Link,
    memo: Memo,
    records: Records,
    budget: Budget,
    log: Mutex<Vec<Logged>>,
    phases: Phases,
    redactor: Arc<Redactor>,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    offline: bool,
}

/// Longer than this nobody waits for a provider to calm down.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The most characters of a request's path that are shown: a page can name any.
const LONGEST_LINE: usize = 300;

/// One attempt that may be worth another.
struct Attempted {
    result: Result<Answer, Trouble>,
    again: bool,
    wait: Option<Duration>,
}

impl Transport {
    pub fn new(options: &Options, mode: Mode, redactor: Arc<Redactor>) -> Result<Self, super::error::Error> {
        Ok(Self {
            clients: Clients::new(options)?,
            limits: Limits::new(mode, options.concurrency),
            link: Link::new(options),
            memo: Memo::default(),
            records: Records::new(options),
            budget: Budget::default(),
            log: Mutex::default(),
            phases: Phases::new(options),
            redactor,
            timeout: options.timeout,
            retries: options.retries,
            backoff: options.backoff,
            offline: options.offline,
        })
    }

    /// When what may be asked: the run's deadline, its end, and the steps that are under way.
    pub const fn phases(&self) -> &Phases {
        &self.phases
    }

    /// What takes secrets out of text.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Every request so far, in the order in which they ended.
    pub fn log(&self) -> Vec<Logged> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks, or answers from memory: one key is asked once in a run, late askers wait for the first, and a failure is
    /// remembered as well.
    pub async fn ask_once(&self, key: &str, ask: Ask) -> Asked {
        let credential = ask.credential.as_ref().map_or(0, |credential| credential.secret.fingerprint());
        let cell = self.memo.cell((credential, format!("{key} {} {}", ask.method, ask.url)));
        let asked = cell.get_or_init(|| Box::pin(self.send(ask))).await.clone();
        note_asked(&asked);
        asked
    }

    /// Asks, whatever was asked before.
    pub async fn ask(&self, ask: Ask) -> Asked {
        let asked = Box::pin(self.send(ask)).await;
        note_asked(&asked);
        asked
    }

    /// The certificate that `host` shows, in DER, whether it can be trusted or not. Sends nothing of worth.
    pub async fn certificate(&self, url: &Url) -> Option<Vec<u8>> {
        if self.offline || self.phases.is_stopped() {
            return None;
        }
        let request = self.clients.trusting.head(url.clone()).timeout(self.timeout).send();
        answer::certificate_of(&request.await.ok()?)
    }

    /// How long a round trip to the host of `url` takes, apart from whatever answers there; `None` where that cannot be
    /// measured. Sends nothing.
    pub async fn round_trip(&self, url: &Url) -> Option<Duration> {
        if self.offline { None } else { self.link.round_trip(url).await }
    }

    /// What the DNS has under a host. An error says in words why nobody answered.
    pub async fn alias(&self, host: &str) -> Result<Alias, String> {
        if self.offline {
            return Err(Trouble::Offline.to_string());
        }
        let asked = tokio::time::timeout(self.timeout, self.records.alias(host)).await;
        asked.unwrap_or_else(|_| Err(Trouble::TimedOut(self.timeout).to_string()))
    }

    async fn send(&self, ask: Ask) -> Asked {
        self.learn_secrets(&ask);
        let request = self.redactor.quote(&ask.line(), LONGEST_LINE);
        if self.offline {
            // Not in the log, which is of requests that were made.
            return Err(Arc::new(Failure::unsent(ask.party, request, Trouble::Offline)));
        }
        let attempts = AtomicU32::new(0);
        let attempt = || async {
            attempts.fetch_add(1, Ordering::Relaxed);
            let attempted = self.attempt(&ask).await;
            if attempted.again { Err(attempted) } else { Ok(attempted) }
        };
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.backoff)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(self.retries as usize)
            .with_jitter();
        let attempted = attempt
            .retry(backoff)
            .adjust(|attempted: &Attempted, delay| {
                let delay = delay.filter(|_| !self.phases.is_stopped());
                delay.map(|delay| attempted.wait.unwrap_or(delay)).filter(|wait| *wait <= LONGEST_WAIT)
            })
            .await
            .unwrap_or_else(|last| last);
        let attempts = attempts.into_inner();
        let mut logged = Logged {
            provider: ask.party.word(),
            method: ask.method.to_string(),
            path: self.redactor.quote(&path_and_query(&ask.url), LONGEST_LINE),
            status: None,
            trouble: None,
            duration: Duration::ZERO,
            attempts,
            request_id: None,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let place = log.len();
        let asked = match attempted.result {
            Ok(mut answer) => {
                answer.place = place;
                answer.attempts = attempts;
                answer.request = request;
                logged.status = Some(answer.status);
                logged.duration = answer.elapsed;
                logged.request_id.clone_from(&answer.request_id);
                Ok(Arc::new(answer))
            }
            Err(trouble) => {
                let trouble_shown = self.redactor.quote(&trouble.to_string(), LONGEST_LINE);
                logged.trouble = Some(trouble_shown);
                Err(Arc::new(Failure { party: ask.party, request, trouble, attempts, place: Some(place) }))
            }
        };
        log.push(logged);
        asked
    }

    /// What authorizes a request may be repeated in its answer.
    fn learn_secrets(&self, ask: &Ask) {
        if let Some(credential) = &ask.credential {
            self.redactor.learn(&credential.secret);
        }
        for value in ask.headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok()) {
            self.redactor.learn(&Secret::new(value.strip_prefix("Bearer ").unwrap_or(value)));
        }
    }

    async fn attempt(&self, ask: &Ask) -> Attempted {
        let result = self.exchange(ask).await;
        let (again, wait) = match (&result, ask.again) {
            (Err(trouble), Again::Always | Again::Connection) => (trouble.is_passing(), None),
            (Ok(answer), Again::Always) => (answer.is_passing(), answer.retry_after()),
            _ => (false, None),
        };
        Attempted { result, again, wait }
    }

    async fn exchange(&self, ask: &Ask) -> Result<Answer, Trouble> {
        let mut headers = ask.headers.clone();
        if let Some(credential) = &ask.credential {
            let is_its_host = ask.url.host_str() == Some(credential.host.as_str());
            let bearer = credential.secret.bearer().filter(|_| is_its_host).ok_or(Trouble::NotForThisHost)?;
            headers.insert(AUTHORIZATION, bearer);
        }
        let _permit = tokio::select! {
            permit = self.limits.admit(ask.party) => permit,
            () = self.phases.stopped() => return Err(Trouble::Stopped),
        };
        let left = self.phases.time_for(ask.is_step)?;
        let mut request = self.clients.trusted.request(ask.method.clone(), ask.url.clone()).headers(headers);
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        let started = Instant::now();
        let answer = Answer::read(ask, request, started, &self.redactor, &self.budget);
        let result = tokio::time::timeout(left, answer).await;
        let took = started.elapsed();
        match result {
            Ok(Err(Trouble::ConnectTimedOut)) if is_overdue(took, client::connect_timeout(self.timeout)) => {
                Err(Trouble::Starved(took))
            }
            Ok(result) => result,
            Err(_) if left < self.timeout => Err(Trouble::Deadline),
            Err(_) if is_overdue(took, left) => Err(Trouble::Starved(took)),
            Err(_) => Err(Trouble::TimedOut(left)),
        }
    }
}

/// Whether a timer fired so late that this process did not get to run: what came in the meantime was not seen.
fn is_overdue(took: Duration, due: Duration) -> bool {
    const TOLERANCE: Duration = Duration::from_millis(250);
    took.saturating_sub(due) > TOLERANCE.max(due / 10)
}

/// Tells the check that asks what it asked, and whether that was answered.
fn note_asked(asked: &Asked) {
    trail::note(&match asked {
        Ok(answer) => Trail {
            asked: [answer.place].into(),
            unanswered: answer.why_unanswered().into_iter().collect(),
            retried: answer.attempts > 1,
        },
        Err(failure) => Trail {
            asked: failure.place.into_iter().collect(),
            unanswered: vec![failure.to_string()],
            retried: failure.attempts > 1,
        },
    });
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::is_overdue;

    #[test]
    fn a_timer_that_fires_long_after_it_is_due_tells_of_this_machine() {
        let due = Duration::from_secs(10);
        assert!(!is_overdue(Duration::from_millis(10_020), due));
        assert!(is_overdue(Duration::from_secs(12), due));
        assert!(!is_overdue(Duration::from_millis(120), Duration::from_millis(50)));
    }
}

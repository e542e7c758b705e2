//! Sends every request: one pooled client, rate limits, retries, timeouts, the request log and the memo.
//!
//! Nothing else in the tree opens a connection. The doors (`super::doors`) decide what may be sent. This module decides how, and
//! never sends a secret to a host that it does not belong to.

mod answer;
mod body;
mod budget;
mod client;
mod limits;
mod log;
mod memo;
mod options;
mod outgoing;
mod party;
mod phase;
mod records;
mod resolver;
mod round_trip;
mod trail;
mod trouble;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use url::Url;

use crate::config::{Mode, Redactor, Secret};

pub use answer::Answer;
pub use log::LoggedRequest;
pub use options::{Options, Resolve};
pub use outgoing::Credential;
pub use party::Party;
pub use records::Alias;
pub use trail::{Trail, optional};
pub use trouble::{CertificateTrouble, Failure, Trouble};

pub(super) use answer::Asked;
pub(super) use outgoing::{OutgoingRequest, Retry, path_and_query};
pub(crate) use trail::followed;
pub(super) use trail::{Once, note};

use budget::Budget;
use client::Clients;
use limits::Limits;
use memo::Memo;
use phase::Phases;
use records::Records;
use round_trip::RoundTripTimer;

/// Sends every request.
#[derive(Debug)]
pub(super) struct Transport {
    clients: Clients,
    limits: Limits,
    round_trips: RoundTripTimer,
    memo: Memo,
    records: Records,
    budget: Budget,
    log: Mutex<Vec<LoggedRequest>>,
    most_logged: usize,
    phases: Phases,
    redactor: Arc<Redactor>,
    timeout: Duration,
    retries: u32,
    backoff: Duration,
    offline: bool,
}

/// The longest wait before a retry.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// How many characters of a request line are shown. A page can name any URL.
const LONGEST_LINE: usize = 300;

/// The result of one attempt.
struct Attempt {
    result: Result<Answer, Trouble>,
    retry: bool,
    wait: Option<Duration>,
}

impl Transport {
    pub fn new(options: &Options, mode: Mode, redactor: Arc<Redactor>) -> Result<Self, super::error::WorldError> {
        Ok(Self {
            clients: Clients::new(options)?,
            limits: Limits::new(mode, options.stripe_rate, options.concurrency),
            round_trips: RoundTripTimer::new(options),
            memo: Memo::default(),
            records: Records::new(options),
            budget: Budget::default(),
            log: Mutex::default(),
            most_logged: options.most_logged,
            phases: Phases::new(options),
            redactor,
            timeout: options.timeout,
            retries: options.retries,
            backoff: options.backoff,
            offline: options.offline,
        })
    }

    /// The phase of the run and the steps in flight.
    pub const fn phases(&self) -> &Phases {
        &self.phases
    }

    /// Redacts secrets from text.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The requests so far, in the order they ended, up to the most that are kept.
    pub fn log(&self) -> Vec<LoggedRequest> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a request once in a run for each key. Later callers wait for the first and share its result, also if it fails.
    pub async fn ask_once(&self, key: &str, outgoing: OutgoingRequest) -> Asked {
        let credential = outgoing.credential.as_ref().map_or(0, |credential| credential.secret.fingerprint());
        let cell = self.memo.cell((credential, format!("{key} {} {}", outgoing.method, outgoing.url)));
        let asked = cell.get_or_init(|| Box::pin(self.send(outgoing))).await.clone();
        note_asked(&asked);
        asked
    }

    /// Sends a request without the memo.
    pub async fn ask(&self, outgoing: OutgoingRequest) -> Asked {
        let asked = Box::pin(self.send(outgoing)).await;
        note_asked(&asked);
        asked
    }

    /// The certificate of a host in DER, trusted or not. Sends no secret.
    pub async fn certificate(&self, url: &Url) -> Option<Vec<u8>> {
        if self.offline || self.phases.is_stopped() {
            return None;
        }
        let request = self.clients.trusting().ok()?.head(url.clone()).timeout(self.timeout).send();
        answer::certificate_of(&request.await.ok()?)
    }

    /// The round-trip time to the host of `url`; `None` if it cannot be measured. Sends nothing.
    pub async fn round_trip(&self, url: &Url) -> Option<Duration> {
        if self.offline { None } else { self.round_trips.round_trip(url).await }
    }

    /// What the DNS has for a host. An error says why there is no answer.
    pub async fn alias(&self, host: &str) -> Result<Alias, String> {
        if self.offline {
            return Err(Trouble::Offline.to_string());
        }
        let asked = tokio::time::timeout(self.timeout, self.records.alias(host)).await;
        asked.unwrap_or_else(|_| Err(Trouble::TimedOut(self.timeout).to_string()))
    }

    /// The certificate authorities that CAA records allow; `None` if there are no such records.
    pub async fn issuers(&self, domain: &str) -> Result<Option<Vec<String>>, String> {
        if self.offline {
            return Err(Trouble::Offline.to_string());
        }
        let asked = tokio::time::timeout(self.timeout, self.records.issuers(domain)).await;
        asked.unwrap_or_else(|_| Err(Trouble::TimedOut(self.timeout).to_string()))
    }

    async fn send(&self, outgoing: OutgoingRequest) -> Asked {
        self.learn_secrets(&outgoing);
        let request = self.redactor.quote(&outgoing.line(), LONGEST_LINE);
        if self.offline {
            // Not in the log, which lists requests that were sent.
            return Err(Arc::new(Failure::unsent(outgoing.party, request, Trouble::Offline)));
        }
        let attempts = AtomicU32::new(0);
        let attempt = || async {
            attempts.fetch_add(1, Ordering::Relaxed);
            let attempted = self.attempt(&outgoing).await;
            if attempted.retry { Err(attempted) } else { Ok(attempted) }
        };
        let backoff = ExponentialBuilder::default()
            .with_min_delay(self.backoff)
            .with_max_delay(MAX_WAIT)
            .with_max_times(self.retries as usize)
            .with_jitter();
        let attempted = attempt
            .retry(backoff)
            .adjust(|attempted: &Attempt, delay| {
                let delay = delay.filter(|_| !self.phases.is_stopped());
                delay.map(|delay| attempted.wait.unwrap_or(delay)).filter(|wait| *wait <= MAX_WAIT)
            })
            .await
            .unwrap_or_else(|last| last);
        let attempts = attempts.into_inner();
        let mut logged = LoggedRequest {
            provider: outgoing.party.word(),
            name: outgoing.party.name(),
            method: outgoing.method.to_string(),
            path: self.redactor.quote(&path_and_query(&outgoing.url), LONGEST_LINE),
            status: None,
            trouble: None,
            is_connected: true,
            is_ours: false,
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
                logged.trouble = answer.is_no_api().then(|| "the response is not JSON".to_owned());
                logged.duration = answer.elapsed;
                logged.request_id.clone_from(&answer.request_id);
                Ok(Arc::new(answer))
            }
            Err(trouble) => {
                let trouble_shown = self.redactor.quote(&trouble.to_string(), LONGEST_LINE);
                logged.trouble = Some(trouble_shown);
                logged.is_ours = trouble.is_ours();
                logged.is_connected = !trouble.is_no_connection();
                Err(Arc::new(Failure { party: outgoing.party, request, trouble, attempts, place: Some(place) }))
            }
        };
        if place < self.most_logged {
            log.push(logged);
        }
        asked
    }

    /// Secrets in a request may be repeated in its response, so they must be redacted.
    fn learn_secrets(&self, outgoing: &OutgoingRequest) {
        if let Some(credential) = &outgoing.credential {
            self.redactor.learn(&credential.secret);
        }
        for value in
            outgoing.headers.values().filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok())
        {
            self.redactor.learn(&Secret::new(value.strip_prefix("Bearer ").unwrap_or(value)));
        }
    }

    async fn attempt(&self, outgoing: &OutgoingRequest) -> Attempt {
        let result = self.exchange(outgoing).await;
        let (retry, wait) = match (&result, outgoing.retry) {
            (Err(trouble), Retry::Always | Retry::Connection) => (trouble.is_passing(), None),
            (Ok(answer), Retry::Always) => (answer.is_passing(), answer.retry_after()),
            _ => (false, None),
        };
        Attempt { result, retry, wait }
    }

    async fn exchange(&self, outgoing: &OutgoingRequest) -> Result<Answer, Trouble> {
        let mut headers = outgoing.headers.clone();
        if let Some(credential) = &outgoing.credential {
            let is_its_host = outgoing.url.host_str() == Some(credential.host.as_str());
            let (name, value) = credential.header().filter(|_| is_its_host).ok_or(Trouble::NotForThisHost)?;
            headers.insert(name, value);
        }
        let _permit = tokio::select! {
            permit = self.limits.admit(outgoing.party) => permit,
            () = self.phases.stopped() => return Err(Trouble::Stopped),
        };
        let left = self.phases.time_for(outgoing.is_step)?;
        let mut request = self.clients.trusted.request(outgoing.method.clone(), outgoing.url.clone()).headers(headers);
        if let Some(body) = &outgoing.body {
            request = request.body(body.clone());
        }
        let started = Instant::now();
        let answer = Answer::read(outgoing, request, started, &self.redactor, &self.budget);
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

/// Whether a timer fired so late that this process was not scheduled and may have missed the response.
fn is_overdue(took: Duration, due: Duration) -> bool {
    const TOLERANCE: Duration = Duration::from_millis(250);
    took.saturating_sub(due) > TOLERANCE.max(due / 10)
}

/// Adds the request and its result to the trail of the current check.
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
    fn a_timer_that_fires_late_means_that_this_machine_is_slow() {
        let due = Duration::from_secs(10);
        assert!(!is_overdue(Duration::from_millis(10_020), due));
        assert!(is_overdue(Duration::from_secs(12), due));
        assert!(!is_overdue(Duration::from_millis(120), Duration::from_millis(50)));
    }
}

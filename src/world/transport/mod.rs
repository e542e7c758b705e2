//! The one way out: one pooled client, limits, retries, time-outs, the request log and the memo.
//!
//! Nobody else in the house opens a connection. The doors (`super::doors`) decide what may be sent; this module decides
//! how, and refuses to send a secret to a host that is not its own.

mod answer;
mod client;
mod limits;
mod link;
mod memo;
mod names;
mod records;
mod trail;
mod trouble;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap};
use url::Url;

use super::Logged;
use crate::config::{Mode, Secret};

pub use answer::Answer;
pub use records::Alias;
pub use trail::{Trail, optional};
pub use trouble::{CertificateTrouble, Failure, Trouble};

pub(crate) use trail::followed;
pub(super) use trail::{Once, note};

use client::Clients;
use limits::Limits;
use link::Link;
use memo::Memo;
use records::Records;

/// How the world is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// For one request, its body included.
    pub timeout: Duration,
    /// For the run; what is asked later gets no answer.
    pub deadline: Option<Duration>,
    /// How often a request that may be made again is made again.
    pub retries: u32,
    /// How many requests may be under way at once.
    pub concurrency: usize,
    /// Addresses that take the place of what a name resolves to.
    pub resolve: Vec<Resolve>,
    /// PEM certificates that are trusted in place of the machine's.
    pub certificates: Option<Vec<u8>>,
    /// A closed world: these names and no others resolve, and no proxy is asked.
    pub names: Option<BTreeMap<String, SocketAddr>>,
    /// In a closed world: the hosts that are other names, and for what. No resolver is asked there.
    pub aliases: BTreeMap<String, String>,
    /// Ask nobody.
    pub offline: bool,
    /// Whether anything may be sent to the Worker beyond reads.
    pub probe: bool,
    /// Where what is about to be changed is written down first.
    pub journal: PathBuf,
    /// The first wait before a request is made again; it doubles each time.
    pub backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            deadline: Some(Duration::from_mins(2)),
            retries: 2,
            concurrency: 32,
            resolve: Vec::new(),
            certificates: None,
            names: None,
            aliases: BTreeMap::new(),
            offline: false,
            probe: true,
            journal: PathBuf::from("reports/journal.jsonl"),
            backoff: Duration::from_millis(500),
        }
    }
}

/// `--resolve HOST:PORT:ADDR`: what curl means by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The name.
    pub host: String,
    /// The port that it is asked at.
    pub port: u16,
    /// Where that leads.
    pub address: IpAddr,
}

/// Whom a request is sent to. Trouble in reaching a provider is `unknown`; trouble in reaching what is judged is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Stripe's API.
    Stripe,
    /// Stripe's API, asked about the test mode that a live one is compared with: it has limits of its own.
    StripeTest,
    /// Clerk's backend API.
    Clerk,
    /// Clerk's frontend API on the customer's own domain: it is judged.
    ClerkDomain,
    /// Cloudflare's API.
    Cloudflare,
    /// The Worker: it is judged.
    Worker,
    /// The frontend: it is judged.
    Frontend,
    /// Whom a `[[probe]]` of the configuration asks: it is judged.
    Elsewhere,
}

impl Party {
    /// The word that the request log uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::StripeTest => "stripe-test",
            Self::Clerk => "clerk",
            Self::ClerkDomain => "clerk-domain",
            Self::Cloudflare => "cloudflare",
            Self::Worker => "worker",
            Self::Frontend => "frontend",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// The name that a sentence uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stripe | Self::StripeTest => "Stripe",
            Self::Clerk => "Clerk",
            Self::ClerkDomain => "Clerk's frontend API",
            Self::Cloudflare => "Cloudflare",
            Self::Worker => "the Worker",
            Self::Frontend => "the frontend",
            Self::Elsewhere => "the address of a probe",
        }
    }
}

/// A secret that authorises, and the one host that it may go to.
#[derive(Debug, Clone)]
pub struct Credential {
    secret: Secret,
    host: String,
}

impl Credential {
    /// `secret`, for the host of `base` and no other.
    #[must_use]
    pub fn new(secret: &Secret, base: &Url) -> Self {
        Self { secret: secret.clone(), host: base.host_str().unwrap_or_default().to_owned() }
    }
}

/// What may be done again when it did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// A read, or a write with an idempotency key: after trouble on the way, and after 409, 429 and 5xx.
    Always,
    /// Something that is harmless twice, but whose answer is what is judged: only after a connection that broke.
    Connection,
    /// Nothing.
    Never,
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub party: Party,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    pub credential: Option<Credential>,
    pub again: Again,
}

impl Ask {
    /// A GET, which may be made again.
    pub fn get(party: Party, url: Url) -> Self {
        Self {
            party,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            credential: None,
            again: Again::Always,
        }
    }

    /// The request in a line, as reports show it.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, path_and_query(&self.url))
    }
}

pub(super) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// What comes of a request.
pub(super) type Asked = Result<Arc<Answer>, Arc<Failure>>;

/// The one way out.
#[derive(Debug)]
pub(super) struct Transport {
    clients: Clients,
    limits: Limits,
    link: Link,
    memo: Memo,
    records: Records,
    log: Mutex<Vec<Logged>>,
    timeout: Duration,
    ends: Option<Instant>,
    retries: u32,
    backoff: Duration,
    offline: bool,
}

/// Longer than this nobody waits for a provider to calm down.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// One attempt that may be worth another.
struct Attempted {
    result: Result<Answer, Trouble>,
    again: bool,
    wait: Option<Duration>,
}

impl Transport {
    pub fn new(options: &Options, mode: Mode) -> Result<Self, super::Error> {
        Ok(Self {
            clients: Clients::new(options)?,
            limits: Limits::new(mode, options.concurrency),
            link: Link::new(options),
            memo: Memo::default(),
            records: Records::new(options),
            log: Mutex::default(),
            timeout: options.timeout,
            ends: options.deadline.map(|deadline| Instant::now() + deadline),
            retries: options.retries,
            backoff: options.backoff,
            offline: options.offline,
        })
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
        if self.offline {
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
        if self.offline {
            // Not in the log, which is of requests that were made.
            return Err(Arc::new(Failure::unsent(ask.party, ask.line(), Trouble::Offline)));
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
                delay.map(|delay| attempted.wait.unwrap_or(delay)).filter(|wait| *wait <= LONGEST_WAIT)
            })
            .await
            .unwrap_or_else(|last| last);
        let attempts = attempts.into_inner();
        let mut logged = Logged {
            provider: ask.party.word(),
            method: ask.method.to_string(),
            path: path_and_query(&ask.url),
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
                logged.status = Some(answer.status);
                logged.duration = answer.elapsed;
                logged.request_id.clone_from(&answer.request_id);
                Ok(Arc::new(answer))
            }
            Err(trouble) => {
                logged.trouble = Some(trouble.to_string());
                Err(Arc::new(Failure { party: ask.party, request: ask.line(), trouble, attempts, place: Some(place) }))
            }
        };
        log.push(logged);
        asked
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
        let _permit = self.limits.admit(ask.party).await;
        let left =
            self.ends.map_or(self.timeout, |ends| ends.saturating_duration_since(Instant::now()).min(self.timeout));
        if left.is_zero() {
            return Err(Trouble::Deadline);
        }
        let mut request = self.clients.trusted.request(ask.method.clone(), ask.url.clone()).headers(headers);
        if let Some(body) = &ask.body {
            request = request.body(body.clone());
        }
        let started = Instant::now();
        match tokio::time::timeout(left, Answer::read(ask, request, started)).await {
            Ok(result) => result,
            Err(_) => Err(Trouble::TimedOut(left)),
        }
    }
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

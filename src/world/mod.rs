//! The questions that a check may ask, and nothing about how they are answered.
//!
//! Questions use the terms of the domain, and a response that makes no sense is no answer. If a question's failure is the
//! finding of one check, only that check asks the raw question; every other check gets [`NoAnswer::Because`]. So checks need no
//! order, and one cause makes one failure.

mod address;
mod canary;
mod certificate;
mod changes;
mod changing;
mod clerk;
mod cloudflare;
mod configured;
mod doors;
mod error;
mod field;
mod id;
mod journal;
mod plan_value;
mod rehearsal;
mod seen;
mod site;
mod step;
mod stripe;
pub mod subjects;
mod transport;
mod webhook;
mod worker;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::{Config, Mode, Probe, Redactor, Secret, Variable};
use crate::finding::{Cause, NoAnswer};

pub use address::{HostRelation, host_relation, is_development_host};
pub use canary::{CanaryTies, MetadataId};
pub use certificate::Validity;
pub use changes::{Canary, ChangeDoor, Made, NotMade};
pub use clerk::*;
pub use cloudflare::*;
pub use configured::LinkedPage;
pub use error::WorldError;
pub use field::{Field, Items, Metadata};
pub use id::{CheckoutSessionId, CustomerId, EventId, HolderId, OrganizationId, ProductId, SubscriptionId, UserId};
pub use journal::{ChangeRecord, UNDO, last_fix};
pub use plan_value::{PlanMismatch, intended_tier, plan_mismatch, plan_text};
pub use rehearsal::{
    Billing, BillingStep, CanarySnapshot, CleanUp, Depth, ExpiredToken, Grant, Invitation, LeftCanary, MARKER, Metered,
    Pace, Rehearsal, RehearsalStep, StepSeen, StripeEvent, rehearsal_events,
};
pub use seen::{List, Seen};
pub use site::*;
pub use step::InvalidRequest;
pub(crate) use stripe::*;
pub use stripe::{PERMISSIONS, Permission};
pub use transport::{
    Alias, Answer, CertificateTrouble, Failure, LoggedRequest, Options, Party, Resolve, Trail, Trouble, optional,
};
pub use webhook::*;
pub use worker::*;

pub(crate) use transport::followed;

use doors::{Probes, Reads, RequestsOfTheUser, closed};
use journal::Journal;
use transport::Transport;

/// One deployment, and every question about it.
pub struct World {
    config: Config,
    transport: Transport,
    journal: Journal,
    probe: bool,
    now: Timestamp,
    began: Instant,
    /// Makes the IDs of this run's probe events unique.
    nonce: String,
    /// When the probe event was signed, in seconds. The tampered one has the same header.
    signed_at: OnceLock<i64>,
    sign_in: clerk::SignInCell,
    site_scan: site::ScanCell,
    open_sessions: worker::OpenSessions,
    /// Only for a rehearsal.
    pace: Option<Pace>,
    depth: Depth,
    rehearsal: rehearsal::RehearsalCell,
}

impl World {
    /// The world that `config` describes. Makes no requests yet.
    ///
    /// # Errors
    /// If the options are invalid or no HTTP client can be created.
    pub fn new(config: Config, options: Options) -> Result<Self, WorldError> {
        check_ports(&config, &options)?;
        Ok(Self {
            transport: Transport::new(&options, config.project.mode, Arc::new(Redactor::new(config.secrets())))?,
            journal: Journal::new(options.journal),
            probe: options.probe,
            now: Timestamp::now(),
            began: Instant::now(),
            nonce: nonce(),
            signed_at: OnceLock::new(),
            sign_in: clerk::SignInCell::default(),
            site_scan: site::ScanCell::default(),
            open_sessions: worker::OpenSessions::default(),
            pace: None,
            depth: Depth::Events,
            rehearsal: rehearsal::RehearsalCell::default(),
            config,
        })
    }

    /// The same world, which may rehearse: send events about the canary, and change the canary's metadata.
    #[must_use]
    pub fn rehearsing(self, pace: Pace) -> Self {
        self.rehearsing_at(pace, Depth::Events)
    }

    /// The same world, which may rehearse at this depth: with a real subscription, it creates objects at Stripe, too.
    #[must_use]
    pub fn rehearsing_at(self, pace: Pace, depth: Depth) -> Self {
        Self { pace: Some(pace), depth, ..self }
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// When the run started. Checks have no other clock.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.transport.log()
    }

    /// Redacts the configuration's secrets and those that this run came across.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        self.transport.redactor()
    }

    /// What the DNS has for a host.
    async fn alias(&self, host: &str) -> Result<Alias, String> {
        self.transport.alias(host).await
    }

    /// Whether any provider can be reached. If not, a network error may be this machine's own and is not a finding. `None` if
    /// there is no key to ask one with.
    pub async fn is_online(&self) -> Option<bool> {
        let (stripe, clerk) = futures::join!(self.stripe().reachable(), self.clerk().reachable());
        stripe.into_iter().chain(clerk).max()
    }

    /// Allows no new requests. Those in flight still finish while the checks are polled. [`World::settled`] waits for the steps
    /// that would leave a trace.
    pub fn stop(&self) {
        self.transport.phases().stop();
    }

    /// How many steps that would leave a trace are in flight.
    #[must_use]
    pub fn steps_in_flight(&self) -> usize {
        self.transport.phases().steps()
    }

    /// Waits until no step that would leave a trace is in flight.
    pub async fn settled(&self) {
        self.transport.phases().settled().await;
    }

    /// Ends what this run started: signs the canary out, expires the sessions that the Worker created for it, and puts the canary
    /// of a rehearsal back. It has ten seconds, regardless of the run's time limit.
    ///
    /// # Errors
    /// What could not be ended. The journal has it too.
    pub async fn leave(&self) -> Result<(), String> {
        self.transport.phases().leave();
        let (restored, signed_out, closed) =
            futures::join!(self.put_back(), self.clerk().sign_out(), self.expire_open_sessions());
        let left: Vec<String> = [restored, signed_out, closed].into_iter().filter_map(Result::err).collect();
        if left.is_empty() {
            return Ok(());
        }
        let left = left.join("; ");
        // If the journal cannot be written, the report still says it.
        let _ = self.journal.note("left_open", &left);
        Err(left)
    }

    /// When the run started by the clock of the sender of `answer`. Clocks differ, and what was created since then is ours.
    fn began_by(&self, answer: &Answer) -> Timestamp {
        let since = self.began.elapsed() + Duration::from_secs(1);
        answer.date().and_then(|date| date.checked_sub(since).ok()).unwrap_or(self.now)
    }

    /// The deployment, for people: `acme, live mode, https://api.acme.com/`.
    fn deployment_name(&self) -> String {
        let config = &self.config;
        format!("{}, {} mode, {}", config.project.name, config.project.mode.word(), config.worker.url)
    }

    /// The ID of what has the canary's plan: the canary itself, or its organization.
    ///
    /// # Errors
    /// Unknown if it is not set or not an ID, and blocked if it is unusable.
    pub fn canary_id(&self) -> Result<HolderId, NoAnswer> {
        self.clerk().canary_holder_id()
    }

    /// The probe door, unless it was closed by hand.
    fn probes(&self) -> Result<Probes<'_>, NoAnswer> {
        if self.probe { Ok(Probes(&self.transport)) } else { Err(closed()) }
    }

    /// The door for the user's own requests; only reads pass where it was closed by hand.
    fn requests_of_the_user(&self, probe: &Probe) -> Result<RequestsOfTheUser<'_>, NoAnswer> {
        if self.probe || probe.is_read() { Ok(RequestsOfTheUser(&self.transport)) } else { Err(closed()) }
    }

    const fn reads(&self) -> Reads<'_> {
        Reads::new(&self.transport)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("World").field("project", &self.config.project).finish_non_exhaustive()
    }
}

/// The value of a variable.
///
/// # Errors
/// Blocked if the value is unusable, and unknown if an optional value is not set.
pub(crate) fn usable<T>(variable: &Variable<T>) -> Result<&T, NoAnswer> {
    if !variable.is_usable() {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    variable.value.as_ref().ok_or_else(|| NoAnswer::Unknown(format!("{} is not set", variable.name)))
}

/// A key for the wanted mode.
///
/// # Errors
/// Blocked if the key is unusable or for the other mode.
pub(crate) fn key_of_mode(variable: &Variable<Secret>, mode: Mode) -> Result<&Secret, NoAnswer> {
    let key = usable(variable)?;
    if key.mode().is_some_and(|found| found != mode) {
        return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
    }
    Ok(key)
}

fn nonce() -> String {
    let mut bytes = [0; 8];
    // Without randomness, the clock still tells two runs apart.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        bytes = Timestamp::now().as_nanosecond().to_le_bytes()[..8].try_into().unwrap_or_default();
    }
    format!("{:016x}", u64::from_le_bytes(bytes))
}

fn check_ports(config: &Config, options: &Options) -> Result<(), WorldError> {
    let mut used = vec![&config.stripe.api_base, &config.webhook.url, &config.worker.url, &config.clerk.api_base];
    used.extend(config.clerk.frontend_api.as_ref());
    used.extend(config.cloudflare.as_ref().map(|cloudflare| &cloudflare.api_base));
    for entry in &options.resolve {
        let ports: Vec<u16> = used
            .iter()
            .filter(|url| url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&entry.host)))
            .filter_map(|url| url.port_or_known_default())
            .collect();
        if let Some(other) = ports.first().filter(|_| !ports.contains(&entry.port)) {
            return Err(WorldError::Resolve { host: entry.host.clone(), port: entry.port, asked: *other });
        }
    }
    Ok(())
}

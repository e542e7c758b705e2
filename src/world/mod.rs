//! What a check may ask, and nothing about how.
//!
//! Questions are put in the words of the domain, and their answers are judged already as to whether they make sense.
//! Where a question's failure is the finding of a check, that check alone asks the raw question; everybody else is told
//! [`NoAnswer::Because`]. So checks need no order, and one cause makes one failure.

mod address;
mod canary;
mod clerk;
mod cloudflare;
mod configured;
mod doors;
mod error;
mod field;
mod id;
mod journal;
mod plan_value;
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

use crate::config::{Config, Kind, Mode, Probe, Redactor, Secret, Variable};
use crate::finding::{Cause, NoAnswer};

pub use address::{Kinship, is_out_of_reach, kinship};
pub use canary::{CanaryTies, MetadataId};
pub use clerk::*;
pub use cloudflare::*;
pub use error::Error;
pub use field::{Field, Items, Metadata};
pub use id::{CustomerId, ProductId, SubscriptionId};
pub use plan_value::{PlanMismatch, intended_tier, plan_mismatch, plan_text};
pub use seen::{List, Seen};
pub use site::*;
pub use stripe::*;
pub use transport::{
    Alias, Answer, CertificateTrouble, Failure, Logged, Options, Party, Resolve, Trail, Trouble, optional,
};
pub use webhook::*;
pub use worker::*;

pub(crate) use transport::followed;

use doors::{Probes, Reads, RequestsOfTheUser, closed};
use journal::Journal;
use transport::Transport;

/// One deployment, and everything that may be asked about it.
pub struct World {
    config: Config,
    transport: Transport,
    journal: Journal,
    probe: bool,
    now: Timestamp,
    began: Instant,
    /// Makes the IDs of this run's probe events its own.
    nonce: String,
    /// When the probe event was signed, in seconds: a tampered one carries the same header.
    signed_at: OnceLock<i64>,
    sign_in: clerk::SignInCell,
    served: site::ServedCell,
    open_sessions: worker::OpenSessions,
}

impl World {
    /// A world in which `config` is what is intended. Asks nobody yet.
    ///
    /// # Errors
    /// Where no client can be made with these options.
    pub fn new(config: Config, options: Options) -> Result<Self, Error> {
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
            served: site::ServedCell::default(),
            open_sessions: worker::OpenSessions::default(),
            config,
        })
    }

    /// What is intended.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The moment at which the run began: the only clock that a check has.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Logged> {
        self.transport.log()
    }

    /// What takes secrets out of text: it knows those of the configuration, and those that came up in this run.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        self.transport.redactor()
    }

    /// What the DNS has under a host.
    async fn alias(&self, host: &str) -> Result<Alias, String> {
        self.transport.alias(host).await
    }

    /// Whether some provider could be reached at all. Where none can, trouble in reaching what is judged may be this
    /// machine's own, and is no finding.
    pub async fn is_online(&self) -> bool {
        let (stripe, clerk) = futures::join!(self.stripe().reachable(), self.clerk().reachable());
        stripe || clerk
    }

    /// Sends nothing new from now on. What is under way gets its answer as long as the checks are polled; the steps that
    /// would leave a trace are those that [`World::settled`] waits for.
    pub fn stop(&self) {
        self.transport.phases().stop();
    }

    /// Waits until the run's time is over; for ever where it has no end.
    pub async fn deadline(&self) {
        self.transport.phases().deadline().await;
    }

    /// How many steps that would leave a trace are under way.
    #[must_use]
    pub fn steps_in_flight(&self) -> usize {
        self.transport.phases().steps()
    }

    /// Waits until no step that would leave a trace is under way.
    pub async fn settled(&self) {
        self.transport.phases().settled().await;
    }

    /// Ends what this run began and has not ended: the canary is signed out, and what the Worker made for it expires. It
    /// has ten seconds of its own, whatever became of the run's time.
    ///
    /// # Errors
    /// In words, what could not be ended; the journal has it too.
    pub async fn leave(&self) -> Result<(), String> {
        self.transport.phases().leave();
        let (signed_out, closed) = futures::join!(self.clerk().sign_out(), self.expire_open_sessions());
        let left: Vec<String> = [signed_out, closed].into_iter().filter_map(Result::err).collect();
        if left.is_empty() {
            return Ok(());
        }
        let left = left.join("; ");
        // Where the journal cannot be written to, the report still says it.
        let _ = self.journal.note("left_open", &left);
        Err(left)
    }

    /// When the run began by the clock of whoever gave `answer`, as far as it tells: clocks differ, and what was made
    /// since then is ours.
    fn began_by(&self, answer: &Answer) -> Timestamp {
        let since = self.began.elapsed() + Duration::from_secs(1);
        answer.date().and_then(|date| date.checked_sub(since).ok()).unwrap_or(self.now)
    }

    /// The command that sets a value on the deployed script.
    #[must_use]
    pub fn secret_put(&self, name: &str) -> String {
        match self.config.cloudflare.as_ref().and_then(|cloudflare| cloudflare.environment.as_deref()) {
            Some(environment) => format!("wrangler secret put {name} --env {environment}"),
            None => format!("wrangler secret put {name}"),
        }
    }

    /// The ID of the canary.
    ///
    /// # Errors
    /// Unknown where it is not set, and blocked by `config/hygiene` where it is not an ID.
    pub fn canary_id(&self) -> Result<&str, NoAnswer> {
        sound(&self.config.clerk.canary_user).map(String::as_str)
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

/// The value of a variable that `config/hygiene` has nothing against.
///
/// # Errors
/// Blocked by `config/hygiene` where it has, and unknown where an optional value is simply not there.
pub(crate) fn sound<T>(variable: &Variable<T>) -> Result<&T, NoAnswer> {
    if !variable.is_usable() {
        return Err(NoAnswer::Because(Cause::ValueUnusable));
    }
    let name = &variable.name;
    variable.value.as_ref().ok_or_else(|| {
        NoAnswer::Unknown(match variable.kind {
            Kind::ClerkUserId => format!(
                "{name} is not set: create a user in Clerk's dashboard, set its public metadata to {{\"plan\": \"<a paid tier>\"}}, and set {name} to its ID"
            ),
            _ => format!("{name} is not set"),
        })
    })
}

/// A key that is sound and of the mode wanted.
///
/// # Errors
/// Blocked by `config/hygiene` or `config/modes` where it is not.
pub(crate) fn key_of_mode(variable: &Variable<Secret>, mode: Mode) -> Result<&Secret, NoAnswer> {
    let key = sound(variable)?;
    if key.mode().is_some_and(|found| found != mode) {
        return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
    }
    Ok(key)
}

fn nonce() -> String {
    let mut bytes = [0; 8];
    // Without randomness the clock still keeps two runs apart.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        bytes = Timestamp::now().as_nanosecond().to_le_bytes()[..8].try_into().unwrap_or_default();
    }
    format!("{:016x}", u64::from_le_bytes(bytes))
}

fn check_ports(config: &Config, options: &Options) -> Result<(), Error> {
    let mut asked = vec![&config.stripe.api_base, &config.webhook.url, &config.worker.url, &config.clerk.api_base];
    asked.extend(config.clerk.frontend_api.as_ref());
    asked.extend(config.cloudflare.as_ref().map(|cloudflare| &cloudflare.api_base));
    for entry in &options.resolve {
        let ports: Vec<u16> = asked
            .iter()
            .filter(|url| url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&entry.host)))
            .filter_map(|url| url.port_or_known_default())
            .collect();
        if let Some(other) = ports.first().filter(|_| !ports.contains(&entry.port)) {
            return Err(Error::Resolve { host: entry.host.clone(), port: entry.port, asked: *other });
        }
    }
    Ok(())
}

//! Why no answer came.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use rustls::CertificateError;

use super::Party;
use crate::finding::Evidence;

/// A request without an answer.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Whom it was sent to.
    pub party: Party,
    /// The request in a line.
    pub request: String,
    /// Why no answer came.
    pub trouble: Trouble,
    /// How often it was tried.
    pub attempts: u32,
    /// Its place in the log of requests; `None` where nothing was sent.
    pub place: Option<usize>,
}

impl Failure {
    /// A request that was not sent.
    pub(in crate::world) const fn unsent(party: Party, request: String, trouble: Trouble) -> Self {
        Self { party, request, trouble, attempts: 0, place: None }
    }

    /// What a finding shows of a request without an answer.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence {
            request: self.request.clone(),
            status: None,
            request_id: None,
            field: "connection".to_owned(),
            seen: self.trouble.to_string(),
        }
    }

    /// Whether nothing of it has left this machine, so that the other side cannot have heard of it.
    pub(in crate::world) const fn is_unsent(&self) -> bool {
        let is_before = matches!(
            self.trouble,
            Trouble::Name(_)
                | Trouble::Refused
                | Trouble::Stopped
                | Trouble::Deadline
                | Trouble::NotForThisHost
                | Trouble::Offline
        );
        self.attempts <= 1 && is_before
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} gave no answer to {}: {}", self.party.name(), self.request, self.trouble)
    }
}

/// What went wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The name leads nowhere.
    Name(String),
    /// Nothing listens there.
    Refused,
    /// No connection came about in time.
    ConnectTimedOut,
    /// The certificate cannot be trusted.
    Certificate(CertificateTrouble),
    /// No TLS connection came about, for another reason.
    Handshake(String),
    /// The connection broke.
    Broken(String),
    /// No whole answer came in time.
    TimedOut(Duration),
    /// The answer is larger than anybody needs.
    TooLarge,
    /// All answers together are larger than this run keeps.
    TooMuch,
    /// The run's own time was over, before it was asked or before the answer was there.
    Deadline,
    /// The run was told to stop: nothing was sent.
    Stopped,
    /// This machine has no more of something: files, memory, addresses.
    Machine(String),
    /// This process did not get to run for so long that it missed the time that the answer had.
    Starved(Duration),
    /// The secret does not belong to this host, or cannot be a header at all: nothing was sent.
    NotForThisHost,
    /// `--offline`: nothing was sent.
    Offline,
}

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// Its time is over.
    Expired,
    /// Its time has not begun.
    NotYetValid,
    /// It is for other names.
    Host,
    /// Nobody who is trusted has signed it.
    Untrusted,
    /// Something else; in the verifier's words.
    Other(String),
}

/// A name that leads nowhere. A type of its own, so that it can be told from every other trouble.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoSuchName(pub String);

impl Trouble {
    /// Whether it may be gone a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Handshake(_) | Self::ConnectTimedOut | Self::Machine(_))
    }

    /// Whether it is a limit of this run or of this machine, which says nothing of the other side.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        match self {
            Self::TooLarge
            | Self::TooMuch
            | Self::Deadline
            | Self::Stopped
            | Self::Machine(_)
            | Self::Starved(_)
            | Self::NotForThisHost
            | Self::Offline => true,
            Self::Name(_)
            | Self::Refused
            | Self::ConnectTimedOut
            | Self::Certificate(_)
            | Self::Handshake(_)
            | Self::Broken(_)
            | Self::TimedOut(_) => false,
        }
    }

    /// Reads the chain of causes behind a client's error.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let causes = || causes(error);
        let errors = || causes().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
        if let Some(limit) = errors().find_map(limit_of_the_machine) {
            return Self::Machine(limit);
        }
        if let Some(unknown) = causes().find_map(|cause| cause.downcast_ref::<NoSuchName>()) {
            return Self::Name(unknown.to_string());
        }
        if let Some(tls) = causes().find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
            return match tls {
                rustls::Error::InvalidCertificate(certificate) => {
                    Self::Certificate(CertificateTrouble::of(certificate))
                }
                other => Self::Handshake(other.to_string()),
            };
        }
        let kinds = || errors().map(std::io::Error::kind);
        if kinds().any(|kind| kind == std::io::ErrorKind::ConnectionRefused) {
            return Self::Refused;
        }
        if error.is_connect() && (error.is_timeout() || kinds().any(|kind| kind == std::io::ErrorKind::TimedOut)) {
            return Self::ConnectTimedOut;
        }
        let last = causes().last().map_or_else(|| error.to_string(), ToString::to_string);
        Self::Broken(last)
    }
}

/// What this machine has no more of, where an error says so. Too many open files, in the process or in all, have no kind
/// of their own: 24 and 23 on every Unix, 10024 on Windows.
pub(super) fn limit_of_the_machine(error: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind::{AddrNotAvailable, OutOfMemory, StorageFull};
    let is_limit = matches!(error.kind(), AddrNotAvailable | OutOfMemory | StorageFull)
        || matches!(error.raw_os_error(), Some(23 | 24 | 10_024));
    is_limit.then(|| error.to_string())
}

/// Everything behind an error, from the nearest cause to the last. An I/O error that carries another one does not name it
/// as its source, so it is asked for what it carries.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let carried = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match carried {
            Some(carried) => Some(carried),
            None => cause.source(),
        };
        Some(cause)
    })
}

impl CertificateTrouble {
    fn of(error: &CertificateError) -> Self {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYetValid,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::Host,
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Self::Untrusted,
            other => Self::Other(other.to_string()),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(sentence) => formatter.write_str(sentence),
            Self::Refused => formatter.write_str("the connection was refused"),
            Self::ConnectTimedOut => formatter.write_str("no connection came about in time"),
            Self::Certificate(trouble) => write!(formatter, "its certificate {trouble}"),
            Self::Handshake(words) => write!(formatter, "no TLS connection came about: {words}"),
            Self::Broken(words) => write!(formatter, "the connection broke: {words}"),
            Self::TimedOut(after) => write!(formatter, "no whole answer within {:.1} s", after.as_secs_f64()),
            Self::TooLarge => formatter.write_str("the answer is too large to be read"),
            Self::TooMuch => formatter.write_str("all answers together are too large to be read"),
            Self::Deadline => formatter.write_str("the run's own time was over before it was answered"),
            Self::Stopped => formatter.write_str("the run was stopped before it could be asked"),
            Self::Machine(limit) => write!(formatter, "this machine is at a limit of its own: {limit}"),
            Self::Starved(after) => write!(
                formatter,
                "this machine was too slow to tell: it came to look for the answer only after {:.1} s",
                after.as_secs_f64()
            ),
            Self::NotForThisHost => formatter.write_str("the secret may not be sent there, so nothing was"),
            Self::Offline => formatter.write_str("--offline: nothing was sent"),
        }
    }
}

impl fmt::Display for CertificateTrouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => formatter.write_str("has expired"),
            Self::NotYetValid => formatter.write_str("is not valid yet"),
            Self::Host => formatter.write_str("is for other names"),
            Self::Untrusted => formatter.write_str("is signed by nobody who is trusted"),
            Self::Other(words) => write!(formatter, "cannot be trusted: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use super::limit_of_the_machine;

    #[test]
    fn a_limit_of_this_machine_is_told_from_the_other_sides_trouble() {
        for ours in [Error::from_raw_os_error(24), Error::from_raw_os_error(23), ErrorKind::AddrNotAvailable.into()] {
            assert!(limit_of_the_machine(&ours).is_some(), "{ours}");
        }
        for theirs in [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::TimedOut] {
            assert!(limit_of_the_machine(&theirs.into()).is_none(), "{theirs}");
        }
    }
}

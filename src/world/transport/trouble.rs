//! Why a request got no response.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use rustls::CertificateError;

use super::Party;
use crate::finding::Evidence;

/// A request without a response.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Where it was sent.
    pub party: Party,
    /// The request in a line.
    pub request: String,
    /// Why there is no response.
    pub trouble: Trouble,
    /// The number of attempts.
    pub attempts: u32,
    /// Its index in the request log; `None` if nothing was sent.
    pub place: Option<usize>,
}

impl Failure {
    /// A request that was not sent.
    pub(in crate::world) const fn unsent(party: Party, request: String, trouble: Trouble) -> Self {
        Self { party, request, trouble, attempts: 0, place: None }
    }

    /// The evidence of a request without a response.
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

    /// Whether nothing left this machine, so that the other side cannot know of it.
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
        let Self { party, request, trouble, .. } = self;
        let party = party.name();
        match trouble {
            // Without the request, so that an outage is one reason for every check.
            Trouble::Name(_)
            | Trouble::Refused
            | Trouble::ConnectTimedOut
            | Trouble::Certificate(_)
            | Trouble::Handshake(_) => write!(formatter, "Could not connect to {party}: {trouble}"),
            // Nothing was sent to anyone, which is one reason too.
            Trouble::Offline => write!(formatter, "Nothing was sent: {trouble}"),
            Trouble::Stopped | Trouble::NotForThisHost => {
                write!(formatter, "Nothing was sent to {party}: {trouble}")
            }
            _ => write!(formatter, "No response from {party} to {request}: {trouble}"),
        }
    }
}

/// What went wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The host name does not resolve.
    Name(String),
    /// Nothing listens at the address.
    Refused,
    /// Connecting took too long.
    ConnectTimedOut,
    /// The certificate is not trusted.
    Certificate(CertificateTrouble),
    /// The TLS handshake failed for another reason.
    Handshake(String),
    /// The connection was lost.
    Broken(String),
    /// The response was not complete in time.
    TimedOut(Duration),
    /// The response is larger than any check needs.
    TooLarge,
    /// All responses together are larger than a run keeps.
    TooMuch,
    /// The run's time limit was reached before the response was complete.
    Deadline,
    /// The run was stopped, and nothing was sent.
    Stopped,
    /// This machine is out of files, memory or addresses.
    Machine(String),
    /// This process was not scheduled for so long that it missed the time limit of the response.
    Starved(Duration),
    /// The secret does not belong to this host or is not a valid header, and nothing was sent.
    NotForThisHost,
    /// `--offline`, and nothing was sent.
    Offline,
}

/// A host name that does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoSuchName(pub String);

/// What is wrong with a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateTrouble {
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another host.
    Host,
    /// It is not from a trusted authority.
    Untrusted,
    /// Something else, in the verifier's words.
    Other(String),
}

impl Trouble {
    /// Whether a retry may succeed.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Handshake(_) | Self::ConnectTimedOut | Self::Machine(_))
    }

    /// Whether no connection was made, as on a machine that is offline.
    pub(super) const fn is_no_connection(&self) -> bool {
        matches!(self, Self::Name(_) | Self::Refused | Self::ConnectTimedOut)
    }

    /// Whether it is a limit of this run or this machine, which says nothing about the other side.
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

    /// Finds the cause behind a client's error.
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

/// The resource that this machine is out of, if an error says so. Too many open files has no error kind: it is 24 or 23 on
/// Unix, and 10024 on Windows.
pub(super) fn limit_of_the_machine(error: &std::io::Error) -> Option<String> {
    use std::io::ErrorKind::{AddrNotAvailable, OutOfMemory, StorageFull};
    let is_limit = matches!(error.kind(), AddrNotAvailable | OutOfMemory | StorageFull)
        || matches!(error.raw_os_error(), Some(23 | 24 | 10_024));
    is_limit.then(|| error.to_string())
}

/// The causes behind an error, nearest first. An I/O error does not report the error that it wraps as its source.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = error.source();
    std::iter::from_fn(move || {
        let cause = next?;
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
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
            Self::Refused => formatter.write_str("connection refused"),
            Self::ConnectTimedOut => formatter.write_str("connection timed out"),
            Self::Certificate(trouble) => write!(formatter, "the certificate {trouble}"),
            Self::Handshake(words) => write!(formatter, "TLS handshake failed: {words}"),
            Self::Broken(words) => write!(formatter, "connection lost: {words}"),
            Self::TimedOut(after) => write!(formatter, "timed out after {:.1} s", after.as_secs_f64()),
            Self::TooLarge => formatter.write_str("the response is too large"),
            Self::TooMuch => formatter.write_str("all responses together are too large"),
            Self::Deadline => formatter.write_str("the run reached its time limit"),
            Self::Stopped => formatter.write_str("the run was stopped"),
            Self::Machine(limit) => write!(formatter, "this machine is out of resources: {limit}"),
            Self::Starved(after) => write!(
                formatter,
                "this machine was too slow and checked for the response only after {:.1} s",
                after.as_secs_f64()
            ),
            Self::NotForThisHost => formatter.write_str("the secret may not be sent to this host"),
            Self::Offline => formatter.write_str("--offline is set"),
        }
    }
}

impl fmt::Display for CertificateTrouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => formatter.write_str("has expired"),
            Self::NotYetValid => formatter.write_str("is not valid yet"),
            Self::Host => formatter.write_str("is for another host"),
            Self::Untrusted => formatter.write_str("is not trusted"),
            Self::Other(words) => write!(formatter, "is not trusted: {words}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::time::Duration;

    use super::{Failure, Party, Trouble, limit_of_the_machine};

    #[test]
    fn a_failure_says_what_went_wrong() {
        let said = |trouble| Failure::unsent(Party::Stripe, "GET /v1/balance".to_owned(), trouble).to_string();
        assert_eq!(said(Trouble::Refused), "Could not connect to Stripe: connection refused");
        assert_eq!(said(Trouble::Offline), "Nothing was sent: --offline is set");
        let timed_out = said(Trouble::TimedOut(Duration::from_secs(10)));
        assert_eq!(timed_out, "No response from Stripe to GET /v1/balance: timed out after 10.0 s");
    }

    #[test]
    fn a_limit_of_this_machine_is_not_trouble_on_the_other_side() {
        for ours in [Error::from_raw_os_error(24), Error::from_raw_os_error(23), ErrorKind::AddrNotAvailable.into()] {
            assert!(limit_of_the_machine(&ours).is_some(), "{ours}");
        }
        for theirs in [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset, ErrorKind::TimedOut] {
            assert!(limit_of_the_machine(&theirs.into()).is_none(), "{theirs}");
        }
    }
}

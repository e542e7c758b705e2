//! Why no answer came.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use rustls::CertificateError;

use super::Party;
use super::names::NoSuchName;

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
    /// The run's own time was over.
    Deadline,
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

impl Trouble {
    /// Whether it may be gone a moment later.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Broken(_) | Self::Handshake(_) | Self::ConnectTimedOut)
    }

    /// Reads the chain of causes behind a client's error.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let causes = || causes(error);
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
        let kinds = || causes().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(std::io::Error::kind);
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
            Self::Deadline => formatter.write_str("the time of the run was over before it could be asked"),
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

//! What a TLS certificate says.

use jiff::Timestamp;
use x509_parser::extensions::GeneralName;

/// For how long a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Days until it expires; negative if it has expired.
    pub days_left: i64,
    /// Days from its start to its end.
    pub days_in_all: i64,
}

impl Validity {
    /// Whether it should have been renewed by now. Short-lived certificates are renewed in their last days.
    #[must_use]
    pub const fn is_running_out(self) -> bool {
        self.days_left < 14 && self.days_left * 4 < self.days_in_all
    }
}

/// For how long a certificate in DER is valid.
pub(super) fn validity(der: &[u8], now: Timestamp) -> Option<Validity> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let (from, to) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let days = |seconds: i64| seconds.div_euclid(86_400);
    Some(Validity { days_left: days(to - now.as_second()), days_in_all: days(to - from) })
}

/// A name in a certificate as people write it.
fn name(name: &GeneralName<'_>) -> String {
    match name {
        GeneralName::DNSName(host) => (*host).to_owned(),
        GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
            (Ok(address), _) => std::net::Ipv4Addr::from(address).to_string(),
            (_, Ok(address)) => std::net::Ipv6Addr::from(address).to_string(),
            _ => "an address".to_owned(),
        },
        other => other.to_string(),
    }
}

/// The names, the issuer and the end of a certificate in DER, in words.
pub(super) fn describe(der: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<String> = names.iter().flat_map(|names| &names.value.general_names).map(name).collect();
    let names = if names.is_empty() { certificate.subject().to_string() } else { names.join(", ") };
    Some(format!(
        "it is for {names}, is signed by {} and expires on {}",
        certificate.issuer(),
        certificate.validity().not_after
    ))
}

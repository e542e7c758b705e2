//! The sandbox's certificate authority, created once per process because certificates are slow to make.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::tz::Offset;
use jiff::{Timestamp, ToSpan};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Error;
use super::network::Certificate;

/// TLS configurations by host names and kind of certificate.
type Servers = HashMap<(Vec<String>, Certificate), Arc<ServerConfig>>;

/// Signs the certificates of all servers.
pub(super) struct CertificateAuthority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    servers: Mutex<Servers>,
}

impl CertificateAuthority {
    /// The authority of this process.
    pub(super) fn of_process() -> Result<&'static Self, Error> {
        static AUTHORITY: OnceLock<CertificateAuthority> = OnceLock::new();
        if let Some(authority) = AUTHORITY.get() {
            return Ok(authority);
        }
        let authority = Self::new()?;
        // If another thread was faster, its authority is used.
        Ok(AUTHORITY.get_or_init(|| authority))
    }

    fn new() -> Result<Self, Error> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(DnType::CommonName, "preflight sandbox");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid(&mut parameters, -30, 365);
        let pem = parameters.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(parameters, key), pem, servers: Mutex::default() })
    }

    /// The authority's own certificate, for clients to trust.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// The TLS configuration for these names and this kind of certificate.
    pub(super) fn server(&self, names: &[String], certificate: Certificate) -> Result<Arc<ServerConfig>, Error> {
        let key = (names.to_vec(), certificate);
        if let Some(server) = self.servers().get(&key) {
            return Ok(Arc::clone(server));
        }
        let server = self.new_server(names, certificate)?;
        Ok(Arc::clone(self.servers().entry(key).or_insert(server)))
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_server(&self, names: &[String], certificate: Certificate) -> Result<Arc<ServerConfig>, Error> {
        let names =
            if certificate == Certificate::WrongHost { vec!["elsewhere.example".to_owned()] } else { names.to_vec() };
        let mut parameters = CertificateParams::new(names.clone())?;
        parameters.distinguished_name.push(DnType::CommonName, names.into_iter().next().unwrap_or_default());
        match certificate {
            Certificate::Expired => valid(&mut parameters, -91, -1),
            // It expires at the start of that day: five days and some hours are left.
            Certificate::Expiring => valid(&mut parameters, -85, 6),
            Certificate::NotYetValid => valid(&mut parameters, 2, 90),
            Certificate::Good | Certificate::SelfSigned | Certificate::WrongHost => valid(&mut parameters, -30, 60),
        }
        let key = KeyPair::generate()?;
        let signed = match certificate {
            Certificate::SelfSigned => parameters.self_signed(&key)?,
            _ => parameters.signed_by(&key, &self.issuer)?,
        };
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        // Names the provider because the process may have another default.
        let mut server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![signed.der().clone()], private)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(server))
    }
}

/// Makes a certificate valid from one day to another, relative to today.
fn valid(parameters: &mut CertificateParams, first: i64, last: i64) {
    let today = Offset::UTC.to_datetime(Timestamp::now()).date();
    let day = |offset: i64| {
        let day = today.saturating_add(offset.days());
        rcgen::date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs())
    };
    (parameters.not_before, parameters.not_after) = (day(first), day(last));
}

//! The HTTP clients.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};

use super::Options;
use super::resolver::HostResolver;
use crate::world::error::WorldError;

/// One client for every request, and one that inspects untrusted certificates.
#[derive(Debug)]
pub(super) struct Clients {
    pub trusted: Client,
    resolver: Arc<HostResolver>,
    timeout: Duration,
    has_proxy: bool,
}

impl Clients {
    pub fn new(options: &Options) -> Result<Self, WorldError> {
        let resolver = Arc::new(HostResolver::new(options));
        let (timeout, has_proxy) = (options.timeout, options.names.is_none());
        let mut trusted = builder(&resolver, timeout, has_proxy);
        if let Some(pem) = &options.certificates {
            let certificates = Certificate::from_pem_bundle(pem).map_err(WorldError::Certificates)?;
            if certificates.is_empty() {
                return Err(WorldError::NoCertificate);
            }
            trusted = trusted.tls_certs_only(certificates);
        }
        let trusted = trusted.build().map_err(WorldError::Client)?;
        Ok(Self { trusted, resolver, timeout, has_proxy })
    }

    /// Accepts any certificate, to describe a bad one. Never sends a credential or a body. Few runs need it.
    pub fn trusting(&self) -> reqwest::Result<Client> {
        builder(&self.resolver, self.timeout, self.has_proxy).tls_danger_accept_invalid_certs(true).build()
    }
}

/// How long connecting may take.
pub(super) fn connect_timeout(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(5))
}

fn builder(resolver: &Arc<HostResolver>, timeout: Duration, has_proxy: bool) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("preflight/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(connect_timeout(timeout))
        .tls_info(true)
        .dns_resolver(Arc::clone(resolver));
    if has_proxy { builder } else { builder.no_proxy() }
}

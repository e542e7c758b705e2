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
    /// Accepts any certificate, to describe a bad one. Never sends a credential or a body.
    pub trusting: Client,
}

impl Clients {
    pub fn new(options: &Options) -> Result<Self, WorldError> {
        let mut trusted = builder(options);
        if let Some(pem) = &options.certificates {
            let certificates = Certificate::from_pem_bundle(pem).map_err(WorldError::Certificates)?;
            if certificates.is_empty() {
                return Err(WorldError::NoCertificate);
            }
            trusted = trusted.tls_certs_only(certificates);
        }
        let trusting = builder(options).tls_danger_accept_invalid_certs(true);
        Ok(Self {
            trusted: trusted.build().map_err(WorldError::Client)?,
            trusting: trusting.build().map_err(WorldError::Client)?,
        })
    }
}

/// How long connecting may take.
pub(super) fn connect_timeout(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(5))
}

fn builder(options: &Options) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("preflight/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(connect_timeout(options.timeout))
        .tls_info(true)
        .dns_resolver(Arc::new(HostResolver::new(options)));
    if options.names.is_some() { builder.no_proxy() } else { builder }
}

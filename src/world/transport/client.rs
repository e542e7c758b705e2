//! The HTTP clients.

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};

use super::Options;
use super::names::Names;
use crate::world::error::Error;

/// One client for everything, and one that looks at certificates which cannot be trusted.
#[derive(Debug)]
pub(super) struct Clients {
    pub trusted: Client,
    /// Accepts any certificate. It sends no credential and no body, and is used to describe a bad certificate.
    pub trusting: Client,
}

impl Clients {
    pub fn new(options: &Options) -> Result<Self, Error> {
        let mut trusted = builder(options);
        if let Some(pem) = &options.certificates {
            let certificates = Certificate::from_pem_bundle(pem).map_err(Error::Certificates)?;
            if certificates.is_empty() {
                return Err(Error::NoCertificate);
            }
            trusted = trusted.tls_certs_only(certificates);
        }
        let trusting = builder(options).tls_danger_accept_invalid_certs(true);
        Ok(Self {
            trusted: trusted.build().map_err(Error::Client)?,
            trusting: trusting.build().map_err(Error::Client)?,
        })
    }
}

/// How long a connection may take to be made.
pub(super) fn connect_timeout(timeout: Duration) -> Duration {
    timeout.min(Duration::from_secs(5))
}

fn builder(options: &Options) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("preflight/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(connect_timeout(options.timeout))
        .tls_info(true)
        .dns_resolver(Arc::new(Names::new(options)));
    if options.names.is_some() { builder.no_proxy() } else { builder }
}

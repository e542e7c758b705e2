//! Measures the round-trip time to a host, without the time the server needs to respond.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Name, Resolve};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::Options;
use super::resolver::HostResolver;

/// Opens connections to time them, and sends nothing over them.
#[derive(Debug)]
pub(super) struct RoundTripTimer {
    resolver: HostResolver,
    /// The machine's proxies. The sandbox has none.
    proxies: Option<Matcher>,
    timeout: Duration,
}

impl RoundTripTimer {
    pub fn new(options: &Options) -> Self {
        let proxies = options.names.is_none().then(Matcher::from_system);
        Self { resolver: HostResolver::new(options), proxies, timeout: options.timeout.min(Duration::from_secs(5)) }
    }

    /// The round-trip time to the host of `url`; `None` if there is a proxy or connecting fails.
    pub async fn round_trip(&self, url: &Url) -> Option<Duration> {
        if let Some(proxies) = &self.proxies
            && proxies.intercept(&url.as_str().parse().ok()?).is_some()
        {
            return None;
        }
        tokio::time::timeout(self.timeout, self.measure(url)).await.ok()?
    }

    async fn measure(&self, url: &Url) -> Option<Duration> {
        let address = self.address(url).await?;
        let started = Instant::now();
        let stream = TcpStream::connect(address).await.ok()?;
        if url.scheme() != "https" {
            return Some(started.elapsed());
        }
        let name = ServerName::try_from(plain_host(url)?.to_owned()).ok()?;
        // No authority is trusted, so the handshake ends when the certificate arrives: one round trip after the one for the
        // connection, in every version of TLS.
        let Err(error) = TlsConnector::from(config()?).connect(name, stream).await else { return None };
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        matches!(tls, Some(rustls::Error::InvalidCertificate(_))).then(|| started.elapsed() / 2)
    }

    async fn address(&self, url: &Url) -> Option<SocketAddr> {
        let (host, port) = (plain_host(url)?, url.port_or_known_default()?);
        if let Ok(address) = host.parse::<IpAddr>() {
            return Some(SocketAddr::new(address, port));
        }
        let mut addresses = self.resolver.resolve(Name::from_str(host).ok()?).await.ok()?;
        let mut address = addresses.next()?;
        if address.port() == 0 {
            address.set_port(port);
        }
        Some(address)
    }
}

/// The host, without the brackets of an IPv6 address.
fn plain_host(url: &Url) -> Option<&str> {
    Some(url.host_str()?.trim_start_matches('[').trim_end_matches(']'))
}

fn config() -> Option<Arc<ClientConfig>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().ok()?;
    Some(Arc::new(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::RoundTripTimer;
    use crate::sandbox::{self, Sandbox};
    use crate::world::Options;

    async fn round_trip(latency: u64) -> Option<Duration> {
        let latency = Duration::from_millis(latency);
        let options = sandbox::Options { latency, ..sandbox::Options::default() };
        let sandbox = Sandbox::start(&[], options).await.unwrap();
        let timer = RoundTripTimer::new(&sandbox.options(Options::default()));
        timer.round_trip(&Url::parse("https://pan-api.acme.workers.dev/webhook/stripe").unwrap()).await
    }

    #[tokio::test]
    async fn a_slow_connection_is_measured_without_a_request() {
        assert!(round_trip(200).await.unwrap() >= Duration::from_millis(100));
    }

    #[tokio::test]
    async fn an_unknown_host_has_no_round_trip() {
        let sandbox = Sandbox::start(&["dns-missing"], sandbox::Options::default()).await.unwrap();
        let timer = RoundTripTimer::new(&sandbox.options(Options::default()));
        assert_eq!(timer.round_trip(&Url::parse("https://pan-api.acme.workers.dev/").unwrap()).await, None);
    }
}

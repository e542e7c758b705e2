//! A small complete world over real HTTP on loopback: Stripe, Clerk, Cloudflare's API, the Worker and the frontend.
//!
//! What is in it is one document, `healthy/*.toml`, which a [`Scenario`] changes in a line or two. PerServer of the servers
//! can be reached by its name over TLS, through [`Sandbox::names`] and [`Sandbox::certificate_authority`], and plainly,
//! through [`Sandbox::plain`].

mod age;
mod certificates;
mod clerk;
mod cloudflare;
mod connect;
mod document;
mod effects;
mod error;
mod fault_responses;
mod faults;
mod fixtures;
mod frontend;
mod network;
mod port;
mod proxy;
mod recorded;
mod request_key;
mod scenario;
mod stripe;
mod tampering;
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use url::Url;

pub use effects::Effects;
pub use error::Error;
pub use request_key::RequestKey;
pub use scenario::{Expected, Scenario, scenarios};
pub use tampering::{Change, Exchange, FieldChange, TAMPERED, Tampered, Tampering, Unanswerable};

use certificates::CertificateAuthority;
use faults::{FaultLayer, RequestLog};
use fixtures::Fixtures;
use network::{Fault, PerServer, Provider, ServerSettings};
use port::Port;
use proxy::SwappableRouter;
use tampering::Tamperer;

/// Where the project has its Wrangler file.
const WRANGLER: &str = "api/wrangler.toml";

/// How a sandbox is to be run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What is added to every answer, and to every connection that is made.
    pub latency: Duration,
    /// A Worker elsewhere, in workerd for one, that takes the place of the embedded one: what comes to the Worker's
    /// name or port is passed on to it.
    pub worker: Option<Url>,
    /// Which ports are taken.
    pub ports: Ports,
}

/// Which ports a sandbox takes on loopback.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// Whichever are free.
    #[default]
    Any,
    /// This one and those after it: six plain ones in the order of [`Plain`], then six for TLS in the same order.
    From(u16),
}

/// Where other people's clients find each of the servers without TLS.
#[derive(Debug, Clone)]
pub struct Plain {
    /// Stripe's API.
    pub stripe: Url,
    /// Clerk's backend API.
    pub clerk: Url,
    /// Clerk's frontend API.
    pub clerk_frontend: Url,
    /// Cloudflare's API, with `/client/v4`.
    pub cloudflare: Url,
    /// The Worker.
    pub worker: Url,
    /// The frontend.
    pub frontend: Url,
}

/// A running world. Dropping it stops its servers.
pub struct Sandbox {
    configuration: String,
    wrangler: String,
    environment: BTreeMap<String, String>,
    bindings: BTreeMap<String, String>,
    world: Fixtures,
    routers: PerServer<SwappableRouter>,
    worker_is_elsewhere: AtomicBool,
    fault_layers: Vec<Arc<FaultLayer>>,
    tamperer: Arc<Tamperer>,
    worker_name: String,
    names: BTreeMap<String, SocketAddr>,
    aliases: BTreeMap<String, String>,
    certificate_authority: String,
    plain: Plain,
    effects: Arc<Effects>,
    log: Arc<RequestLog>,
    // Held for their ports only.
    _ports: Vec<Port>,
}

impl Sandbox {
    /// Starts a healthy world with the named scenarios applied to it, one after the other.
    ///
    /// # Errors
    ///
    /// Where a scenario is unknown, where scenarios do not go together, or where no port can be opened.
    #[expect(
        clippy::unused_async,
        reason = "ports are opened in a runtime, and only an async function is sure to be in one"
    )]
    pub async fn start(scenarios: &[&str], options: Options) -> Result<Self, Error> {
        let world = Fixtures::read(scenario::document(scenarios)?)?;
        let effects = Arc::new(Effects::default());
        let routers: PerServer<SwappableRouter> = world
            .routers(&effects)?
            .into_iter()
            .map(|(server, router)| (server, SwappableRouter::of(router)))
            .collect();
        let worker_name = world.network.worker.names.first().cloned().unwrap_or_default();
        let worker_is_elsewhere = AtomicBool::new(options.worker.is_some());
        if let Some((elsewhere, worker)) = options.worker.zip(routers.get(Provider::Worker.name())) {
            worker.replace(proxy::router(elsewhere, &worker_name)?);
        }
        let authority = CertificateAuthority::of_process()?;
        let (log, tamperer) = (Arc::new(RequestLog::default()), Arc::new(Tamperer::default()));
        let mut ports = match options.ports {
            Ports::Any => [0; 12],
            Ports::From(first) => {
                std::array::from_fn(|index| first.saturating_add(u16::try_from(index).unwrap_or(u16::MAX)))
            }
        }
        .into_iter();
        let mut open_ports = Vec::new();
        let (mut names, mut plain) = (BTreeMap::new(), PerServer::new());
        let servers = world.network.servers();
        let latency = options.latency + Duration::from_millis(world.network.latency_ms);
        let mut fault_layers = Vec::new();
        let servers: Vec<(Provider, &ServerSettings, Router)> = servers
            .into_iter()
            .map(|(provider, settings)| {
                let layer = FaultLayer::new(provider, settings, latency, Arc::clone(&log), Arc::clone(&tamperer));
                let router =
                    layer.before(routers.get(provider.name()).map(SwappableRouter::router).unwrap_or_default());
                fault_layers.push(layer);
                (provider, settings, router)
            })
            .collect();
        for (provider, settings, router) in &servers {
            let port = open(settings, ports.next().unwrap_or_default(), |port| {
                Port::open(port, None, latency, router.clone())
            })?;
            plain.insert(provider.name(), port.address());
            open_ports.push(port);
        }
        for (_, settings, router) in servers {
            let tls = authority.server(&settings.names, settings.certificate)?;
            let port =
                open(settings, ports.next().unwrap_or_default(), |port| Port::open(port, Some(tls), latency, router))?;
            if settings.resolves {
                names.extend(settings.names.iter().map(|name| (name.clone(), port.address())));
            }
            open_ports.push(port);
        }
        Ok(Self {
            configuration: world.configuration()?,
            wrangler: world.wrangler()?,
            bindings: world.deployed(),
            environment: world.environment.clone(),
            aliases: world.network.aliases.clone(),
            world,
            routers,
            worker_is_elsewhere,
            fault_layers,
            tamperer,
            worker_name,
            names,
            certificate_authority: authority.pem().to_owned(),
            plain: Plain::of(&plain)?,
            effects,
            log,
            _ports: open_ports,
        })
    }

    /// The text of a `preflight.toml` that uses the providers' own hosts.
    #[must_use]
    pub fn configuration(&self) -> &str {
        &self.configuration
    }

    /// Reads a file of the project that the configuration belongs to, by its path from there: the Wrangler file.
    ///
    /// # Errors
    ///
    /// Where there is no such file.
    pub fn read(&self, path: &Path) -> std::io::Result<String> {
        if path == Path::new(WRANGLER) { Ok(self.wrangler.clone()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }

    /// The operator's variables for it.
    #[must_use]
    pub const fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// What is on the deployed Worker: its secrets and variables.
    #[must_use]
    pub const fn bindings(&self) -> &BTreeMap<String, String> {
        &self.bindings
    }

    /// Gives the Worker's place to one elsewhere, as [`Options::worker`] does for one that runs already: this one may
    /// have had to know the sandbox's addresses before it could start.
    ///
    /// # Errors
    ///
    /// Where no client for it can be made.
    pub fn use_worker_at(&self, elsewhere: Url) -> Result<(), Error> {
        if let Some(worker) = self.routers.get(Provider::Worker.name()) {
            worker.replace(proxy::router(elsewhere, &self.worker_name)?);
            self.worker_is_elsewhere.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Puts everything back to what it was at the start, and forgets what was asked: for another run. A Worker
    /// elsewhere stays as it is, and so does what answers are tampered with.
    ///
    /// # Errors
    ///
    /// Where the servers could not be made again.
    pub fn renew(&self) -> Result<(), Error> {
        let is_elsewhere = self.worker_is_elsewhere.load(Ordering::Relaxed);
        for (server, router) in self.world.routers(&self.effects)? {
            if let Some(current) =
                self.routers.get(server).filter(|_| !is_elsewhere || server != Provider::Worker.name())
            {
                current.replace(router);
            }
        }
        self.effects.clear();
        self.log.clear();
        self.fault_layers.iter().for_each(|layer| layer.reset());
        self.tamperer.reset();
        Ok(())
    }

    /// Tamperer with one answer from now on, and with no other; `None` for none at all.
    pub fn tamper(&self, tampering: Option<Tampering>) {
        self.tamperer.set(tampering);
    }

    /// Every request since the start or the last [`Sandbox::renew`], in order, each once.
    #[must_use]
    pub fn keys(&self) -> Vec<RequestKey> {
        self.tamperer.keys()
    }

    /// Those requests that had an answer, with what the answer was before anything became of it.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.tamperer.exchanges()
    }

    /// Where each host name leads to, over TLS. A name that is not in here does not resolve.
    #[must_use]
    pub const fn names(&self) -> &BTreeMap<String, SocketAddr> {
        &self.names
    }

    /// What the DNS has under the hosts that are other names for something else. There is no other record.
    #[must_use]
    pub const fn aliases(&self) -> &BTreeMap<String, String> {
        &self.aliases
    }

    /// The authority that signed the certificates behind these names, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &str {
        &self.certificate_authority
    }

    /// Where each of the servers is without TLS.
    #[must_use]
    pub const fn plain(&self) -> &Plain {
        &self.plain
    }

    /// What was changed, counted: `stripe.checkout_session.created`.
    #[must_use]
    pub fn effects(&self) -> BTreeMap<String, u64> {
        self.effects.counts()
    }

    /// Every request that was received, in order: whose it was, and `METHOD path?query`.
    #[must_use]
    pub fn requests(&self) -> Vec<(String, String)> {
        self.log.lines()
    }
}

impl Plain {
    fn of(addresses: &PerServer<SocketAddr>) -> Result<Self, Error> {
        let url = |provider: Provider, path: &str| {
            let address = addresses.get(provider.name()).map(ToString::to_string).unwrap_or_default();
            Url::parse(&format!("http://{address}{path}")).map_err(|error| Error::Document(error.to_string()))
        };
        Ok(Self {
            stripe: url(Provider::Stripe, "")?,
            clerk: url(Provider::Clerk, "")?,
            clerk_frontend: url(Provider::ClerkFrontend, "")?,
            cloudflare: url(Provider::Cloudflare, "/client/v4")?,
            worker: url(Provider::Worker, "")?,
            frontend: url(Provider::Frontend, "")?,
        })
    }
}

/// Opens a port in the state that the settings to it is in.
fn open(
    settings: &ServerSettings,
    port: u16,
    sound: impl FnOnce(u16) -> std::io::Result<Port>,
) -> std::io::Result<Port> {
    match settings.fault {
        _ if !settings.listens => Port::closed(port),
        Some(Fault::Reset) => Port::resetting(port),
        _ => sound(port),
    }
}

#[cfg(test)]
mod tests;

//! A small complete world over real HTTP on loopback: Stripe, Clerk, Cloudflare's API, the Worker and the frontend.
//!
//! The providers' state is the document in `healthy/`, which a [`Scenario`] changes in a line or two. Each server
//! has its name over TLS, see [`Sandbox::names`] and [`Sandbox::certificate_authority`], and a port for plain HTTP, see
//! [`Sandbox::plain`].

mod certificates;
mod clerk;
mod cloudflare;
mod connect;
mod deliveries;
mod deployed_values;
mod document;
mod effects;
mod error;
mod fault_responses;
mod faults;
mod fixtures;
mod frontend;
mod many_accounts;
mod network;
mod port;
mod proxy;
mod purchase;
mod recorded;
mod request_key;
mod scenario;
mod state;
mod stripe;
mod tampering;
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use tokio::runtime::Handle;
use url::Url;

pub use effects::Effects;
pub use error::Error;
pub use many_accounts::{Drift, ManyAccounts};
pub use purchase::Bought;
pub use request_key::RequestKey;
pub use scenario::{Expected, Scenario, scenarios};
pub use stripe::DeliveryAttempt;
pub use tampering::{Damage, Exchange, FieldDamage, TAMPERED, Tampered, Tampering, Unanswerable};

use certificates::CertificateAuthority;
use faults::{FaultLayer, RequestLog};
use fixtures::{Fixtures, Servers};
use network::{Fault, PerServer, Provider, ServerSettings};
use port::Port;
use proxy::SwappableRouter;
use state::State;
use stripe::{Courier, Hosts};
use tampering::Tamperer;

/// The path of the project's Wrangler file.
const WRANGLER: &str = "api/wrangler.toml";

/// How to run a sandbox.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Added to every response and to every new connection.
    pub latency: Duration,
    /// An external Worker, for example in workerd, that replaces the embedded one: requests for the Worker are
    /// forwarded to it.
    pub worker: Option<Url>,
    /// Accounts by formula, each with a subscription and a user, in place of those of the scenarios.
    pub accounts: Option<ManyAccounts>,
    /// Keep no requests and responses for [`Sandbox::keys`] and [`Sandbox::exchanges`], and tamper with none: for millions of
    /// objects.
    pub unrecorded: bool,
}

/// The address of each server without TLS, for clients that do not know the sandbox's certificate authority.
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
    /// Where the environment is kept, if a fix may change it.
    env_file: Option<PathBuf>,
    fixtures: Fixtures,
    routers: PerServer<SwappableRouter>,
    state: Mutex<State>,
    courier: Mutex<Courier>,
    hosts: Arc<Hosts>,
    runtime: Handle,
    worker_is_external: AtomicBool,
    fault_layers: Vec<Arc<FaultLayer>>,
    tamperer: Arc<Tamperer>,
    worker_name: String,
    names: BTreeMap<String, SocketAddr>,
    aliases: BTreeMap<String, String>,
    issuers: BTreeMap<String, Vec<String>>,
    certificate_authority: String,
    plain: Plain,
    effects: Arc<Effects>,
    log: Arc<RequestLog>,
    // Only held to keep the ports open.
    _ports: Vec<Port>,
}

impl Sandbox {
    /// Starts a healthy world with the named scenarios applied in order.
    ///
    /// # Errors
    ///
    /// If a scenario is unknown, scenarios do not go together, or a port cannot be opened.
    #[expect(
        clippy::unused_async,
        reason = "ports are opened in a runtime, and only an async function is sure to be in one"
    )]
    pub async fn start(scenarios: &[&str], options: Options) -> Result<Self, Error> {
        let mut fixtures = Fixtures::read(scenario::document(scenarios)?)?;
        if let Some(accounts) = options.accounts {
            fixtures.add_accounts(accounts);
        }
        let effects = Arc::new(Effects::default());
        let Servers { routers, state, outgoing } = fixtures.servers(&effects)?;
        let routers: PerServer<SwappableRouter> =
            routers.into_iter().map(|(server, router)| (server, SwappableRouter::of(router))).collect();
        let worker_name = fixtures.network.worker.names.first().cloned().unwrap_or_default();
        let worker_is_external = AtomicBool::new(options.worker.is_some());
        if let Some((external, worker)) = options.worker.zip(routers.get(Provider::Worker.name())) {
            worker.replace(proxy::router(external, &worker_name)?);
        }
        let authority = CertificateAuthority::of_process()?;
        let (log, tamperer) = (Arc::new(RequestLog::default()), Arc::new(Tamperer::default()));
        let mut open_ports = Vec::new();
        let (mut names, mut plain) = (BTreeMap::new(), PerServer::new());
        let servers = fixtures.network.servers();
        let latency = options.latency + Duration::from_millis(fixtures.network.latency_ms);
        let mut fault_layers = Vec::new();
        let servers: Vec<(Provider, &ServerSettings, Router)> = servers
            .into_iter()
            .map(|(provider, settings)| {
                let recorder = (!options.unrecorded).then(|| Arc::clone(&tamperer));
                let layer = FaultLayer::new(provider, settings, latency, Arc::clone(&log), recorder);
                let router = layer.wrap(routers.get(provider.name()).map(SwappableRouter::router).unwrap_or_default());
                fault_layers.push(layer);
                (provider, settings, router)
            })
            .collect();
        for (provider, settings, router) in &servers {
            let port = open(settings, || Port::open(None, latency, router.clone()))?;
            plain.insert(provider.name(), port.address());
            open_ports.push(port);
        }
        for (_, settings, router) in servers {
            let tls = authority.server(&settings.names, settings.certificate)?;
            let port = open(settings, || Port::open(Some(tls), latency, router))?;
            if settings.resolves {
                names.extend(settings.names.iter().map(|name| (name.clone(), port.address())));
            }
            open_ports.push(port);
        }
        let hosts = Arc::new(deliveries::hosts(&fixtures.network, &routers, &plain));
        let runtime = Handle::current();
        let courier = Mutex::new(Courier::start(&runtime, outgoing, &state.stripe, &hosts));
        Ok(Self {
            configuration: fixtures.configuration()?,
            wrangler: fixtures.wrangler()?,
            environment: fixtures.environment.clone(),
            env_file: None,
            aliases: fixtures.network.aliases.clone(),
            issuers: fixtures.network.issuers.clone(),
            fixtures,
            routers,
            state: Mutex::new(state),
            courier,
            hosts,
            runtime,
            worker_is_external,
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

    /// Reads a file of the project by its path relative to the configuration. The only file is the Wrangler file.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn read(&self, path: &Path) -> std::io::Result<String> {
        if path == Path::new(WRANGLER) { Ok(self.wrangler.clone()) } else { Err(std::io::ErrorKind::NotFound.into()) }
    }

    /// The operator's environment variables.
    #[must_use]
    pub const fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// The secrets and variables of the deployed Worker, as they are now. An external Worker has its own.
    #[must_use]
    pub fn bindings(&self) -> BTreeMap<String, String> {
        self.providers().deployment.current().as_ref().clone()
    }

    /// What the providers hold now, in their own JSON, for comparing two sandboxes: a sandbox whose faults were all
    /// fixed has the state of a healthy one.
    ///
    /// - `stripe`: an object of every kind (`products`, `prices`, `webhook_endpoints`, …) except events by ID, and
    ///   `signing_secrets`, the secret of each webhook endpoint by its ID.
    /// - `clerk`: `jwt_templates` by ID, and `users`: the three kinds of metadata of each named or changed user, by ID.
    /// - `cloudflare`: the bindings of each script, by name, with the values of its secrets.
    /// - `worker`: the secrets and variables of the deployed Worker.
    ///
    /// Left out is what differs from run to run or only records what happened: times, events and their deliveries,
    /// sessions, tokens, idempotency keys, and the versions of scripts.
    #[must_use]
    pub fn state(&self) -> serde_json::Value {
        self.providers().to_json()
    }

    fn providers(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the Worker by an external one, like [`Options::worker`], but after the start: the external Worker may
    /// need the sandbox's addresses before it can start.
    ///
    /// # Errors
    ///
    /// If no HTTP client can be created.
    pub fn use_worker_at(&self, external: Url) -> Result<(), Error> {
        if let Some(worker) = self.routers.get(Provider::Worker.name()) {
            worker.replace(proxy::router(external, &self.worker_name)?);
            self.worker_is_external.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Resets all state and the request log for another run. An external Worker stays in place, and so does the
    /// tampering.
    ///
    /// # Errors
    ///
    /// If the servers cannot be created again.
    pub fn renew(&self) -> Result<(), Error> {
        let is_external = self.worker_is_external.load(Ordering::Relaxed);
        let Servers { routers, state, outgoing } = self.fixtures.servers(&self.effects)?;
        self.deliver(outgoing, &state.stripe);
        *self.providers() = state;
        for (server, router) in routers {
            if let Some(current) =
                self.routers.get(server).filter(|_| !is_external || server != Provider::Worker.name())
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

    /// Tampers with one response from now on, or with none.
    pub fn tamper(&self, tampering: Option<Tampering>) {
        self.tamperer.set(tampering);
    }

    /// Every distinct request since the start or the last [`Sandbox::renew`], in order.
    #[must_use]
    pub fn keys(&self) -> Vec<RequestKey> {
        self.tamperer.keys()
    }

    /// The requests that were answered, each with its response before any tampering.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.tamperer.exchanges()
    }

    /// The address of each host name, over TLS. Other names do not resolve.
    #[must_use]
    pub const fn names(&self) -> &BTreeMap<String, SocketAddr> {
        &self.names
    }

    /// The certificate authorities in CAA records, by domain.
    #[must_use]
    pub const fn issuers(&self) -> &BTreeMap<String, Vec<String>> {
        &self.issuers
    }

    /// The CNAME records, by host. There are no other DNS records but those of CAA.
    #[must_use]
    pub const fn aliases(&self) -> &BTreeMap<String, String> {
        &self.aliases
    }

    /// The certificate authority that signed the servers' certificates, in PEM.
    #[must_use]
    pub fn certificate_authority(&self) -> &str {
        &self.certificate_authority
    }

    /// The address of each server without TLS.
    #[must_use]
    pub const fn plain(&self) -> &Plain {
        &self.plain
    }

    /// How often each kind of change was made, by name: `stripe.checkout_session.created`.
    #[must_use]
    pub fn effects(&self) -> BTreeMap<String, u64> {
        self.effects.counts()
    }

    /// Every request received, in order: the server's name, and `METHOD path?query`.
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

/// Opens a server's port: serving, closed or resetting, as its settings say.
fn open(settings: &ServerSettings, serving: impl FnOnce() -> std::io::Result<Port>) -> std::io::Result<Port> {
    match settings.fault {
        _ if !settings.listens => Port::closed(),
        Some(Fault::Reset) => Port::resetting(),
        _ => serving(),
    }
}

#[cfg(test)]
mod tests;

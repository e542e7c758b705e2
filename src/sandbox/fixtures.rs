//! The parsed document, and the servers that it describes.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use serde::Deserialize;
use toml::{Table, Value};

use super::deployed_values::DeployedValues;
use super::document::Document;
use super::many_accounts::ManyAccounts;
use super::network::{Network, PerServer, Provider};
use super::state::State;
use super::worker::Upstream;
use super::{Effects, Error, clerk, cloudflare, frontend, stripe, worker};

/// The parsed document.
pub(super) struct Fixtures {
    pub(super) environment: BTreeMap<String, String>,
    pub(super) network: Network,
    configuration: Table,
    stripe: stripe::StripeSettings,
    clerk: clerk::ClerkSettings,
    cloudflare: cloudflare::CloudflareSettings,
    worker: worker::WorkerSettings,
    bindings: BTreeMap<String, String>,
    frontend: frontend::FrontendSettings,
}

/// A router for each server, and the state that they share.
pub(super) struct Servers {
    pub(super) routers: PerServer<Router>,
    pub(super) state: State,
    /// What Stripe wants to deliver.
    pub(super) outgoing: stripe::Outgoing,
}

impl Fixtures {
    /// Parses every part of the document.
    pub(super) fn read(document: Document) -> Result<Self, Error> {
        let mut parts = Parts(document.finish());
        let mut worker: Table = parts.take("worker")?;
        // The secrets and variables belong to the deployment, not to the Worker's code.
        let bindings = worker.remove("bindings").unwrap_or_else(|| Value::Table(Table::new()));
        Ok(Self {
            environment: parts.take("environment")?,
            network: parts.take("network")?,
            configuration: parts.table("configuration")?,
            stripe: parts.take("stripe")?,
            clerk: parts.take("clerk")?,
            cloudflare: parts.take("cloudflare")?,
            worker: read("worker", Value::Table(worker))?,
            bindings: read("worker.bindings", bindings)?,
            frontend: parts.take("frontend")?,
        })
    }

    /// Accounts by formula, in place of those of the document.
    pub(super) fn add_accounts(&mut self, accounts: ManyAccounts) {
        self.stripe.many_accounts = accounts;
        self.clerk.many_accounts = accounts;
    }

    /// The configuration as the text of a `preflight.toml`.
    pub(super) fn configuration(&self) -> Result<String, Error> {
        toml::to_string(&self.configuration).map_err(|error| Error::Document(format!("configuration: {error}")))
    }

    /// The Wrangler file of the project.
    pub(super) fn wrangler(&self) -> Result<String, Error> {
        toml::to_string(self.cloudflare.wrangler())
            .map_err(|error| Error::Document(format!("cloudflare.wrangler: {error}")))
    }

    /// The secrets and variables of the deployed script.
    pub(super) fn deployed(&self) -> BTreeMap<String, String> {
        self.cloudflare.deployed(&self.bindings)
    }

    /// Every server, as the document describes it.
    pub(super) fn servers(&self, effects: &Arc<Effects>) -> Result<Servers, Error> {
        let (stripe, outgoing) = stripe::Stripe::new(&self.stripe, Arc::clone(effects))?;
        let clerk = clerk::Clerk::new(self.clerk.clone(), Arc::clone(effects))?;
        let deployment = DeployedValues::of(self.deployed());
        let cloudflare = cloudflare::Cloudflare::new(
            self.cloudflare.clone(),
            &self.bindings,
            deployment.clone(),
            Arc::clone(effects),
        )?;
        // The Worker calls these routers directly, so injected faults do not affect it.
        let upstream = Upstream { stripe: stripe::router(&stripe), clerk: clerk::backend(Arc::clone(&clerk)) };
        let worker = worker::router(self.worker.clone(), deployment.clone(), upstream);
        let routers = PerServer::from([
            (Provider::Stripe.name(), stripe::router(&stripe)),
            (Provider::Clerk.name(), clerk::backend(Arc::clone(&clerk))),
            (Provider::ClerkFrontend.name(), clerk::frontend_api(Arc::clone(&clerk))),
            (Provider::Cloudflare.name(), cloudflare::router(Arc::clone(&cloudflare))),
            (Provider::Worker.name(), worker.clone()),
            (Provider::Frontend.name(), frontend::router(self.frontend.clone(), worker)),
        ]);
        Ok(Servers { routers, state: State { stripe, clerk, cloudflare, deployment }, outgoing })
    }
}

/// The parts of the document that are not parsed yet.
struct Parts(Value);

impl Parts {
    fn take<T: for<'de> Deserialize<'de>>(&mut self, part: &str) -> Result<T, Error> {
        read(part, self.value(part)?)
    }

    /// A part as TOML, which keeps its dates.
    fn table(&mut self, part: &str) -> Result<Table, Error> {
        match self.value(part)? {
            Value::Table(table) => Ok(table),
            _ => Err(Error::Document(format!("{part} is no table"))),
        }
    }

    fn value(&mut self, part: &str) -> Result<Value, Error> {
        let value = self.0.as_table_mut().and_then(|parts| parts.remove(part));
        value.ok_or_else(|| Error::Document(format!("{part} is not there")))
    }
}

fn read<T: for<'de> Deserialize<'de>>(part: &str, value: Value) -> Result<T, Error> {
    value.try_into().map_err(|error| Error::Document(format!("{part}: {}", error.to_string().trim_end())))
}

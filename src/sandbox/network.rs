//! The network settings of each of the sandbox's servers, and the faults it can have.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The document's part `network`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    /// The latency of every response and every new connection, in milliseconds.
    #[serde(default)]
    pub(super) latency_ms: u64,
    /// The CNAME records, by host.
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, String>,
    /// The certificate authorities in CAA records, by domain.
    #[serde(default)]
    pub(super) issuers: BTreeMap<String, Vec<String>>,
    pub(super) stripe: ServerSettings,
    pub(super) clerk: ServerSettings,
    pub(super) clerk_frontend: ServerSettings,
    pub(super) cloudflare: ServerSettings,
    pub(super) worker: ServerSettings,
    pub(super) frontend: ServerSettings,
}

/// The network settings of one server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSettings {
    /// Its host names.
    pub(super) names: Vec<String>,
    /// Whether the names resolve.
    #[serde(default = "yes")]
    pub(super) resolves: bool,
    /// Whether anything listens.
    #[serde(default = "yes")]
    pub(super) listens: bool,
    /// The certificate that it presents.
    #[serde(default)]
    pub(super) certificate: Certificate,
    /// What comes instead of an answer.
    pub(super) fault: Option<Fault>,
    /// The methods of the requests that get the fault; empty for all.
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// How many requests get it. Without either number, all of them do.
    pub(super) times: Option<usize>,
    /// How many requests to each path get it.
    pub(super) times_per_path: Option<usize>,
}

const fn yes() -> bool {
    true
}

impl ServerSettings {
    /// Whether Stripe can deliver to it: it answers every request, and its certificate is good.
    pub(super) fn receives_deliveries(&self) -> bool {
        let is_always_faulty = self.fault.is_some() && self.times.or(self.times_per_path).is_none();
        self.resolves
            && self.listens
            && matches!(self.certificate, Certificate::Good | Certificate::Expiring)
            && !(is_always_faulty && self.methods.is_empty())
    }
}

/// The certificate that a server presents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Certificate {
    /// Signed by the sandbox's authority, for the right names, for months.
    #[default]
    Good,
    /// The same, expiring in five days.
    Expiring,
    /// The same, expired yesterday.
    Expired,
    /// The same, valid from the day after tomorrow.
    NotYetValid,
    /// Self-signed.
    SelfSigned,
    /// For another name.
    WrongHost,
}

/// What comes instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// 429, as the provider words it.
    #[serde(rename = "429")]
    TooMany,
    /// 500, as the provider words it.
    #[serde(rename = "500")]
    Defect,
    /// 200 and an HTML page.
    Html,
    /// Half of the correct response.
    Truncated,
    /// No response, ever.
    Hangs,
    /// The connection is reset before the first byte.
    Reset,
}

/// One of the sandbox's servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Provider {
    Stripe,
    Clerk,
    ClerkFrontend,
    Cloudflare,
    Worker,
    Frontend,
}

impl Provider {
    /// The name in the document and in the request log.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Clerk => "clerk",
            Self::ClerkFrontend => "clerk_frontend",
            Self::Cloudflare => "cloudflare",
            Self::Worker => "worker",
            Self::Frontend => "frontend",
        }
    }
}

impl Network {
    /// The settings of every server.
    pub(super) const fn servers(&self) -> [(Provider, &ServerSettings); 6] {
        [
            (Provider::Stripe, &self.stripe),
            (Provider::Clerk, &self.clerk),
            (Provider::ClerkFrontend, &self.clerk_frontend),
            (Provider::Cloudflare, &self.cloudflare),
            (Provider::Worker, &self.worker),
            (Provider::Frontend, &self.frontend),
        ]
    }
}

/// A value for each server, by its name.
pub(super) type PerServer<T> = BTreeMap<&'static str, T>;

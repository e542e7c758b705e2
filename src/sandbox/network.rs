//! The settings to each of the sandbox's servers, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The document's part `network`: one port for each of the servers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    /// What the link adds to every answer and to every connection that is made, in milliseconds.
    #[serde(default)]
    pub(super) latency_ms: u64,
    /// The hosts that are another name for something else, each with what the DNS says of it.
    #[serde(default)]
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) stripe: ServerSettings,
    pub(super) clerk: ServerSettings,
    pub(super) clerk_frontend: ServerSettings,
    pub(super) cloudflare: ServerSettings,
    pub(super) worker: ServerSettings,
    pub(super) frontend: ServerSettings,
}

/// The settings to one server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerSettings {
    /// The names that lead to it.
    pub(super) names: Vec<String>,
    /// Whether anybody knows the names.
    #[serde(default = "yes")]
    pub(super) resolves: bool,
    /// Whether anything listens.
    #[serde(default = "yes")]
    pub(super) listens: bool,
    /// What the server shows of itself.
    #[serde(default)]
    pub(super) certificate: Certificate,
    /// What comes instead of an answer.
    pub(super) fault: Option<Fault>,
    /// The methods that meet it; all of them, where none is given.
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// How many requests meet it; all of them, where neither number is given.
    pub(super) times: Option<usize>,
    /// How many requests of each path meet it.
    pub(super) times_per_path: Option<usize>,
}

const fn yes() -> bool {
    true
}

/// What a server shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Certificate {
    /// Signed by the sandbox's authority, for the right names, for months.
    #[default]
    Good,
    /// The same, with five days left.
    Expiring,
    /// The same, run out yesterday.
    Expired,
    /// The same, in force from the day after tomorrow.
    NotYetValid,
    /// Signed by itself.
    SelfSigned,
    /// For another name.
    WrongHost,
}

/// What comes instead of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Fault {
    /// Too many requests, in the provider's words.
    #[serde(rename = "429")]
    TooMany,
    /// A defect of the provider's, in its words.
    #[serde(rename = "500")]
    Defect,
    /// 200 and a page of HTML.
    Html,
    /// Half of the right answer.
    Truncated,
    /// Nothing, ever.
    Hangs,
    /// The connection is torn down before a byte is answered.
    Reset,
}

/// Whose words an answer has to be in.
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
    /// The name in the document and in the log of requests.
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
    /// Every settings, with whose it is.
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

/// One of something for each of the servers.
pub(super) type PerServer<T> = BTreeMap<&'static str, T>;

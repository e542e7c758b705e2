//! Cloudflare: what is on the deployed script.

mod bindings;

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::id::{ApiPath, CloudflareAccountId, ScriptName, configured};
use super::stripe::Seen;
use super::transport::{Answer, Credential, Party};
use super::{NoAnswer, World, sound};
use crate::config;
use crate::finding::{Answered, Cause};

pub use bindings::{BindingSlip, JudgedBindings};

/// Cloudflare's API for the configured account.
#[derive(Debug, Clone, Copy)]
pub struct Cloudflare<'w> {
    world: &'w World,
    config: &'w config::Cloudflare,
}

/// A script's settings (facts.md, C1).
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// What the script can use.
    #[serde(default)]
    pub bindings: Vec<Binding>,
}

/// Something that a script can use by name.
#[derive(Debug, Clone, Deserialize)]
pub struct Binding {
    /// `secret_text`, `plain_text`, `kv_namespace`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The name that the script uses.
    pub name: String,
    /// The value of a `plain_text`, which everybody with access to the account can read.
    pub text: Option<String>,
    /// The namespace of a `kv_namespace`.
    pub namespace_id: Option<String>,
}

/// Which versions of a script there are, and which of them serve.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// The newest version.
    pub newest: Version,
    /// The versions that serve, each with its share of the traffic in percent; none where nothing was ever deployed.
    pub serving: Vec<(String, f64)>,
}

/// A version of a script.
#[derive(Debug, Clone, Deserialize)]
pub struct Version {
    /// A UUID.
    pub id: String,
    /// Counted from 1.
    pub number: u64,
    /// How it came about.
    pub metadata: VersionMetadata,
}

/// How a version came about.
#[derive(Debug, Clone, Deserialize)]
pub struct VersionMetadata {
    /// When it was uploaded, as Cloudflare writes it.
    pub created_on: String,
}

impl Binding {
    /// Whether its value is a secret that nobody can read back.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind.as_str(), "secret_text" | "secret_key" | "secrets_store_secret")
    }

    /// Whether it gives the script a text: a secret or a readable variable.
    #[must_use]
    pub fn is_value(&self) -> bool {
        self.is_secret() || matches!(self.kind.as_str(), "plain_text" | "json")
    }
}

impl Settings {
    /// The binding of that name.
    #[must_use]
    pub fn binding(&self, name: &str) -> Option<&Binding> {
        self.bindings.iter().find(|binding| binding.name == name)
    }

    /// Whether the script gets a value under that name.
    #[must_use]
    pub fn has_value(&self, name: &str) -> bool {
        self.binding(name).is_some_and(Binding::is_value)
    }
}

#[derive(Deserialize)]
struct Versions {
    items: Vec<Version>,
}

#[derive(Deserialize)]
struct Deployments {
    deployments: Vec<DeploymentBody>,
}

#[derive(Deserialize)]
struct DeploymentBody {
    versions: Vec<Share>,
}

#[derive(Deserialize)]
struct Share {
    version_id: String,
    percentage: f64,
}

#[derive(Debug, Deserialize)]
struct Domain {
    hostname: String,
    service: String,
}

#[derive(Debug, Deserialize)]
struct Subdomain {
    subdomain: String,
}

#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    #[serde(default)]
    errors: Vec<ApiError>,
    result: Option<T>,
}

#[derive(Deserialize)]
struct ApiError {
    code: i64,
    message: String,
}

/// The permission that all these questions need.
const SCRIPTS_READ: &str = "Workers Scripts Read";

/// "Worker not found" (facts.md, C1).
const NO_SUCH_SCRIPT: i64 = 10007;

impl World {
    /// Cloudflare, where it is configured.
    #[must_use]
    pub fn cloudflare(&self) -> Option<Cloudflare<'_>> {
        self.config.cloudflare.as_ref().map(|config| Cloudflare { world: self, config })
    }
}

impl World {
    /// The host names that are known to lead to the Worker, one part for each place that names some.
    pub async fn webhook_hosts(&self) -> Vec<Answered<Vec<String>>> {
        let config = &self.config;
        let ours = [&config.webhook.url, &config.worker.url].into_iter().filter_map(Url::host_str).map(str::to_owned);
        let mut parts = vec![Ok(ours.chain(config.webhook.hosts.iter().cloned()).collect())];
        if let Some(cloudflare) = self.cloudflare() {
            parts.extend(cloudflare.hosts().await);
        }
        parts
    }
}

impl Cloudflare<'_> {
    /// The settings of a script; `None` where there is no such script.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn settings(self, script: &str) -> Result<Option<Seen<Settings>>, NoAnswer> {
        let script = script_name(script)?;
        let path = self.account()?.then("/workers/scripts/").id(&script).then("/settings");
        self.get(&path, SCRIPTS_READ).await
    }

    /// The names that the deployed script needs and does not have; `None` where there is no such script.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn missing_names(self) -> Result<Option<Seen<Vec<String>>>, NoAnswer> {
        let settings = self.settings(&self.config.deployed_script()).await?;
        Ok(settings.map(|Seen { value, answer }| {
            let missing = self.config.secrets.iter().filter(|name| !value.has_value(name)).cloned().collect();
            Seen { value: missing, answer }
        }))
    }

    /// The settings of the script that serves.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where there is no such script.
    pub async fn deployed_settings(self) -> Result<Seen<Settings>, NoAnswer> {
        let settings = self.settings(&self.config.deployed_script()).await?;
        settings.ok_or(NoAnswer::Because(Cause::WorkerNotDeployed))
    }

    /// Which versions of the script that serves there are, and which of them serve.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where there is no such script.
    pub async fn rollout(self) -> Result<Seen<Rollout>, NoAnswer> {
        let script = script_name(&self.config.deployed_script())?;
        let path = |what: &'static str| Ok(self.account()?.then("/workers/scripts/").id(&script).then(what));
        let (versions, deployments) = (path("/versions")?.query("deployable", true), path("/deployments")?);
        let (versions, deployments) = futures::join!(
            self.get::<Versions>(&versions, SCRIPTS_READ),
            self.get::<Deployments>(&deployments, SCRIPTS_READ)
        );
        let none = || NoAnswer::Because(Cause::WorkerNotDeployed);
        let (versions, deployments) = (versions?.ok_or_else(none)?, deployments?.ok_or_else(none)?);
        let newest = versions.value.items.into_iter().max_by_key(|version| version.number);
        let newest = newest.ok_or_else(|| NoAnswer::unknown("Cloudflare lists no version of the deployed script"))?;
        // The newest deployment comes first, and is the one that serves (facts.md, C1).
        let serving = deployments.value.deployments.into_iter().next().map_or_else(Vec::new, |active| active.versions);
        let serving = serving.into_iter().map(|share| (share.version_id, share.percentage)).collect();
        Ok(Seen { value: Rollout { newest, serving }, answer: deployments.answer })
    }

    /// The host names that lead to the deployed script: its custom domains, and its name below `workers.dev`.
    async fn hosts(self) -> [Answered<Vec<String>>; 2] {
        let script = self.config.deployed_script();
        let account = match self.account() {
            Ok(account) => account,
            Err(why) => return [Err(why.clone()), Err(why)],
        };
        let (domains, subdomain) = (account.clone().then("/workers/domains"), account.then("/workers/subdomain"));
        let (domains, subdomain) = futures::join!(
            self.get::<Vec<Domain>>(&domains, SCRIPTS_READ),
            self.get::<Subdomain>(&subdomain, SCRIPTS_READ)
        );
        let custom = domains.map(|seen| {
            let domains = seen.into_iter().flat_map(|seen| seen.value);
            domains.filter(|domain| domain.service == script).map(|domain| domain.hostname).collect()
        });
        let own = subdomain.map(|seen| {
            seen.into_iter().map(|seen| format!("{script}.{}.workers.dev", seen.value.subdomain)).collect()
        });
        [custom, own]
    }

    /// The path of the account that the script is in.
    fn account(self) -> Result<ApiPath, NoAnswer> {
        let account = configured(&self.config.account_id, CloudflareAccountId::parse)?;
        Ok(ApiPath::new("/accounts/").id(&account))
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        self,
        path: &ApiPath,
        permission: &str,
    ) -> Result<Option<Seen<T>>, NoAnswer> {
        let token = sound(&self.config.api_token)?;
        let base = &self.config.api_base;
        let url = path.at(base);
        let credential = Some(Credential::new(token, base));
        let asked = self.world.reads().get(Party::Cloudflare, url, HeaderMap::new(), credential).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        let Envelope { success, errors, result } = answer.json::<Envelope<T>>()?;
        match result.filter(|_| success && answer.is_success()) {
            Some(value) => Ok(Some(Seen { value, answer })),
            None if errors.iter().any(|error| error.code == NO_SUCH_SCRIPT) => Ok(None),
            None => Err(refused(&answer, &errors, permission)),
        }
    }
}

fn script_name(script: &str) -> Result<ScriptName, NoAnswer> {
    ScriptName::parse(script).map_err(|malformed| malformed.in_place("the Worker's configuration"))
}

fn refused(answer: &Arc<Answer>, errors: &[ApiError], permission: &str) -> NoAnswer {
    let said = errors.iter().take(3).map(|error| format!("{} ({})", answer.quote(&error.message), error.code));
    let said: Vec<String> = said.collect();
    let said = if said.is_empty() { "no reason".to_owned() } else { said.join("; ") };
    let hint = match answer.status {
        400 | 401 | 403 => {
            format!(". Is the token right, and does it have the permission \"{permission}\" for this account?")
        }
        _ => String::new(),
    };
    NoAnswer::Unknown(format!("Cloudflare answered {} to {}: {said}{hint}", answer.status, answer.request))
}

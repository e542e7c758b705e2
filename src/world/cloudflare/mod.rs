//! Cloudflare: what is on the deployed script.

mod bindings;

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::field::{Field, Items};
use super::id::{ApiPath, CloudflareAccountId, ScriptName, configured};
use super::seen::Seen;
use super::transport::{Answer, Credential, Party};
use super::{NoAnswer, World, sound};
use crate::config;
use crate::finding::{Answered, Cause};

pub use bindings::{BindingPart, BindingState, ComparedBindings};

/// Cloudflare's API for the configured account.
#[derive(Debug, Clone, Copy)]
pub struct Cloudflare<'w> {
    world: &'w World,
    config: &'w config::Cloudflare,
}

/// A script's settings (facts.md, C1).
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the script can use.
    pub bindings: Vec<Binding>,
    /// One for each binding that could not be read.
    pub unread: Vec<NoAnswer>,
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
    #[serde(default)]
    pub text: Field<String>,
    /// The namespace of a `kv_namespace`.
    #[serde(default)]
    pub namespace_id: Field<String>,
}

/// Which versions of a script there are, and which of them serve.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// The newest version's ID.
    pub newest: String,
    /// Its number and when it was uploaded, as far as Cloudflare says.
    pub described: String,
    /// The versions that serve, each with its share of the traffic in percent; none where nothing was ever deployed.
    pub serving: Vec<(String, f64)>,
}

impl Rollout {
    /// The newest version's share of the traffic in percent.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.serving.iter().find(|(id, _)| *id == self.newest).map_or(0.0, |(_, share)| *share)
    }
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
    /// The binding of that name; `None` where there is none.
    ///
    /// # Errors
    /// Where it may be one of those that could not be read.
    pub fn binding(&self, name: &str) -> Answered<Option<&Binding>> {
        match (self.bindings.iter().find(|binding| binding.name == name), self.unread.first()) {
            (None, Some(unread)) => Err(unread.clone()),
            (found, _) => Ok(found),
        }
    }

    /// Whether the script gets a value under that name.
    ///
    /// # Errors
    /// As [`Settings::binding`].
    pub fn has_value(&self, name: &str) -> Answered<bool> {
        Ok(self.binding(name)?.is_some_and(Binding::is_value))
    }
}

#[derive(Deserialize)]
struct SettingsBody {
    #[serde(default)]
    bindings: Field<Items<Binding>>,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    items: Field<Items<Version>>,
}

#[derive(Clone, Deserialize)]
struct Version {
    #[serde(default)]
    id: Field<String>,
    /// Counted from 1.
    #[serde(default)]
    number: Field<u64>,
    #[serde(default)]
    metadata: Field<VersionMetadata>,
}

#[derive(Clone, Deserialize)]
struct VersionMetadata {
    #[serde(default)]
    created_on: Field<String>,
}

impl Versions {
    /// The newest version. They are listed newest first (facts.md, C1), whether or not each of them tells its number.
    fn newest(self) -> Answered<Version> {
        let items = self.items.known("the list of the deployed script's versions")?.clone();
        if items.is_empty() {
            return Err(NoAnswer::unknown("Cloudflare lists no version of the deployed script"));
        }
        let later = items.readable().max_by_key(|version| version.number.value().copied()).cloned();
        let (first, unread) = items.split(|place| format!("version {place} of the deployed script"));
        match (first.into_iter().next(), unread.into_iter().next()) {
            // An unreadable one may be the newest.
            (_, Some(unread)) => Err(unread),
            (Some(first), None) => {
                Ok(later.filter(|later| later.number.value() > first.number.value()).unwrap_or(first))
            }
            (None, None) => Err(NoAnswer::unknown("Cloudflare lists no version of the deployed script")),
        }
    }
}

impl Version {
    fn described(&self) -> String {
        let number = self.number.value().map_or_else(String::new, |number| format!(" {number}"));
        let created = self.metadata.value().and_then(|metadata| metadata.created_on.value());
        created.map_or_else(|| format!("version{number}"), |created| format!("version{number} of {created}"))
    }
}

#[derive(Deserialize)]
struct Deployments {
    #[serde(default)]
    deployments: Field<Vec<Field<DeploymentBody>>>,
}

#[derive(Deserialize)]
struct DeploymentBody {
    #[serde(default)]
    versions: Field<Vec<Field<Share>>>,
}

#[derive(Deserialize)]
struct Share {
    version_id: String,
    percentage: f64,
}

impl Deployments {
    /// The versions that serve. The newest deployment comes first, and is the one that serves (facts.md, C1).
    fn serving(&self) -> Answered<Vec<(String, f64)>> {
        let Some(active) = self.deployments.known("the list of the deployed script's deployments")?.first() else {
            return Ok(Vec::new());
        };
        let shares = active.known("the newest deployment")?.versions.known("versions of the newest deployment")?;
        let share = |share: &Field<Share>| {
            share.known("a version of the newest deployment").map(|share| (share.version_id.clone(), share.percentage))
        };
        shares.iter().map(share).collect()
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Domain {
    hostname: String,
    service: String,
}

#[derive(Debug, Deserialize)]
struct Subdomain {
    subdomain: String,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct Envelope<T> {
    #[serde(default)]
    success: Field<bool>,
    #[serde(default)]
    errors: Field<Vec<ApiError>>,
    result: Option<T>,
}

#[derive(Deserialize)]
struct ApiError {
    #[serde(default)]
    code: Field<i64>,
    #[serde(default)]
    message: Field<String>,
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
    pub async fn settings(self, script: &str) -> Answered<Option<Seen<Settings>>> {
        let script = script_name(script)?;
        let path = self.account()?.then("/workers/scripts/").id(&script).then("/settings");
        let Some(Seen { value, answer }) = self.get::<SettingsBody>(&path, SCRIPTS_READ).await? else {
            return Ok(None);
        };
        let bindings = value.bindings.known(format_args!("bindings of {}", answer.request))?.clone();
        let (bindings, unread) = bindings.split(|place| format!("bindings[{place}] of {}", answer.request));
        Ok(Some(Seen { value: Settings { bindings, unread }, answer }))
    }

    /// The names that the deployed script needs and certainly does not have; `None` where there is no such script.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn missing_names(self) -> Answered<Option<Seen<Vec<String>>>> {
        let settings = self.settings(&self.config.deployed_script()).await?;
        Ok(settings.map(|Seen { value, answer }| {
            let is_missing = |name: &&String| value.has_value(name) == Ok(false);
            Seen { value: self.config.secrets.iter().filter(is_missing).cloned().collect(), answer }
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
        let (newest, serving) = (versions.value.newest()?, deployments.value.serving()?);
        let described = newest.described();
        let newest = newest.id.known(format_args!("the ID of the newest {described}"))?.clone();
        Ok(Seen { value: Rollout { newest, described, serving }, answer: deployments.answer })
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
            self.get::<Items<Domain>>(&domains, SCRIPTS_READ),
            self.get::<Subdomain>(&subdomain, SCRIPTS_READ)
        );
        let custom = domains.and_then(|seen| {
            let (domains, unread) = seen.map_or_else(Default::default, |Seen { value, answer }| {
                value.split(|place| format!("result[{place}] of {}", answer.request))
            });
            let ours = domains.into_iter().filter(|domain| domain.service == script).map(|domain| domain.hostname);
            unread.into_iter().next().map_or_else(|| Ok(ours.collect()), Err)
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
        let errors = errors.value().map_or(&[][..], Vec::as_slice);
        match result.filter(|_| !success.is(&false) && answer.is_success()) {
            Some(value) => Ok(Some(Seen { value, answer })),
            None if errors.iter().any(|error| error.code.is(&NO_SUCH_SCRIPT)) => Ok(None),
            None => Err(refused(&answer, errors, permission)),
        }
    }
}

fn script_name(script: &str) -> Result<ScriptName, NoAnswer> {
    ScriptName::parse(script).map_err(|malformed| malformed.in_place("the Worker's configuration"))
}

fn refused(answer: &Arc<Answer>, errors: &[ApiError], permission: &str) -> NoAnswer {
    let words = |error: &ApiError| {
        let code = error.code.value().map_or_else(String::new, |code| format!(" ({code})"));
        format!("{}{code}", error.message.text().map_or_else(|| "no message".to_owned(), |words| answer.quote(words)))
    };
    let said: Vec<String> = errors.iter().take(3).map(words).collect();
    let said = if said.is_empty() { "no reason".to_owned() } else { said.join("; ") };
    let hint = match answer.status {
        400 | 401 | 403 => {
            format!(". Is the token right, and does it have the permission \"{permission}\" for this account?")
        }
        _ => String::new(),
    };
    NoAnswer::Unknown(format!("Cloudflare answered {} to {}: {said}{hint}", answer.status, answer.request))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Deployments, Versions};

    fn newest(versions: &Value) -> Option<(String, String)> {
        let versions: Versions = serde_json::from_value(versions.clone()).unwrap();
        let newest = versions.newest().ok()?;
        Some((newest.id.text()?.to_owned(), newest.described()))
    }

    #[test]
    fn an_old_version_that_says_little_does_not_hide_the_newest() {
        let full = json!({ "id": "b", "number": 2, "metadata": { "created_on": "2026-11-20" } });
        for old in [json!({}), json!({ "id": "a" }), json!({ "number": 1, "metadata": null }), json!({ "metadata": 5 })]
        {
            let found = newest(&json!({ "items": [full, old] }));
            assert_eq!(found, Some(("b".to_owned(), "version 2 of 2026-11-20".to_owned())), "{old}");
        }
        assert_eq!(newest(&json!({ "items": [{ "id": "b" }] })), Some(("b".to_owned(), "version".to_owned())));
    }

    #[test]
    fn without_a_list_of_versions_the_newest_is_unknown() {
        for versions in [json!({}), json!({ "items": null }), json!({ "items": [] }), json!({ "items": [null] })] {
            assert_eq!(newest(&versions), None, "{versions}");
        }
    }

    #[test]
    fn a_deployment_without_versions_is_not_one_that_serves_nothing() {
        let serving = |body| serde_json::from_value::<Deployments>(body).unwrap().serving();
        assert_eq!(serving(json!({ "deployments": [] })), Ok(Vec::new()));
        let one = json!({ "deployments": [{ "versions": [{ "version_id": "a", "percentage": 100 }] }] });
        assert_eq!(serving(one), Ok(vec![("a".to_owned(), 100.0)]));
        for body in [json!({}), json!({ "deployments": [{}] }), json!({ "deployments": [{ "versions": [{}] }] })] {
            assert!(serving(body).is_err());
        }
    }
}

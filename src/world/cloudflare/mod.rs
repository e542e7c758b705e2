//! Cloudflare: the deployed script, its settings and its versions.

mod expected;
mod rollout;
mod settings;

use std::sync::Arc;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use url::Url;

use super::field::{Field, Items};
use super::id::{ApiPath, CloudflareAccountId, ScriptName, configured};
use super::seen::Seen;
use super::transport::{Answer, Credential, Party};
use super::{NoAnswer, World, usable};
use crate::config;
use crate::finding::{Answered, Cause};

pub use expected::ExpectedVariable;
pub use rollout::Rollout;
pub use settings::{Binding, ScriptSettings};

use settings::SettingsBody;

/// Cloudflare's API for the configured account.
#[derive(Debug, Clone, Copy)]
pub struct Cloudflare<'w> {
    world: &'w World,
    pub(super) config: &'w config::CloudflareConfig,
}

#[derive(Debug, Clone, Deserialize)]
struct CustomDomain {
    hostname: String,
    service: String,
}

#[derive(Debug, Deserialize)]
struct Subdomain {
    subdomain: String,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
struct ApiResponse<T> {
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

/// The token permission that every request here needs.
const SCRIPTS_READ: &str = "Workers Scripts Read";

/// "Worker not found" (docs/providers.md, "Cloudflare API").
const NO_SUCH_SCRIPT: i64 = 10007;

impl World {
    /// Cloudflare, if it is configured.
    #[must_use]
    pub fn cloudflare(&self) -> Option<Cloudflare<'_>> {
        self.config.cloudflare.as_ref().map(|config| Cloudflare { world: self, config })
    }
}

impl World {
    /// The host names that route to the Worker, one part for each source that lists some.
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
    /// The settings of a script; `None` if there is no such script.
    ///
    /// # Errors
    /// Unknown if Cloudflare does not say.
    pub async fn settings(self, script: &str) -> Answered<Option<Seen<ScriptSettings>>> {
        let script = script_name(script)?;
        let path = self.account()?.then("/workers/scripts/").id(&script).then("/settings");
        let Some(Seen { value, answer }) = self.get::<SettingsBody>(&path, SCRIPTS_READ).await? else {
            return Ok(None);
        };
        let (keeps_logs, compatibility_date) = (value.keeps_logs(), value.compatibility_date());
        let bindings = value.bindings.known(format_args!("bindings of {}", answer.request))?.clone();
        let (bindings, unread) = bindings.split(|place| format!("bindings[{place}] of {}", answer.request));
        Ok(Some(Seen { value: ScriptSettings { bindings, unread, keeps_logs, compatibility_date }, answer }))
    }

    /// The required names that are not set on the deployed script; `None` if there is no such script.
    ///
    /// # Errors
    /// Unknown if Cloudflare does not say.
    pub async fn missing_names(self) -> Answered<Option<Seen<Vec<String>>>> {
        let settings = self.settings(&self.config.deployed_script()).await?;
        Ok(settings.map(|Seen { value, answer }| {
            let is_missing = |name: &&String| value.has_value(name) == Ok(false);
            Seen { value: self.config.secrets.iter().filter(is_missing).cloned().collect(), answer }
        }))
    }

    /// The settings of the deployed script.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` if there is no such script.
    pub async fn deployed_settings(self) -> Result<Seen<ScriptSettings>, NoAnswer> {
        let settings = self.settings(&self.config.deployed_script()).await?;
        settings.ok_or(NoAnswer::Because(Cause::WorkerNotDeployed))
    }

    /// The host names that route to the deployed script: its custom domains and its `workers.dev` name.
    async fn hosts(self) -> [Answered<Vec<String>>; 2] {
        let script = self.config.deployed_script();
        let account = match self.account() {
            Ok(account) => account,
            Err(why) => return [Err(why.clone()), Err(why)],
        };
        let (domains, subdomain) = (account.clone().then("/workers/domains"), account.then("/workers/subdomain"));
        let (domains, subdomain) = futures::join!(
            self.get::<Items<CustomDomain>>(&domains, SCRIPTS_READ),
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

    /// The API path of the account.
    pub(super) fn account(self) -> Result<ApiPath, NoAnswer> {
        let account = configured(&self.config.account_id, CloudflareAccountId::parse)?;
        Ok(ApiPath::new("/accounts/").id(&account))
    }

    async fn get<T: for<'de> Deserialize<'de>>(
        self,
        path: &ApiPath,
        permission: &str,
    ) -> Result<Option<Seen<T>>, NoAnswer> {
        let token = usable(&self.config.api_token)?;
        let base = &self.config.api_base;
        let url = path.at(base);
        let credential = Some(Credential::new(token, base));
        let asked = self.world.reads().get(Party::Cloudflare, url, HeaderMap::new(), credential).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        let ApiResponse { success, errors, result } = answer.json::<ApiResponse<T>>()?;
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
            format!(". Check that the API token is correct and has the permission \"{permission}\" for this account")
        }
        _ => String::new(),
    };
    NoAnswer::Unknown(format!("Cloudflare answered {} to {}: {said}{hint}", answer.status, answer.request))
}

//! The document's part `cloudflare`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use toml::Table;

use super::super::Error;
use super::super::recorded::Recorded;

/// What Cloudflare holds when the sandbox starts.
///
/// Each object has the fields that differ from the recorded one, in Cloudflare's own shape.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloudflareSettings {
    pub(super) account_id: String,
    /// The account's name under `workers.dev`.
    pub(super) subdomain: String,
    /// The script that answers at the Worker's address.
    pub(super) serves: String,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) scripts: BTreeMap<String, ScriptSettings>,
    /// The project's Wrangler file: what you intend to deploy.
    wrangler: Table,
    /// Whether a script's settings come without its bindings.
    pub(super) omits_bindings: bool,
    /// The custom domains.
    pub(super) domains: Vec<Value>,
}

/// An API token.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Token {
    pub(super) value: String,
    pub(super) permissions: BTreeSet<String>,
    /// Whether it belongs to the account, not to a user.
    #[serde(default)]
    pub(super) owned_by_account: bool,
}

/// A script, and what the API says about it at its other paths.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScriptSettings {
    pub(super) created_on: Value,
    /// The bindings by name, without their values.
    pub(super) bindings: BTreeMap<String, Value>,
    /// What else its settings say.
    #[serde(default = "nothing")]
    pub(super) settings: Value,
    pub(super) versions: BTreeMap<String, Value>,
    /// The one deployment.
    pub(super) deployment: Value,
    /// Whether it answers under `workers.dev`.
    pub(super) subdomain: Value,
}

fn nothing() -> Value {
    Value::Object(serde_json::Map::new())
}

impl CloudflareSettings {
    pub(in super::super) const fn wrangler(&self) -> &Table {
        &self.wrangler
    }

    /// The secrets and variables of the script that serves, out of `values`.
    pub(in super::super) fn deployed(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        self.scripts.get(&self.serves).map(|script| script.set_values(values)).unwrap_or_default()
    }

    /// The same with complete domains.
    pub(super) fn completed(mut self, recorded: &Recorded) -> Result<Self, Error> {
        for domain in &mut self.domains {
            *domain = recorded.complete("domain", domain)?;
        }
        Ok(self)
    }
}

impl ScriptSettings {
    /// Those of the values that are set on the script.
    pub(super) fn set_values(&self, values: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let is_set = |name: &String| self.bindings.contains_key(name);
        values.iter().filter(|(name, _)| is_set(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

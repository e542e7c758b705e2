//! The settings of a script: what it is bound to.

use jiff::civil::Date;
use serde::Deserialize;

use crate::finding::{Answered, NoAnswer};
use crate::world::field::{Field, Items};

/// A script's settings (docs/providers.md, "Cloudflare API").
#[derive(Debug, Clone)]
pub struct ScriptSettings {
    /// Its bindings.
    pub bindings: Vec<Binding>,
    /// A reason for each binding that could not be read.
    pub unread: Vec<NoAnswer>,
    /// Whether logs are kept, if Cloudflare says so.
    pub keeps_logs: Option<bool>,
    /// The day whose runtime behavior the script wants, if Cloudflare says so.
    pub compatibility_date: Option<Date>,
}

/// A secret, variable or resource that the script can use by name.
#[derive(Debug, Clone, Deserialize)]
pub struct Binding {
    /// `secret_text`, `plain_text`, `kv_namespace`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The name that the script uses.
    pub name: String,
    /// The value of a `plain_text`, which everyone with access to the account can read.
    #[serde(default)]
    pub text: Field<String>,
    /// The namespace of a `kv_namespace`.
    #[serde(default)]
    pub namespace_id: Field<String>,
}

impl Binding {
    /// Whether its value is a secret, which cannot be read back.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self.kind.as_str(), "secret_text" | "secret_key" | "secrets_store_secret")
    }

    /// Whether it is a secret or a readable variable.
    #[must_use]
    pub fn is_value(&self) -> bool {
        self.is_secret() || matches!(self.kind.as_str(), "plain_text" | "json")
    }
}

impl ScriptSettings {
    /// The binding with this name; `None` if there is none.
    ///
    /// # Errors
    /// Unknown if it may be one of those that could not be read.
    pub fn binding(&self, name: &str) -> Answered<Option<&Binding>> {
        match (self.bindings.iter().find(|binding| binding.name == name), self.unread.first()) {
            (None, Some(unread)) => Err(unread.clone()),
            (found, _) => Ok(found),
        }
    }

    /// Whether a secret or variable with this name is set.
    ///
    /// # Errors
    /// As [`ScriptSettings::binding`].
    pub fn has_value(&self, name: &str) -> Answered<bool> {
        Ok(self.binding(name)?.is_some_and(Binding::is_value))
    }
}

#[derive(Deserialize)]
pub(super) struct SettingsBody {
    #[serde(default)]
    pub bindings: Field<Items<Binding>>,
    #[serde(default)]
    observability: Field<Observability>,
    #[serde(default)]
    compatibility_date: Field<String>,
}

#[derive(Deserialize)]
struct Observability {
    #[serde(default)]
    enabled: Field<bool>,
}

impl SettingsBody {
    /// Whether logs are kept. What it means if Cloudflare leaves this out is not documented.
    pub fn keeps_logs(&self) -> Option<bool> {
        self.observability.value()?.enabled.value().copied()
    }

    pub fn compatibility_date(&self) -> Option<Date> {
        self.compatibility_date.text()?.parse().ok()
    }
}

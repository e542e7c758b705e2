//! A script as it is now: its bindings, its versions, and which of them serve.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::Error;
use super::super::recorded::{Recorded, rfc3339};
use super::error::CloudflareError;
use super::settings::ScriptSettings;

/// The bindings of a script by name, as the API shows them: without the values of secrets.
pub(super) type Bindings = BTreeMap<String, Value>;

/// A script as it is now.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) created_on: Value,
    pub(super) bindings: Bindings,
    /// What else its settings say.
    pub(super) settings: Value,
    /// The values of its secrets and variables.
    pub(super) values: BTreeMap<String, String>,
    /// Newest first.
    pub(super) versions: Vec<Version>,
    /// Newest first. The newest one serves.
    pub(super) deployments: Vec<Value>,
    pub(super) subdomain: Value,
}

/// A version with the bindings that it was made with.
#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) body: Value,
    pub(super) bindings: Bindings,
}

impl Script {
    /// The document's script with complete objects, and the values out of `values`.
    pub(super) fn of(
        settings: &ScriptSettings,
        recorded: &Recorded,
        values: &BTreeMap<String, String>,
    ) -> Result<Self, Error> {
        let mut bindings = settings.bindings.clone();
        for (name, binding) in &mut bindings {
            binding["name"] = name.as_str().into();
            let field = match binding["type"].as_str() {
                Some("plain_text") => "text",
                Some("json") => "json",
                _ => continue,
            };
            binding[field] = values.get(name).map_or("", String::as_str).into();
        }
        let complete = |fields: &Value| {
            let body = recorded.complete("version", fields)?;
            Ok(Version { body, bindings: bindings.clone() })
        };
        let mut versions = settings.versions.values().map(complete).collect::<Result<Vec<_>, Error>>()?;
        versions.sort_by_key(|version| std::cmp::Reverse(version.body["number"].as_u64()));
        Ok(Self {
            created_on: settings.created_on.clone(),
            settings: settings.settings.clone(),
            values: settings.set_values(values),
            bindings,
            versions,
            deployments: vec![recorded.complete("deployment", &settings.deployment)?],
            subdomain: recorded.complete("subdomain", &settings.subdomain)?,
        })
    }

    /// Whether the newest version serves every request.
    pub(super) fn serves_newest_version(&self) -> bool {
        let serving = self.deployments.first().map(|deployment| &deployment["versions"]);
        let newest = self.versions.first().map(|version| &version.body["id"]);
        serving.is_some_and(|serving| {
            serving.as_array().is_some_and(|serving| serving.len() == 1) && Some(&serving[0]["version_id"]) == newest
        })
    }

    /// Makes a version of the current bindings and deploys it, as every change to a secret does.
    pub(super) fn deploy_bindings(&mut self, recorded: &Recorded) -> Result<(), CloudflareError> {
        let now = rfc3339(Timestamp::now().as_second());
        let annotations = json!({ "workers/triggered_by": "secret" });
        let number = self.versions.first().and_then(|version| version.body["number"].as_u64()).unwrap_or_default() + 1;
        let id = format!("11111111-0000-4000-8000-{number:012}");
        let metadata = json!({ "created_on": now, "modified_on": now, "source": "api" });
        let version = json!({ "id": id, "number": number, "metadata": metadata, "annotations": annotations });
        let deployment = json!({
            "id": format!("dddddddd-0000-4000-8000-{:012}", self.deployments.len() + 1),
            "source": "api",
            "annotations": annotations,
            "created_on": now,
            "versions": [{ "version_id": id, "percentage": 100 }],
        });
        let body = recorded.complete("version", &version)?;
        self.versions.insert(0, Version { body, bindings: self.bindings.clone() });
        self.deployments.insert(0, recorded.complete("deployment", &deployment)?);
        Ok(())
    }
}

//! Which version of a script serves traffic.

use serde::Deserialize;

use super::{Cloudflare, SCRIPTS_READ, script_name};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::Seen;
use crate::world::field::{Field, Items};

/// The newest version of a script, and the versions that serve traffic.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// The newest version's ID.
    pub newest: String,
    /// Its number and upload time, if Cloudflare says: `version 7 of 2026-11-20`.
    pub described: String,
    /// Each version that serves, with its share of the traffic in percent. Empty if nothing was ever deployed.
    pub serving: Vec<(String, f64)>,
}

impl Rollout {
    /// The newest version's share of the traffic in percent.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.serving.iter().find(|(id, _)| *id == self.newest).map_or(0.0, |(_, share)| *share)
    }
}

impl Cloudflare<'_> {
    /// The deployed script's newest version, and the versions that serve.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` if there is no such script.
    pub async fn rollout(self) -> Answered<Seen<Rollout>> {
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
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    items: Field<Items<UploadedVersion>>,
}

#[derive(Clone, Deserialize)]
struct UploadedVersion {
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
    /// The newest version. Cloudflare lists the newest first (docs/providers.md, "Cloudflare API"), but not every version
    /// has a number.
    fn newest(self) -> Answered<UploadedVersion> {
        let items = self.items.known("the list of the deployed script's versions")?.clone();
        if items.is_empty() {
            return Err(NoAnswer::unknown("Cloudflare lists no version of the deployed script"));
        }
        let later = items.readable().max_by_key(|version| version.number.value().copied()).cloned();
        let (first, unread) = items.split(|place| format!("version {place} of the deployed script"));
        match (first.into_iter().next(), unread.into_iter().next()) {
            // An unreadable version may be the newest.
            (_, Some(unread)) => Err(unread),
            (Some(first), None) => {
                Ok(later.filter(|later| later.number.value() > first.number.value()).unwrap_or(first))
            }
            (None, None) => Err(NoAnswer::unknown("Cloudflare lists no version of the deployed script")),
        }
    }
}

impl UploadedVersion {
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
    versions: Field<Vec<Field<TrafficShare>>>,
}

#[derive(Deserialize)]
struct TrafficShare {
    version_id: String,
    percentage: f64,
}

impl Deployments {
    /// The versions that serve. The newest deployment is listed first and is the active one (docs/providers.md,
    /// "Cloudflare API").
    fn serving(&self) -> Answered<Vec<(String, f64)>> {
        let Some(active) = self.deployments.known("the list of the deployed script's deployments")?.first() else {
            return Ok(Vec::new());
        };
        let shares = active.known("the newest deployment")?.versions.known("versions of the newest deployment")?;
        let share = |share: &Field<TrafficShare>| {
            share.known("a version of the newest deployment").map(|share| (share.version_id.clone(), share.percentage))
        };
        shares.iter().map(share).collect()
    }
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

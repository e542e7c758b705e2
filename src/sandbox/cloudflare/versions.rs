//! The versions of a script, and which of them serve.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Cloudflare, CloudflareError, CloudflareResult, Script, Version, success};

/// The one deployment that every script has.
const DEPLOYMENT: &str = "dddddddd-0000-4000-8000-000000000001";

/// Which versions are asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Only those that can be deployed, which are all here. Pages are ignored then.
    deployable: bool,
    page: Option<usize>,
    per_page: Option<usize>,
}

impl Script {
    fn newest_first(&self) -> Vec<&Version> {
        let mut versions: Vec<&Version> = self.versions.values().collect();
        versions.sort_by_key(|version| std::cmp::Reverse(version.number));
        versions
    }
}

impl Cloudflare {
    fn deployment(&self, script: &Script) -> Value {
        let newest_first = script.newest_first();
        let serving = newest_first.iter().filter(|version| version.percentage > 0);
        let created_on = serving.clone().map(|version| version.age.date_before(self.now)).next();
        let versions = serving.map(|version| json!({ "version_id": version.id, "percentage": version.percentage }));
        json!({
            "id": DEPLOYMENT,
            "source": "wrangler",
            "strategy": "percentage",
            "author_email": "deploy@acme.com",
            "annotations": { "workers/triggered_by": "deployment" },
            "created_on": created_on,
            "versions": versions.collect::<Value>(),
        })
    }

    fn version(&self, version: &Version) -> Value {
        let created_on = version.age.date_before(self.now);
        json!({
            "id": version.id,
            "number": version.number,
            "metadata": {
                "created_on": created_on,
                "modified_on": created_on,
                "source": "wrangler",
                "author_email": "deploy@acme.com",
                "hasPreview": true,
            },
            "annotations": { "workers/triggered_by": "version_upload" },
        })
    }
}

pub(super) async fn deployments(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    success(&json!({ "deployments": [cloudflare.deployment(script)] }))
}

pub(super) async fn deployment(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, id)): Path<(String, String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    if id != DEPLOYMENT {
        return Err(CloudflareError::new(
            StatusCode::NOT_FOUND,
            10007,
            "This deployment does not exist on your Worker.",
        ));
    }
    success(&cloudflare.deployment(script))
}

/// A page beyond the last is empty: a client that turns pages until one is would never come to an end otherwise.
pub(super) async fn versions(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> CloudflareResult {
    let all = cloudflare.script(&script)?.newest_first();
    let (page, length) = match &wanted {
        Wanted { deployable: true, .. } => (1, all.len().max(1)),
        Wanted { page, per_page, .. } => (page.unwrap_or(1).max(1), per_page.unwrap_or(all.len()).max(1)),
    };
    let shown = all.into_iter().skip((page - 1).saturating_mul(length)).take(length);
    success(&json!({ "items": shown.map(|version| cloudflare.version(version)).collect::<Value>() }))
}

pub(super) async fn version(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, id)): Path<(String, String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    let missing = || CloudflareError::new(StatusCode::NOT_FOUND, 10007, "This version does not exist on your Worker.");
    let mut version =
        cloudflare.version(script.versions.values().find(|version| version.id == id).ok_or_else(missing)?);
    version["resources"] = json!({
        "bindings": cloudflare.bindings_of(script),
        "script": { "etag": "5a2db0f1", "handlers": ["fetch"], "last_deployed_from": "wrangler" },
        "script_runtime": {
            "compatibility_date": "2026-07-01", "compatibility_flags": ["nodejs_compat"], "usage_model": "standard",
        },
    });
    success(&version)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SCRIPTS, ask};

    #[tokio::test]
    async fn the_newest_version_is_first_and_need_not_be_deployed() {
        let (_, versions) =
            ask(&["version-not-deployed"], &format!("{SCRIPTS}/pan-api/versions?deployable=true")).await;
        let (_, deployments) = ask(&["version-not-deployed"], &format!("{SCRIPTS}/pan-api/deployments")).await;
        assert_eq!(versions["result"]["items"][0]["number"], 2);
        let serving = &deployments["result"]["deployments"][0]["versions"];
        assert_eq!((serving.as_array().unwrap().len(), &serving[0]["percentage"]), (1, &100.into()));
        assert_ne!(serving[0]["version_id"], versions["result"]["items"][0]["id"]);
    }

    #[tokio::test]
    async fn a_page_beyond_the_last_is_empty() {
        let items = async |page: &str| {
            let (_, answer) = ask(&[], &format!("{SCRIPTS}/pan-api/versions?{page}")).await;
            answer["result"]["items"].as_array().unwrap().len()
        };
        assert!(items("page=1").await > 0);
        assert_eq!(items("page=2").await, 0);
        assert_eq!(items("page=2&deployable=true").await, items("page=1").await, "pages are ignored");
    }

    #[tokio::test]
    async fn a_version_shows_what_is_bound_to_it() {
        let (_, versions) = ask(&[], &format!("{SCRIPTS}/pan-api/versions")).await;
        let id = versions["result"]["items"][0]["id"].as_str().unwrap();
        let (_, version) = ask(&[], &format!("{SCRIPTS}/pan-api/versions/{id}")).await;
        assert_eq!(version["result"]["id"], id);
        assert!(version["result"]["resources"]["bindings"].as_array().is_some_and(|bindings| !bindings.is_empty()));
        assert_eq!(ask(&[], &format!("{SCRIPTS}/pan-api/versions/other")).await.0, 404);
    }
}

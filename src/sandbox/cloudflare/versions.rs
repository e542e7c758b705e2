//! The versions of a script, and which of them serve.

use std::sync::Arc;

use axum::extract::{Path, Query, State as Shared};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cloudflare;
use super::error::{CloudflareError, CloudflareResult, success};

/// The parameters of a list of versions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Only those that can be deployed: here, all of them. Cloudflare ignores pages then.
    deployable: bool,
    page: Option<usize>,
    per_page: Option<usize>,
}

pub(super) async fn deployments(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    success(&json!({ "deployments": cloudflare.script(&script)?.deployments }))
}

pub(super) async fn deployment(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, id)): Path<(String, String, String)>,
) -> CloudflareResult {
    let missing = || CloudflareError::missing("This deployment does not exist on your Worker.");
    let deployments = cloudflare.script(&script)?.deployments;
    success(deployments.iter().find(|deployment| deployment["id"] == id).ok_or_else(missing)?)
}

/// A page after the last is empty. Otherwise, a client that reads pages until one is empty would never stop.
pub(super) async fn versions(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> CloudflareResult {
    let all = cloudflare.script(&script)?.versions;
    let (page, length) = match &wanted {
        Wanted { deployable: true, .. } => (1, all.len().max(1)),
        Wanted { page, per_page, .. } => (page.unwrap_or(1).max(1), per_page.unwrap_or(all.len()).max(1)),
    };
    let page = all.into_iter().skip((page - 1).saturating_mul(length)).take(length);
    let items: Vec<Value> = page.map(|version| version.body).collect();
    success(&json!({ "items": items }))
}

pub(super) async fn version(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, id)): Path<(String, String, String)>,
) -> CloudflareResult {
    let missing = || CloudflareError::missing("This version does not exist on your Worker.");
    let mut versions = cloudflare.script(&script)?.versions.into_iter();
    let mut version = versions.find(|version| version.body["id"] == id).ok_or_else(missing)?;
    let bindings: Value = version.bindings.into_values().collect();
    version.body["resources"] = cloudflare.recorded.complete("resources", &json!({ "bindings": bindings }))?;
    success(&version.body)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SCRIPTS, ask};

    #[tokio::test]
    async fn the_newest_version_comes_first_even_if_it_is_not_deployed() {
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

//! A script's secrets: what `wrangler secret list`, `put` and `delete` request.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cloudflare;
use super::error::{CloudflareError, CloudflareResult, success};
use super::script::Script;

/// A secret to create or replace.
#[derive(Debug, Deserialize)]
struct Secret {
    name: String,
    text: String,
    #[serde(rename = "type")]
    kind: String,
}

/// Lists the secrets, without their values.
pub(super) async fn list(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let bindings = cloudflare.script(&script)?.bindings.into_values();
    success(&bindings.filter(is_secret).collect())
}

/// One secret, without its value.
pub(super) async fn get(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, name)): Path<(String, String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    success(script.bindings.get(&name).filter(|binding| is_secret(binding)).ok_or_else(|| not_found(&name))?)
}

/// Creates or replaces a secret, and deploys it at once.
pub(super) async fn put(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
    body: Bytes,
) -> CloudflareResult {
    let malformed = |error: serde_json::Error| bad(10026, format!("Could not parse the request body: {error}"));
    let secret: Secret = serde_json::from_slice(&body).map_err(malformed)?;
    if secret.kind != "secret_text" || secret.name.is_empty() {
        return Err(bad(10021, "A secret needs a name and the type secret_text.".to_owned()));
    }
    let binding = json!({ "name": secret.name, "type": secret.kind });
    let is_new = change(&cloudflare, &script, |script| {
        let existing = script.bindings.get(&secret.name);
        // Cloudflare does not turn a variable or a namespace into a secret.
        if existing.is_some_and(|existing| !is_secret(existing)) {
            let message =
                format!("Binding name '{}' already in use. Please use a different name and try again.", secret.name);
            return Err(bad(10053, message));
        }
        let is_new = existing.is_none();
        script.bindings.insert(secret.name.clone(), binding.clone());
        script.values.insert(secret.name, secret.text);
        Ok(is_new)
    })?;
    cloudflare.effects.record(if is_new { "cloudflare.secret.created" } else { "cloudflare.secret.updated" });
    success(&binding)
}

/// Deletes a secret, and deploys the script without it at once.
pub(super) async fn delete(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script, name)): Path<(String, String, String)>,
) -> CloudflareResult {
    change(&cloudflare, &script, |script| {
        script.bindings.get(&name).filter(|binding| is_secret(binding)).ok_or_else(|| not_found(&name))?;
        script.bindings.remove(&name);
        script.values.remove(&name);
        Ok(())
    })?;
    cloudflare.effects.record("cloudflare.secret.deleted");
    success(&Value::Null)
}

/// Changes the bindings of a script whose newest version is deployed, and deploys the change.
fn change<T>(
    cloudflare: &Cloudflare,
    name: &str,
    change: impl FnOnce(&mut Script) -> Result<T, CloudflareError>,
) -> Result<T, CloudflareError> {
    // Locked until the change is deployed: two changes at once are two versions.
    let mut scripts = cloudflare.scripts();
    let script = scripts.get_mut(name).ok_or_else(CloudflareError::missing_script)?;
    if !script.serves_newest_version() {
        let message = "Secret edit failed. You attempted to modify a secret, but the latest version of your Worker \
                       isn't currently deployed.";
        return Err(bad(10215, message.to_owned()));
    }
    let mut changed = script.clone();
    let result = change(&mut changed)?;
    changed.deploy_bindings(&cloudflare.recorded)?;
    *script = changed;
    if cloudflare.settings.serves == name {
        cloudflare.deployment.replace(script.values.clone());
    }
    Ok(result)
}

fn is_secret(binding: &Value) -> bool {
    binding["type"] == "secret_text"
}

fn bad(code: u32, message: String) -> CloudflareError {
    CloudflareError::new(StatusCode::BAD_REQUEST, code, message)
}

fn not_found(name: &str) -> CloudflareError {
    CloudflareError::new(StatusCode::NOT_FOUND, 10056, format!("Binding '{name}' not found."))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Account, SCRIPTS};
    use super::*;

    const PRICE: &str = "STRIPE_PRICE_ID_PRO";

    async fn put(account: &Account, name: &str, text: &str) -> (u16, Value) {
        let body = json!({ "name": name, "text": text, "type": "secret_text" });
        account.send("PUT", &format!("{SCRIPTS}/pan-api/secrets"), &body.to_string()).await
    }

    #[tokio::test]
    async fn a_new_value_is_not_shown_but_the_worker_has_it() {
        let account = Account::of(&[]);
        let (status, answer) = put(&account, PRICE, "price_other").await;
        assert_eq!((status, &answer["result"]), (200, &json!({ "name": PRICE, "type": "secret_text" })));
        assert_eq!(account.deployment.current()[PRICE], "price_other");
        assert_eq!(account.effects.counts()["cloudflare.secret.updated"], 1);
    }

    #[tokio::test]
    async fn a_new_secret_is_listed() {
        let account = Account::of(&["secret-not-set"]);
        put(&account, "STRIPE_WEBHOOK_SECRET", "whsec_1").await;
        let (status, _) = account.get(&format!("{SCRIPTS}/pan-api/secrets/STRIPE_WEBHOOK_SECRET")).await;
        assert_eq!((status, account.effects.counts()["cloudflare.secret.created"]), (200, 1));
    }

    #[tokio::test]
    async fn a_change_is_a_new_version_that_serves() {
        let account = Account::of(&[]);
        put(&account, PRICE, "price_other").await;
        let (_, versions) = account.get(&format!("{SCRIPTS}/pan-api/versions")).await;
        let (_, deployments) = account.get(&format!("{SCRIPTS}/pan-api/deployments")).await;
        let newest = &versions["result"]["items"][0];
        assert_eq!((&newest["number"], &newest["annotations"]["workers/triggered_by"]), (&2.into(), &"secret".into()));
        let serving = &deployments["result"]["deployments"];
        assert_eq!((serving.as_array().unwrap().len(), &serving[0]["versions"][0]["version_id"]), (2, &newest["id"]));
    }

    #[tokio::test]
    async fn an_older_version_keeps_its_bindings() {
        let account = Account::of(&["secret-not-set"]);
        put(&account, "STRIPE_WEBHOOK_SECRET", "whsec_1").await;
        let (_, versions) = account.get(&format!("{SCRIPTS}/pan-api/versions")).await;
        let mut bound = Vec::new();
        for version in versions["result"]["items"].as_array().unwrap() {
            let id = version["id"].as_str().unwrap();
            let (_, version) = account.get(&format!("{SCRIPTS}/pan-api/versions/{id}")).await;
            let bindings = version["result"]["resources"]["bindings"].as_array().unwrap().clone();
            bound.push(bindings.iter().any(|binding| binding["name"] == "STRIPE_WEBHOOK_SECRET"));
        }
        assert_eq!(bound, [true, false]);
    }

    #[tokio::test]
    async fn a_deleted_secret_is_gone() {
        let account = Account::of(&[]);
        let path = format!("{SCRIPTS}/pan-api/secrets/{PRICE}");
        assert_eq!(account.send("DELETE", &path, "").await.0, 200);
        assert!(!account.deployment.current().contains_key(PRICE));
        let (status, answer) = account.send("DELETE", &path, "").await;
        assert_eq!((status, &answer["errors"][0]["code"]), (404, &10056.into()));
    }

    #[tokio::test]
    async fn a_variable_does_not_become_a_secret() {
        let (_, answer) = put(&Account::of(&[]), "CLERK_PUBLISHABLE_KEY", "pk_live_1").await;
        assert_eq!(answer["errors"][0]["code"], 10053);
    }

    #[tokio::test]
    async fn a_secret_cannot_be_changed_while_another_version_serves() {
        let (status, answer) = put(&Account::of(&["version-not-deployed"]), PRICE, "price_other").await;
        assert_eq!((status, &answer["errors"][0]["code"]), (400, &10215.into()));
    }

    #[tokio::test]
    async fn a_token_that_can_only_read_cannot_change_a_secret() {
        let account = Account::of(&["healthy-restricted-key"]);
        assert_eq!(account.get(&format!("{SCRIPTS}/pan-api/secrets")).await.0, 200);
        assert_eq!(put(&account, PRICE, "price_other").await.1["errors"][0]["code"], 10000);
    }

    #[tokio::test]
    async fn another_script_does_not_change_the_worker() {
        let account = Account::of(&["secret-other-environment"]);
        put(&account, "STRIPE_WEBHOOK_SECRET", "whsec_1").await;
        assert!(!account.deployment.current().contains_key("STRIPE_WEBHOOK_SECRET"));
    }
}

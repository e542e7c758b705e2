//! Cloudflare's API: what it tells of the scripts on the account.

mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use toml::Table;

use super::age::Age;

/// The document's part `cloudflare`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    account_id: String,
    /// The account's name under `workers.dev`.
    subdomain: String,
    /// The script that answers under the Worker's name.
    serves: String,
    tokens: BTreeMap<String, Token>,
    scripts: BTreeMap<String, Script>,
    /// The project's Wrangler file: what is meant to be on the script.
    wrangler: Table,
    /// Whether a script's settings come without its bindings.
    #[serde(default)]
    omits_bindings: bool,
    /// Custom domains: host name to script.
    #[serde(default)]
    domains: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Token {
    value: String,
    #[serde(default)]
    permissions: BTreeSet<String>,
    #[serde(default = "active")]
    status: String,
    /// Whether the account owns it, and not a user.
    #[serde(default)]
    owned_by_account: bool,
}

fn active() -> String {
    "active".to_owned()
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Script {
    age: Age,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    vars: BTreeMap<String, String>,
    /// Binding to namespace.
    #[serde(default)]
    kv: BTreeMap<String, String>,
    versions: BTreeMap<String, Version>,
    /// Whether it answers under `workers.dev`.
    #[serde(default = "yes")]
    workers_dev: bool,
}

const fn yes() -> bool {
    true
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Version {
    id: String,
    number: u64,
    age: Age,
    /// Its share of the traffic.
    percentage: u8,
}

impl State {
    pub(super) const fn wrangler(&self) -> &Table {
        &self.wrangler
    }

    /// What the serving script has of all that was put somewhere: the Worker's environment.
    pub(super) fn deployed(&self, bindings: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let Some(script) = self.scripts.get(&self.serves) else { return BTreeMap::new() };
        let is_there = |name: &String| script.secrets.contains_key(name) || script.vars.contains_key(name);
        bindings.iter().filter(|(name, _)| is_there(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

struct Cloudflare {
    state: State,
    bindings: BTreeMap<String, String>,
    now: Timestamp,
}

/// Cloudflare's API, with the values of what was put on scripts.
pub(super) fn router(state: State, bindings: BTreeMap<String, String>) -> Router {
    let cloudflare = Arc::new(Cloudflare { state, bindings, now: Timestamp::now() });
    let account = Router::new()
        .route("/tokens/verify", get(verify_account_token))
        .route("/workers/scripts", get(scripts))
        .route("/workers/scripts/{script}/secrets", get(secrets))
        .route("/workers/scripts/{script}/settings", get(settings))
        .route("/workers/scripts/{script}/deployments", get(versions::deployments))
        .route("/workers/scripts/{script}/deployments/{deployment}", get(versions::deployment))
        .route("/workers/scripts/{script}/versions", get(versions::versions))
        .route("/workers/scripts/{script}/versions/{version}", get(versions::version))
        .route("/workers/scripts/{script}/subdomain", get(script_subdomain))
        .route("/workers/subdomain", get(subdomain))
        .route("/workers/domains", get(domains));
    Router::new()
        .route("/client/v4/user/tokens/verify", get(verify_user_token))
        .nest("/client/v4/accounts/{account}", account)
        .fallback(|| async {
            CloudflareError::new(
                StatusCode::NOT_FOUND,
                7003,
                "Could not route to the path, perhaps your object identifier is invalid?",
            )
        })
        .method_not_allowed_fallback(|| async {
            let message = "Method not allowed for this authentication scheme";
            CloudflareError::new(StatusCode::METHOD_NOT_ALLOWED, 10405, message)
        })
        .layer(from_fn_with_state(Arc::clone(&cloudflare), authenticate))
        .with_state(cloudflare)
}

/// An answer that is none.
struct CloudflareError {
    status: StatusCode,
    code: u32,
    message: String,
}

impl CloudflareError {
    fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn authentication() -> Self {
        Self::new(StatusCode::FORBIDDEN, 10000, "Authentication error")
    }
}

impl IntoResponse for CloudflareError {
    fn into_response(self) -> Response {
        let errors = json!([{ "code": self.code, "message": self.message }]);
        let body = json!({ "success": false, "errors": errors, "messages": [], "result": null });
        (self.status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
    }
}

type CloudflareResult = Result<Response, CloudflareError>;

#[expect(clippy::unnecessary_wraps, reason = "the last word of handlers, all of which may refuse")]
fn success(result: &Value) -> CloudflareResult {
    let body = json!({ "success": true, "errors": [], "messages": [], "result": result });
    Ok(([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response())
}

/// Who may enter, and the headers that are on every answer.
async fn authenticate(Shared(cloudflare): Shared<Arc<Cloudflare>>, mut request: Request, next: Next) -> Response {
    let mut response = match cloudflare.token(request.headers(), request.uri().path()) {
        Ok(token) => {
            request.extensions_mut().insert(token);
            next.run(request).await
        }
        Err(error) => error.into_response(),
    };
    for (name, value) in [("ratelimit", r#""default";r=1199;t=300"#), ("ratelimit-policy", r#""default";q=1200;w=300"#)]
    {
        response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

impl Cloudflare {
    /// The token of a request, if it opens the path that is asked for.
    fn token(&self, headers: &HeaderMap, path: &str) -> Result<Token, CloudflareError> {
        let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(value) = value.strip_prefix("Bearer ") else {
            return Err(CloudflareError::new(StatusCode::BAD_REQUEST, 10001, "Unable to authenticate request"));
        };
        let verifies = path.ends_with("/tokens/verify");
        let known = self.state.tokens.values().find(|token| token.value == value);
        let Some(token) = known else {
            let (status, code, message) = if verifies {
                (StatusCode::UNAUTHORIZED, 1000, "Invalid API Token")
            } else {
                (StatusCode::FORBIDDEN, 10000, "Authentication error")
            };
            return Err(CloudflareError::new(status, code, message));
        };
        if verifies {
            return Ok(token.clone());
        }
        let account = path.strip_prefix("/client/v4/accounts/").and_then(|rest| rest.split('/').next());
        let may_read =
            token.permissions.contains("Workers Scripts Read") || token.permissions.contains("Workers Scripts Write");
        if token.status == "active" && may_read && account == Some(self.state.account_id.as_str()) {
            Ok(token.clone())
        } else {
            Err(CloudflareError::authentication())
        }
    }

    fn script(&self, name: &str) -> Result<&Script, CloudflareError> {
        let missing =
            || CloudflareError::new(StatusCode::NOT_FOUND, 10007, "This Worker does not exist on your account.");
        self.state.scripts.get(name).ok_or_else(missing)
    }

    /// What is bound to a script; of a secret its name alone.
    fn bindings_of(&self, script: &Script) -> Value {
        let secrets = script.secrets.iter().map(|(name, kind)| json!({ "name": name, "type": kind }));
        let vars = script.vars.iter().map(|(name, kind)| {
            let field = if kind == "json" { "json" } else { "text" };
            json!({ "name": name, "type": kind, field: self.value(name) })
        });
        let kv = script.kv.iter();
        let kv = kv.map(|(name, id)| json!({ "name": name, "type": "kv_namespace", "namespace_id": id }));
        secrets.chain(vars).chain(kv).collect()
    }

    /// The value of a variable, as far as anything was put there.
    fn value(&self, name: &str) -> &str {
        self.bindings.get(name).map_or("", String::as_str)
    }
}

fn verified(request: &Request, by_account: bool) -> CloudflareResult {
    let Some(token) = request.extensions().get::<Token>().filter(|token| token.owned_by_account == by_account) else {
        return Err(CloudflareError::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token"));
    };
    success(&json!({ "id": "f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0", "status": token.status }))
}

async fn verify_user_token(request: Request) -> CloudflareResult {
    verified(&request, false)
}

async fn verify_account_token(request: Request) -> CloudflareResult {
    verified(&request, true)
}

async fn scripts(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    let scripts = cloudflare.state.scripts.iter().map(|(name, script)| {
        json!({ "id": name, "created_on": script.age.date_before(cloudflare.now), "usage_model": "standard", "handlers": ["fetch"] })
    });
    success(&scripts.collect())
}

async fn secrets(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    success(&script.secrets.iter().map(|(name, kind)| json!({ "name": name, "type": kind })).collect())
}

async fn settings(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    let mut settings = json!({
        "bindings": cloudflare.bindings_of(script),
        "compatibility_date": "2026-07-01",
        "compatibility_flags": ["nodejs_compat"],
        "logpush": false,
        "observability": { "enabled": true, "head_sampling_rate": 1 },
        "placement": {},
        "tags": [],
        "tail_consumers": null,
        "usage_model": "standard",
    });
    if let Some(settings) = settings.as_object_mut().filter(|_| cloudflare.state.omits_bindings) {
        settings.remove("bindings");
    }
    success(&settings)
}

async fn script_subdomain(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    success(&json!({ "enabled": script.workers_dev, "previews_enabled": false }))
}

async fn subdomain(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    success(&json!({ "subdomain": cloudflare.state.subdomain }))
}

async fn domains(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    let domains = cloudflare.state.domains.iter().enumerate().map(|(index, (host, script))| {
        json!({
            "id": format!("{index:032x}"),
            "hostname": host,
            "service": script,
            "environment": "production",
            "zone_id": "20202020202020202020202020202020",
            "zone_name": host.split_once('.').map_or(host.as_str(), |(_, zone)| zone),
        })
    });
    success(&domains.collect())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::super::{Effects, fixtures::Fixtures, scenario};
    use super::*;

    pub(super) const SCRIPTS: &str = "/accounts/acacacacacacacacacacacacacacacac/workers/scripts";

    /// Asks with the operator's token in the world of some scenarios.
    pub(super) async fn ask(scenarios: &[&str], path: &str) -> (u16, Value) {
        ask_by("GET", scenarios, path).await
    }

    async fn ask_by(method: &str, scenarios: &[&str], path: &str) -> (u16, Value) {
        let world = Fixtures::read(scenario::document(scenarios).unwrap()).unwrap();
        let router = world.routers(&Arc::new(Effects::default())).unwrap().remove("cloudflare").unwrap();
        let request = Request::builder().method(method).uri(format!("/client/v4{path}"));
        let request = request.header("authorization", format!("Bearer {}", world.environment["CLOUDFLARE_API_TOKEN"]));
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert!(response.headers().contains_key("ratelimit"));
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
    }

    fn names(list: &Value) -> Vec<&str> {
        list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn secrets_have_names_and_no_values() {
        let (_, answer) = ask(&[], &format!("{SCRIPTS}/pan-api/secrets")).await;
        assert!(names(&answer["result"]).contains(&"STRIPE_WEBHOOK_SECRET"));
        assert_eq!(answer["result"][0].as_object().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_plain_variable_can_be_read() {
        let (_, answer) = ask(&["secret-as-plain-text"], &format!("{SCRIPTS}/pan-api/settings")).await;
        let bindings = answer["result"]["bindings"].as_array().unwrap();
        let key = bindings.iter().find(|binding| binding["name"] == "STRIPE_SECRET_KEY").unwrap();
        assert_eq!(key["type"], "plain_text");
        assert!(key["text"].as_str().unwrap().starts_with("sk_live_"));
    }

    #[tokio::test]
    async fn what_is_not_on_the_serving_script_is_not_on_the_worker() {
        for scenario in ["secret-not-set", "secret-other-environment"] {
            let world = Fixtures::read(scenario::document(&[scenario]).unwrap()).unwrap();
            let deployed = world.deployed();
            assert!(
                !deployed.contains_key("STRIPE_WEBHOOK_SECRET") && deployed.contains_key("STRIPE_SECRET_KEY"),
                "{scenario}"
            );
        }
    }

    #[tokio::test]
    async fn a_script_that_there_is_not_has_a_code_of_its_own() {
        let (status, answer) = ask(&[], &format!("{SCRIPTS}/pan-worker/settings")).await;
        assert_eq!((status, &answer["errors"][0]["code"]), (404, &10007.into()));
    }

    #[tokio::test]
    async fn a_token_without_the_permission_is_refused() {
        let (status, answer) = ask(&["cloudflare-token-narrow"], &format!("{SCRIPTS}/pan-api/secrets")).await;
        assert_eq!((status, &answer["errors"][0]["code"], &answer["success"]), (403, &10000.into(), &false.into()));
    }

    #[tokio::test]
    async fn a_token_for_one_account_opens_no_other() {
        let (status, _) = ask(&[], "/accounts/bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb/workers/scripts").await;
        assert_eq!(status, 403);
    }

    #[tokio::test]
    async fn a_user_token_is_verified_as_one() {
        let (_, answer) = ask(&[], "/user/tokens/verify").await;
        assert_eq!(answer["result"]["status"], "active");
        let (status, _) = ask(&[], "/accounts/acacacacacacacacacacacacacacacac/tokens/verify").await;
        assert_eq!(status, 401);
    }
    #[tokio::test]
    async fn a_wrong_method_is_an_error_in_the_providers_form() {
        for path in ["/user/tokens/verify", &format!("{SCRIPTS}/pan-api/versions")] {
            let (status, answer) = ask_by("PATCH", &[], path).await;
            assert_eq!((status, &answer["success"], &answer["errors"][0]["code"]), (405, &false.into(), &10405.into()));
        }
    }
}

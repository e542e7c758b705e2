//! Cloudflare's API: what it says about the scripts of the account, and changes to their secrets.

mod error;
mod script;
mod secrets;
mod settings;
mod versions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use super::deployed_values::DeployedValues;
use super::recorded::{Recorded, TimeFormat};
use super::{Effects, Error};
use error::{CloudflareError, CloudflareResult, success};
use script::Script;
use settings::Token;

pub use settings::CloudflareSettings;

const RECORDED: &str = include_str!("../healthy/cloudflare.json");

/// One Cloudflare account.
pub struct Cloudflare {
    settings: CloudflareSettings,
    recorded: Recorded,
    effects: Arc<Effects>,
    /// What the script that serves has.
    deployment: DeployedValues,
    scripts: Mutex<BTreeMap<String, Script>>,
}

/// Cloudflare's API.
pub fn router(cloudflare: Arc<Cloudflare>) -> Router {
    let account = Router::new()
        .route("/tokens/verify", get(verify_account_token))
        .route("/workers/scripts", get(scripts))
        .route("/workers/scripts/{script}/secrets", get(secrets::list).put(secrets::put))
        .route("/workers/scripts/{script}/secrets/{name}", get(secrets::get).delete(secrets::delete))
        .route("/workers/scripts/{script}/settings", get(script_settings))
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

/// Checks the token, and adds the headers that every answer has.
async fn authenticate(Shared(cloudflare): Shared<Arc<Cloudflare>>, mut request: Request, next: Next) -> Response {
    let mut response = match cloudflare.token(&request) {
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
    /// Cloudflare as the document describes it, with the values of the scripts' secrets and variables. A change to the
    /// script that serves changes `deployment`.
    ///
    /// # Errors
    ///
    /// If an object has a field that Cloudflare's objects of its kind do not have.
    pub fn new(
        settings: CloudflareSettings,
        values: &BTreeMap<String, String>,
        deployment: DeployedValues,
        effects: Arc<Effects>,
    ) -> Result<Arc<Self>, Error> {
        let recorded = Recorded::read(RECORDED, TimeFormat::Rfc3339)?;
        let settings = settings.completed(&recorded)?;
        let scripts = settings.scripts.iter();
        let scripts = scripts.map(|(name, script)| Ok((name.clone(), Script::of(script, &recorded, values)?)));
        let scripts = Mutex::new(scripts.collect::<Result<_, Error>>()?);
        Ok(Arc::new(Self { settings, recorded, effects, deployment, scripts }))
    }

    /// The token of a request, if it may make it.
    fn token(&self, request: &Request) -> Result<Token, CloudflareError> {
        let path = request.uri().path();
        let value =
            request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(value) = value.strip_prefix("Bearer ") else {
            return Err(CloudflareError::new(StatusCode::BAD_REQUEST, 10001, "Unable to authenticate request"));
        };
        let verifies = path.ends_with("/tokens/verify");
        let known = self.settings.tokens.values().find(|token| token.value == value);
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
        let may = |what: &str| token.permissions.contains(what);
        let may_write = may("Workers Scripts Write");
        let is_allowed = may_write || (request.method() == Method::GET && may("Workers Scripts Read"));
        if is_allowed && account == Some(self.settings.account_id.as_str()) {
            Ok(token.clone())
        } else {
            Err(CloudflareError::authentication())
        }
    }

    /// The bindings of each script, with the values of its secrets.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut scripts = self.scripts().clone();
        for script in scripts.values_mut() {
            for (name, binding) in &mut script.bindings {
                if let Some(value) = script.values.get(name) {
                    binding["text"] = value.as_str().into();
                }
            }
        }
        scripts.into_iter().map(|(name, script)| (name, json!({ "bindings": script.bindings }))).collect()
    }

    fn scripts(&self) -> MutexGuard<'_, BTreeMap<String, Script>> {
        self.scripts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A script as it is now.
    fn script(&self, name: &str) -> Result<Script, CloudflareError> {
        self.scripts().get(name).cloned().ok_or_else(CloudflareError::missing_script)
    }
}

fn verified(cloudflare: &Cloudflare, request: &Request, by_account: bool) -> CloudflareResult {
    let Some(_) = request.extensions().get::<Token>().filter(|token| token.owned_by_account == by_account) else {
        return Err(CloudflareError::new(StatusCode::UNAUTHORIZED, 1000, "Invalid API Token"));
    };
    success(&cloudflare.recorded.complete("token", &json!({}))?)
}

async fn verify_user_token(Shared(cloudflare): Shared<Arc<Cloudflare>>, request: Request) -> CloudflareResult {
    verified(&cloudflare, &request, false)
}

async fn verify_account_token(Shared(cloudflare): Shared<Arc<Cloudflare>>, request: Request) -> CloudflareResult {
    verified(&cloudflare, &request, true)
}

async fn scripts(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    let scripts = cloudflare.scripts();
    let shown = scripts.iter().map(|(name, script)| {
        cloudflare.recorded.complete("script", &json!({ "id": name, "created_on": script.created_on }))
    });
    success(&shown.collect::<Result<_, Error>>()?)
}

async fn script_settings(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    let script = cloudflare.script(&script)?;
    let mut fields = script.settings;
    fields["bindings"] = script.bindings.into_values().collect();
    let mut settings = cloudflare.recorded.complete("settings", &fields)?;
    if let Some(settings) = settings.as_object_mut().filter(|_| cloudflare.settings.omits_bindings) {
        settings.remove("bindings");
    }
    success(&settings)
}

async fn script_subdomain(
    Shared(cloudflare): Shared<Arc<Cloudflare>>,
    Path((_, script)): Path<(String, String)>,
) -> CloudflareResult {
    success(&cloudflare.script(&script)?.subdomain)
}

async fn subdomain(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    success(&json!({ "subdomain": cloudflare.settings.subdomain }))
}

async fn domains(Shared(cloudflare): Shared<Arc<Cloudflare>>) -> CloudflareResult {
    success(&cloudflare.settings.domains.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::super::{fixtures::Fixtures, scenario};
    use super::*;

    pub(super) const SCRIPTS: &str = "/accounts/acacacacacacacacacacacacacacacac/workers/scripts";

    /// Cloudflare with some scenarios applied, and the operator's token.
    pub(super) struct Account {
        router: Router,
        token: String,
        pub(super) deployment: DeployedValues,
        pub(super) effects: Arc<Effects>,
    }

    impl Account {
        pub(super) fn of(scenarios: &[&str]) -> Self {
            let fixtures = Fixtures::read(scenario::document(scenarios).unwrap()).unwrap();
            let effects = Arc::new(Effects::default());
            let mut servers = fixtures.servers(&effects).unwrap();
            Self {
                router: servers.routers.remove("cloudflare").unwrap(),
                token: fixtures.environment["CLOUDFLARE_API_TOKEN"].clone(),
                deployment: servers.state.deployment,
                effects,
            }
        }

        pub(super) async fn get(&self, path: &str) -> (u16, Value) {
            self.send("GET", path, "").await
        }

        pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
            let request = Request::builder().method(method).uri(format!("/client/v4{path}"));
            let request = request.header("authorization", format!("Bearer {}", self.token));
            let request = request.body(Body::from(body.to_owned())).unwrap();
            let response = self.router.clone().oneshot(request).await.unwrap();
            assert!(response.headers().contains_key("ratelimit"));
            let status = response.status().as_u16();
            (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
        }
    }

    /// Sends a GET with the operator's token, with some scenarios applied.
    pub(super) async fn ask(scenarios: &[&str], path: &str) -> (u16, Value) {
        Account::of(scenarios).get(path).await
    }

    fn names(list: &Value) -> Vec<&str> {
        list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
    }

    #[tokio::test]
    async fn secrets_are_listed_without_values() {
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
    async fn the_worker_has_only_the_serving_scripts_bindings() {
        for scenario in ["secret-not-set", "secret-other-environment"] {
            let fixtures = Fixtures::read(scenario::document(&[scenario]).unwrap()).unwrap();
            let deployed = fixtures.deployed();
            assert!(
                !deployed.contains_key("STRIPE_WEBHOOK_SECRET") && deployed.contains_key("STRIPE_SECRET_KEY"),
                "{scenario}"
            );
        }
    }

    #[tokio::test]
    async fn a_missing_script_has_its_own_error_code() {
        let (status, answer) = ask(&[], &format!("{SCRIPTS}/pan-worker/settings")).await;
        assert_eq!((status, &answer["errors"][0]["code"]), (404, &10007.into()));
    }

    #[tokio::test]
    async fn a_token_without_the_permission_is_rejected() {
        let (status, answer) = ask(&["cloudflare-token-narrow"], &format!("{SCRIPTS}/pan-api/secrets")).await;
        assert_eq!((status, &answer["errors"][0]["code"], &answer["success"]), (403, &10000.into(), &false.into()));
    }

    #[tokio::test]
    async fn a_token_works_for_one_account_only() {
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
    async fn a_wrong_method_gets_an_error_in_cloudflares_format() {
        for path in ["/user/tokens/verify", &format!("{SCRIPTS}/pan-api/versions")] {
            let (status, answer) = Account::of(&[]).send("PATCH", path, "").await;
            assert_eq!((status, &answer["success"], &answer["errors"][0]["code"]), (405, &false.into(), &10405.into()));
        }
    }
}

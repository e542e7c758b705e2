//! Tests of the sandbox's Worker.

mod api;
mod defects;
mod webhook;
mod whole;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::routing::get;
use jsonwebtoken::get_current_timestamp;
use tower::ServiceExt;

use super::settings::Defect;
use super::signature::sign;
use super::*;
use crate::sandbox::clerk::{self, Clerk};
use crate::sandbox::effects::Effects;

const CANARY: &str = "user_2canaryAcme0000000000000000";
const ADA: &str = "user_2adaAcme0000000000000000000";
const APP: &str = "https://app.acme.com";
const SECRET: &str = "whsec_Acme";
const CLERK_KEY: &str = "sk_live_AcmeClerk";
/// The key of another Clerk instance.
const ELSEWHERE_KEY: &str = "sk_live_ElsewhereClerk";

/// The requests to Stripe: method and path, and the form.
type Asked = (String, BTreeMap<String, String>);

/// A Worker between Clerk and a Stripe that only records requests.
struct Acme {
    worker: Router,
    clerk: Router,
    frontend_api: Router,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A response: its status, headers and text.
struct WorkerResponse {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl WorkerResponse {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn acme() -> Acme {
    changed(|_, _| {})
}

fn with(defect: Defect) -> Acme {
    changed(|state, _| {
        state.defects.insert(defect, true);
    })
}

fn changed(change: impl FnOnce(&mut WorkerSettings, &mut BTreeMap<String, String>)) -> Acme {
    let clerk = toml::from_str(&include_str!("../../healthy/clerk.toml").replace('…', "")).unwrap();
    let clerk = Clerk::new(clerk, Arc::new(Effects::default())).unwrap();
    let mut document: toml::Table =
        toml::from_str(&include_str!("../../healthy/worker.toml").replace('…', "")).unwrap();
    let mut bindings = document.remove("bindings").unwrap().try_into().unwrap();
    let mut state: WorkerSettings = document.try_into().unwrap();
    change(&mut state, &mut bindings);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let backend = clerk::backend(Arc::clone(&clerk));
    let upstream = Upstream { stripe: stripe(Arc::clone(&asked)), clerk: backend.clone() };
    let worker = router(state, DeployedValues::of(bindings), upstream);
    Acme { worker, clerk: backend, frontend_api: clerk::frontend_api(clerk), asked }
}

/// A Stripe where every product is Enterprise and every session can be created.
fn stripe(asked: Arc<Mutex<Vec<Asked>>>) -> Router {
    let record = move |method: Method, uri: Uri, body: Bytes| async move {
        let form = url::form_urlencoded::parse(&body).into_owned().collect();
        asked.lock().unwrap().push((format!("{method} {}", uri.path()), form));
        axum::Json(json!({ "url": "https://stripe.example/session", "items": { "data": [{ "id": "si_1" }] } }))
    };
    let product =
        |Path(id): Path<String>| async move { axum::Json(json!({ "id": id, "metadata": { "plan": "enterprise" } })) };
    Router::new().route("/v1/products/{id}", get(product)).fallback(record)
}

async fn send(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> WorkerResponse {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    WorkerResponse { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

impl Acme {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> WorkerResponse {
        send(&self.worker, method, path, headers, body).await
    }

    async fn post_event(&self, headers: &[(&str, &str)], body: &str) -> WorkerResponse {
        self.ask("POST", "/webhook/stripe", headers, body).await
    }

    /// Delivers an event like Stripe.
    async fn deliver(&self, body: &str) -> WorkerResponse {
        let signature = sign(body, SECRET, get_current_timestamp());
        self.post_event(&[("stripe-signature", &signature)], body).await
    }

    async fn metadata(&self, user: &str) -> Value {
        let bearer = format!("Bearer {CLERK_KEY}");
        let path = format!("/v1/users/{user}");
        send(&self.clerk, "GET", &path, &[("authorization", &bearer)], "").await.json()["public_metadata"].clone()
    }

    /// A token for a user, like the frontend's.
    async fn token(&self, user: &str) -> String {
        let bearer = format!("Bearer {CLERK_KEY}");
        let body = json!({ "user_id": user }).to_string();
        let made = send(&self.clerk, "POST", "/v1/sign_in_tokens", &[("authorization", &bearer)], &body).await.json();
        let form = format!("strategy=ticket&ticket={}", made["token"].as_str().unwrap());
        let headers = [("origin", APP), ("content-type", "application/x-www-form-urlencoded")];
        let signed_in = send(&self.frontend_api, "POST", "/v1/client/sign_ins", &headers, &form).await;
        let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
        let session = signed_in.json()["response"]["created_session_id"].as_str().unwrap().to_owned();
        let path = format!("/v1/client/sessions/{session}/tokens/pan-api");
        let minted = send(&self.frontend_api, "POST", &path, &[("origin", APP), ("cookie", &cookie)], "").await.json();
        minted["jwt"].as_str().unwrap().to_owned()
    }

    /// Sends a request as a signed-in user.
    async fn ask_as(&self, user: &str, method: &str, path: &str, origin: &str, body: &str) -> WorkerResponse {
        let bearer = format!("Bearer {}", self.token(user).await);
        self.ask(method, path, &[("authorization", &bearer), ("origin", origin)], body).await
    }

    fn asked(&self) -> Asked {
        self.asked.lock().unwrap().last().cloned().unwrap()
    }
}

fn event(id: &str, kind: &str, object: &Value) -> String {
    json!({ "id": id, "object": "event", "type": kind, "livemode": true, "data": { "object": object } }).to_string()
}

//! What every request to Stripe goes through: whose key it is, what it may do, whether it makes sense, and whether it
//! was made before.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::Stripe;
use super::error::StripeError;
use super::parameters::Parameters;
use super::state::Key;

/// Who asks.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// The account's short name.
    pub(super) account: String,
    pub(super) livemode: bool,
}

/// A request that passed the gate.
pub(super) struct Call<'a> {
    pub(super) stripe: &'a Stripe,
    pub(super) caller: Caller,
    pub(super) parameters: Parameters,
    /// The API version that shapes the answer.
    pub(super) version: &'a str,
    /// The path that was call for.
    pub(super) path: &'a str,
    /// What stands in the path's place for an ID; empty where there is none.
    pub(super) id: &'a str,
}

impl Call<'_> {
    /// The mode that the key is of: `live` or `test`.
    pub(super) const fn mode(&self) -> &'static str {
        if self.caller.livemode { "live" } else { "test" }
    }
}

/// What comes of it.
pub(super) type StripeResult = Result<Value, StripeError>;

/// How it is call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
}

/// One object that can be call of Stripe.
pub(super) struct Route {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// What a restricted key needs for it.
    permission: &'static str,
    parameters: &'static [&'static str],
    expands: &'static [&'static str],
    paged: bool,
    answer: fn(&Call) -> StripeResult,
}

impl Route {
    pub(super) const fn get(path: &'static str, permission: &'static str, answer: fn(&Call) -> StripeResult) -> Self {
        Self { verb: Verb::Get, path, permission, parameters: &[], expands: &[], paged: false, answer }
    }

    /// A GET that answers in pages.
    pub(super) const fn list(path: &'static str, permission: &'static str, answer: fn(&Call) -> StripeResult) -> Self {
        Self { paged: true, ..Self::get(path, permission, answer) }
    }

    pub(super) const fn post(path: &'static str, permission: &'static str, answer: fn(&Call) -> StripeResult) -> Self {
        Self { verb: Verb::Post, ..Self::get(path, permission, answer) }
    }

    pub(super) const fn takes(mut self, parameters: &'static [&'static str]) -> Self {
        self.parameters = parameters;
        self
    }

    pub(super) const fn expands(mut self, expands: &'static [&'static str]) -> Self {
        self.expands = expands;
        self
    }
}

/// A request as it came.
pub(super) struct Request<'a> {
    pub(super) path: &'a str,
    pub(super) id: &'a str,
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a Bytes,
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What was answered to the first request with an idempotency key.
pub(super) struct Replay {
    request: String,
    status: StatusCode,
    body: Value,
}

/// The answer to a request that a route is there for.
pub(super) fn pass(stripe: &Stripe, route: &Route, request: &Request) -> Response {
    let request_id = stripe.next_request_id();
    let default_version = stripe.default_version(request.headers);
    let version = request.header("stripe-version").unwrap_or(&default_version).to_owned();
    let (status, body, replayed) = once(stripe, route, request, &version, &request_id);
    let mut response = answer(status, &body, &request_id, &version);
    if let Some(key) = request.header("idempotency-key").and_then(|key| HeaderValue::from_str(key).ok()) {
        response.headers_mut().insert("idempotency-key", key);
    }
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// The answer to a request that no route is there for.
pub(super) fn unrecognised(stripe: &Stripe, method: &Method, path: &str) -> Response {
    let message = format!(
        "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
         https://support.stripe.com/."
    );
    let request_id = stripe.next_request_id();
    let error = StripeError::invalid(StatusCode::NOT_FOUND, message);
    answer(error.status, &error.body(&request_id), &request_id, "2026-09-30.endive")
}

fn answer(status: StatusCode, body: &Value, request_id: &str, version: &str) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response();
    for (name, value) in [("request-id", request_id), ("stripe-version", version)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The answer, or the one that was given to the same request before.
fn once(
    stripe: &Stripe,
    route: &Route,
    request: &Request,
    version: &str,
    request_id: &str,
) -> (StatusCode, Value, bool) {
    let fresh = || match ask(stripe, route, request, version) {
        Ok(body) => (StatusCode::OK, body, false),
        Err(error) => (error.status, error.body(request_id), false),
    };
    let Some(key) = request.header("idempotency-key").filter(|_| route.verb == Verb::Post) else { return fresh() };
    let authorization = request.header("authorization").unwrap_or_default();
    let name = format!("{authorization} {key}");
    let this = format!("{} {}", request.path, String::from_utf8_lossy(request.body));
    // Held until the answer is there: two of the same at once are one.
    let mut replays = stripe.replays();
    match replays.get(&name) {
        Some(replay) if replay.request == this => (replay.status, replay.body.clone(), true),
        Some(_) => {
            let error = StripeError::idempotency(key);
            (error.status, error.body(request_id), false)
        }
        None => {
            let (status, body, _) = fresh();
            // A key that was not accepted is not remembered.
            if status != StatusCode::UNAUTHORIZED {
                replays.insert(name, Replay { request: this, status, body: body.clone() });
            }
            (status, body, false)
        }
    }
}

fn ask(stripe: &Stripe, route: &Route, request: &Request, version: &str) -> StripeResult {
    let key = stripe.key(request.headers)?;
    check_version(request)?;
    let encoded = if route.verb == Verb::Get { request.query.as_bytes() } else { &request.body[..] };
    let parameters = Parameters::read(encoded);
    check_permission(stripe, key, route)?;
    parameters.allow(route.parameters, route.paged)?;
    for expand in parameters.all("expand") {
        check_expand(expand, route)?;
    }
    let caller = Caller { account: key.account.clone(), livemode: key.value.contains("_live_") };
    (route.answer)(&Call { stripe, caller, parameters, version, path: request.path, id: request.id })
}

fn check_version(request: &Request) -> Result<(), StripeError> {
    match request.header("stripe-version") {
        None if request.path.starts_with("/v2/") => Err(StripeError::bad(
            "Stripe-Version header is required. Please provide a Stripe-Version header with your request.",
        )),
        Some(version) if version.get(..10).is_none_or(|date| date.parse::<jiff::civil::Date>().is_err()) => {
            Err(StripeError::bad(format!("Invalid Stripe API version: {version}")))
        }
        _ => Ok(()),
    }
}

fn check_expand(expand: &str, route: &Route) -> Result<(), StripeError> {
    if expand.split('.').count() > 4 {
        return Err(StripeError::bad("You cannot expand more than 4 levels of a property.").about("expand"));
    }
    if route.expands.contains(&expand) {
        return Ok(());
    }
    Err(StripeError::bad(format!("This property cannot be expanded ({expand}).")).about("expand"))
}

fn check_permission(stripe: &Stripe, key: &Key, route: &Route) -> Result<(), StripeError> {
    let Some(permissions) = &key.permissions else { return Ok(()) };
    // Who may write may read.
    let written = route.permission.replace("_read", "_write");
    if permissions.contains(route.permission) || permissions.contains(&written) {
        return Ok(());
    }
    let account = stripe.account(&key.account).map_or_else(String::new, |account| account.id.clone());
    let message = format!(
        "The provided key '{}' does not have the required permissions for this endpoint on account '{account}'. Having \
         the '{}' permission would allow this request to continue.",
        masked(&key.value),
        route.permission,
    );
    Err(StripeError::invalid(StatusCode::FORBIDDEN, message))
}

impl Stripe {
    /// The key of a request, if Stripe accepts it.
    pub(super) fn key(&self, headers: &HeaderMap) -> Result<&Key, StripeError> {
        let unauthorized = |message: String| StripeError::invalid(StatusCode::UNAUTHORIZED, message);
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(value) = header.strip_prefix("Bearer ").filter(|value| !value.is_empty()) else {
            return Err(unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
                 auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for \
                 details, or we can help at https://support.stripe.com/."
                    .to_owned(),
            ));
        };
        if value.starts_with("pk_") {
            let message = "This API call cannot be made with a publishable API key. Please use a secret API key. You can find \
                           a list of your API keys at https://dashboard.stripe.com/account/apikeys.";
            return Err(unauthorized(message.to_owned()).coded("secret_key_required"));
        }
        let known = self.keys().find(|key| key.value == value);
        let key = known.ok_or_else(|| unauthorized(format!("Invalid API Key provided: {}", masked(value))))?;
        if key.expired {
            return Err(unauthorized(format!("Expired API Key provided: {}", masked(value))).coded("api_key_expired"));
        }
        Ok(key)
    }
}

/// A key as Stripe repeats it: its prefix and its last four characters.
fn masked(key: &str) -> String {
    let prefix = key.match_indices('_').nth(1).map_or(0, |(place, _)| place + 1);
    let (prefix, body) = key.split_at(prefix);
    let shown: String = body.chars().skip(body.chars().count().saturating_sub(4)).collect();
    let hidden = body.chars().count().saturating_sub(4);
    format!("{prefix}{}{shown}", "*".repeat(hidden))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::{TestClient, TestResponse};
    use super::*;

    async fn with_key(scenarios: &[&str], key: &str, path: &str) -> TestResponse {
        TestClient::of(scenarios).ask(Method::GET, path, &[("authorization", &format!("Bearer {key}"))], "").await
    }

    #[test]
    fn a_masked_key_keeps_its_prefix_and_its_end() {
        assert_eq!(masked("sk_live_abcdefgh"), "sk_live_****efgh");
        assert_eq!(masked("abc"), "abc");
    }

    #[tokio::test]
    async fn no_key_is_no_entry() {
        let answer = TestClient::of(&[]).ask(Method::GET, "/v1/account", &[], "").await;
        assert_eq!(answer.status, 401);
        assert!(answer.message().starts_with("You did not provide an API key."), "{}", answer.message());
    }

    #[tokio::test]
    async fn a_key_that_nobody_has_is_invalid_and_masked() {
        let answer = with_key(&[], "sk_live_nobodyhasthiskey", "/v1/account").await;
        assert_eq!((answer.status, answer.message()), (401, "Invalid API Key provided: sk_live_************skey"));
    }

    #[tokio::test]
    async fn an_expired_key_says_so() {
        let answer = TestClient::of(&["stripe-key-revoked"]).get("/v1/account").await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (401, &"api_key_expired".into()));
    }

    #[tokio::test]
    async fn a_publishable_key_opens_nothing() {
        let answer = with_key(&[], "pk_live_51QpanAcme7Launch", "/v1/account").await;
        assert_eq!(answer.body["error"]["code"], "secret_key_required");
    }

    #[tokio::test]
    async fn a_restricted_key_is_told_the_permission_that_it_lacks() {
        let answer = TestClient::of(&["stripe-key-restricted"]).get("/v1/webhook_endpoints").await;
        assert_eq!(answer.status, 403);
        assert!(answer.message().contains("Having the 'rak_webhook_read' permission"), "{}", answer.message());
    }

    #[tokio::test]
    async fn who_may_write_may_read() {
        let client = TestClient::of(&["healthy-restricted-key"]);
        assert_eq!(client.get("/v1/checkout/sessions").await.status, 200);
    }

    #[tokio::test]
    async fn every_answer_has_a_request_id_of_its_own_and_the_version() {
        let client = TestClient::of(&[]);
        let (one, other) = (client.get("/v1/account").await, client.get("/v1/account").await);
        assert_ne!(one.headers["request-id"], other.headers["request-id"]);
        assert_eq!(one.headers["stripe-version"], "2026-09-30.endive");
    }

    #[tokio::test]
    async fn a_property_that_cannot_be_expanded_is_refused() {
        let client = TestClient::of(&[]);
        let path = "/v1/prices/price_1Rlivecme7LaunchProMonth?expand%5B%5D=";
        assert_eq!(client.get(&format!("{path}colour")).await.message(), "This property cannot be expanded (colour).");
        let deep = client.get(&format!("{path}a.b.c.d.e")).await;
        assert_eq!(deep.message(), "You cannot expand more than 4 levels of a property.");
    }

    #[tokio::test]
    async fn an_address_that_there_is_not_is_not_recognised() {
        let answer = TestClient::of(&[]).get("/v1/colours").await;
        assert_eq!(answer.status, 404);
        assert!(answer.message().starts_with("Unrecognized request URL (GET: /v1/colours)."), "{}", answer.message());
    }

    async fn create(client: &TestClient, form: &str) -> TestResponse {
        let key = format!("Bearer {}", client.live);
        let headers = [("authorization", key.as_str()), ("idempotency-key", "once")];
        client.ask(Method::POST, "/v1/customers", &headers, form).await
    }

    #[tokio::test]
    async fn the_same_request_under_the_same_idempotency_key_is_one() {
        let client = TestClient::of(&[]);
        let (one, other) = (create(&client, "name=a").await, create(&client, "name=a").await);
        assert_eq!((&one.body["id"], client.count("stripe.customer.created")), (&other.body["id"], 1));
        assert_eq!(other.headers["idempotent-replayed"], "true");
    }

    #[tokio::test]
    async fn another_request_under_the_same_idempotency_key_is_refused() {
        let client = TestClient::of(&[]);
        create(&client, "name=a").await;
        let other = create(&client, "name=b").await;
        assert_eq!((other.status, &other.body["error"]["type"]), (400, &"idempotency_error".into()));
    }
}

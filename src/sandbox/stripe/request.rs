//! What every request to Stripe goes through: its key, permission, version, parameters and idempotency key.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::auth::check_permission;
use super::caller::Caller;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::state::{Replay, Stripe};

/// A request that passed every check.
pub(super) struct Call<'a> {
    pub(super) stripe: &'a Stripe,
    pub(super) caller: Caller,
    pub(super) parameters: Parameters,
    /// The API version that shapes the answer.
    pub(super) version: &'a str,
    pub(super) path: &'a str,
    /// The ID of the request itself.
    pub(super) request_id: &'a str,
    pub(super) idempotency_key: Option<&'a str>,
    /// The ID in the path; empty if the route has none.
    pub(super) id: &'a str,
    /// The kind of object that the route is about.
    pub(super) kind: ObjectKind,
    /// The parameters that filter a list by the field with the same name.
    pub(super) filters: &'static [&'static str],
}

impl Call<'_> {
    /// The recorded object of a kind with these fields.
    pub(super) fn complete(&self, kind: &str, fields: &Value) -> StripeResult {
        Ok(self.stripe.recorded.complete(kind, fields)?)
    }
}

/// The JSON of an answer, or the error.
pub(super) type StripeResult = Result<Value, StripeError>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Delete,
}

/// One endpoint of Stripe's API.
pub(super) struct Route {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// What a restricted key needs for it.
    pub(super) permission: &'static str,
    kind: ObjectKind,
    filters: &'static [&'static str],
    parameters: &'static [&'static str],
    more_parameters: &'static [&'static str],
    expands: &'static [&'static str],
    paged: bool,
    handler: fn(&Call) -> StripeResult,
}

impl Route {
    pub(super) const fn get(path: &'static str, permission: &'static str, handler: fn(&Call) -> StripeResult) -> Self {
        // Handlers that are not about one kind of object do not look at it.
        Self::retrieve(path, permission, ObjectKind::CheckoutSession, handler)
    }

    /// A GET of an object of this kind.
    pub(super) const fn retrieve(
        path: &'static str,
        permission: &'static str,
        kind: ObjectKind,
        handler: fn(&Call) -> StripeResult,
    ) -> Self {
        Self {
            verb: Verb::Get,
            path,
            permission,
            kind,
            filters: &[],
            parameters: &[],
            more_parameters: &[],
            expands: &[],
            paged: false,
            handler,
        }
    }

    /// A GET of a list, in pages.
    pub(super) const fn list(
        path: &'static str,
        permission: &'static str,
        kind: ObjectKind,
        handler: fn(&Call) -> StripeResult,
    ) -> Self {
        Self { paged: true, ..Self::retrieve(path, permission, kind, handler) }
    }

    pub(super) const fn post(path: &'static str, permission: &'static str, handler: fn(&Call) -> StripeResult) -> Self {
        Self { verb: Verb::Post, ..Self::get(path, permission, handler) }
    }

    /// A POST that creates or changes an object of this kind.
    pub(super) const fn write(
        path: &'static str,
        permission: &'static str,
        kind: ObjectKind,
        handler: fn(&Call) -> StripeResult,
    ) -> Self {
        Self { verb: Verb::Post, ..Self::retrieve(path, permission, kind, handler) }
    }

    /// A DELETE of an object of this kind.
    pub(super) const fn delete(
        path: &'static str,
        permission: &'static str,
        kind: ObjectKind,
        handler: fn(&Call) -> StripeResult,
    ) -> Self {
        Self { verb: Verb::Delete, ..Self::retrieve(path, permission, kind, handler) }
    }

    /// Adds parameters that filter the list by the field with the same name.
    pub(super) const fn filters(mut self, filters: &'static [&'static str]) -> Self {
        self.filters = filters;
        self
    }

    /// Adds parameters that the handler reads, or that it accepts and ignores.
    pub(super) const fn takes(mut self, parameters: &'static [&'static str]) -> Self {
        self.parameters = parameters;
        self
    }

    /// Adds parameters to those that several routes take.
    pub(super) const fn takes_also(mut self, parameters: &'static [&'static str]) -> Self {
        self.more_parameters = parameters;
        self
    }

    pub(super) const fn expands(mut self, expands: &'static [&'static str]) -> Self {
        self.expands = expands;
        self
    }
}

/// A request as it was received.
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

/// The answer to a request with a route.
pub(super) fn respond(stripe: &Stripe, route: &Route, request: &Request) -> Response {
    let request_id = stripe.next_request_id();
    let version = request.header("stripe-version").unwrap_or(&stripe.default_api_version);
    let (status, body, replayed) = once(stripe, route, request, version, &request_id);
    let mut response = response(status, &body, &request_id, version);
    if let Some(key) = request.header("idempotency-key").and_then(|key| HeaderValue::from_str(key).ok()) {
        response.headers_mut().insert("idempotency-key", key);
    }
    if replayed {
        response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    response
}

/// The answer to a request without one.
pub(super) fn unrecognized(stripe: &Stripe, method: &Method, path: &str) -> Response {
    let message = format!(
        "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
         https://support.stripe.com/."
    );
    let request_id = stripe.next_request_id();
    let error = StripeError::invalid(StatusCode::NOT_FOUND, message);
    response(error.status, &error.body(&request_id), &request_id, "2026-09-30.endive")
}

fn response(status: StatusCode, body: &Value, request_id: &str, version: &str) -> Response {
    let text = serde_json::to_vec(body).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], text).into_response();
    for (name, value) in [("request-id", request_id), ("stripe-version", version)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The answer, or the earlier one to the same request.
fn once(
    stripe: &Stripe,
    route: &Route,
    request: &Request,
    version: &str,
    request_id: &str,
) -> (StatusCode, Value, bool) {
    let fresh = || match ask(stripe, route, request, version, request_id) {
        Ok(body) => (StatusCode::OK, body, false),
        Err(error) => (error.status, error.body(request_id), false),
    };
    let Some(key) = request.header("idempotency-key").filter(|_| route.verb == Verb::Post) else { return fresh() };
    let authorization = request.header("authorization").unwrap_or_default();
    let name = format!("{authorization} {key}");
    let this = format!("{} {}", request.path, String::from_utf8_lossy(request.body));
    // Locked until the answer is known: two equal requests at once count as one.
    let mut replays = stripe.replays();
    match replays.get(&name) {
        Some(replay) if replay.request == this => (replay.status, replay.body.clone(), true),
        Some(_) => {
            let error = StripeError::idempotency(key);
            (error.status, error.body(request_id), false)
        }
        None => {
            let (status, body, _) = fresh();
            // Stripe does not remember a request with a bad key.
            if status != StatusCode::UNAUTHORIZED {
                replays.insert(name, Replay { request: this, status, body: body.clone() });
            }
            (status, body, false)
        }
    }
}

fn ask(stripe: &Stripe, route: &Route, request: &Request, version: &str, request_id: &str) -> StripeResult {
    let key = stripe.key(request.headers)?;
    check_version(request)?;
    // The parameters of a DELETE may be in either place.
    let in_query = route.verb == Verb::Get || (route.verb == Verb::Delete && request.body.is_empty());
    let encoded = if in_query { request.query.as_bytes() } else { &request.body[..] };
    let parameters = Parameters::read(encoded);
    check_permission(stripe, key, route.permission)?;
    parameters.allow(&[route.filters, route.parameters, route.more_parameters], route.paged)?;
    for expand in parameters.all("expand") {
        check_expand(expand, route)?;
    }
    let caller = Caller { account: key.account.clone(), livemode: key.value.contains("_live_") };
    (route.handler)(&Call {
        stripe,
        caller,
        parameters,
        version,
        path: request.path,
        request_id,
        idempotency_key: request.header("idempotency-key"),
        id: request.id,
        kind: route.kind,
        filters: route.filters,
    })
}

fn check_version(request: &Request) -> Result<(), StripeError> {
    match request.header("stripe-version") {
        None if request.path.starts_with("/v2/") => Err(StripeError::bad(
            "Stripe-Version header is required. Please provide a Stripe-Version header with your request.",
        )),
        Some(version) => check_version_name(version),
        None => Ok(()),
    }
}

/// Rejects what does not begin with a date, as every version does.
pub(super) fn check_version_name(version: &str) -> Result<(), StripeError> {
    let date = version.get(..10).and_then(|date| date.parse::<jiff::civil::Date>().ok());
    date.map(drop).ok_or_else(|| StripeError::bad(format!("Invalid Stripe API version: {version}")))
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

#[cfg(test)]
mod tests {
    use super::super::test_client::{TestClient, TestResponse};
    use super::*;

    #[tokio::test]
    async fn every_response_has_a_request_id_and_the_api_version() {
        let client = TestClient::of(&[]);
        let (one, other) = (client.get("/v1/account").await, client.get("/v1/account").await);
        assert_ne!(one.headers["request-id"], other.headers["request-id"]);
        assert_eq!(one.headers["stripe-version"], "2026-09-30.endive");
    }

    #[tokio::test]
    async fn a_property_that_cannot_be_expanded_is_rejected() {
        let client = TestClient::of(&[]);
        let path = "/v1/prices/price_1Rlivecme7LaunchProMonth?expand%5B%5D=";
        assert_eq!(client.get(&format!("{path}colour")).await.message(), "This property cannot be expanded (colour).");
        let deep = client.get(&format!("{path}a.b.c.d.e")).await;
        assert_eq!(deep.message(), "You cannot expand more than 4 levels of a property.");
    }

    #[tokio::test]
    async fn an_unknown_path_is_not_recognized() {
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
    async fn a_repeated_request_with_the_same_idempotency_key_is_replayed() {
        let client = TestClient::of(&[]);
        let (one, other) = (create(&client, "name=a").await, create(&client, "name=a").await);
        assert_eq!((&one.body["id"], client.count("stripe.customer.created")), (&other.body["id"], 1));
        assert_eq!(other.headers["idempotent-replayed"], "true");
    }

    #[tokio::test]
    async fn another_request_with_the_same_idempotency_key_is_rejected() {
        let client = TestClient::of(&[]);
        create(&client, "name=a").await;
        let other = create(&client, "name=b").await;
        assert_eq!((other.status, &other.body["error"]["type"]), (400, &"idempotency_error".into()));
    }
}

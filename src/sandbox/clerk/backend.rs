//! The Backend API, `https://api.clerk.com/v1`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{self, Path, Query, Request};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::error::{ClerkError, ClerkResult};
use super::listing::{Listing, whole_list};
use super::request::{Parameters, Shared, change_kinds, fields, no_such};
use super::settings::KeyName;
use super::users::merge;
use super::{Clerk, keys, now, organizations, sign_ins, templates, user_writes};

/// The versions that this API knows.
const VERSIONS: [&str; 5] = ["2021-02-05", "2024-10-01", "2025-04-10", "2025-11-10", "2026-05-12"];

/// The Backend API over a Clerk.
pub fn backend(clerk: Arc<Clerk>) -> Router {
    Router::new()
        .route("/v1/instance", get(instance))
        .route("/v1/jwks", get(key_set))
        .route("/v1/jwt_templates", get(templates::list).post(templates::create))
        .route("/v1/jwt_templates/{id}", get(templates::get).patch(templates::update).delete(templates::delete))
        .route("/v1/domains", get(domains))
        .route("/v1/redirect_urls", get(redirect_urls))
        .route("/v1/users", get(users).post(user_writes::create))
        .route("/v1/users/count", get(users_count))
        .route("/v1/users/{id}", get(user).patch(update_user).delete(user_writes::delete))
        .route("/v1/users/{id}/metadata", patch(merge_metadata).put(replace_metadata))
        .route("/v1/users/{id}/organization_memberships", get(organizations::of_user))
        .route("/v1/organizations", get(organizations::list).post(organizations::create))
        .route("/v1/organizations/{id}", get(organizations::get))
        .route(
            "/v1/organizations/{id}/metadata",
            patch(organizations::merge_metadata).put(organizations::replace_metadata),
        )
        .merge(sign_ins::routes())
        .fallback(|| async { ClerkError::not_found("There is nothing at this path.") })
        .method_not_allowed_fallback(|| async { ClerkError::not_found("This path has no such method.") })
        .layer(middleware::from_fn_with_state(Arc::clone(&clerk), authenticate))
        .with_state(clerk)
}

/// Requires a known secret key and, if a version is given, a known version.
async fn authenticate(extract::State(clerk): Shared, request: Request, next: Next) -> Response {
    let checked = check_version(&request).and_then(|()| instance_of_key(&clerk, request.headers()));
    match checked {
        Ok(None) => next.run(request).await,
        Ok(Some(other)) => another_instance(&other, &request).into_response(),
        Err(error) => error.into_response(),
    }
}

/// What a key of another instance sees: that instance's keys, and no users.
fn another_instance(other: &Value, request: &Request) -> ClerkResult {
    let id = other["id"].as_str().unwrap_or_default();
    let path = if request.method() == Method::GET { request.uri().path() } else { "" };
    match path {
        "/v1/instance" => Ok(Json(other.clone())),
        "/v1/jwks" => Ok(Json(json!({ "keys": [keys::public_key(KeyName::Other, id)] }))),
        "/v1/users" | "/v1/jwt_templates" => Ok(Json(json!([]))),
        "/v1/users/count" => Ok(Json(json!({ "object": "total_count", "total_count": 0 }))),
        "/v1/domains" | "/v1/organizations" => Ok(Json(json!({ "data": [], "total_count": 0 }))),
        _ => Err(ClerkError::not_found("This instance has no such thing.")),
    }
}

fn check_version(request: &Request) -> Result<(), ClerkError> {
    let in_header = request.headers().get("clerk-api-version").map(|value| value.to_str().unwrap_or_default());
    let query = request.uri().query().unwrap_or_default();
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("__clerk_api_version="));
    if in_header.is_some() && in_query.is_some() {
        let reason = "The API version must be given in the header or in the query string, and not in both.";
        return Err(ClerkError::bad_request("api_version_invalid", "Invalid API version", reason));
    }
    match in_header.or(in_query) {
        Some(version) if !VERSIONS.contains(&version) => {
            let reason = format!("{version} is not a version of this API.");
            Err(ClerkError::bad_request("api_version_invalid", "Invalid API version", &reason))
        }
        _ => Ok(()),
    }
}

fn instance_of_key(clerk: &Clerk, headers: &HeaderMap) -> Result<Option<Value>, ClerkError> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(ClerkError::authorization_header)?;
    let known = clerk.settings.secret_keys.values().find(|key| key.value == shown && !key.revoked);
    let known = known.ok_or_else(ClerkError::secret_key)?;
    let environment = if known.value.starts_with("sk_test_") { "development" } else { "production" };
    let Some(id) = &known.instance else { return Ok(None) };
    let other = clerk.recorded.complete("instance", &json!({ "id": id, "environment_type": environment }));
    other.map(Some).map_err(|error| ClerkError::internal(&error.to_string()))
}

async fn instance(extract::State(clerk): Shared) -> Json<Value> {
    Json(clerk.settings.instance.clone())
}

async fn key_set(extract::State(clerk): Shared) -> Json<Value> {
    if clerk.is_one_instance() {
        return Json(clerk.key_set());
    }
    // The secret key's instance has its own keys, even if another instance serves the customer's domain.
    Json(json!({ "keys": [keys::public_key(KeyName::Other, clerk.settings.instance_id())] }))
}

async fn domains(extract::State(clerk): Shared) -> Json<Value> {
    let data: Vec<&Value> = clerk.settings.domains.values().collect();
    Json(json!({ "data": data, "total_count": data.len() }))
}

async fn redirect_urls(Query(parameters): Parameters) -> ClerkResult {
    whole_list(Vec::new(), &parameters)
}

async fn users(extract::State(clerk): Shared, Query(parameters): Parameters) -> ClerkResult {
    let listing = Listing::read(&parameters)?;
    let users = clerk.users();
    let page = listing.page(&users)?;
    Ok(Json(page.into()))
}

async fn users_count(extract::State(clerk): Shared, Query(parameters): Parameters) -> ClerkResult {
    let count = Listing::read(&parameters)?.count(&clerk.users());
    Ok(Json(json!({ "object": "total_count", "total_count": count })))
}

async fn user(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let users = clerk.users();
    users.find(&id).map(Json).ok_or_else(|| no_such("user", &id))
}

/// The fields of a user that can be changed. Nothing here depends on them.
const UPDATABLE: [&str; 24] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "primary_email_address_id",
    "notify_primary_email_address_changed",
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "username",
    "profile_image_id",
    "password",
    "password_digest",
    "password_hasher",
    "skip_password_checks",
    "sign_out_of_other_sessions",
    "totp_secret",
    "backup_codes",
    "delete_self_enabled",
    "create_organization_enabled",
    "legal_accepted_at",
    "skip_legal_checks",
    "create_organizations_limit",
    "created_at",
    "bypass_client_trust",
];
const METADATA: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// Before version 2026-05-12, this request could also replace metadata.
async fn update_user(
    extract::State(clerk): Shared,
    Path(id): Path<String>,
    Query(parameters): Parameters,
    headers: HeaderMap,
    body: Bytes,
) -> ClerkResult {
    let in_query = parameters.iter().find(|(name, _)| name == "__clerk_api_version").map(|(_, value)| value.as_str());
    let version = headers.get("clerk-api-version").and_then(|value| value.to_str().ok()).or(in_query);
    let takes_metadata = version.is_some_and(|version| version < "2026-05-12");
    let known: Vec<&str> = UPDATABLE.iter().chain(METADATA.iter().filter(|_| takes_metadata)).copied().collect();
    let mut fields = fields(&body, &known)?;
    fields.retain(|name, _| METADATA.contains(&name.as_str()));
    if fields.is_empty() {
        let mut users = clerk.users();
        let user = users.find(&id).ok_or_else(|| no_such("user", &id))?;
        clerk.effects.record("clerk.user.updated");
        return Ok(Json(users.store(user, now())));
    }
    store_metadata(&clerk, &id, &fields, |target, change| change.clone_into(target))
}

async fn merge_metadata(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    change_metadata(&clerk, &id, &body, merge)
}

async fn replace_metadata(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    change_metadata(&clerk, &id, &body, |target, change| change.clone_into(target))
}

fn change_metadata(
    clerk: &Clerk,
    id: &str,
    body: &[u8],
    change: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> ClerkResult {
    store_metadata(clerk, id, &fields(body, &METADATA)?, change)
}

fn store_metadata(
    clerk: &Clerk,
    id: &str,
    fields: &Map<String, Value>,
    change: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> ClerkResult {
    let mut users = clerk.users();
    let mut user = users.find(id).ok_or_else(|| no_such("user", id))?;
    change_kinds(&mut user, fields, change)?;
    clerk.effects.record("clerk.user.metadata_changed");
    Ok(Json(users.store(user, now())))
}

//! `POST /v1/users` and `DELETE /v1/users/{id}` (docs/providers.md, "Clerk API objects and sign-in").

use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Path};
use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::error::{ClerkError, ClerkResult};
use super::now;
use super::request::{Shared, fields, no_such};

/// What a new user can be given. Nothing here depends on some of it.
const KNOWN: [&str; 26] = [
    "backup_codes",
    "bypass_client_trust",
    "create_organization_enabled",
    "create_organizations_limit",
    "created_at",
    "delete_self_enabled",
    "email_address",
    "email_address_identification_status",
    "external_id",
    "first_name",
    "last_name",
    "legal_accepted_at",
    "locale",
    "password",
    "password_digest",
    "password_hasher",
    "phone_number",
    "phone_number_identification_status",
    "private_metadata",
    "public_metadata",
    "skip_legal_checks",
    "skip_password_checks",
    "skip_password_requirement",
    "totp_secret",
    "unsafe_metadata",
    "username",
];
/// Those that the user's object shows as they were given.
const SHOWN: [&str; 8] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "private_metadata",
    "public_metadata",
    "unsafe_metadata",
    "username",
];

pub(super) async fn create(extract::State(clerk): Shared, body: Bytes) -> ClerkResult {
    let given = fields(&body, &KNOWN)?;
    let addresses = addresses(&given)?;
    for address in &addresses {
        if clerk.users().identities().any(|(_, known)| known.eq_ignore_ascii_case(address)) {
            let message = "is taken";
            return Err(ClerkError::parameter("form_identifier_exists", "email_address", message));
        }
    }
    let has_password =
        ["password", "password_digest"].iter().any(|name| given.get(*name).is_some_and(Value::is_string));
    if !has_password && given.get("skip_password_requirement") != Some(&Value::Bool(true)) {
        return Err(ClerkError::parameter("form_data_missing", "password", "is required"));
    }
    let mut wanted: Map<String, Value> =
        given.into_iter().filter(|(name, value)| SHOWN.contains(&name.as_str()) && !value.is_null()).collect();
    wanted.insert("id".to_owned(), format!("user_2sandbox{:019}", clerk.serial()).into());
    wanted.insert("created_at".to_owned(), now().into());
    wanted.insert("password_enabled".to_owned(), has_password.into());
    let addresses: Value = addresses.iter().map(|address| json!({ "email_address": address })).collect();
    wanted.insert("email_addresses".to_owned(), addresses);
    let user =
        clerk.recorded.complete("user", &wanted.into()).map_err(|error| ClerkError::internal(&error.to_string()))?;
    let user = clerk.users().add(user);
    clerk.effects.record("clerk.user.created");
    Ok(Json(user))
}

/// The email addresses, of which this instance requires one.
fn addresses(given: &Map<String, Value>) -> Result<Vec<String>, ClerkError> {
    let wrong = |message| ClerkError::parameter("form_param_format_invalid", "email_address", message);
    let Some(addresses) = given.get("email_address") else {
        return Err(ClerkError::parameter("form_data_missing", "email_address", "is required"));
    };
    let addresses = addresses.as_array().filter(|addresses| !addresses.is_empty());
    let addresses = addresses.ok_or_else(|| wrong("must be an array of email addresses"))?;
    let address = |value: &Value| value.as_str().filter(|text| text.contains('@')).map(str::to_owned);
    addresses.iter().map(|value| address(value).ok_or_else(|| wrong("must be a valid email address"))).collect()
}

/// Its sessions end, and its sign-in tickets are revoked.
pub(super) async fn delete(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let found = clerk.users().find(&id).ok_or_else(|| no_such("user", &id))?;
    if !clerk.users().remove(&id) {
        let reason = "The sandbox makes its unnamed users by formula and cannot delete one.";
        return Err(ClerkError::new(StatusCode::NOT_IMPLEMENTED, "not_implemented", "not implemented", reason));
    }
    clerk.sessions().end_all(&id, now());
    clerk.effects.record("clerk.user.deleted");
    let mut deleted = json!({ "object": "user", "id": id, "deleted": true });
    if found["external_id"].is_string() {
        deleted["external_id"] = found["external_id"].clone();
    }
    Ok(Json(deleted))
}

//! What the Backend API's handlers read from a request.

use std::sync::Arc;

use axum::extract::{self, Query};
use serde_json::{Map, Value};

use super::Clerk;
use super::error::ClerkError;

/// The Clerk that a handler serves.
pub(super) type Shared = extract::State<Arc<Clerk>>;
/// A query string. A name may be repeated.
pub(super) type Parameters = Query<Vec<(String, String)>>;

/// The fields of a JSON body, which may be empty. Unknown fields are rejected.
pub(super) fn fields(body: &[u8], known: &[&str]) -> Result<Map<String, Value>, ClerkError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let malformed =
        |_| ClerkError::bad_request("request_body_invalid", "Request body invalid", "The body is not a JSON object.");
    let fields: Map<String, Value> = serde_json::from_slice(body).map_err(malformed)?;
    match fields.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(ClerkError::unknown_parameter(name)),
        None => Ok(fields),
    }
}

/// Changes kinds of metadata of a user or an organization: merges them, or replaces each as a whole.
pub(super) fn change_kinds(
    object: &mut Value,
    kinds: &Map<String, Value>,
    change: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> Result<(), ClerkError> {
    for (name, value) in kinds {
        let wrong = || ClerkError::parameter("form_param_format_invalid", name, "must be an object");
        change(object[name].as_object_mut().ok_or_else(wrong)?, value.as_object().ok_or_else(wrong)?);
    }
    Ok(())
}

/// A 404 for an object of that kind.
pub(super) fn no_such(kind: &str, id: &str) -> ClerkError {
    ClerkError::not_found(format!("No {kind} was found with id {id}."))
}

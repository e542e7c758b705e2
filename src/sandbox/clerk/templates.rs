//! The JWT templates.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Path, Query};
use serde_json::{Map, Value, json};

use super::error::{ClerkError, ClerkResult};
use super::listing::whole_list;
use super::now;
use super::request::{Parameters, Shared, fields, no_such};

/// The fields that a request can have.
const FIELDS: [&str; 7] =
    ["name", "claims", "lifetime", "allowed_clock_skew", "custom_signing_key", "signing_algorithm", "signing_key"];

/// The claims that Clerk sets itself.
const RESERVED: [&str; 7] = ["azp", "exp", "iat", "iss", "jti", "nbf", "sub"];

pub(super) async fn list(extract::State(clerk): Shared, Query(parameters): Parameters) -> ClerkResult {
    whole_list(clerk.templates().clone(), &parameters)
}

pub(super) async fn get(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let templates = clerk.templates();
    let template = templates.iter().find(|template| template["id"] == id);
    template.cloned().map(Json).ok_or_else(|| no_such("JWT template", &id))
}

pub(super) async fn create(extract::State(clerk): Shared, body: Bytes) -> ClerkResult {
    let given = checked(&body)?;
    let serial = clerk.serial();
    let mut templates = clerk.templates();
    require_unused_name(&templates, "", &given)?;
    let at = now();
    let fields = json!({ "id": format!("jtmp_2sandbox{serial:019}"), "created_at": at });
    let template = clerk.recorded.complete("jwt_template", &fields);
    let template = template.map_err(|error| ClerkError::internal(&error.to_string()))?;
    let template = changed(template, given, at);
    templates.push(template.clone());
    clerk.effects.record("clerk.jwt_template.created");
    Ok(Json(template))
}

pub(super) async fn update(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    let given = checked(&body)?;
    let mut templates = clerk.templates();
    require_unused_name(&templates, &id, &given)?;
    let template = templates.iter_mut().find(|template| template["id"] == id);
    let template = template.ok_or_else(|| no_such("JWT template", &id))?;
    *template = changed(template.clone(), given, now());
    clerk.effects.record("clerk.jwt_template.updated");
    Ok(Json(template.clone()))
}

pub(super) async fn delete(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let mut templates = clerk.templates();
    let place = templates.iter().position(|template| template["id"] == id);
    templates.remove(place.ok_or_else(|| no_such("JWT template", &id))?);
    clerk.effects.record("clerk.jwt_template.deleted");
    Ok(Json(json!({ "object": "jwt_template", "id": id, "deleted": true })))
}

/// The fields of a request. Even a change needs the name and the claims.
fn checked(body: &[u8]) -> Result<Map<String, Value>, ClerkError> {
    let given = fields(body, &FIELDS)?;
    for name in ["name", "claims"] {
        if given.get(name).is_none_or(Value::is_null) {
            return Err(ClerkError::parameter("form_param_missing", name, "must be included"));
        }
    }
    let wrong = |name: &str, what: &str| ClerkError::parameter("form_param_format_invalid", name, what);
    if given["name"].as_str().is_none_or(str::is_empty) {
        return Err(wrong("name", "must be a text"));
    }
    let claims = given["claims"].as_object().ok_or_else(|| wrong("claims", "must be an object"))?;
    if let Some(reserved) = claims.keys().find(|claim| RESERVED.contains(&claim.as_str())) {
        let reason = format!("must not contain the reserved claim {reserved}");
        return Err(ClerkError::parameter("jwt_template_reserved_claim", "claims", &reason));
    }
    for (name, least, most) in [("lifetime", 30, 315_360_000), ("allowed_clock_skew", 0, 300)] {
        let Some(value) = given.get(name).filter(|value| !value.is_null()) else { continue };
        if value.as_i64().is_none_or(|number| number < least || number > most) {
            let reason = format!("must be a whole number from {least} to {most}");
            return Err(ClerkError::parameter("form_param_value_invalid", name, &reason));
        }
    }
    match given.get("custom_signing_key") {
        Some(Value::Bool(true)) => {
            for name in ["signing_algorithm", "signing_key"] {
                if !given.get(name).is_some_and(Value::is_string) {
                    return Err(ClerkError::parameter("form_param_missing", name, "must be included"));
                }
            }
        }
        None | Some(Value::Bool(false)) => {}
        Some(_) => return Err(wrong("custom_signing_key", "must be true or false")),
    }
    Ok(given)
}

/// Rejects the name of another template.
fn require_unused_name(templates: &[Value], id: &str, given: &Map<String, Value>) -> Result<(), ClerkError> {
    if templates.iter().any(|other| other["id"] != id && other["name"] == given["name"]) {
        return Err(ClerkError::parameter("form_param_value_invalid", "name", "is taken by another template"));
    }
    Ok(())
}

/// The template with the fields of a request. The claims are replaced as a whole; a field that is missing or null stays.
fn changed(mut template: Value, given: Map<String, Value>, at: i64) -> Value {
    for (name, value) in given {
        // No answer shows the key.
        if name != "signing_key" && !value.is_null() {
            template[name] = value;
        }
    }
    if template["custom_signing_key"] == false {
        template["signing_algorithm"] = "RS256".into();
    }
    template["updated_at"] = at.into();
    template
}

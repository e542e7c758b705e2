//! Tokens: their claims, evaluated from shortcodes, and their signature.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Map, Value, json};

use super::error::ClerkError;
use super::keys::signing_key;
use super::sessions::Session;
use super::settings::{ClerkSettings, KeyName};

/// The lifetime of a session token, in seconds.
const SESSION_TOKEN_LIFETIME: u64 = 60;
/// The key of templates with a custom signing key.
const CUSTOM_KEY: &[u8] = b"a key that only the customer and Clerk know";

/// What a token is created for.
#[derive(Debug, Clone)]
pub(super) struct Subject<'a> {
    /// The user.
    pub user: &'a Value,
    /// The active organization.
    pub organization: Option<&'a Value>,
    /// The session.
    pub session: &'a Session,
    /// The `Origin` of the request.
    pub origin: Option<&'a str>,
    /// The lifetime that the caller requested, in seconds.
    pub lifetime: Option<u64>,
    /// The number in the token's ID.
    pub serial: u64,
}

/// A session token, version 2.
pub(super) fn session_token(settings: &ClerkSettings, subject: &Subject<'_>) -> Result<String, ClerkError> {
    let mut claims = custom_claims(settings, &settings.session_claims, subject);
    claims.extend(standard_claims(settings, subject, subject.lifetime.unwrap_or(SESSION_TOKEN_LIFETIME), 10));
    claims.insert("fva".into(), json!([0, -1]));
    claims.insert("sid".into(), json!(subject.session.id));
    let status = if subject.session.is_pending() { "pending" } else { "active" };
    claims.insert("sts".into(), json!(status));
    if let Some(organization) = subject.organization {
        let role = "admin";
        claims.insert("o".into(), json!({ "id": organization["id"], "slg": organization["slug"], "rol": role }));
    }
    claims.insert("v".into(), json!(2));
    sign(settings, &claims, "cl_B7d4PD111AAA")
}

/// A token from a template: without a session, and possibly with a custom key.
pub(super) fn template_token(
    settings: &ClerkSettings,
    template: &Value,
    subject: &Subject<'_>,
) -> Result<String, ClerkError> {
    let number = |field: &str| template[field].as_u64().unwrap_or_default();
    let mut claims =
        template["claims"].as_object().map_or_else(Map::new, |claims| custom_claims(settings, claims, subject));
    let lifetime = subject.lifetime.unwrap_or_else(|| number("lifetime"));
    claims.extend(standard_claims(settings, subject, lifetime, number("allowed_clock_skew")));
    if template["custom_signing_key"] == true {
        let key = EncodingKey::from_secret(CUSTOM_KEY);
        return encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|error| ClerkError::internal(&error.to_string()));
    }
    sign(settings, &claims, "cl_B7d4PD222AAA")
}

/// Signs what only this instance reads: tickets and client tokens.
pub(super) fn sealed(settings: &ClerkSettings, claims: &Value) -> Result<String, ClerkError> {
    let claims = claims.as_object().cloned().unwrap_or_default();
    sign(settings, &claims, "cl_B7d4PD333AAA")
}

fn sign(settings: &ClerkSettings, claims: &Map<String, Value>, category: &str) -> Result<String, ClerkError> {
    let unsigned = |reason: String| ClerkError::internal(&format!("the token could not be signed: {reason}"));
    let name = settings.signing.key;
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid(settings, name));
    header.extras.insert("cat", category);
    let key = signing_key(name).ok_or_else(|| unsigned("there is no key".to_owned()))?;
    encode(&header, claims, key).map_err(|error| unsigned(error.to_string()))
}

/// The `kid` of a key: the ID of the instance behind the Frontend API, or the other key's own.
pub(super) fn kid(settings: &ClerkSettings, name: KeyName) -> String {
    match name {
        KeyName::Instance => {
            settings.frontend_api.instance.clone().unwrap_or_else(|| settings.instance_id().to_owned())
        }
        KeyName::Other => settings.signing.other_kid.clone(),
    }
}

fn standard_claims(settings: &ClerkSettings, subject: &Subject<'_>, lifetime: u64, skew: u64) -> Map<String, Value> {
    let now = get_current_timestamp().saturating_add_signed(settings.signing.clock_ahead);
    let issuer = settings.signing.issuer.as_ref().unwrap_or(&settings.frontend_api.host);
    let mut claims = Map::new();
    if let Some(origin) = subject.origin {
        claims.insert("azp".into(), json!(origin));
    }
    claims.insert("exp".into(), json!(now + lifetime));
    claims.insert("iat".into(), json!(now));
    claims.insert("iss".into(), json!(format!("https://{issuer}")));
    claims.insert("jti".into(), json!(format!("{:020x}", subject.serial)));
    claims.insert("nbf".into(), json!(now.saturating_sub(skew)));
    claims.insert("sub".into(), subject.user["id"].clone());
    claims
}

fn custom_claims(settings: &ClerkSettings, template: &Map<String, Value>, subject: &Subject<'_>) -> Map<String, Value> {
    let known = shortcodes(subject);
    let mut claims: Map<String, Value> =
        template.iter().map(|(name, value)| (name.clone(), evaluate(value, &known))).collect();
    for (name, value) in &settings.stale_claims {
        if let Some(claim) = claims.get_mut(name) {
            *claim = value.clone();
        }
    }
    claims
}

/// What shortcodes stand for. Without an active organization, its are null.
fn shortcodes(subject: &Subject<'_>) -> Value {
    let user = subject.user;
    let organization = subject.organization.map(|found| {
        json!({
            "id": found["id"], "name": found["name"], "slug": found["slug"],
            "public_metadata": found["public_metadata"],
        })
    });
    json!({
        "user": {
            "id": user["id"],
            "primary_email_address": user["email_addresses"][0]["email_address"],
            "public_metadata": user["public_metadata"],
            "unsafe_metadata": user["unsafe_metadata"],
        },
        "org": organization,
    })
}

/// A claim with its shortcodes replaced, at any depth.
fn evaluate(template: &Value, known: &Value) -> Value {
    match template {
        Value::String(text) => evaluate_text(text, known),
        Value::Array(items) => items.iter().map(|item| evaluate(item, known)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), evaluate(value, known))).collect(),
        other => other.clone(),
    }
}

/// A single shortcode keeps the value's type. In a longer text, it becomes text.
fn evaluate_text(text: &str, known: &Value) -> Value {
    let whole = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(expression) = whole.filter(|expression| !expression.contains("}}")) {
        return evaluate_expression(expression, known);
    }
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((expression, remainder)) = after.split_once("}}") else { break };
        written.push_str(before);
        match evaluate_expression(expression, known) {
            Value::String(value) => written.push_str(&value),
            value => written.push_str(&value.to_string()),
        }
        rest = remainder;
    }
    Value::String(written + rest)
}

/// The first alternative between `||` that has a value, or null.
fn evaluate_expression(expression: &str, known: &Value) -> Value {
    let values = expression.split("||").map(|alternative| evaluate_alternative(alternative.trim(), known));
    values.into_iter().find(|value| !value.is_null()).unwrap_or(Value::Null)
}

fn evaluate_alternative(alternative: &str, known: &Value) -> Value {
    for quote in ['\'', '"'] {
        if let Some(literal) = alternative.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return json!(literal);
        }
    }
    let value = alternative.split('.').try_fold(known, |value, name| value.get(name.trim()));
    value.cloned().or_else(|| serde_json::from_str(alternative).ok()).unwrap_or(Value::Null)
}

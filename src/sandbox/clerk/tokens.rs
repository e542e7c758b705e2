//! Tokens: their claims, made from shortcodes, and their signature.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Map, Value, json};

use super::error::ClerkError;
use super::keys::signing_key;
use super::state::{JwtTemplate, KeyName, State, User};

/// Seconds that a session token is good for.
const SESSION_TOKEN_LIFETIME: u64 = 60;
/// The key of templates that sign with a key of the customer's own.
const CUSTOM_KEY: &[u8] = b"a key that only the customer and Clerk know";

/// What a token is made for.
#[derive(Debug, Clone)]
pub(super) struct Subject<'a> {
    /// The user that it speaks for.
    pub user: &'a User,
    /// The session that it is made in.
    pub session: &'a str,
    /// The `Origin` of the request that asked for it.
    pub origin: Option<&'a str>,
    /// Seconds that it shall be good for, where the caller said so.
    pub lifetime: Option<u64>,
    /// Makes the token's own id.
    pub serial: u64,
}

/// A session token, version 2.
pub(super) fn session_token(state: &State, subject: &Subject<'_>) -> Result<String, ClerkError> {
    let mut claims = custom_claims(state, &state.session_claims.clone().into_iter().collect(), subject.user);
    claims.extend(standard_claims(state, subject, subject.lifetime.unwrap_or(SESSION_TOKEN_LIFETIME), 10));
    claims.insert("fva".into(), json!([0, -1]));
    claims.insert("sid".into(), json!(subject.session));
    claims.insert("sts".into(), json!("active"));
    claims.insert("v".into(), json!(2));
    sign(state, &claims, "cl_B7d4PD111AAA")
}

/// A token made from a template: no session in it, and perhaps a key of the customer's own.
pub(super) fn template_token(
    state: &State,
    template: &JwtTemplate,
    subject: &Subject<'_>,
) -> Result<String, ClerkError> {
    let mut claims = custom_claims(state, &template.claims, subject.user);
    let lifetime = subject.lifetime.unwrap_or(template.lifetime);
    claims.extend(standard_claims(state, subject, lifetime, template.allowed_clock_skew));
    if template.custom_signing_key {
        let key = EncodingKey::from_secret(CUSTOM_KEY);
        return encode(&Header::new(Algorithm::HS256), &claims, &key)
            .map_err(|error| ClerkError::internal(&error.to_string()));
    }
    sign(state, &claims, "cl_B7d4PD222AAA")
}

/// Signs what only this instance will read again: tickets and the tokens of clients.
pub(super) fn sealed(state: &State, claims: &Value) -> Result<String, ClerkError> {
    let claims = claims.as_object().cloned().unwrap_or_default();
    sign(state, &claims, "cl_B7d4PD333AAA")
}

fn sign(state: &State, claims: &Map<String, Value>, category: &str) -> Result<String, ClerkError> {
    let unsigned = |reason: String| ClerkError::internal(&format!("the token could not be signed: {reason}"));
    let name = state.signing.key;
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(kid(state, name));
    header.extras.insert("cat", category);
    let key = signing_key(name).ok_or_else(|| unsigned("there is no key".to_owned()))?;
    encode(&header, claims, key).map_err(|error| unsigned(error.to_string()))
}

/// The `kid` under which a key is published: the id of the instance that browsers talk to, or its own.
pub(super) fn kid(state: &State, name: KeyName) -> String {
    match name {
        KeyName::Instance => state.frontend_api.instance.clone().unwrap_or_else(|| state.instance.id.clone()),
        KeyName::Other => state.signing.other_kid.clone(),
    }
}

fn standard_claims(state: &State, subject: &Subject<'_>, lifetime: u64, skew: u64) -> Map<String, Value> {
    let now = get_current_timestamp().saturating_add_signed(state.signing.clock_ahead);
    let issuer = state.signing.issuer.as_ref().unwrap_or(&state.frontend_api.host);
    let mut claims = Map::new();
    if let Some(origin) = subject.origin {
        claims.insert("azp".into(), json!(origin));
    }
    claims.insert("exp".into(), json!(now + lifetime));
    claims.insert("iat".into(), json!(now));
    claims.insert("iss".into(), json!(format!("https://{issuer}")));
    claims.insert("jti".into(), json!(format!("{:020x}", subject.serial)));
    claims.insert("nbf".into(), json!(now.saturating_sub(skew)));
    claims.insert("sub".into(), json!(subject.user.id));
    claims
}

fn custom_claims(state: &State, template: &Map<String, Value>, user: &User) -> Map<String, Value> {
    let mut claims: Map<String, Value> =
        template.iter().map(|(name, value)| (name.clone(), evaluate(value, user))).collect();
    for (name, value) in &state.stale_claims {
        if let Some(claim) = claims.get_mut(name) {
            *claim = value.clone();
        }
    }
    claims
}

/// A claim with its shortcodes replaced, however deep they stand.
fn evaluate(template: &Value, user: &User) -> Value {
    match template {
        Value::String(text) => evaluate_text(text, user),
        Value::Array(items) => items.iter().map(|item| evaluate(item, user)).collect(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), evaluate(value, user))).collect(),
        other => other.clone(),
    }
}

/// A text that is one shortcode keeps the value's type; in a longer text the value is written out.
fn evaluate_text(text: &str, user: &User) -> Value {
    let whole = text.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(expression) = whole.filter(|expression| !expression.contains("}}")) {
        return evaluate_expression(expression, user);
    }
    let mut written = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((expression, remainder)) = after.split_once("}}") else { break };
        written.push_str(before);
        match evaluate_expression(expression, user) {
            Value::String(value) => written.push_str(&value),
            value => written.push_str(&value.to_string()),
        }
        rest = remainder;
    }
    Value::String(written + rest)
}

/// The first alternative between `||` that has a value, or null.
fn evaluate_expression(expression: &str, user: &User) -> Value {
    let values = expression.split("||").map(|alternative| evaluate_alternative(alternative.trim(), user));
    values.into_iter().find(|value| !value.is_null()).unwrap_or(Value::Null)
}

fn evaluate_alternative(alternative: &str, user: &User) -> Value {
    for quote in ['\'', '"'] {
        if let Some(literal) = alternative.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return json!(literal);
        }
    }
    let fields = json!({ "user": {
        "id": user.id,
        "primary_email_address": user.email,
        "public_metadata": user.public_metadata,
        "unsafe_metadata": user.unsafe_metadata,
    }});
    let value = alternative.split('.').try_fold(&fields, |value, name| value.get(name.trim()));
    value.cloned().or_else(|| serde_json::from_str(alternative).ok()).unwrap_or(Value::Null)
}

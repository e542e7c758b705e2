//! Authentication: verifies a request's token against Clerk's keys.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use serde_json::{Value, json};

use super::Worker;
use super::settings::Defect;

/// The allowed clock skew between Clerk and the Worker, in seconds.
const LEEWAY: u64 = 5;
/// The error for a request without a token, also on unknown paths.
const NO_TOKEN: &str = "Missing or invalid Authorization header";
/// The error for a good token that says too little.
const NO_CLAIM: &str = "Not a member";
/// The error for a bad token.
const BAD_TOKEN: &str = "Invalid or expired token";

/// The user that a token belongs to.
#[derive(Debug)]
pub(super) struct SignedInUser {
    /// The user's ID at Clerk.
    pub user: String,
    /// The ID of what has the plan: the user, or the session's organization.
    pub holder: String,
    /// The tier in the token, or `free`.
    pub plan: String,
}

impl SignedInUser {
    fn new(worker: &Worker, claims: &Value) -> Self {
        let text = |pointer: &str| claims.pointer(pointer)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let plan = text(&worker.settings.plan_claim).unwrap_or_else(|| "free".to_owned());
        let user = text("/sub").unwrap_or_default();
        // A session token has the organization in `o`, and a template's where its shortcode `org.id` is.
        let organization = || text("/o/id").or_else(|| text("/org_id")).unwrap_or_default();
        let holder = if worker.settings.organizations { organization() } else { user.clone() };
        Self { user, holder, plan }
    }
}

/// The user of a request's token, or the error to send.
pub(super) async fn authenticate(worker: &Worker, headers: &HeaderMap) -> Result<SignedInUser, &'static str> {
    if worker.settings.has(Defect::Open) {
        return Ok(SignedInUser::new(worker, &json!({ "sub": "anonymous" })));
    }
    let token = if worker.settings.reads_cookies { session_cookie(headers) } else { bearer(headers) };
    let token = token.filter(|token| !token.is_empty()).ok_or(NO_TOKEN)?;
    let keys = worker.clerk("GET", "/v1/jwks", None).await.map_err(|_| BAD_TOKEN)?;
    let keys: JwkSet = serde_json::from_value(keys).map_err(|_| BAD_TOKEN)?;
    let claims =
        verified(worker, token, &keys).or_else(|| accepted_by_defect(worker, token, &keys)).ok_or(BAD_TOKEN)?;
    // Clerk's SDK takes a pending session for none.
    if worker.settings.reads_cookies && claims["sts"] == "pending" {
        return Err(BAD_TOKEN);
    }
    let parties = &worker.settings.authorized_parties;
    let party = claims["azp"].as_str();
    if !parties.is_empty() && !party.is_some_and(|party| parties.iter().any(|allowed| allowed == party)) {
        return Err(BAD_TOKEN);
    }
    let has = |pointer: &String| claims.pointer(pointer).is_some_and(|claim| !claim.is_null());
    if !worker.settings.requires_claims.iter().all(has) {
        return Err(NO_CLAIM);
    }
    let account = SignedInUser::new(worker, &claims);
    if account.holder.is_empty() { Err(NO_CLAIM) } else { Ok(account) }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// The token in Clerk's cookies. Without the time of the sign-in beside it, Clerk's SDK does not believe it.
fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    let cookie = |name| cookies.split("; ").find_map(|cookie| cookie.strip_prefix(name)?.strip_prefix('='));
    cookie("__client_uat").filter(|time| *time != "0").and_then(|_| cookie("__session"))
}

/// The claims of a valid token.
fn verified(worker: &Worker, token: &str, keys: &JwkSet) -> Option<Value> {
    let header = decode_header(token).ok()?;
    let key = DecodingKey::from_jwk(keys.find(&header.kid?)?).ok()?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.leeway = LEEWAY;
    validation.validate_nbf = true;
    validation.validate_aud = false;
    validation.validate_exp = !worker.settings.has(Defect::AcceptsExpiredTokens);
    decode(token, &key, &validation).ok().map(|token| token.claims)
}

/// The claims of an invalid token that one of the Worker's defects accepts.
fn accepted_by_defect(worker: &Worker, token: &str, keys: &JwkSet) -> Option<Value> {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (header, claims) = (parts.next()??, parts.next()??);
    let header: Value = serde_json::from_slice(&header).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    let is_current = claims["exp"].as_u64().is_some_and(|expires| expires + LEEWAY > get_current_timestamp());
    let accepted = match header["alg"].as_str()?.to_lowercase().as_str() {
        "none" => worker.settings.has(Defect::AcceptsAlgorithmNone),
        "hs256" => worker.settings.has(Defect::AcceptsPublicKeyAsSecret) && signed_with_a_public_key(token, keys),
        "rs256" => worker.settings.has(Defect::AcceptsForeignTokens),
        _ => false,
    };
    (accepted && is_current).then_some(claims)
}

/// Whether a published key, in any of the forms that libraries use, is the shared secret of the signature.
fn signed_with_a_public_key(token: &str, keys: &JwkSet) -> bool {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_aud = false;
    let secrets = keys.keys.iter().flat_map(secret_forms);
    secrets.into_iter().any(|secret| decode::<Value>(token, &DecodingKey::from_secret(&secret), &validation).is_ok())
}

/// A public key as PEM with and without the final line break, as DER, and as its modulus.
fn secret_forms(key: &Jwk) -> Vec<Vec<u8>> {
    let AlgorithmParameters::RSA(parameters) = &key.algorithm else { return Vec::new() };
    let mut secret_forms = vec![parameters.n.clone().into_bytes()];
    let decoded = (URL_SAFE_NO_PAD.decode(&parameters.n), URL_SAFE_NO_PAD.decode(&parameters.e));
    let (Ok(n), Ok(e)) = decoded else { return secret_forms };
    let der: Result<PublicKeyX509Der<'_>, _> = RsaPublicKeyComponents { n, e }.as_der();
    if let Ok(der) = der {
        let encoded = STANDARD.encode(der.as_ref());
        let lines: Vec<String> =
            encoded.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into()).collect();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", lines.join("\n"));
        secret_forms.push(format!("{pem}\n").into_bytes());
        secret_forms.push(pem.into_bytes());
        secret_forms.push(der.as_ref().to_vec());
    }
    secret_forms
}

//! A key for each request of a run that is the same in every run.

use std::collections::HashMap;
use std::fmt;

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use regex::Captures;
use serde_json::Value;

use super::network::Provider;
use crate::pattern::patterns;

/// Identifies one request of a run, equally in every run: IDs, nonces and times that a run creates are masked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestKey {
    /// The server: `stripe`, `clerk`, `clerk_frontend`, `cloudflare`, `worker` or `frontend`.
    pub provider: &'static str,
    /// GET, POST, …
    pub method: String,
    /// Path and query, masked.
    pub target: String,
    /// What distinguishes it from others to the same target: the event, token, origin or body. May be empty.
    pub detail: String,
    /// How many otherwise equal requests were answered before it.
    pub occurrence: usize,
}

impl fmt::Display for RequestKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.provider, self.method, self.target)?;
        if !self.detail.is_empty() {
            write!(formatter, " ({})", self.detail)?;
        }
        if self.occurrence > 0 {
            write!(formatter, " #{}", self.occurrence + 1)?;
        }
        Ok(())
    }
}

/// IDs created during a run, each with the request that created it.
#[derive(Debug, Default)]
pub(super) struct MadeIds(HashMap<String, String>);

patterns! {
    /// IDs that are numbered as a run creates them.
    MADE = r"\b(?:(sess|sit|sia|client|cs_live|cs_test|bps)_[A-Za-z0-9]+|(cus)_QpanSandbox[0-9]+)";
    /// A nonce of eight bytes, or a time in seconds or milliseconds.
    PASSING = r"\b(?:[0-9a-f]{16}|1[0-9]{9}(?:[0-9]{3})?)\b";
    /// The probe event's ID.
    EVENT = r#""evt_preflight([a-z]+)[0-9a-f]{16}""#;
}

impl MadeIds {
    /// Remembers the IDs in the answer to the request `key` that were not seen before.
    pub(super) fn learn(&mut self, key: &RequestKey, body: &[u8]) {
        let text = String::from_utf8_lossy(body);
        for found in MADE.find_iter(&text) {
            if !self.0.contains_key(found.as_str()) {
                self.0.insert(found.as_str().to_owned(), key.detail.clone());
            }
        }
    }

    /// Masks what differs between two runs. A masked ID says what it was created for.
    fn masked(&self, text: &str) -> String {
        let text = MADE.replace_all(text, |found: &Captures<'_>| {
            let cause = self.0.get(&found[0]).map(String::as_str).unwrap_or_default();
            let kind = found.get(1).or_else(|| found.get(2)).map_or("", |kind| kind.as_str());
            format!("{kind}_*{}", if cause.is_empty() { String::new() } else { format!("[{cause}]") })
        });
        PASSING.replace_all(&text, "*").into_owned()
    }

    /// The key of a request, counted as the first with it.
    pub(super) fn key_of(&self, provider: Provider, parts: &Parts, body: &[u8]) -> RequestKey {
        let target = parts.uri.path_and_query().map_or_else(|| parts.uri.path(), |target| target.as_str());
        RequestKey {
            provider: provider.name(),
            method: parts.method.to_string(),
            target: self.masked(target),
            detail: self.masked(&detail(provider, parts, body)),
            occurrence: 0,
        }
    }
}

/// What distinguishes requests to one target.
fn detail(provider: Provider, parts: &Parts, body: &[u8]) -> String {
    let headers = &parts.headers;
    let text = |name: header::HeaderName| headers.get(name)?.to_str().ok();
    let mut details = Vec::new();
    match provider {
        // The same requests go to the live and the test account.
        Provider::Stripe => details.extend(is_test_key(headers).then(|| "test key".to_owned())),
        Provider::Worker => {
            let body = String::from_utf8_lossy(body);
            let event = EVENT.captures(&body).map(|found| found[1].to_owned());
            let is_event = event.is_some();
            details.extend(event);
            if is_event {
                let signed = if headers.contains_key("stripe-signature") { "with a signature" } else { "no signature" };
                details.push(signed.to_owned());
            } else {
                details.extend((parts.method != Method::OPTIONS).then(|| kind_of_token(headers).to_owned()));
                details.extend(text(header::ORIGIN).map(|origin| format!("from {origin}")));
                details.extend((!body.is_empty()).then(|| body.into_owned()));
            }
        }
        Provider::ClerkFrontend => details.extend(text(header::ORIGIN).map(|origin| format!("from {origin}"))),
        Provider::Clerk | Provider::Cloudflare | Provider::Frontend => {}
    }
    details.join(", ")
}

/// Whether a request to Stripe has a test-mode key, as a bearer token or as a user name.
fn is_test_key(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else { return false };
    let decoded = value.strip_prefix("Basic ").and_then(|encoded| STANDARD.decode(encoded).ok());
    let key = decoded.map_or_else(|| value.to_owned(), |key| String::from_utf8_lossy(&key).into_owned());
    key.contains("k_test_")
}

/// A short description of the token in a request to the Worker.
fn kind_of_token(headers: &HeaderMap) -> &'static str {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let cookie = text(header::COOKIE).and_then(|cookies| {
        cookies.split(';').find_map(|cookie| cookie.trim().strip_prefix("__session=").map(str::to_owned))
    });
    let bearer = text(header::AUTHORIZATION).map(|value| value.strip_prefix("Bearer ").unwrap_or(value).to_owned());
    let Some(token) = bearer.or(cookie) else { return "no token" };
    let part = |index: usize| {
        let part = URL_SAFE_NO_PAD.decode(token.split('.').nth(index)?).ok()?;
        serde_json::from_slice::<Value>(&part).ok()
    };
    let (Some(head), Some(claims)) = (part(0), part(1)) else { return "garbage for a token" };
    match head["alg"].as_str() {
        Some("none") => "an unsigned token",
        Some("HS256") => "a token with alg HS256",
        _ if claims["jti"].as_str().is_some_and(|id| id.starts_with("preflight")) => "a foreign token",
        _ => "a token of the instance's",
    }
}

#[cfg(test)]
mod tests {
    use axum::extract::Request;

    use super::*;

    fn key(made: &MadeIds, provider: Provider, request: Request<&str>) -> RequestKey {
        let (parts, body) = request.into_parts();
        made.key_of(provider, &parts, body.as_bytes())
    }

    fn get(target: &str) -> Request<&'static str> {
        Request::get(target).body("").unwrap()
    }

    #[test]
    fn ids_nonces_and_times_are_masked() {
        let made = MadeIds::default();
        let target = |text| key(&made, Provider::Stripe, get(text)).target;
        assert_eq!(target("/v1/events?created[gte]=1764077491&limit=9"), "/v1/events?created[gte]=*&limit=9");
        assert_eq!(target("/webhook/stripe-ad025a02fb957cba"), "/webhook/stripe-*");
        assert_eq!(target("/v1/checkout/sessions/cs_live_a1b2/expire"), "/v1/checkout/sessions/cs_live_*/expire");
        assert_eq!(target("/accounts/acacacacacacacacacacacacacacacac"), "/accounts/acacacacacacacacacacacacacacacac");
    }

    #[test]
    fn a_masked_id_says_what_it_was_created_for() {
        let mut made = MadeIds::default();
        let order = Request::post("/api/create-checkout").body(r#"{"plan":"pro"}"#).unwrap();
        let order = key(&made, Provider::Worker, order);
        made.learn(&order, br#"{"url":"https://checkout.stripe.com/c/pay/cs_live_a1b2#x"}"#);
        let read = key(&made, Provider::Stripe, get("/v1/checkout/sessions/cs_live_a1b2"));
        assert_eq!(read.target, r#"/v1/checkout/sessions/cs_live_*[no token, {"plan":"pro"}]"#);
    }

    #[test]
    fn events_are_distinguished_by_id_and_signature() {
        let event = r#"{"id":"evt_preflightsigned00112233aabbccdd"}"#;
        let request = Request::post("/webhook/stripe").header("stripe-signature", "t=1,v1=2").body(event).unwrap();
        assert_eq!(key(&MadeIds::default(), Provider::Worker, request).detail, "signed, with a signature");
    }

    #[test]
    fn tokens_are_distinguished_by_what_is_wrong_with_them() {
        let detail = |token: String| {
            let request =
                Request::get("/api/usage").header("authorization", format!("Bearer {token}")).body("").unwrap();
            key(&MadeIds::default(), Provider::Worker, request).detail
        };
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let token = |head: &str, claims: &str| format!("{}.{}.x", encoded(head), encoded(claims));
        assert_eq!(detail("x".to_owned()), "garbage for a token");
        assert_eq!(detail(token(r#"{"alg":"none"}"#, "{}")), "an unsigned token");
        assert_eq!(detail(token(r#"{"alg":"RS256"}"#, r#"{"jti":"preflight"}"#)), "a foreign token");
        assert_eq!(detail(token(r#"{"alg":"RS256"}"#, "{}")), "a token of the instance's");
        assert_eq!(key(&MadeIds::default(), Provider::Worker, get("/api/usage")).detail, "no token");
    }

    #[test]
    fn requests_with_a_test_key_are_marked() {
        let request = Request::get("/v1/prices").header("authorization", "Bearer sk_test_1").body("").unwrap();
        assert_eq!(key(&MadeIds::default(), Provider::Stripe, request).detail, "test key");
    }
}

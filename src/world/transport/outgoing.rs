//! A request, and the secret that authorizes it.

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::Party;
use crate::config::Secret;

/// A secret that authorizes requests, and the one host it may be sent to.
#[derive(Debug, Clone)]
pub struct Credential {
    pub(super) secret: Secret,
    pub(super) host: String,
    header: CredentialHeader,
}

/// The header that has the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CredentialHeader {
    Bearer,
    /// The cookies of a signed-in browser.
    SessionCookies {
        /// Whether Clerk's instance is a development instance, for which a browser has one more cookie.
        is_development: bool,
    },
}

impl Credential {
    /// `secret` for the host of `base` only.
    #[must_use]
    pub fn new(secret: &Secret, base: &Url) -> Self {
        let host = base.host_str().unwrap_or_default().to_owned();
        Self { secret: secret.clone(), host, header: CredentialHeader::Bearer }
    }

    /// The same secret in the cookies of a signed-in browser, instead of `Authorization`.
    pub(in crate::world) fn in_session_cookies(self, is_development: bool) -> Self {
        Self { header: CredentialHeader::SessionCookies { is_development }, ..self }
    }

    /// The header; `None` if the secret cannot be in one.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self.header {
            CredentialHeader::Bearer => Some((AUTHORIZATION, self.secret.bearer()?)),
            CredentialHeader::SessionCookies { is_development } => {
                Some((COOKIE, self.secret.session_cookies(is_development)?))
            }
        }
    }
}

/// When to retry a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Retry {
    /// After network errors, 409, 429 and 5xx: for reads, and for writes with an idempotency key.
    Always,
    /// Only after a lost connection: harmless twice, but the response is what is checked.
    Connection,
    /// Never.
    Never,
}

/// A request to send.
#[derive(Debug, Clone)]
pub(in crate::world) struct OutgoingRequest {
    pub party: Party,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    pub credential: Option<Credential>,
    pub retry: Retry,
    /// Whether it is a step of the leave-no-trace door: once started, only its own timeout ends it.
    pub is_step: bool,
}

impl OutgoingRequest {
    /// A GET, which may be retried.
    pub fn get(party: Party, url: Url) -> Self {
        Self {
            party,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            credential: None,
            retry: Retry::Always,
            is_step: false,
        }
    }

    /// The request line for reports.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, path_and_query(&self.url))
    }
}

pub(in crate::world) fn path_and_query(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

//! A request, and the secret that authorizes it.

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::Party;
use crate::config::Secret;

/// A secret that authorises, and the one host that it may go to.
#[derive(Debug, Clone)]
pub struct Credential {
    pub(super) secret: Secret,
    pub(super) host: String,
}

impl Credential {
    /// `secret`, for the host of `base` and no other.
    #[must_use]
    pub fn new(secret: &Secret, base: &Url) -> Self {
        Self { secret: secret.clone(), host: base.host_str().unwrap_or_default().to_owned() }
    }
}

/// What may be done again when it did not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::world) enum Again {
    /// A read, or a write with an idempotency key: after trouble on the way, and after 409, 429 and 5xx.
    Always,
    /// Something that is harmless twice, but whose answer is what is judged: only after a connection that broke.
    Connection,
    /// Nothing.
    Never,
}

/// A request, ready to be sent.
#[derive(Debug, Clone)]
pub(in crate::world) struct Ask {
    pub party: Party,
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
    pub credential: Option<Credential>,
    pub again: Again,
    /// Whether it is a step of the leave-no-trace door: once begun, only its own time-out ends it.
    pub is_step: bool,
}

impl Ask {
    /// A GET, which may be made again.
    pub fn get(party: Party, url: Url) -> Self {
        Self {
            party,
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            credential: None,
            again: Again::Always,
            is_step: false,
        }
    }

    /// The request in a line, as reports show it.
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

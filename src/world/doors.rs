//! What may leave the machine, as types. Who holds no door cannot send.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::transport::{Again, Ask, Asked, Credential, Failure, Party, Transport, Trouble};
use crate::config::Probe;
use crate::finding::NoAnswer;

/// The read door: GET, and each GET once in a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads<'w>(&'w Transport);

impl<'w> Reads<'w> {
    pub const fn new(transport: &'w Transport) -> Self {
        Self(transport)
    }

    /// Asks once in a run.
    pub async fn get(self, party: Party, url: Url, headers: HeaderMap, credential: Option<Credential>) -> Asked {
        // A provider shapes its answer by the version header, so that belongs to the question.
        let versions: Vec<&str> = ["stripe-version", "clerk-api-version"]
            .iter()
            .filter_map(|name| headers.get(*name)?.to_str().ok())
            .collect();
        let key = versions.join(" ");
        self.0.ask_once(&key, Ask { headers, credential, ..Ask::get(party, url) }).await
    }

    /// Asks past the memo: for long lists that one check alone reads, so that their pages are not kept.
    pub async fn get_unremembered(
        self,
        party: Party,
        url: Url,
        headers: HeaderMap,
        credential: Option<Credential>,
    ) -> Asked {
        self.0.ask(Ask { headers, credential, ..Ask::get(party, url) }).await
    }

    /// The certificate that a host shows, in DER.
    pub async fn certificate(self, url: &Url) -> Option<Vec<u8>> {
        self.0.certificate(url).await
    }

    /// How long a round trip to a host takes, apart from whatever answers there.
    pub async fn round_trip(self, url: &Url) -> Option<Duration> {
        self.0.round_trip(url).await
    }
}

/// The probe door: to the Worker and to nobody else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probes<'w>(pub(super) &'w Transport);

impl Probes<'_> {
    /// Sends `body` to the Worker, once in a run for each `key`.
    pub async fn post(self, key: &str, url: Url, headers: &[(&'static str, String)], body: Vec<u8>) -> Asked {
        let mut ask = probe(Method::POST, url);
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        ask.body = Some(body);
        self.send(key, ask, headers).await
    }

    /// Asks a route of the Worker's, once in a run for each credential and `key`.
    pub async fn ask(
        self,
        key: &str,
        method: Method,
        url: Url,
        headers: &[(&'static str, String)],
        credential: Option<Credential>,
    ) -> Asked {
        self.send(key, Ask { credential, ..probe(method, url) }, headers).await
    }

    async fn send(self, key: &str, mut ask: Ask, headers: &[(&'static str, String)]) -> Asked {
        for (name, value) in headers {
            let Ok(value) = HeaderValue::from_str(value) else {
                return Err(refused(&ask, Trouble::NotForThisHost));
            };
            ask.headers.insert(HeaderName::from_static(name), value);
        }
        self.0.ask_once(key, ask).await
    }
}

/// The door for the user's own requests, `[[probe]]`: whatever the configuration says, and no secret of ours.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestsOfTheUser<'w>(pub(super) &'w Transport);

impl RequestsOfTheUser<'_> {
    /// Makes the request of `probe`, once in a run.
    pub async fn ask(self, probe: &Probe, headers: HeaderMap) -> Asked {
        let mut ask = Ask { headers, ..Ask::get(Party::Elsewhere, probe.url.clone()) };
        let Ok(method) = Method::from_bytes(probe.method.as_bytes()) else {
            return Err(refused(&ask, Trouble::NotForThisHost));
        };
        ask.method = method;
        if !probe.is_read() {
            ask.again = Again::Never;
        }
        // Two probes may ask one address with different headers.
        self.0.ask_once(&format!("probe {}", probe.slug()), ask).await
    }
}

/// A probe may be sent again after a connection that broke; any answer is what is judged.
fn probe(method: Method, url: Url) -> Ask {
    Ask { method, again: Again::Connection, ..Ask::get(Party::Worker, url) }
}

fn refused(ask: &Ask, trouble: Trouble) -> Arc<Failure> {
    Arc::new(Failure::unsent(ask.party, ask.line(), trouble))
}

/// That a door was closed by hand.
pub(super) fn closed() -> NoAnswer {
    NoAnswer::LeftOut("--no-probe".to_owned())
}

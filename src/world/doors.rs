//! What may leave this machine, as types. Code without a door cannot send anything.

use std::sync::Arc;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use url::Url;

use super::certificate::describe;
use super::transport::{Asked, Credential, Failure, OutgoingRequest, Party, Retry, Transport, Trouble};
use crate::config::Probe;
use crate::finding::{Evidence, NoAnswer};

/// The read door: GET requests, each once in a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reads<'w>(&'w Transport);

impl<'w> Reads<'w> {
    pub const fn new(transport: &'w Transport) -> Self {
        Self(transport)
    }

    /// Makes the request once in a run.
    pub async fn get(self, party: Party, url: Url, headers: HeaderMap, credential: Option<Credential>) -> Asked {
        // The version header shapes the response, so it is part of the key.
        let versions: Vec<&str> = ["stripe-version", "clerk-api-version"]
            .iter()
            .filter_map(|name| headers.get(*name)?.to_str().ok())
            .collect();
        let key = versions.join(" ");
        self.0.ask_once(&key, OutgoingRequest { headers, credential, ..OutgoingRequest::get(party, url) }).await
    }

    /// Makes the request without the memo: for long lists that only one check reads, so that their pages are not kept.
    pub async fn get_unremembered(
        self,
        party: Party,
        url: Url,
        headers: HeaderMap,
        credential: Option<Credential>,
    ) -> Asked {
        self.0.ask(OutgoingRequest { headers, credential, ..OutgoingRequest::get(party, url) }).await
    }

    /// The evidence of a request to `url` without a response. If its certificate is the reason, with what that says.
    pub async fn evidence(self, failure: &Failure, url: &Url) -> Evidence {
        let shown = match &failure.trouble {
            Trouble::Certificate(_) => self.0.certificate(url).await,
            _ => None,
        };
        let mut evidence = failure.evidence();
        if let Some(words) = shown.as_deref().and_then(describe) {
            evidence.seen.push_str(&format!(": {words}"));
        }
        evidence
    }

    /// The round-trip time to a host, without the server's own time.
    pub async fn round_trip(self, url: &Url) -> Option<Duration> {
        self.0.round_trip(url).await
    }
}

/// The probe door: requests to the Worker only.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probes<'w>(pub(super) &'w Transport);

impl Probes<'_> {
    /// Sends `body` to the Worker, once in a run for each `key`.
    pub async fn post(self, key: &str, url: Url, headers: &[(&'static str, String)], body: Vec<u8>) -> Asked {
        let mut outgoing = probe(Method::POST, url);
        outgoing.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        outgoing.body = Some(body);
        self.send(key, outgoing, headers).await
    }

    /// Requests one of the Worker's routes, once in a run for each credential and `key`.
    pub async fn ask(
        self,
        key: &str,
        method: Method,
        url: Url,
        headers: &[(&'static str, String)],
        credential: Option<Credential>,
    ) -> Asked {
        self.send(key, OutgoingRequest { credential, ..probe(method, url) }, headers).await
    }

    async fn send(self, key: &str, mut outgoing: OutgoingRequest, headers: &[(&'static str, String)]) -> Asked {
        for (name, value) in headers {
            let Ok(value) = HeaderValue::from_str(value) else {
                return Err(refused(&outgoing, Trouble::NotForThisHost));
            };
            outgoing.headers.insert(HeaderName::from_static(name), value);
        }
        self.0.ask_once(key, outgoing).await
    }
}

/// The door for the user's own requests (`[[probe]]`): whatever the configuration says, without preflight's secrets.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestsOfTheUser<'w>(pub(super) &'w Transport);

impl RequestsOfTheUser<'_> {
    /// Makes the request of `probe`, once in a run.
    pub async fn ask(self, probe: &Probe, headers: HeaderMap) -> Asked {
        let method = probe.method.clone();
        let mut outgoing =
            OutgoingRequest { method, headers, ..OutgoingRequest::get(Party::Elsewhere, probe.url.clone()) };
        if !probe.is_read() {
            outgoing.retry = Retry::Never;
        }
        // Two probes may request the same URL with different headers.
        self.0.ask_once(&format!("probe {}", probe.slug()), outgoing).await
    }
}

/// A probe is retried after a lost connection only, because every response is what the checks judge.
fn probe(method: Method, url: Url) -> OutgoingRequest {
    OutgoingRequest { method, retry: Retry::Connection, ..OutgoingRequest::get(Party::Worker, url) }
}

fn refused(outgoing: &OutgoingRequest, trouble: Trouble) -> Arc<Failure> {
    Arc::new(Failure::unsent(outgoing.party, outgoing.line(), trouble))
}

/// `--no-probe` closed the door.
pub(super) fn closed() -> NoAnswer {
    NoAnswer::LeftOut("--no-probe".to_owned())
}

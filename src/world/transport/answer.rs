//! What came back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::tls::TlsInfo;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

use super::body::Body;
use super::budget::{Budget, Share};
use super::{Ask, Failure, Party, Trouble};
use crate::config::Redactor;
use crate::finding::{Evidence, NoAnswer};

/// The most characters of a text from outside that a report quotes.
const QUOTED: usize = 200;
/// The most characters of what stood in a field.
const LONGEST_SEEN: usize = 600;

/// What comes of a request.
pub(in crate::world) type Asked = Result<Arc<Answer>, Arc<Failure>>;

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who answered.
    pub party: Party,
    /// The request in a line: `GET /v1/prices/price_1…`.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// From the first byte sent to the last received.
    pub elapsed: Duration,
    /// How often it was tried.
    pub attempts: u32,
    /// Its place in the log of requests.
    pub place: usize,
    /// The provider's name for the request.
    pub request_id: Option<String>,
    /// The certificate of the other side, in DER.
    pub certificate: Option<Vec<u8>>,
    redactor: Arc<Redactor>,
    _share: Arc<Share>,
}

impl Answer {
    /// Sends `request` and reads its answer to the end.
    pub(super) async fn read(
        ask: &Ask,
        request: RequestBuilder,
        started: Instant,
        redactor: &Arc<Redactor>,
        budget: &Budget,
    ) -> Result<Self, Trouble> {
        let mut response = request.send().await.map_err(|error| Trouble::of(&error))?;
        let certificate = certificate_of(&response);
        let mut body = Body::new(ask, response.status(), budget);
        while let Some(chunk) = response.chunk().await.map_err(|error| Trouble::of(&error))? {
            if !body.take(&chunk)? {
                break;
            }
        }
        let headers = response.headers().clone();
        // What each provider's support asks for (docs/providers.md, "Stripe errors", "Clerk keys and API conventions").
        let request_id =
            ["request-id", "x-clerk-trace-id", "cf-ray"].into_iter().find_map(|name| text_of(&headers, name));
        let request_id = request_id.map(|id| redactor.quote(&id, QUOTED));
        let (body, share) = body.finish();
        Ok(Self {
            party: ask.party,
            request: ask.line(),
            status: response.status().as_u16(),
            headers,
            body,
            elapsed: started.elapsed(),
            attempts: 1,
            place: 0,
            request_id,
            certificate,
            redactor: Arc::clone(redactor),
            _share: Arc::new(share),
        })
    }

    /// A header, where it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The body's beginning, for a report: without secrets, and short.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let words = self.quote(&self.text());
        if words.is_empty() { "an empty body".to_owned() } else { words }
    }

    /// A part of this answer, for a report: without secrets, and short.
    #[must_use]
    pub fn quote(&self, part: &str) -> String {
        self.redactor.quote(part, QUOTED)
    }

    /// A sentence of a provider's, which may be longer than a name: Stripe's tell what to do.
    #[must_use]
    pub fn quote_sentence(&self, sentence: &str) -> String {
        self.redactor.quote(sentence, LONGEST_SEEN)
    }

    /// Where the answer leads, for a report.
    #[must_use]
    pub fn shown_location(&self) -> Option<String> {
        self.header("location").map(|location| self.quote(location))
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether it is a page for people.
    #[must_use]
    pub fn is_page(&self) -> bool {
        let text = self.text();
        let start = text.trim_start().get(..9);
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
            || start.is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"))
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// An answer that makes no sense is *could not tell*.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NoAnswer> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let reason = format!(
                "{} answered {} to {} with something that cannot be read ({}): {}",
                self.party.name(),
                self.status,
                self.request,
                self.quote(&error.to_string()),
                self.excerpt()
            );
            super::trail::note_unreadable(&reason);
            NoAnswer::Unknown(reason)
        })
    }

    /// The server's clock, where it tells it.
    #[must_use]
    pub fn date(&self) -> Option<jiff::Timestamp> {
        let text = self.header(DATE.as_str())?;
        Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
    }

    /// That `field` of this answer was looked at, and what stood there.
    #[must_use]
    pub fn evidence(&self, field: impl Into<String>, seen: impl Into<String>) -> Evidence {
        Evidence {
            request: self.request.clone(),
            status: Some(self.status),
            request_id: self.request_id.clone(),
            field: self.quote(&field.into()),
            seen: self.quote_sentence(&seen.into()),
        }
    }

    /// Why this is no answer to any question, where it is none: a limit, or a provider's own trouble. What the Worker or the
    /// frontend answers with an error is judged.
    pub(super) fn why_unanswered(&self) -> Option<String> {
        let is_judged = matches!(self.party, Party::Worker | Party::Frontend | Party::Elsewhere);
        let is_none = self.status == 429 || (self.status >= 500 && !is_judged);
        is_none.then(|| format!("{} answered {} to {}", self.party.name(), self.status, self.request))
    }

    /// Whether the same question may get another answer a moment later.
    pub(super) fn is_passing(&self) -> bool {
        match self.header("stripe-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => matches!(self.status, 409 | 429) || self.status >= 500,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        text_of(&self.headers, RETRY_AFTER.as_str())?.parse().ok().map(Duration::from_secs)
    }
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// The certificate that the other side showed, in DER.
pub(super) fn certificate_of(response: &Response) -> Option<Vec<u8>> {
    response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
}

//! The response to a request.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};
use reqwest::tls::TlsInfo;
use reqwest::{RequestBuilder, Response};
use serde::de::DeserializeOwned;

use super::body::BodyReader;
use super::budget::{Budget, BudgetShare};
use super::{Failure, OutgoingRequest, Party, Trouble};
use crate::config::Redactor;
use crate::finding::{Evidence, NoAnswer};

/// How many characters of outside text a report quotes.
const QUOTED: usize = 200;
/// How many characters of a field a report quotes.
const LONGEST_SEEN: usize = 600;

/// The result of a request.
pub(in crate::world) type Asked = Result<Arc<Answer>, Arc<Failure>>;

/// A response with any status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who sent it.
    pub party: Party,
    /// The request in a line: `GET /v1/prices/price_1…`.
    pub request: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// The time from the first byte sent to the last byte received.
    pub elapsed: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// Its index in the request log.
    pub place: usize,
    /// The provider's ID for the request.
    pub request_id: Option<String>,
    /// The other side's certificate, in DER.
    pub certificate: Option<Vec<u8>>,
    redactor: Arc<Redactor>,
    _share: Arc<BudgetShare>,
}

impl Answer {
    /// Sends `request` and reads the whole response.
    pub(super) async fn read(
        outgoing: &OutgoingRequest,
        request: RequestBuilder,
        started: Instant,
        redactor: &Arc<Redactor>,
        budget: &Budget,
    ) -> Result<Self, Trouble> {
        let mut response = request.send().await.map_err(|error| Trouble::of(&error))?;
        let certificate = certificate_of(&response);
        let mut body = BodyReader::new(outgoing, response.status(), budget);
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
            party: outgoing.party,
            request: outgoing.line(),
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

    /// A header, if it is present and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every value of a header that can be sent several times.
    pub(in crate::world) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// The start of the body for a report: short and without secrets.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let words = self.quote(&self.text());
        if words.is_empty() { "an empty body".to_owned() } else { words }
    }

    /// A part of the response for a report: short and without secrets.
    #[must_use]
    pub fn quote(&self, part: &str) -> String {
        self.redactor.quote(part, QUOTED)
    }

    /// A provider's sentence for a report. It may be longer than a name, because Stripe's messages say what to do.
    #[must_use]
    pub fn quote_sentence(&self, sentence: &str) -> String {
        self.redactor.quote(sentence, LONGEST_SEEN)
    }

    /// The redirect location, for a report.
    #[must_use]
    pub fn shown_location(&self) -> Option<String> {
        self.header("location").map(|location| self.quote(location))
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether it is an HTML page.
    #[must_use]
    pub fn is_page(&self) -> bool {
        let text = self.text();
        let start = text.trim_start().get(..9);
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
            || start.is_some_and(|start| start.eq_ignore_ascii_case("<!doctype"))
    }

    /// Whether a provider's API should have answered, and something else did: a page of a proxy, or half an answer.
    pub(super) fn is_no_api(&self) -> bool {
        let is_api = matches!(self.party, Party::Stripe | Party::StripeTest | Party::Clerk | Party::Cloudflare);
        is_api && self.status != 204 && serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_err()
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// Unknown if the body is not the expected JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, NoAnswer> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let Self { party, status, request, .. } = self;
            let problem = if self.is_page() {
                "with a web page instead of JSON".to_owned()
            } else {
                format!("with JSON that could not be read ({})", self.quote(&error.to_string()))
            };
            let reason = format!("{} returned {status} for {request} {problem}: {}", party.name(), self.excerpt());
            super::trail::note_unreadable(&reason);
            NoAnswer::Unknown(reason)
        })
    }

    /// The server's time, if it sends a `Date`.
    #[must_use]
    pub fn date(&self) -> Option<jiff::Timestamp> {
        let text = self.header(DATE.as_str())?;
        Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp())
    }

    /// Evidence: a field of this response and what it contained.
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

    /// Why this response answers no question, if so: a rate limit or a provider's outage. An error from the Worker or the frontend
    /// is for the checks to judge.
    pub(super) fn why_unanswered(&self) -> Option<String> {
        let is_judged = matches!(self.party, Party::Worker | Party::Frontend | Party::Elsewhere);
        let is_no_answer = self.status == 429 || (self.status >= 500 && !is_judged);
        is_no_answer.then(|| format!("{} returned {} for {}", self.party.name(), self.status, self.request))
    }

    /// Whether a retry may get a different response.
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

/// The other side's certificate, in DER.
pub(super) fn certificate_of(response: &Response) -> Option<Vec<u8>> {
    response.extensions().get::<TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
}

//! Errors of Stripe's API.

use serde::Deserialize;

use crate::config::Mode;
use crate::finding::{Answered, Evidence, NoAnswer};
use crate::pattern::patterns;
use crate::world::seen::Seen;
use crate::world::transport::{Answer, Party};

patterns! {
    PERMISSION = "Having the '([^']+)' permission";
}

/// An object that was requested by its ID.
#[derive(Debug, Clone)]
pub enum Found<T> {
    /// It exists.
    Here(Seen<T>),
    /// It does not exist for this key.
    Missing(StripeError),
}

/// An error response, with what Stripe's support asks for.
#[derive(Debug, Clone)]
pub struct StripeError {
    /// The HTTP status.
    pub status: u16,
    /// `resource_missing`, `api_key_expired`, …
    pub code: Option<String>,
    /// Stripe's explanation.
    pub message: String,
    /// Stripe's ID of the request.
    pub request_id: Option<String>,
    /// The request: `GET /v1/prices/price_1…`.
    pub request: String,
}

#[derive(Deserialize)]
struct ErrorResponse {
    error: ErrorFields,
}

#[derive(Deserialize)]
struct ErrorFields {
    code: Option<String>,
    message: Option<String>,
}

impl StripeError {
    /// Reads the error from an answer whose status is not 2xx.
    pub(in crate::world) fn read(answer: &Answer) -> Answered<Self> {
        debug_assert!(matches!(answer.party, Party::Stripe | Party::StripeTest));
        let body = serde_json::from_slice::<ErrorResponse>(&answer.body).map(|envelope| envelope.error);
        let Ok(ErrorFields { code, message }) = body else {
            let (status, request) = (answer.status, &answer.request);
            return Err(NoAnswer::Unknown(format!(
                "Stripe answered {status} to {request} with something other than an API error: {}",
                answer.excerpt()
            )));
        };
        Ok(Self {
            status: answer.status,
            code: code.map(|code| answer.quote(&code)),
            message: message.map_or_else(|| "no message".to_owned(), |message| answer.quote_sentence(&message)),
            request_id: answer.request_id.clone(),
            request: answer.request.clone(),
        })
    }

    /// Whether the same request may succeed a moment later.
    pub(super) fn is_temporary(&self) -> bool {
        self.status >= 500 || self.status == 429 || self.is("rate_limit") || self.is("lock_timeout")
    }

    fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    /// Whether the object does not exist for this key. The status differs between endpoints (docs/providers.md, "Stripe
    /// errors").
    pub(in crate::world) fn is_missing(&self) -> bool {
        matches!(self.status, 400 | 404) && self.is("resource_missing")
    }

    /// The mode in which a similar object exists, if Stripe says so.
    pub fn other_mode(&self) -> Option<Mode> {
        let modes = [("test", Mode::Test), ("live", Mode::Live)];
        let found =
            modes.iter().find(|(word, _)| self.message.contains(&format!("similar object exists in {word} mode")));
        found.map(|(_, mode)| *mode)
    }

    /// The permission that a restricted key lacks, if Stripe names it.
    pub fn permission(&self) -> Option<String> {
        (self.status == 403).then(|| PERMISSION.captures(&self.message).map(|found| found[1].to_owned()))?
    }

    /// This error as the reason why a question has no answer.
    pub(in crate::world) fn unknown(&self) -> NoAnswer {
        let Self { status, message, request, .. } = self;
        NoAnswer::Unknown(match self.permission() {
            Some(permission) => {
                format!("the restricted Stripe key lacks the permission {permission}, which {request} needs")
            }
            None => format!("Stripe answered {status} to {request}: {message}"),
        })
    }

    /// This error as evidence.
    pub fn evidence(&self) -> Evidence {
        Evidence {
            request: self.request.clone(),
            status: Some(self.status),
            request_id: self.request_id.clone(),
            field: self.code.as_ref().map_or_else(|| "error.message".to_owned(), |code| format!("error ({code})")),
            seen: self.message.clone(),
        }
    }
}

//! How the webhook URL answers a correctly signed event.

use std::time::Duration;

use serde_json::Value;

use super::response::{alike, blames_missing_secret, blames_signature, not_limited, same_text};
use super::{Delivered, Delivery, NoAnswer, Webhook};
use crate::finding::{Answered, Cause};
use crate::world::transport::{Answer, optional};

/// How the webhook URL answers a correctly signed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedResponse {
    /// The handler accepts it.
    Accepted,
    /// The handler accepts the signature and rejects the event type.
    TypeRejected,
    /// The answer is the same as to a forged event.
    SameAsForged,
    /// The answer says that signatures are verified synchronously, which does not work in Workers.
    SyncCrypto,
    /// The answer is a 5xx.
    ServerError,
    /// The answer is a 3xx or 4xx that the handler did not send.
    NotFromHandler,
    /// Something that answers every request, or every path, answers 2xx.
    CatchAll,
    /// The handler answers 2xx without the body in `webhook.expect`.
    UnexpectedBody,
    /// The connection times out or breaks, but only for a signed event.
    NoResponse,
}

impl SignedResponse {
    /// Whether the Worker has the same secret.
    #[must_use]
    pub const fn proves_secret(self) -> bool {
        matches!(self, Self::Accepted | Self::TypeRejected)
    }

    /// Whether the handler itself answered after it looked at the signature.
    #[must_use]
    pub const fn is_from_handler(self) -> bool {
        matches!(self, Self::Accepted | Self::TypeRejected | Self::SameAsForged)
    }
}

impl Webhook<'_> {
    /// Delivers a correctly signed event, and returns how it was answered and the answer.
    ///
    /// # Errors
    /// Unknown if there is no answer to compare it with, and because of another cause that explains the answer.
    pub async fn signed_response(self) -> Answered<(SignedResponse, Delivered)> {
        let signed = self.deliver(Delivery::Signed).await?;
        let answer = match &signed {
            Err(failure) => {
                self.reached().await?;
                self.world.is_to_blame(failure).await?;
                return Ok((SignedResponse::NoResponse, signed));
            }
            Ok(answer) => answer,
        };
        if !self.is_acceptance(answer) {
            self.reached().await?;
            not_limited(answer)?;
        }
        let response = if answer.is_success() { self.success(answer).await? } else { self.rejection(answer).await? };
        if response == SignedResponse::ServerError {
            self.world.worker().blame_for_signed_event(answer).await?;
        }
        Ok((response, signed))
    }

    /// Checks that the Worker has the right webhook secret.
    ///
    /// # Errors
    /// Because of [`Cause::SignedEventNotAccepted`] if it does not.
    pub async fn proved_secret(self) -> Answered {
        let (response, _) = self.signed_response().await?;
        if response.proves_secret() { Ok(()) } else { Err(NoAnswer::Because(Cause::SignedEventNotAccepted)) }
    }

    /// Whether a signed event gets the same answer as the first one: accepted, or rejected for its type.
    ///
    /// # Errors
    /// Unknown if the answer to the first one is unknown.
    pub async fn is_answered_like_first(self, answer: &Answer) -> Answered<bool> {
        Ok(match self.signed_response().await? {
            (SignedResponse::Accepted, _) => self.is_acceptance(answer),
            (SignedResponse::TypeRejected, Ok(first)) => alike(answer, &first),
            _ => false,
        })
    }

    /// What the network adds to the time of a request on a new connection; `None` if it cannot be measured.
    pub async fn network_time(self) -> Option<Duration> {
        let url = &self.world.config.webhook.url;
        // TCP, the request itself and TLS: a round trip each.
        let trips = if url.scheme() == "https" { 3 } else { 2 };
        Some(self.world.reads().round_trip(url).await? * trips)
    }

    async fn success(self, answer: &Answer) -> Answered<SignedResponse> {
        if self.is_catch_all(answer).await? {
            return Ok(SignedResponse::CatchAll);
        }
        if self.is_expected(answer) {
            return Ok(SignedResponse::Accepted);
        }
        // Both are failures, and the forged event only shows which.
        let forged = optional(self.answer(Delivery::WrongSignature)).await;
        let is_same = forged.is_some_and(|forged| same_text(&forged, answer));
        Ok(if is_same { SignedResponse::SameAsForged } else { SignedResponse::UnexpectedBody })
    }

    /// Whether a 2xx is a page, or comes from something that answers every path alike.
    ///
    /// # Errors
    /// Unknown if the path that does not exist gets no answer.
    pub async fn is_catch_all(self, answer: &Answer) -> Answered<bool> {
        if answer.is_page() {
            return Ok(true);
        }
        let nowhere = self.answer(Delivery::Nowhere).await?;
        Ok(nowhere.is_success() && nowhere.body == answer.body)
    }

    async fn rejection(self, answer: &Answer) -> Answered<SignedResponse> {
        let text = answer.text();
        if text.contains("SubtleCryptoProvider cannot be used in a synchronous context") {
            return Ok(SignedResponse::SyncCrypto);
        }
        if text.contains("Timestamp outside the tolerance zone") {
            return Err(clocks_differ(answer));
        }
        if answer.status >= 500 {
            // A failure in any case: the forged event only helps the diagnosis.
            let forged = optional(self.answer(Delivery::WrongSignature)).await;
            let is_same = forged.is_some_and(|forged| alike(&forged, answer));
            let is_about_signature = blames_signature(answer) && !blames_missing_secret(answer);
            return Ok(if is_same && is_about_signature {
                SignedResponse::SameAsForged
            } else {
                SignedResponse::ServerError
            });
        }
        if answer.status < 400 || (matches!(answer.status, 401 | 403) && answer.is_page()) {
            return Ok(SignedResponse::NotFromHandler);
        }
        if alike(&*self.answer(Delivery::WrongSignature).await?, answer) {
            return Ok(SignedResponse::SameAsForged);
        }
        // Routers, guards and firewalls send these, too, but only a handler's answer mentions the event.
        if matches!(answer.status, 401 | 403 | 404 | 405 | 410) {
            let nowhere = self.answer(Delivery::Nowhere).await?;
            let mentions_event = ["event", "type"].iter().any(|word| text.to_lowercase().contains(word));
            if alike(&nowhere, answer) || !mentions_event {
                return Ok(SignedResponse::NotFromHandler);
            }
        }
        Ok(SignedResponse::TypeRejected)
    }

    /// Whether an answer is the handler's to an event that it accepts.
    pub(super) fn is_acceptance(self, answer: &Answer) -> bool {
        answer.is_success() && !answer.is_page() && self.is_expected(answer)
    }

    /// Whether an answer has the body in `webhook.expect`, whatever its content type: Workers of this stack send JSON as
    /// `text/plain` (docs/providers.md, "How a Worker on this stack responds").
    fn is_expected(self, answer: &Answer) -> bool {
        let expected = &self.world.config.webhook.expect;
        if expected.is_empty() {
            return true;
        }
        let Ok(Value::Object(found)) = serde_json::from_slice(&answer.body) else { return false };
        expected.iter().all(|(key, value)| found.get(key) == Some(value))
    }
}

fn clocks_differ(answer: &Answer) -> NoAnswer {
    let here = jiff::Timestamp::now();
    let apart = answer.date().map(|there| (here.as_second() - there.as_second()).abs());
    NoAnswer::Unknown(format!(
        "the Worker says that an event signed just now is too old: its clock and this machine's are {} s apart",
        apart.map_or_else(|| "some".to_owned(), |seconds| seconds.to_string())
    ))
}

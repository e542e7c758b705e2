//! What the handler makes of a correctly signed event.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::transport::{Answer, Failure, Trouble, optional};
use super::{Delivery, NoAnswer, Webhook};
use crate::finding::{Answered, Cause};
use crate::pattern::patterns;

/// What the handler makes of a correctly signed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It accepts it.
    Received,
    /// It accepts the signature and rejects the event type.
    TypeRefused,
    /// It rejects the signature.
    SecretMismatch {
        /// Stripe's SDK says that the Worker's copy of the secret contains white space.
        white_space: bool,
    },
    /// It has no secret.
    SecretMissing,
    /// It answers 5xx.
    ServerError,
    /// It verifies with a crypto provider that does not work in Workers.
    SyncCrypto,
    /// It does not answer in time.
    TimedOut(Duration),
    /// The connection breaks, but only for a signed event.
    Broken(String),
    /// A 3xx or 4xx that the handler did not give.
    Refused,
    /// Something else answers every request.
    NotTheHandler,
    /// It answers 2xx, but without the expected body.
    UnexpectedAnswer,
}

impl Reception {
    /// Whether the Worker's copy of the secret is the right one.
    #[must_use]
    pub const fn proves_secret(&self) -> bool {
        matches!(self, Self::Received | Self::TypeRefused)
    }

    /// Whether the handler itself answered, with a judgement of the signature.
    #[must_use]
    pub const fn is_the_handlers(&self) -> bool {
        matches!(self, Self::Received | Self::TypeRefused | Self::SecretMismatch { .. })
    }
}

/// A signed event's reception, and the answer where there was one.
pub type Received = (Reception, Result<Arc<Answer>, Arc<Failure>>);

impl Webhook<'_> {
    /// Delivers a correctly signed event and judges its reception; asked by `webhook/accepts-signed`.
    ///
    /// # Errors
    /// Unknown where it got no answer, and blocked where another check reports the reason.
    pub async fn reception(self) -> Answered<Received> {
        let signed = self.deliver(Delivery::Signed).await?;
        let answer = match &signed {
            Err(failure) => {
                self.reached().await?;
                self.world.is_to_blame(failure).await?;
                let reception = match &failure.trouble {
                    Trouble::TimedOut(after) => Reception::TimedOut(*after),
                    trouble if trouble.is_ours() => return Err(NoAnswer::Unknown(failure.to_string())),
                    trouble => Reception::Broken(trouble.to_string()),
                };
                return Ok((reception, signed));
            }
            Ok(answer) => answer,
        };
        if !self.is_reception(answer) {
            self.reached().await?;
            limited(answer)?;
        }
        let reception = if answer.is_success() { self.success(answer).await? } else { self.refusal(answer).await? };
        if matches!(reception, Reception::SecretMissing | Reception::ServerError) {
            self.world.worker().blame_for_signed_event(answer).await?;
        }
        Ok((reception, signed))
    }

    /// That the Worker's copy of the webhook secret is the right one.
    ///
    /// # Errors
    /// Blocked by `webhook/accepts-signed` where it is not.
    pub async fn proved_secret(self) -> Answered {
        let (reception, _) = self.reception().await?;
        if reception.proves_secret() { Ok(()) } else { Err(NoAnswer::Because(Cause::SignedEventNotAccepted)) }
    }

    /// Whether a signed event is answered as the first one was: received, or rejected for its type.
    ///
    /// # Errors
    /// Unknown where it cannot be told how the first one was answered.
    pub async fn is_taken(self, answer: &Answer) -> Answered<bool> {
        Ok(match self.reception().await? {
            (Reception::Received, _) => self.is_reception(answer),
            (Reception::TypeRefused, Ok(first)) => alike(answer, &first),
            _ => false,
        })
    }

    /// What the network adds to the time of a request on a new connection; `None` where that cannot be measured.
    pub async fn network_share(self) -> Option<Duration> {
        let url = &self.world.config.webhook.url;
        // TCP, the request itself, and TLS where there is any: a round trip each.
        let trips = if url.scheme() == "https" { 3 } else { 2 };
        Some(self.world.reads().round_trip(url).await? * trips)
    }

    async fn success(self, answer: &Answer) -> Answered<Reception> {
        if self.answers_everything(answer).await? {
            return Ok(Reception::NotTheHandler);
        }
        if self.is_expected(answer) {
            return Ok(Reception::Received);
        }
        // Either is a failure; the forged event only tells which.
        let forged = optional(self.answer(Delivery::WrongSignature)).await;
        let like_forged = forged.is_some_and(|forged| words(&forged) == words(answer));
        Ok(if like_forged { mismatch(answer) } else { Reception::UnexpectedAnswer })
    }

    /// Whether a 2xx comes from a page, or from something that answers every path alike.
    ///
    /// # Errors
    /// Unknown where the path that does not exist got no answer.
    pub async fn answers_everything(self, answer: &Answer) -> Answered<bool> {
        if answer.is_page() {
            return Ok(true);
        }
        let nowhere = self.answer(Delivery::Nowhere).await?;
        Ok(nowhere.is_success() && nowhere.body == answer.body)
    }

    async fn refusal(self, answer: &Answer) -> Answered<Reception> {
        let text = answer.text();
        if text.contains("SubtleCryptoProvider cannot be used in a synchronous context") {
            return Ok(Reception::SyncCrypto);
        }
        if text.contains("Timestamp outside the tolerance zone") {
            return Err(clocks_differ(answer));
        }
        if answer.status >= 500 {
            return Ok(self.breakdown(answer).await);
        }
        if answer.status < 400 || (matches!(answer.status, 401 | 403) && answer.is_page()) {
            return Ok(Reception::Refused);
        }
        if alike(&*self.answer(Delivery::WrongSignature).await?, answer) {
            return Ok(mismatch(answer));
        }
        // What a router, a guard or a firewall answers, too: only a handler's speaks of the event.
        if matches!(answer.status, 401 | 403 | 404 | 405 | 410) {
            let nowhere = self.answer(Delivery::Nowhere).await?;
            let speaks_of_events = ["event", "type"].iter().any(|word| text.to_lowercase().contains(word));
            if alike(&nowhere, answer) || !speaks_of_events {
                return Ok(Reception::Refused);
            }
        }
        Ok(Reception::TypeRefused)
    }

    /// A 5xx is a failure in any case: the other deliveries only choose between the diagnoses.
    async fn breakdown(self, answer: &Answer) -> Reception {
        let (forged, unsigned) =
            futures::join!(optional(self.answer(Delivery::WrongSignature)), optional(self.answer(Delivery::Unsigned)));
        let like_forged = forged.as_ref().is_some_and(|forged| alike(forged, answer));
        // Without a signature it refuses, with any signature it breaks: it has nothing to compare it with.
        let only_with_signature =
            forged.is_some_and(|forged| forged.status >= 500) && unsigned.is_some_and(|unsigned| unsigned.status < 500);
        if names_missing_secret(&answer.text()) {
            Reception::SecretMissing
        } else if like_forged && blames_signature(answer) {
            mismatch(answer)
        } else if only_with_signature {
            Reception::SecretMissing
        } else {
            Reception::ServerError
        }
    }

    /// Whether an answer is the handler's to an event that it received.
    pub(super) fn is_reception(self, answer: &Answer) -> bool {
        answer.is_success() && !answer.is_page() && self.is_expected(answer)
    }

    /// Whether an answer holds what `webhook.expect` says, whatever its content type: Workers of this stack send JSON as
    /// `text/plain` (facts.md, part F).
    fn is_expected(self, answer: &Answer) -> bool {
        let expected = &self.world.config.webhook.expect;
        if expected.is_empty() {
            return true;
        }
        let Ok(Value::Object(found)) = serde_json::from_slice(&answer.body) else { return false };
        expected.iter().all(|(key, value)| found.get(key) == Some(value))
    }
}

/// A rate limit says nothing about the handler.
///
/// # Errors
/// Unknown for a 429.
pub(super) fn limited(answer: &Answer) -> Answered {
    if answer.status == 429 {
        return Err(NoAnswer::Unknown(format!("the Worker answered 429 to {}: rate limited", answer.request)));
    }
    Ok(())
}

fn clocks_differ(answer: &Answer) -> NoAnswer {
    let here = jiff::Timestamp::now();
    let apart = answer.date().map(|there| (here.as_second() - there.as_second()).abs());
    NoAnswer::Unknown(format!(
        "the Worker says that an event signed a moment ago is too old: this machine's clock and the Worker's are {} s apart",
        apart.map_or_else(|| "some".to_owned(), |seconds| seconds.to_string())
    ))
}

fn mismatch(answer: &Answer) -> Reception {
    Reception::SecretMismatch { white_space: answer.text().contains("contains whitespace") }
}

fn names_missing_secret(text: &str) -> bool {
    let text = text.to_lowercase();
    let names = text.contains("webhook secret") || text.contains("webhook_secret");
    let missing = ["missing", "not configured", "not set", "undefined", "required", "no webhook secret"];
    names && missing.iter().any(|word| text.contains(word))
}

/// Whether an answer says that the signature was the reason (facts.md, A5).
#[must_use]
pub fn blames_signature(answer: &Answer) -> bool {
    let text = answer.text().to_lowercase();
    ["signature", "tolerance zone"].iter().any(|word| text.contains(word))
}

/// Whether two answers say the same.
#[must_use]
pub fn alike(one: &Answer, other: &Answer) -> bool {
    one.status == other.status && words(one) == words(other)
}

patterns! {
    /// What differs from one event to the next.
    CHANGING = r"evt_\w+|\b[0-9a-f]{8,}\b|\d+";
}

/// The words of an answer without what differs from one event to the next.
fn words(answer: &Answer) -> String {
    CHANGING.replace_all(&answer.text(), "#").into_owned()
}

//! What the handler makes of a correctly signed event.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::transport::{Answer, Failure, Trouble};
use super::{Delivery, NoAnswer, Webhook};
use crate::finding::Cause;
use crate::pattern::patterns;

/// What the handler makes of a correctly signed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reception {
    /// It takes it; how long that took beyond the network's share.
    Received {
        /// The handler's own share of the time.
        took: Duration,
    },
    /// It takes the signature and refuses the type.
    TypeRefused,
    /// It refuses the signature; whether it says that its secret holds white space.
    SecretMismatch {
        /// Stripe's SDK says so in its message.
        white_space: bool,
    },
    /// It has no secret.
    SecretMissing,
    /// It breaks down.
    ServerError,
    /// It verifies with a crypto provider that cannot work there.
    SyncCrypto,
    /// It gives no answer in time.
    TimedOut(Duration),
    /// The connection breaks, but only for a signed event.
    Broken(String),
    /// Something else answers, whatever is asked.
    NotTheHandler,
    /// It answers with success but not with the words that it should.
    UnexpectedAnswer,
}

/// What becomes of the exact bytes of an event, and of several signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exactness {
    /// The bytes are verified as they came, against every signature.
    Exact,
    /// Of several signatures just one is looked at.
    OneSignature,
    /// What is verified is not what came: it is refused as a forged event is.
    ReSerialised,
    /// It is refused for another reason.
    Refused,
}

/// A signed event's reception, and the answer where there was one.
pub type Received = (Reception, Result<Arc<Answer>, Arc<Failure>>);

impl Webhook<'_> {
    /// Delivers a correctly signed event and judges its reception; asked by `webhook/accepts-signed`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn reception(self) -> Result<Received, NoAnswer> {
        self.reached().await?;
        let signed = self.deliver(Delivery::Signed).await?;
        let answer = match &signed {
            Err(failure) => {
                let reception = match &failure.trouble {
                    Trouble::TimedOut(after) => Reception::TimedOut(*after),
                    trouble if trouble.is_ours() => return Err(NoAnswer::Unknown(failure.to_string())),
                    trouble => Reception::Broken(trouble.to_string()),
                };
                return Ok((reception, signed));
            }
            Ok(answer) => answer,
        };
        let reception = match answer.status {
            200..=299 => self.success(answer).await?,
            _ => self.refusal(answer).await?,
        };
        if matches!(reception, Reception::SecretMissing | Reception::ServerError) {
            self.yields_to_secrets().await?;
        }
        Ok((reception, signed))
    }

    /// That the Worker's copy of the webhook secret is the right one.
    ///
    /// # Errors
    /// Blocked by `webhook/accepts-signed` where it is not.
    pub async fn proved_secret(self) -> Result<(), NoAnswer> {
        let (reception, _) = self.reception().await?;
        if reception.proves_secret() { Ok(()) } else { Err(NoAnswer::Because(Cause::SignedEventNotAccepted)) }
    }

    /// Whether an answer says of one signed event what was said of the first: that it is received, or that nobody handles
    /// its type.
    ///
    /// # Errors
    /// Where nobody can tell what was said of the first.
    pub async fn is_taken(self, answer: &Answer) -> Result<bool, NoAnswer> {
        Ok(match self.reception().await? {
            (Reception::Received { .. }, _) => self.is_reception(answer),
            (Reception::TypeRefused, Ok(first)) => alike(answer, &first),
            _ => false,
        })
    }

    /// What becomes of the exact bytes of an event, and of several signatures; asked by `webhook/raw-body`.
    ///
    /// # Errors
    /// Blocked by `webhook/accepts-signed` where not even a compact event is taken.
    pub async fn exactness(self) -> Result<(Exactness, Arc<Answer>), NoAnswer> {
        self.proved_secret().await?;
        let silent = |failure: Arc<Failure>| NoAnswer::Unknown(failure.to_string());
        let answer = self.deliver(Delivery::Reformatted).await?.map_err(silent)?;
        if self.is_taken(&answer).await? {
            return Ok((Exactness::Exact, answer));
        }
        let alone = self.deliver(Delivery::ReformattedAlone).await?.map_err(silent)?;
        if self.is_taken(&alone).await? {
            return Ok((Exactness::OneSignature, answer));
        }
        let forged = self.deliver(Delivery::WrongSignature).await?.ok();
        let like_forged = forged.is_some_and(|forged| alike(&alone, &forged));
        Ok((if like_forged { Exactness::ReSerialised } else { Exactness::Refused }, alone))
    }

    async fn success(self, answer: &Answer) -> Result<Reception, NoAnswer> {
        if self.answers_everything(answer).await? {
            return Ok(Reception::NotTheHandler);
        }
        if !self.is_expected(answer) {
            let wrong = self.deliver(Delivery::WrongSignature).await?.ok();
            let like_forged = wrong.is_some_and(|wrong| words(&wrong) == words(answer));
            return Ok(if like_forged { mismatch(answer) } else { Reception::UnexpectedAnswer });
        }
        // What a path that does not exist takes is the network's share, and the Worker's own of getting started.
        let share = self.deliver(Delivery::Nowhere).await?.map_or(Duration::ZERO, |nowhere| nowhere.elapsed);
        Ok(Reception::Received { took: answer.elapsed.saturating_sub(share) })
    }

    /// Whether a success is that of a page, or of something that answers everything alike.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn answers_everything(self, answer: &Answer) -> Result<bool, NoAnswer> {
        let nowhere = self.deliver(Delivery::Nowhere).await?.ok();
        let alike = nowhere.is_some_and(|nowhere| nowhere.is_success() && nowhere.body == answer.body);
        Ok(answer.is_page() || alike)
    }

    async fn refusal(self, answer: &Answer) -> Result<Reception, NoAnswer> {
        let text = answer.text();
        if text.contains("SubtleCryptoProvider cannot be used in a synchronous context") {
            return Ok(Reception::SyncCrypto);
        }
        if text.contains("Timestamp outside the tolerance zone") {
            return Err(clocks_differ(answer));
        }
        let (wrong, unsigned) =
            futures::join!(self.deliver(Delivery::WrongSignature), self.deliver(Delivery::Unsigned));
        let (wrong, unsigned) = (wrong?.ok(), unsigned?.ok());
        let breaks = |other: &Option<Arc<Answer>>| other.as_ref().is_some_and(|other| other.status >= 500);
        if answer.status >= 500 {
            // Without a signature it refuses, with any signature it breaks: it has nothing to compare it with.
            let only_with_signature = breaks(&wrong) && !breaks(&unsigned);
            return Ok(if only_with_signature || names_missing_secret(&text) {
                Reception::SecretMissing
            } else {
                Reception::ServerError
            });
        }
        let like_forged = wrong.is_some_and(|wrong| alike(&wrong, answer));
        Ok(if like_forged { mismatch(answer) } else { Reception::TypeRefused })
    }

    /// What Cloudflare can name exactly is its own check's finding.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where it is.
    pub(in crate::world) async fn yields_to_secrets(self) -> Result<(), NoAnswer> {
        let Some(cloudflare) = self.world.cloudflare() else { return Ok(()) };
        match cloudflare.missing_names().await {
            Ok(Some(missing)) if missing.value.is_empty() => Ok(()),
            Ok(_) => Err(NoAnswer::Because(Cause::WorkerSecretsMissing)),
            Err(_) => Ok(()),
        }
    }

    /// Whether an answer holds what `webhook.expect` says, whatever its content type: Workers of this stack send JSON as
    /// `text/plain` (facts.md, part F).
    pub(super) fn is_expected(self, answer: &Answer) -> bool {
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
    names && ["missing", "not configured", "not set", "undefined", "required"].iter().any(|word| text.contains(word))
}

/// Whether two answers say the same.
pub(in crate::world) fn alike(one: &Answer, other: &Answer) -> bool {
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

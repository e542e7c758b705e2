//! What the handler makes of a correctly signed event.

use std::sync::Arc;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::super::transport::{Answer, Failure, Trouble};
use super::reach::is_page;
use super::{Delivery, NoAnswer, Webhook};

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
                    Trouble::Deadline | Trouble::Offline => return Err(NoAnswer::Unknown(failure.to_string())),
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
        if reception.proves_secret() { Ok(()) } else { Err(NoAnswer::blocked("webhook/accepts-signed")) }
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
        Ok(is_page(answer) || alike)
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
        let like_forged = wrong.is_some_and(|wrong| wrong.status == answer.status && words(&wrong) == words(answer));
        Ok(if like_forged { mismatch(answer) } else { Reception::TypeRefused })
    }

    /// What Cloudflare can name exactly is its own check's finding.
    async fn yields_to_secrets(self) -> Result<(), NoAnswer> {
        let Some(cloudflare) = self.world.cloudflare() else { return Ok(()) };
        match cloudflare.missing_names().await {
            Ok(Some(missing)) if missing.value.is_empty() => Ok(()),
            Ok(_) => Err(NoAnswer::blocked("worker/secrets")),
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

/// The words of an answer without what differs from one event to the next.
fn words(answer: &Answer) -> String {
    let changing = Regex::new(r"evt_\w+|\b[0-9a-f]{8,}\b|\d+");
    changing
        .map_or_else(|_| answer.text().into_owned(), |changing| changing.replace_all(&answer.text(), "#").into_owned())
}

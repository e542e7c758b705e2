//! Whether deliveries reach the handler.

use std::sync::Arc;

use super::response::{Obstacle, alike, blames_signature, not_limited, obstacle};
use super::{Delivered, Delivery, NoAnswer, Webhook};
use crate::finding::{Answered, Cause, Evidence};
use crate::world::certificate::{Validity, validity};
use crate::world::transport::{Answer, Failure, Trouble, optional};

/// What the deliveries show of the way to the handler.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What is between Stripe and the handler.
    pub obstacle: Option<Obstacle>,
    /// The answer that shows the obstacle, or that there is none.
    pub evidence: Evidence,
    /// For how long the certificate is valid, if there is one.
    pub certificate: Option<Validity>,
}

impl Webhook<'_> {
    /// What three deliveries show: one without a signature, one to a path that does not exist, and a signed one.
    ///
    /// # Errors
    /// Unknown if none of them shows anything.
    pub async fn reach(self) -> Answered<Reach> {
        let (unsigned, nowhere, signed) = futures::join!(
            self.attempt(Delivery::Unsigned),
            self.attempt(Delivery::Nowhere),
            self.attempt(Delivery::Signed)
        );
        let unsigned = unsigned?;
        let answered = |delivered: &Answered<Delivered>| match delivered {
            Ok(Ok(answer)) => not_limited(answer).is_ok().then(|| Arc::clone(answer)),
            _ => None,
        };
        let (nowhere, signed_answer) = (answered(&nowhere), answered(&signed));
        let unsigned_answer = unsigned.as_ref().ok().filter(|answer| not_limited(answer).is_ok());
        let Some(heard) = unsigned_answer.or(signed_answer.as_ref()) else {
            return match &unsigned {
                Ok(limit) => Err(not_limited(limit).err().unwrap_or_else(|| NoAnswer::unknown("no answer"))),
                Err(failure) => self.silence(failure, matches!(signed, Ok(Err(_)))).await,
            };
        };
        let signed = signed_answer.as_deref();
        let (obstacle, shown) = match signed {
            // If a signed event gets through, an unsigned one need not.
            Some(signed) if self.is_acceptance(signed) && obstacle(signed).is_none() => (None, heard.as_ref()),
            Some(signed) => (obstacle_before_handler(signed, unsigned_answer.map(AsRef::as_ref)), signed),
            None => (obstacle(heard), heard.as_ref()),
        };
        let obstacle = obstacle
            .or_else(|| same_as_nowhere(unsigned_answer?, nowhere.as_deref()?, signed?).then_some(Obstacle::NotFound));
        let shown = if obstacle.is_some() { shown } else { heard };
        let seen = match shown.shown_location() {
            Some(location) if (300..400).contains(&shown.status) => format!("Location: {location}"),
            _ => shown.excerpt(),
        };
        let certificate = shown.certificate.as_deref().and_then(|der| validity(der, self.world.now));
        Ok(Reach { obstacle, evidence: shown.evidence("answer", seen), certificate })
    }

    /// Checks that deliveries reach the handler.
    ///
    /// # Errors
    /// Because of [`Cause::WebhookUnreachable`] if there is an obstacle, and unknown if it may be aimed at this machine only.
    pub(super) async fn reached(self) -> Answered {
        match self.reach().await?.obstacle {
            None | Some(Obstacle::Hangs) => Ok(()),
            Some(Obstacle::BotChallenge) => match optional(self.stripe_gets_through()).await {
                Some(false) => Err(NoAnswer::Because(Cause::WebhookUnreachable)),
                Some(true) => Err(NoAnswer::unknown(
                    "a bot challenge answers this machine instead of the handler; Stripe's own deliveries get through",
                )),
                None => Err(NoAnswer::unknown(
                    "a bot challenge answers this machine instead of the handler; whether it stops Stripe is unknown",
                )),
            },
            Some(_) => Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        }
    }

    /// Whether Stripe delivered events in the last week: a challenge may be aimed at this machine only.
    ///
    /// # Errors
    /// Unknown if Stripe's record of events cannot be read.
    pub async fn stripe_gets_through(self) -> Answered<bool> {
        match Box::pin(self.delivery_history()).await {
            Ok(history) => {
                Ok(history.gets_through() && history.delivered.is_some_and(|event| event.is_within(7, self.world.now)))
            }
            // Without an endpoint that selects an event, nothing is delivered.
            Err(NoAnswer::Because(Cause::EndpointNotRegistered | Cause::EventsNotSelected)) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// A delivery that may fail, because the others show something, too.
    async fn attempt(self, delivery: Delivery) -> Answered<Delivered> {
        optional(async { Ok(self.deliver(delivery).await) }).await.unwrap_or_else(|| Err(NoAnswer::unknown("not sent")))
    }

    /// The obstacle if no delivery was answered and neither this machine nor its network is the reason.
    async fn silence(self, failure: &Failure, signed_too: bool) -> Answered<Reach> {
        self.world.is_to_blame(failure).await?;
        let obstacle = match &failure.trouble {
            Trouble::Name(words) => Obstacle::Name(words.clone()),
            Trouble::Refused => Obstacle::Refused,
            Trouble::Certificate(trouble) => Obstacle::Certificate(trouble.clone()),
            Trouble::TimedOut(_) if signed_too => Obstacle::Hangs,
            Trouble::ConnectTimedOut | Trouble::Handshake(_) | Trouble::Broken(_) => {
                Obstacle::Unreachable(failure.trouble.to_string())
            }
            // This machine's own limits, most of which `is_to_blame` has ruled out.
            Trouble::TimedOut(_)
            | Trouble::TooLarge
            | Trouble::TooMuch
            | Trouble::Deadline
            | Trouble::Stopped
            | Trouble::Machine(_)
            | Trouble::Starved(_)
            | Trouble::NotForThisHost
            | Trouble::Offline => return Err(NoAnswer::Unknown(failure.to_string())),
        };
        let evidence = self.world.reads().evidence(failure, &self.world.config.webhook.url).await;
        Ok(Reach { obstacle: Some(obstacle), evidence, certificate: None })
    }
}

/// The obstacle for a signed event. A handler may answer 404 or 405 itself, but not to signed and unsigned events alike.
fn obstacle_before_handler(signed: &Answer, unsigned: Option<&Answer>) -> Option<Obstacle> {
    let found = obstacle(signed)?;
    let may_be_the_handlers = matches!(found, Obstacle::NotFound | Obstacle::Method);
    let differs = unsigned.is_some_and(|unsigned| !alike(unsigned, signed));
    (!may_be_the_handlers || !differs).then_some(found)
}

/// Whether something rejects every request: on this path and on one that does not exist, with and without a signature.
fn same_as_nowhere(unsigned: &Answer, nowhere: &Answer, signed: &Answer) -> bool {
    let is_rejection = matches!(unsigned.status, 401 | 403) && !blames_signature(unsigned);
    is_rejection && alike(unsigned, nowhere) && alike(unsigned, signed)
}

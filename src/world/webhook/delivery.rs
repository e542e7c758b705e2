//! Events as Stripe delivers them, and as a forger would.

use std::sync::Arc;

use serde_json::json;

use super::super::sound;
use super::super::transport::{Answer, Failure};
use super::{NoAnswer, Webhook};
use crate::config::{Mode, Secret};

/// One way to deliver the probe event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// As Stripe does.
    Signed,
    /// Without the header.
    Unsigned,
    /// Signed with another secret.
    WrongSignature,
    /// The right signature, under the retired scheme `v0` alone.
    OldScheme,
    /// The right signature, made an hour ago.
    Stale,
    /// The right signature of another body.
    Tampered,
    /// Without the header, to a path that does not exist.
    Nowhere,
}

/// What came of a delivery: an answer, or trouble on the way.
pub type Delivered = Result<Arc<Answer>, Arc<Failure>>;

/// An event type that no Worker handles: facts.md, part F, has what a sound one answers.
pub const PROBE_TYPE: &str = "preflight.probe";

impl Delivery {
    const fn word(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong",
            Self::OldScheme => "scheme",
            Self::Stale => "stale",
            Self::Tampered => "tampered",
            Self::Nowhere => "nowhere",
        }
    }

    /// What was sent, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Signed => "a correctly signed event",
            Self::Unsigned => "an event without a signature",
            Self::WrongSignature => "an event signed with another secret",
            Self::OldScheme => "an event whose only signature is of the retired scheme v0",
            Self::Stale => "an event that was correctly signed an hour ago",
            Self::Tampered => "an event whose body was changed after it was signed",
            Self::Nowhere => "an event sent to a path that does not exist",
        }
    }
}

impl Webhook<'_> {
    /// Delivers the probe event, each way once in a run.
    ///
    /// # Errors
    /// Where it cannot be sent: the secret is another check's finding, or probing was left out.
    pub async fn deliver(self, delivery: Delivery) -> Result<Delivered, NoAnswer> {
        let config = &self.world.config;
        let (body, now) = (self.event(delivery), jiff::Timestamp::now().as_second());
        let signed_at = *self.world.signed_at.get_or_init(|| now);
        let header = match delivery {
            Delivery::Unsigned | Delivery::Nowhere => None,
            // A secret of our own making: the real one is not needed to be wrong.
            Delivery::WrongSignature => Some(("v1", now, forger().sign(now, &body))),
            delivery => {
                let secret = sound(&config.stripe.webhook_secret)?;
                Some(match delivery {
                    Delivery::OldScheme => ("v0", now, secret.sign(now, &body)),
                    Delivery::Stale => ("v1", now - 3600, secret.sign(now - 3600, &body)),
                    // To the letter the header of the event that was accepted.
                    Delivery::Tampered => ("v1", signed_at, secret.sign(signed_at, &self.event(Delivery::Signed))),
                    _ => ("v1", signed_at, secret.sign(signed_at, &body)),
                })
            }
        };
        let headers: Vec<_> = header
            .map(|(scheme, at, signature)| ("stripe-signature", format!("t={at},{scheme}={signature}")))
            .into_iter()
            .collect();
        let mut url = config.webhook.url.clone();
        if delivery == Delivery::Nowhere {
            url.set_path(&format!("{}-{}", url.path().trim_end_matches('/'), self.world.nonce));
        }
        Ok(self.world.probes()?.post(delivery.word(), url, &headers, body).await)
    }

    /// The probe event: of a type that nobody handles, with an ID of its own for each way of delivery. Written as
    /// JavaScript would write it again, so that a Worker which verifies a copy is not found out here but by
    /// `webhook/raw-body`.
    fn event(self, delivery: Delivery) -> Vec<u8> {
        let World { config, nonce, now, .. } = self.world;
        let version = config.webhook.api_version.as_deref().unwrap_or(stripe_shared::version::VERSION.as_str());
        let event = json!({
            "id": format!("evt_preflight{}{nonce}", delivery.word()),
            "object": "event",
            "api_version": version,
            "created": now.as_second(),
            "data": { "object": { "id": format!("preflight_{nonce}"), "object": "preflight_probe" } },
            "livemode": config.project.mode == Mode::Live,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": PROBE_TYPE,
        });
        event.to_string().into_bytes()
    }
}

use super::World;

fn forger() -> Secret {
    Secret::new("whsec_preflightSignsThisWithNoSecret")
}

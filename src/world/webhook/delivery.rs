//! Test events as Stripe would deliver them, and as an attacker would.

use std::sync::Arc;

use serde_json::{Value, json};

use super::response::{is_challenge, not_limited};
use super::{NoAnswer, Webhook, World};
use crate::config::{Mode, Secret};
use crate::finding::Answered;
use crate::world::transport::{Answer, Failure};
use crate::world::usable;

/// One way to deliver the test event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Delivery {
    /// As Stripe does.
    Signed,
    /// Without the header.
    Unsigned,
    /// Signed with another secret.
    WrongSignature,
    /// With the right signature, but only under the retired scheme `v0`.
    OldScheme,
    /// With the right signature, made an hour ago.
    Stale,
    /// With the right signature for another body.
    Tampered,
    /// Without the header, to a path that does not exist.
    Nowhere,
    /// As Stripe does while a signing secret is rolled, with the right signature between two others, and in JSON that no
    /// serializer would write.
    Reformatted,
    /// In the same JSON with only the right signature.
    ReformattedAlone,
    /// As Stripe does, before a second delivery.
    First,
    /// The event of [`Delivery::First`] with a new signature, as Stripe does after a lost answer.
    Second,
}

/// The answer to a delivery, or why there is none.
pub type Delivered = Result<Arc<Answer>, Arc<Failure>>;

/// An event type that no Worker handles. A good Worker accepts and ignores it (docs/providers.md, "How a Worker on this
/// stack responds").
const TEST_TYPE: &str = "preflight.probe";

impl Delivery {
    /// The name of this way: each is used once in a run.
    const fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            other => other.event(),
        }
    }

    /// The part of the event's ID that differs between the ways.
    const fn event(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsigned => "unsigned",
            Self::WrongSignature => "wrong",
            Self::OldScheme => "scheme",
            Self::Stale => "stale",
            Self::Tampered => "tampered",
            Self::Nowhere => "nowhere",
            Self::Reformatted => "reformatted",
            Self::ReformattedAlone => "alone",
            Self::First | Self::Second => "twice",
        }
    }

    /// What was sent, in a sentence.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Signed | Self::First => "a correctly signed event",
            Self::Unsigned => "an event without a signature",
            Self::WrongSignature => "an event signed with another secret",
            Self::OldScheme => "an event signed only under the retired scheme v0",
            Self::Stale => "an event that was signed an hour ago",
            Self::Tampered => "an event whose body was changed after it was signed",
            Self::Nowhere => "an event sent to a path that does not exist",
            Self::Reformatted => "a correctly signed event in unusual JSON, with two more signatures",
            Self::ReformattedAlone => "a correctly signed event in unusual JSON",
            Self::Second => "the same event again",
        }
    }
}

impl Webhook<'_> {
    /// Delivers the test event, each way once in a run.
    ///
    /// # Errors
    /// Blocked if another check reports the secret, skipped with `--no-probe`, and unknown if this machine or a limit of
    /// this run is why there is no answer.
    pub async fn deliver(self, delivery: Delivery) -> Answered<Delivered> {
        let config = &self.world.config;
        let (body, now) = (self.event(delivery), jiff::Timestamp::now().as_second());
        let signed_at = *self.world.signed_at.get_or_init(|| now);
        let header = match delivery {
            Delivery::Unsigned | Delivery::Nowhere => None,
            Delivery::WrongSignature => Some(format!("t={now},v1={}", wrong_secret().sign(now, &body))),
            delivery => {
                let secret = usable(&config.stripe.webhook_secret)?;
                let signed = |at: i64, scheme: &str, body: &[u8]| format!("t={at},{scheme}={}", secret.sign(at, body));
                Some(match delivery {
                    Delivery::OldScheme => signed(now, "v0", &body),
                    Delivery::Stale => signed(now - 3600, "v1", &body),
                    // Exactly the header of the event that was accepted.
                    Delivery::Tampered => signed(signed_at, "v1", &self.event(Delivery::Signed)),
                    Delivery::Reformatted => {
                        let (before, after) = (wrong_secret().sign(now, &body), wrong_secret().sign(now - 1, &body));
                        format!("t={now},v1={before},v1={},v1={after}", secret.sign(now, &body))
                    }
                    Delivery::Signed => signed(signed_at, "v1", &body),
                    _ => signed(now, "v1", &body),
                })
            }
        };
        let headers: Vec<_> = header.map(|header| ("stripe-signature", header)).into_iter().collect();
        let mut url = config.webhook.url.clone();
        if delivery == Delivery::Nowhere {
            url.set_path(&format!("{}-{}", url.path().trim_end_matches('/'), self.world.nonce));
        }
        match self.world.probes()?.post(delivery.word(), url, &headers, body).await {
            Err(failure) if failure.trouble.is_ours() => Err(NoAnswer::Unknown(failure.to_string())),
            delivered => Ok(delivered),
        }
    }

    /// The answer to a delivery.
    ///
    /// # Errors
    /// Unknown if there is none, and for a 429, which says nothing about the handler.
    pub async fn answer(self, delivery: Delivery) -> Answered<Arc<Answer>> {
        let answer = self.deliver(delivery).await?.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        not_limited(&answer)?;
        Ok(answer)
    }

    /// The Worker's answer to a delivery.
    ///
    /// # Errors
    /// Unknown for a redirect or a bot challenge, too: the Worker did not send it.
    pub async fn handled(self, delivery: Delivery) -> Answered<Arc<Answer>> {
        let answer = self.answer(delivery).await?;
        if (300..400).contains(&answer.status) || is_challenge(&answer) {
            return Err(NoAnswer::Unknown(format!(
                "something other than the handler answered {} to {}: {}",
                answer.status,
                delivery.words(),
                answer.excerpt()
            )));
        }
        Ok(answer)
    }

    /// The test event, with a different ID for each way of delivery. It is written exactly as JavaScript would serialize
    /// it, so that only [`Delivery::Reformatted`] reveals a Worker that verifies a re-serialized copy.
    fn event(self, delivery: Delivery) -> Vec<u8> {
        let World { config, nonce, now, .. } = self.world;
        let version = config.webhook.api_version.as_deref().unwrap_or(stripe_shared::version::VERSION.as_str());
        let event = json!({
            "id": format!("evt_preflight{}{nonce}", delivery.event()),
            "object": "event",
            "api_version": version,
            "created": now.as_second(),
            "data": { "object": { "id": format!("preflight_{nonce}"), "object": "preflight_probe" } },
            "livemode": config.project.mode == Mode::Live,
            "pending_webhooks": 1,
            "request": { "id": null, "idempotency_key": null },
            "type": TEST_TYPE,
        });
        match delivery {
            Delivery::Reformatted | Delivery::ReformattedAlone => reformatted(&event).into_bytes(),
            _ => event.to_string().into_bytes(),
        }
    }
}

/// The event as valid JSON that no serializer writes: white space, another order of keys, needless escapes, unescaped
/// letters beyond ASCII, and numbers in other notations.
fn reformatted(event: &Value) -> String {
    let Value::Object(event) = event else { return event.to_string() };
    let mut lines: Vec<String> = event.iter().rev().map(|(key, value)| format!("\t\"{key}\" :  {value}")).collect();
    let words = r"caf\u00e9 naïve 漢字 😀 \/ \u0041 \ud83d\ude80";
    lines.push(format!("  \"preflight\": {{ \"words\" : \"{words}\", \"numbers\": [ 1.0, 1e2, -0 ] }}"));
    format!("{{\r\n{}\n }}\n", lines.join(" ,\n"))
}

/// A secret that the Worker does not have.
fn wrong_secret() -> Secret {
    Secret::new("whsec_preflightSignsThisWithNoSecret")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::reformatted;

    #[test]
    fn unusual_json_has_the_same_values() {
        let event = json!({ "id": "evt_1", "data": { "object": { "id": "x" } }, "livemode": true });
        let read: Value = serde_json::from_str(&reformatted(&event)).unwrap();
        assert_eq!((&read["id"], &read["data"], &read["livemode"]), (&event["id"], &event["data"], &event["livemode"]));
        assert_eq!(read["preflight"]["words"], "café naïve 漢字 😀 / A 🚀");
        assert_ne!(read.to_string(), reformatted(&event));
    }
}

//! Whether what answers at the webhook URL is the handler.

use std::sync::Arc;

use url::Url;

use super::super::transport::{Answer, CertificateTrouble, Failure, Trouble, optional};
use super::acceptance::limited;
use super::{Delivered, Delivery, NoAnswer, Webhook, alike, blames_signature};
use crate::finding::{Answered, Cause, Evidence};

/// What the deliveries tell of the way to the handler.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What stands between Stripe and the handler.
    pub obstacle: Option<Obstacle>,
    /// The answer that shows it, or that nothing does.
    pub evidence: Evidence,
    /// The certificate, where there is one: for which days it is good.
    pub certificate: Option<Validity>,
}

/// For how long a certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// Days until it ends; negative where it has ended.
    pub days_left: i64,
    /// Days from its beginning to its end.
    pub days_in_all: i64,
}

impl Validity {
    /// Whether it should have been renewed by now. Certificates of a few days are renewed within their last days.
    #[must_use]
    pub const fn is_running_out(self) -> bool {
        self.days_left < 14 && self.days_left * 4 < self.days_in_all
    }
}

/// What stands between Stripe and the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The name does not resolve.
    Name(String),
    /// Nothing listens.
    Refused,
    /// No connection can be made.
    Unreachable(String),
    /// The certificate cannot be trusted.
    Certificate(CertificateTrouble),
    /// A redirect, and where to.
    Redirect(String),
    /// Only signed-in users get through; how that can be seen.
    LoginWall(String),
    /// Only browsers get through.
    BotChallenge,
    /// The route does not exist.
    NotFound,
    /// POST is not allowed.
    Method,
    /// No answer at all: what `webhook/accepts-signed` is about.
    Hangs,
}

impl Webhook<'_> {
    /// What stands between Stripe and the handler, as far as the deliveries tell that were answered: one without a
    /// signature, one to a path that does not exist, and a signed one.
    ///
    /// # Errors
    /// Unknown where none of them tells.
    pub async fn reach(self) -> Answered<Reach> {
        let (unsigned, nowhere, signed) = futures::join!(
            self.attempt(Delivery::Unsigned),
            self.attempt(Delivery::Nowhere),
            self.attempt(Delivery::Signed)
        );
        let unsigned = unsigned?;
        let told = |delivered: &Answered<Delivered>| match delivered {
            Ok(Ok(answer)) => limited(answer).is_ok().then(|| Arc::clone(answer)),
            _ => None,
        };
        let (nowhere, signed_answer) = (told(&nowhere), told(&signed));
        let unsigned_answer = unsigned.as_ref().ok().filter(|answer| limited(answer).is_ok());
        let Some(heard) = unsigned_answer.or(signed_answer.as_ref()) else {
            return match &unsigned {
                Ok(limit) => Err(limited(limit).err().unwrap_or_else(|| NoAnswer::unknown("no answer"))),
                Err(failure) => self.silence(failure, matches!(signed, Ok(Err(_)))).await,
            };
        };
        let signed = signed_answer.as_deref();
        let (obstacle, shown) = match signed {
            // Whatever is answered without a signature: where Stripe gets through, nothing stands in its way.
            Some(signed) if self.is_reception(signed) && obstacle(signed).is_none() => (None, heard.as_ref()),
            Some(signed) => (before_the_handler(signed, unsigned_answer.map(AsRef::as_ref)), signed),
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

    /// That deliveries reach the handler.
    ///
    /// # Errors
    /// Blocked by `webhook/reachable` where something stands in the way.
    pub(super) async fn reached(self) -> Answered {
        match self.reach().await?.obstacle {
            None | Some(Obstacle::Hangs) => Ok(()),
            Some(Obstacle::BotChallenge) => match optional(self.stripe_gets_through()).await {
                Some(false) => Err(NoAnswer::Because(Cause::WebhookUnreachable)),
                Some(true) => Err(NoAnswer::unknown(
                    "a bot challenge answers this machine in place of the handler; Stripe's own deliveries get through",
                )),
                None => Err(NoAnswer::unknown(
                    "a bot challenge answers this machine in place of the handler; whether it stops Stripe is unknown",
                )),
            },
            Some(_) => Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        }
    }

    /// Whether Stripe delivered what happened in the last days: a challenge may be aimed at this machine alone.
    ///
    /// # Errors
    /// Unknown where Stripe's record could not be read.
    pub async fn stripe_gets_through(self) -> Answered<bool> {
        match Box::pin(self.record()).await {
            Ok(record) => {
                Ok(record.gets_through() && record.delivered.is_some_and(|event| event.is_within(7, self.world.now)))
            }
            // No endpoint, or none that selects an event: nothing is delivered.
            Err(NoAnswer::Because(Cause::EndpointNotRegistered | Cause::EventsNotSelected)) => Ok(false),
            Err(why) => Err(why),
        }
    }

    /// A delivery of which no answer is needed to tell something.
    async fn attempt(self, delivery: Delivery) -> Answered<Delivered> {
        optional(async { Ok(self.deliver(delivery).await) }).await.unwrap_or_else(|| Err(NoAnswer::unknown("not sent")))
    }

    /// No delivery was answered: an obstacle, where it is neither this machine's fault nor its network's.
    async fn silence(self, failure: &Failure, signed_too: bool) -> Answered<Reach> {
        self.world.is_to_blame(failure).await?;
        let obstacle = match &failure.trouble {
            Trouble::Name(words) => Obstacle::Name(words.clone()),
            Trouble::Refused => Obstacle::Refused,
            Trouble::Certificate(trouble) => Obstacle::Certificate(trouble.clone()),
            // What a signed event meets is the finding of `webhook/accepts-signed`, if one was sent.
            Trouble::TimedOut(_) if signed_too => Obstacle::Hangs,
            Trouble::ConnectTimedOut | Trouble::Handshake(_) | Trouble::Broken(_) => {
                Obstacle::Unreachable(failure.trouble.to_string())
            }
            // Limits of this machine's own, which `is_to_blame` told apart already.
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
        let shown = match &obstacle {
            Obstacle::Certificate(_) => self.world.reads().certificate(&self.world.config.webhook.url).await,
            _ => None,
        };
        let words = shown.as_deref().and_then(describe).map_or_else(String::new, |words| format!(": {words}"));
        let evidence = Evidence {
            request: failure.request.clone(),
            status: None,
            request_id: None,
            field: "connection".to_owned(),
            seen: format!("{}{words}", failure.trouble),
        };
        Ok(Reach { obstacle: Some(obstacle), evidence, certificate: None })
    }
}

/// What stands in the way of a signed event. A handler may answer 404 or 405 itself, but then not to every event alike.
fn before_the_handler(signed: &Answer, unsigned: Option<&Answer>) -> Option<Obstacle> {
    let found = obstacle(signed)?;
    let may_be_the_handlers = matches!(found, Obstacle::NotFound | Obstacle::Method);
    let differs = unsigned.is_some_and(|unsigned| !alike(unsigned, signed));
    (!may_be_the_handlers || !differs).then_some(found)
}

/// What an answer shows to stand in the way.
pub(in crate::world) fn obstacle(answer: &Answer) -> Option<Obstacle> {
    let clerk =
        ["x-clerk-auth-reason", "x-clerk-auth-status"].into_iter().find_map(|name| Some((name, answer.header(name)?)));
    if let (Some((name, value)), 300..=399 | 401 | 403 | 404) = (clerk, answer.status) {
        return Some(Obstacle::LoginWall(format!("{name}: {}", answer.quote(value))));
    }
    if is_challenge(answer) {
        return Some(Obstacle::BotChallenge);
    }
    match answer.status {
        300..=399 => {
            let is_sign_in = is_sign_in(answer.header("location").unwrap_or_default());
            let location = answer.shown_location().unwrap_or_else(|| "nowhere".to_owned());
            Some(if is_sign_in {
                Obstacle::LoginWall(format!("Location: {location}"))
            } else {
                Obstacle::Redirect(location)
            })
        }
        401 if answer.header("www-authenticate").is_some_and(|asked| asked.starts_with("Basic")) => {
            Some(Obstacle::LoginWall("WWW-Authenticate: Basic".to_owned()))
        }
        404 | 410 => Some(Obstacle::NotFound),
        405 => Some(Obstacle::Method),
        _ => None,
    }
}

/// A catch-all that rejects every request: it answers here as it answers where nothing is, with and without a signature.
fn same_as_nowhere(unsigned: &Answer, nowhere: &Answer, signed: &Answer) -> bool {
    let refuses = matches!(unsigned.status, 401 | 403) && !blames_signature(unsigned);
    refuses && alike(unsigned, nowhere) && alike(unsigned, signed)
}

/// Cloudflare's challenge page (facts.md, D9).
pub(in crate::world) fn is_challenge(answer: &Answer) -> bool {
    let mitigated = answer.header("cf-mitigated").is_some_and(|how| how.contains("challenge"));
    mitigated || (matches!(answer.status, 403 | 503) && answer.is_page() && answer.text().contains("Just a moment"))
}

/// Whether an address is one at which people sign in.
pub(in crate::world) fn is_sign_in(location: &str) -> bool {
    let base = Url::parse("https://relative.invalid").and_then(|base| base.join(location));
    let Ok(url) = base else { return false };
    let host = url.host_str().unwrap_or_default();
    let word = |segment: &str| {
        let plain: String = segment.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(plain.as_str(), "signin" | "login" | "auth" | "sso" | "signup")
    };
    host.starts_with("accounts.")
        || host.ends_with(".accounts.dev")
        || host.ends_with(".cloudflareaccess.com")
        || url.path_segments().is_some_and(|mut segments| segments.any(word))
}

pub(in crate::world) fn validity(der: &[u8], now: jiff::Timestamp) -> Option<Validity> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let (from, to) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    let days = |seconds: i64| seconds.div_euclid(86_400);
    Some(Validity { days_left: days(to - now.as_second()), days_in_all: days(to - from) })
}

/// A certificate in words: whom it names, who signed it, when it ends.
pub(in crate::world) fn describe(der: &[u8]) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let names = certificate.subject_alternative_name().ok().flatten();
    let names: Vec<String> =
        names.iter().flat_map(|names| &names.value.general_names).map(ToString::to_string).collect();
    let names = if names.is_empty() { certificate.subject().to_string() } else { names.join(", ") };
    Some(format!(
        "it names {names}, is signed by {} and ends on {}",
        certificate.issuer(),
        certificate.validity().not_after
    ))
}

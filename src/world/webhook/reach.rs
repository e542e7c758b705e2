//! Whether what answers at the webhook URL is the handler.

use url::Url;

use super::super::transport::{Answer, CertificateTrouble, Failure, Trouble};
use super::{Delivered, Delivery, NoAnswer, Reception, Webhook};
use crate::finding::{Cause, Evidence};

/// What the first knock at the webhook URL tells.
#[derive(Debug, Clone)]
pub struct Reach {
    /// What stands between Stripe and the handler.
    pub obstacle: Option<Obstacle>,
    /// What the knock was answered with.
    pub evidence: Evidence,
    /// The certificate, where there is one: for which days it is good.
    pub certificate: Option<Validity>,
    /// Whether what stands there is in this machine's way alone: Stripe's own deliveries get through.
    pub is_for_us_alone: bool,
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
    /// The name leads nowhere.
    Name(String),
    /// Nothing listens.
    Refused,
    /// No connection comes about.
    Unreachable(String),
    /// The certificate cannot be trusted.
    Certificate(CertificateTrouble),
    /// Somebody else is sent for; where to.
    Redirect(String),
    /// Only who is signed in gets through; how that can be seen.
    LoginWall(String),
    /// Only browsers get through.
    BotChallenge,
    /// Nobody is there.
    NotFound,
    /// POST is not allowed.
    Method,
    /// No answer at all: what `webhook/accepts-signed` is about.
    Hangs,
}

impl Webhook<'_> {
    /// Knocks without a signature; asked by `webhook/reachable`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn reach(self) -> Result<Reach, NoAnswer> {
        let (knock, nowhere, signed) = futures::join!(
            self.deliver(Delivery::Unsigned),
            self.deliver(Delivery::Nowhere),
            self.deliver(Delivery::Signed)
        );
        match knock? {
            Err(failure) => self.no_answer(&failure).await,
            Ok(answer) => {
                let signed = signed.ok().and_then(Result::ok);
                // Whatever a knock without a signature is told: where Stripe gets through, nothing stands in its way.
                let gets_through = signed.as_ref().is_some_and(|signed| self.is_reception(signed));
                let obstacle = if gets_through {
                    None
                } else {
                    obstacle(&answer).or_else(|| same_as_nowhere(&answer, &nowhere, signed.as_deref()))
                };
                let seen = match answer.shown_location() {
                    Some(location) if (300..400).contains(&answer.status) => format!("Location: {location}"),
                    _ => answer.excerpt(),
                };
                let certificate = answer.certificate.as_deref().and_then(|der| validity(der, self.world.now));
                let is_for_us_alone = obstacle == Some(Obstacle::BotChallenge) && self.stripe_gets_through().await;
                let evidence = answer.evidence("answer", seen);
                Ok(Reach { obstacle, evidence, certificate, is_for_us_alone })
            }
        }
    }

    /// That deliveries reach the handler.
    ///
    /// # Errors
    /// Blocked by `webhook/reachable` where something stands in the way.
    pub(super) async fn reached(self) -> Result<(), NoAnswer> {
        let reach = self.reach().await?;
        match reach.obstacle {
            None | Some(Obstacle::Hangs) => Ok(()),
            Some(_) if reach.is_for_us_alone => Err(NoAnswer::unknown(
                "a bot challenge answers this machine in the handler's place; Stripe's own deliveries get through",
            )),
            Some(_) => Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        }
    }

    /// Whether Stripe delivered what happened in the last days: a challenge may be aimed at us alone.
    async fn stripe_gets_through(self) -> bool {
        let record = Box::pin(self.record()).await;
        record.is_ok_and(|record| {
            record.gets_through() && record.delivered.is_some_and(|event| event.is_within(7, self.world.now))
        })
    }

    async fn no_answer(self, failure: &Failure) -> Result<Reach, NoAnswer> {
        let url = &self.world.config.webhook.url;
        let obstacle = match &failure.trouble {
            Trouble::Name(words) => Obstacle::Name(words.clone()),
            Trouble::Refused => Obstacle::Refused,
            Trouble::Certificate(trouble) => Obstacle::Certificate(trouble.clone()),
            Trouble::TimedOut(_) => Obstacle::Hangs,
            Trouble::ConnectTimedOut | Trouble::Handshake(_) | Trouble::Broken(_) => {
                Obstacle::Unreachable(failure.trouble.to_string())
            }
            // `deliver` tells these apart already.
            Trouble::TooLarge
            | Trouble::Deadline
            | Trouble::Stopped
            | Trouble::Machine(_)
            | Trouble::Starved(_)
            | Trouble::NotForThisHost
            | Trouble::Offline => return Err(NoAnswer::Unknown(failure.to_string())),
        };
        if !self.world.is_online().await {
            return Err(NoAnswer::Unknown(format!(
                "{failure}; and no provider could be reached from this machine either"
            )));
        }
        let shown = match &obstacle {
            Obstacle::Certificate(_) => self.world.reads().certificate(url).await,
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
        Ok(Reach { obstacle: Some(obstacle), evidence, certificate: None, is_for_us_alone: false })
    }

    /// Whether an answer is the handler's to an event that it received.
    pub(super) fn is_reception(self, answer: &Answer) -> bool {
        answer.is_success() && !answer.is_page() && self.is_expected(answer)
    }
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

/// A catch-all that refuses everybody: it answers here as it answers where nothing is, with and without a signature.
fn same_as_nowhere(
    answer: &Answer,
    nowhere: &Result<Delivered, NoAnswer>,
    signed: Option<&Answer>,
) -> Option<Obstacle> {
    let Ok(Ok(nowhere)) = nowhere else { return None };
    let alike = |other: &Answer| other.status == answer.status && other.body == answer.body;
    let refuses = matches!(answer.status, 401 | 403) && !answer.text().to_lowercase().contains("signature");
    (refuses && alike(nowhere) && signed.is_some_and(alike)).then_some(Obstacle::NotFound)
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

impl Reception {
    /// Whether the Worker's copy of the secret is the right one.
    #[must_use]
    pub const fn proves_secret(&self) -> bool {
        matches!(self, Self::Received { .. } | Self::TypeRefused)
    }
}

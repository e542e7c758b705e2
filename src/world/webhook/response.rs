//! What an answer says about who sent it: the handler, or something in front of it.

use url::Url;

use super::NoAnswer;
use crate::finding::Answered;
use crate::pattern::patterns;
use crate::world::transport::{Answer, CertificateTrouble};

/// What is between Stripe and the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// The name does not resolve.
    Name(String),
    /// Connections are refused.
    Refused,
    /// No connection can be made.
    Unreachable(String),
    /// The certificate is not valid.
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
    /// No answer arrives in time, not even to a signed event.
    Hangs,
}

/// The obstacle that an answer shows.
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

/// Whether an answer is Cloudflare's challenge page (docs/providers.md, "Cloudflare bot challenges").
pub(in crate::world) fn is_challenge(answer: &Answer) -> bool {
    let mitigated = answer.header("cf-mitigated").is_some_and(|how| how.contains("challenge"));
    mitigated || (matches!(answer.status, 403 | 503) && answer.is_page() && answer.text().contains("Just a moment"))
}

/// Whether a URL or path is a sign-in page.
pub(in crate::world) fn is_sign_in(location: &str) -> bool {
    let base = Url::parse("https://relative.invalid").and_then(|base| base.join(location));
    let Ok(url) = base else { return false };
    let host = url.host_str().unwrap_or_default();
    let is_sign_in = |segment: &str| {
        let plain: String = segment.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
        matches!(plain.as_str(), "signin" | "login" | "auth" | "sso" | "signup")
    };
    host.starts_with("accounts.")
        || host.ends_with(".accounts.dev")
        || host.ends_with(".cloudflareaccess.com")
        || url.path_segments().is_some_and(|mut segments| segments.any(is_sign_in))
}

/// Checks that an answer is not a rate limit, which says nothing about the handler.
///
/// # Errors
/// Unknown for a 429.
pub(super) fn not_limited(answer: &Answer) -> Answered {
    if answer.status == 429 {
        return Err(NoAnswer::Unknown(format!("the Worker answered 429 to {}: rate limited", answer.request)));
    }
    Ok(())
}

/// Whether an answer gives the signature as the reason (docs/providers.md, "Stripe webhook delivery").
#[must_use]
pub fn blames_signature(answer: &Answer) -> bool {
    let text = answer.text().to_lowercase();
    ["signature", "tolerance zone"].iter().any(|word| text.contains(word))
}

/// Whether an answer says that the webhook secret is not set.
#[must_use]
pub fn blames_missing_secret(answer: &Answer) -> bool {
    let text = answer.text().to_lowercase();
    let names = text.contains("webhook secret") || text.contains("webhook_secret");
    let missing = ["missing", "not configured", "not set", "undefined", "required", "no webhook secret"];
    names && missing.iter().any(|word| text.contains(word))
}

/// Whether two answers are the same, except for IDs and numbers.
#[must_use]
pub fn alike(one: &Answer, other: &Answer) -> bool {
    one.status == other.status && same_text(one, other)
}

patterns! {
    /// What differs from one event to the next.
    CHANGING = r"(?-u)evt_\w+|\b[0-9a-f]{8,}\b|\d+";
}

/// Whether the bodies of two answers are the same, except for IDs and numbers.
pub(super) fn same_text(one: &Answer, other: &Answer) -> bool {
    CHANGING.replace_all(&one.text(), "#") == CHANGING.replace_all(&other.text(), "#")
}

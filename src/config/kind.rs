//! The kinds of values, and which kind a value is by its look.

use super::hardcoded::is_token;
use super::publishable::frontend_api_of;
use super::secret_formats::{is_secret, prefix_of};
use super::stray::bare;

/// What ought to be in a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sk_…` or `rk_…` of Stripe.
    StripeSecretKey,
    /// `pk_…` of Stripe.
    StripePublishableKey,
    /// `whsec_…` of a Stripe endpoint.
    StripeWebhookSecret,
    /// `price_…`, or an old plan's ID of any form.
    StripePriceId,
    /// `bpc_…`.
    StripePortalConfigurationId,
    /// `sk_…` of Clerk.
    ClerkSecretKey,
    /// `pk_…` of Clerk.
    ClerkPublishableKey,
    /// `user_…`.
    ClerkUserId,
    /// 32 hexadecimal digits.
    CloudflareAccountId,
    /// A Cloudflare API token.
    CloudflareApiToken,
}

impl Kind {
    /// What is expected, as a phrase: `a price ID, price_…`.
    #[must_use]
    pub const fn expected(self) -> &'static str {
        match self {
            Self::StripeSecretKey => "a secret key of Stripe, sk_live_… or rk_live_…",
            Self::StripePublishableKey => "a publishable key of Stripe, pk_live_…",
            Self::StripeWebhookSecret => "a signing secret of Stripe, whsec_…",
            Self::StripePriceId => "a price ID, price_…",
            Self::StripePortalConfigurationId => "the ID of a portal configuration, bpc_…",
            Self::ClerkSecretKey => "a secret key of Clerk, sk_live_…",
            Self::ClerkPublishableKey => "a publishable key of Clerk, pk_live_…",
            Self::ClerkUserId => "a user ID of Clerk, user_…",
            Self::CloudflareAccountId => "an account ID of Cloudflare, 32 hexadecimal digits",
            Self::CloudflareApiToken => "an API token of Cloudflare",
        }
    }

    /// The page at which it can be copied.
    #[must_use]
    pub const fn page(self) -> &'static str {
        match self {
            Self::StripeSecretKey | Self::StripePublishableKey => "https://dashboard.stripe.com/apikeys",
            Self::StripeWebhookSecret => "https://dashboard.stripe.com/webhooks",
            Self::StripePriceId => "https://dashboard.stripe.com/products",
            Self::StripePortalConfigurationId => "https://dashboard.stripe.com/settings/billing/portal",
            Self::ClerkSecretKey | Self::ClerkPublishableKey => "https://dashboard.clerk.com/last-active?path=api-keys",
            Self::ClerkUserId => "https://dashboard.clerk.com/last-active?path=users",
            Self::CloudflareAccountId => "https://dash.cloudflare.com/?to=/:account/workers",
            Self::CloudflareApiToken => "https://dash.cloudflare.com/profile/api-tokens",
        }
    }
}

/// What the beginnings of values mean that are no secrets.
const BEGINNINGS: [(&str, &str); 20] = [
    ("pk_live_", "a publishable key"),
    ("pk_test_", "a publishable key"),
    ("price_", "a price ID"),
    ("prod_", "a product ID"),
    ("plan_", "a plan ID"),
    ("bpc_", "the ID of a portal configuration"),
    ("bps_", "the ID of a portal session"),
    ("acct_", "an account ID of Stripe"),
    ("we_", "the ID of a webhook endpoint"),
    ("ed_", "the ID of an event destination"),
    ("evt_", "the ID of an event"),
    ("cus_", "the ID of a Stripe customer"),
    ("sub_", "the ID of a subscription"),
    ("cs_live_", "the ID of a Checkout Session"),
    ("cs_test_", "the ID of a Checkout Session"),
    ("user_", "the ID of a Clerk user"),
    ("ins_", "the ID of a Clerk instance"),
    ("org_", "the ID of a Clerk organization"),
    ("sess_", "the ID of a Clerk session"),
    ("https://", "a URL"),
];

/// What a value evidently is.
fn evident(value: &str) -> Option<&'static str> {
    let secret = prefix_of(value).map(|prefix| prefix.words);
    let other = || BEGINNINGS.iter().find(|(beginning, _)| value.starts_with(beginning)).map(|(_, words)| *words);
    secret.or_else(other).or_else(|| is_email(value).then_some("an e-mail address"))
}

/// Whether a value that stands where no secret belongs must be hidden all the same.
pub(super) fn is_hidden(kind: Kind, value: &str) -> bool {
    let value = bare(value);
    is_secret(&value) || (is_token(&value) && evident(&value).is_none() && mismatch(kind, &value).is_some())
}

/// What a bare value is instead of what it ought to be, as a phrase for "it is …".
pub(super) fn mismatch(kind: Kind, value: &str) -> Option<String> {
    if let Some((name, _)) = value.split_once('=').filter(|(name, rest)| is_name(name) && !rest.is_empty()) {
        return Some(format!("a whole line of an env file; only what follows `{name}=` belongs here"));
    }
    if value.strip_prefix("Bearer").is_some_and(|rest| rest.len() > 8) && kind != Kind::StripePriceId {
        return Some("a whole Authorization header; only what follows `Bearer` belongs here".to_owned());
    }
    let stars = value.contains('•') || value.contains('*') || value.contains('…') || value.contains("...");
    if stars && kind != Kind::StripePriceId && evident(value).is_some() {
        return Some("an abbreviation, as a dashboard shows it; copy the whole".to_owned());
    }
    let fits = match kind {
        Kind::StripeSecretKey => starts(value, &["sk_live_", "sk_test_", "rk_live_", "rk_test_"]),
        Kind::StripePublishableKey if frontend_api_of(value).is_some() => {
            return Some("Clerk's publishable key".to_owned());
        }
        Kind::StripePublishableKey => starts(value, &["pk_live_", "pk_test_"]),
        Kind::StripeWebhookSecret if value.starts_with("whsec_") && value.contains(['+', '/', '=']) => {
            return Some("a signing secret of Svix, which Clerk's webhooks have, not Stripe's".to_owned());
        }
        Kind::StripeWebhookSecret => value.starts_with("whsec_"),
        // An old plan's ID can be any text.
        Kind::StripePriceId => evident(value).is_none() || starts(value, &["price_", "plan_"]),
        Kind::StripePortalConfigurationId => value.starts_with("bpc_"),
        Kind::ClerkSecretKey => return wrong_clerk_secret(value),
        Kind::ClerkPublishableKey => return wrong_clerk_publishable(value),
        Kind::ClerkUserId => value.starts_with("user_"),
        Kind::CloudflareAccountId => is_hexadecimal(value, 32),
        Kind::CloudflareApiToken if is_hexadecimal(value, 32) => {
            return Some("32 hexadecimal digits, as an account or a zone has for an ID".to_owned());
        }
        Kind::CloudflareApiToken => evident(value).is_none(),
    };
    (!fits).then(|| instead(kind, value))
}

fn wrong_clerk_secret(value: &str) -> Option<String> {
    if is_modern_stripe(value) {
        return Some("Stripe's secret key".to_owned());
    }
    (!starts(value, &["sk_live_", "sk_test_", "live_", "test_"])).then(|| instead(Kind::ClerkSecretKey, value))
}

fn wrong_clerk_publishable(value: &str) -> Option<String> {
    if frontend_api_of(value).is_some() {
        return None;
    }
    let body = value.strip_prefix("pk_live_").or_else(|| value.strip_prefix("pk_test_"));
    Some(match body {
        Some(body) if body.starts_with("51") => "Stripe's publishable key".to_owned(),
        Some(_) => "a publishable key that names no host, as Clerk's do; it may be cut short".to_owned(),
        None => instead(Kind::ClerkPublishableKey, value),
    })
}

/// Stripe's secret keys of today: `51`, the account, and so many random letters as no key of Clerk's has.
pub(super) fn is_modern_stripe(value: &str) -> bool {
    let body = value.strip_prefix("sk_live_").or_else(|| value.strip_prefix("sk_test_"));
    body.is_some_and(|body| body.starts_with("51") && body.len() >= 60)
}

/// Stripe's secret keys of old: 24 letters and digits.
pub(super) fn is_legacy_stripe(value: &str) -> bool {
    let body = value.strip_prefix("sk_live_").or_else(|| value.strip_prefix("sk_test_"));
    body.is_some_and(|body| body.len() == 24 && body.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Whether it may be something else, of which only the use is proof; a phrase for "it may be …".
pub(super) fn doubt(kind: Kind, value: &str) -> Option<String> {
    let body = value.strip_prefix("whsec_")?;
    let hexadecimal = is_hexadecimal(body, 64) && body == body.to_lowercase();
    (kind == Kind::StripeWebhookSecret && hexadecimal)
        .then(|| "the signing secret of `stripe listen`, which has 64 hexadecimal digits as this one has".to_owned())
}

fn instead(kind: Kind, value: &str) -> String {
    evident(value).map_or_else(|| format!("not {}", kind.expected()), str::to_owned)
}

fn starts(value: &str, beginnings: &[&str]) -> bool {
    beginnings.iter().any(|beginning| value.starts_with(beginning))
}

fn is_hexadecimal(value: &str, length: usize) -> bool {
    value.len() == length && value.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.contains('_') && text.bytes().all(allowed)
}

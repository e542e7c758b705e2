//! The kinds of values, and which kind a value is by its look.

use super::hardcoded::is_token;
use super::publishable::frontend_api_of;
use super::secret_formats::{is_secret, prefix_of};
use super::stray::bare;

/// What a variable must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `sk_…` or `rk_…` of Stripe.
    StripeSecretKey,
    /// `pk_…` of Stripe.
    StripePublishableKey,
    /// `whsec_…` of a Stripe endpoint.
    StripeWebhookSecret,
    /// `price_…`, or an old plan's ID in any format.
    StripePriceId,
    /// `bpc_…`.
    StripePortalConfigurationId,
    /// `sk_…` of Clerk.
    ClerkSecretKey,
    /// `pk_…` of Clerk.
    ClerkPublishableKey,
    /// `user_…`.
    ClerkUserId,
    /// `org_…` of Clerk.
    ClerkOrganizationId,
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
            Self::StripeSecretKey => "a Stripe secret key, sk_live_… or rk_live_…",
            Self::StripePublishableKey => "a Stripe publishable key, pk_live_…",
            Self::StripeWebhookSecret => "a Stripe signing secret, whsec_…",
            Self::StripePriceId => "a price ID, price_…",
            Self::StripePortalConfigurationId => "a portal configuration ID, bpc_…",
            Self::ClerkSecretKey => "a Clerk secret key, sk_live_…",
            Self::ClerkPublishableKey => "a Clerk publishable key, pk_live_…",
            Self::ClerkUserId => "a Clerk user ID, user_…",
            Self::ClerkOrganizationId => "a Clerk organization ID, org_…",
            Self::CloudflareAccountId => "a Cloudflare account ID, 32 hexadecimal digits",
            Self::CloudflareApiToken => "a Cloudflare API token",
        }
    }

    /// The page to copy it from.
    #[must_use]
    pub const fn page(self) -> &'static str {
        match self {
            Self::StripeSecretKey | Self::StripePublishableKey => "https://dashboard.stripe.com/apikeys",
            Self::StripeWebhookSecret => "https://dashboard.stripe.com/webhooks",
            Self::StripePriceId => "https://dashboard.stripe.com/products",
            Self::StripePortalConfigurationId => "https://dashboard.stripe.com/settings/billing/portal",
            Self::ClerkSecretKey | Self::ClerkPublishableKey => "https://dashboard.clerk.com/last-active?path=api-keys",
            Self::ClerkUserId => "https://dashboard.clerk.com/last-active?path=users",
            Self::ClerkOrganizationId => "https://dashboard.clerk.com/last-active?path=organizations",
            Self::CloudflareAccountId => "https://dash.cloudflare.com/?to=/:account/workers",
            Self::CloudflareApiToken => "https://dash.cloudflare.com/profile/api-tokens",
        }
    }
}

/// The prefixes of values that are not secret.
const PREFIXES: [(&str, &str); 20] = [
    ("pk_live_", "a publishable key"),
    ("pk_test_", "a publishable key"),
    ("price_", "a price ID"),
    ("prod_", "a product ID"),
    ("plan_", "a plan ID"),
    ("bpc_", "a portal configuration ID"),
    ("bps_", "a portal session ID"),
    ("acct_", "a Stripe account ID"),
    ("we_", "a webhook endpoint ID"),
    ("ed_", "an event destination ID"),
    ("evt_", "an event ID"),
    ("cus_", "a Stripe customer ID"),
    ("sub_", "a subscription ID"),
    ("cs_live_", "a Checkout Session ID"),
    ("cs_test_", "a Checkout Session ID"),
    ("user_", "a Clerk user ID"),
    ("ins_", "a Clerk instance ID"),
    ("org_", "a Clerk organization ID"),
    ("sess_", "a Clerk session ID"),
    ("https://", "a URL"),
];

/// What a value clearly is.
fn recognized(value: &str) -> Option<&'static str> {
    let secret = prefix_of(value).map(|prefix| prefix.words);
    let other = || PREFIXES.iter().find(|(beginning, _)| value.starts_with(beginning)).map(|(_, words)| *words);
    secret.or_else(other).or_else(|| is_email(value).then_some("an email address"))
}

/// Whether a value in place of one that is not secret must be hidden.
pub(super) fn is_hidden(kind: Kind, value: &str) -> bool {
    let value = bare(value);
    is_secret(&value) || (is_token(&value) && recognized(&value).is_none() && mismatch(kind, &value).is_some())
}

/// What a bare value is, if it is not of this kind; completes "it is …".
pub(super) fn mismatch(kind: Kind, value: &str) -> Option<String> {
    if let Some((name, _)) = value.split_once('=').filter(|(name, rest)| is_name(name) && !rest.is_empty()) {
        return Some(format!("a whole line of an env file; keep only what comes after `{name}=`"));
    }
    if value.strip_prefix("Bearer").is_some_and(|rest| rest.len() > 8) && kind != Kind::StripePriceId {
        return Some("a whole Authorization header; keep only what comes after `Bearer`".to_owned());
    }
    let stars = value.contains('•') || value.contains('*') || value.contains('…') || value.contains("...");
    if stars && kind != Kind::StripePriceId && recognized(value).is_some() {
        return Some("a shortened value from a dashboard; copy all of it".to_owned());
    }
    let fits = match kind {
        Kind::StripeSecretKey => starts(value, &["sk_live_", "sk_test_", "rk_live_", "rk_test_"]),
        Kind::StripePublishableKey if frontend_api_of(value).is_some() => {
            return Some("Clerk's publishable key".to_owned());
        }
        Kind::StripePublishableKey => starts(value, &["pk_live_", "pk_test_"]),
        Kind::StripeWebhookSecret if value.starts_with("whsec_") && value.contains(['+', '/', '=']) => {
            return Some("a Svix signing secret, for webhooks from Clerk, not from Stripe".to_owned());
        }
        Kind::StripeWebhookSecret => value.starts_with("whsec_"),
        // An old plan's ID can be any text.
        Kind::StripePriceId => recognized(value).is_none() || starts(value, &["price_", "plan_"]),
        Kind::StripePortalConfigurationId => value.starts_with("bpc_"),
        Kind::ClerkSecretKey => return wrong_clerk_secret(value),
        Kind::ClerkPublishableKey => return wrong_clerk_publishable(value),
        Kind::ClerkUserId => value.starts_with("user_"),
        Kind::ClerkOrganizationId => value.starts_with("org_"),
        Kind::CloudflareAccountId => is_hexadecimal(value, 32),
        Kind::CloudflareApiToken if is_hexadecimal(value, 32) => {
            return Some("32 hexadecimal digits, like an account ID or a zone ID".to_owned());
        }
        Kind::CloudflareApiToken => recognized(value).is_none(),
    };
    (!fits).then(|| instead(value))
}

fn wrong_clerk_secret(value: &str) -> Option<String> {
    if is_modern_stripe(value) {
        return Some("Stripe's secret key".to_owned());
    }
    (!starts(value, &["sk_live_", "sk_test_", "live_", "test_"])).then(|| instead(value))
}

fn wrong_clerk_publishable(value: &str) -> Option<String> {
    if frontend_api_of(value).is_some() {
        return None;
    }
    let body = value.strip_prefix("pk_live_").or_else(|| value.strip_prefix("pk_test_"));
    Some(match body {
        Some(body) if body.starts_with("51") => "Stripe's publishable key".to_owned(),
        Some(_) => "a publishable key without a host; a Clerk key has one, so it may be cut short".to_owned(),
        None => instead(value),
    })
}

/// Stripe's current secret keys: `51`, the account, and more random characters than any Clerk key.
pub(super) fn is_modern_stripe(value: &str) -> bool {
    let body = value.strip_prefix("sk_live_").or_else(|| value.strip_prefix("sk_test_"));
    body.is_some_and(|body| body.starts_with("51") && body.len() >= 60)
}

/// Stripe's old secret keys: 24 letters and digits.
pub(super) fn is_legacy_stripe(value: &str) -> bool {
    let body = value.strip_prefix("sk_live_").or_else(|| value.strip_prefix("sk_test_"));
    body.is_some_and(|body| body.len() == 24 && body.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// What the value may be instead, if only using it can prove that; completes "it may be …".
pub(super) fn doubt(kind: Kind, value: &str) -> Option<String> {
    let body = value.strip_prefix("whsec_")?;
    let hexadecimal = is_hexadecimal(body, 64) && body == body.to_lowercase();
    (kind == Kind::StripeWebhookSecret && hexadecimal)
        .then(|| "the signing secret of `stripe listen`, which also has 64 hexadecimal digits".to_owned())
}

fn instead(value: &str) -> String {
    recognized(value).unwrap_or("something else").to_owned()
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

//! A value that the operator's environment holds, and what is wrong with it before anybody is asked.

use super::{Origin, Secret};

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

/// A value that `preflight.toml` names by the environment variable which holds it.
#[derive(Debug, Clone)]
pub struct Variable<T> {
    /// The environment variable's name, `STRIPE_SECRET_KEY`.
    pub name: String,
    /// The key in `preflight.toml`, `stripe.secret_key`.
    pub setting: String,
    /// Where that key stands in the file: a line, counted from 1. `None` where it is a default.
    pub line: Option<usize>,
    /// What ought to be in it.
    pub kind: Kind,
    /// Whether its absence is a fault.
    pub required: bool,
    /// Where the value was read.
    pub origin: Origin,
    /// What is wrong with the value; a [`Slip`] that is not a warning means that nothing may be asked with it.
    pub slips: Vec<Slip>,
    /// The value as it was read, stray characters included.
    pub value: Option<T>,
}

/// A [`Variable`] without its value: what `config/hygiene` judges.
#[derive(Debug, Clone)]
pub struct Described<'a> {
    /// The environment variable's name.
    pub name: &'a str,
    /// The key in `preflight.toml`.
    pub setting: &'a str,
    /// Where that key stands in the file.
    pub line: Option<usize>,
    /// What ought to be in it.
    pub kind: Kind,
    /// Whether its absence is a fault.
    pub required: bool,
    /// Where the value was read.
    pub origin: &'a Origin,
    /// What is wrong with it.
    pub slips: &'a [Slip],
    /// What may be shown of the value.
    pub shown: Option<String>,
}

/// Something that is wrong with a value, seen without asking anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slip {
    /// It is not set, or empty.
    Missing,
    /// White space or a line end that does not belong; in words, `a line end after it`.
    Whitespace(String),
    /// It is wrapped in quotes.
    Quotes,
    /// It is an example's text, never filled in.
    Placeholder,
    /// It is something else; in words, `a product ID`.
    WrongKind(String),
    /// It may be something else: a warning, since only its use can prove it.
    Doubtful(String),
}

impl Slip {
    /// Whether the value may still be used.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Doubtful(_))
    }
}

impl<T> Variable<T> {
    /// Whether anything is in it.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// Whether nothing speaks against asking with the value.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.slips.iter().all(Slip::is_warning)
    }
}

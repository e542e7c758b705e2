//! The forms that values have. A title says what an error expected: "`tiers.pro.price` must be *title*".

use std::borrow::Cow;

use jiff::civil::Date;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

/// Text that is not empty.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "text in quotes, not empty")]
pub struct Word(#[schemars(regex(pattern = r"\S"))] pub String);

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// An amount of money.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "an amount in quotes, such as \"29.00\"")]
pub struct Amount(#[schemars(regex(pattern = r"^[0-9]+(\.[0-9]+)?$"))] pub String);

/// A currency.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "a currency of three letters, such as \"usd\"")]
pub struct Currency(#[schemars(regex(pattern = r"^[A-Za-z]{3}$"))] pub String);

/// An event type of Stripe.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "an event type, such as \"checkout.session.completed\"")]
pub struct EventType(#[schemars(regex(pattern = r"^[a-z0-9_]+(\.[a-z0-9_]+)+$"))] pub String);

/// An API version of Stripe.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "an API version, such as \"2026-09-30.endive\"")]
pub struct ApiVersion(#[schemars(regex(pattern = r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.[a-z_]+)?$"))] pub String);

/// An account ID of Stripe.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "an account ID of Stripe, acct_…")]
pub struct StripeAccount(#[schemars(regex(pattern = r"^acct_[A-Za-z0-9]+$"))] pub String);

/// A user ID of Clerk.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "a user ID of Clerk, user_…")]
pub struct UserId(#[schemars(regex(pattern = r"^user_[A-Za-z0-9_]+$"))] pub String);

/// A name that becomes part of a check's id.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "lower-case letters, digits and single hyphens, such as \"tax-registered\"")]
pub struct Id(#[schemars(regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))] pub String);

/// The name of an environment variable.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "the name of an environment variable")]
pub struct VariableName(#[schemars(regex(pattern = r"^[A-Za-z_][A-Za-z0-9_]*$"))] pub String);

/// A secret, named by the environment variable that holds it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the environment variable that holds it, { env = \"NAME\" }")]
pub struct SecretVariable {
    /// The name of the environment variable.
    pub env: VariableName,
}

impl From<&str> for SecretVariable {
    fn from(name: &str) -> Self {
        Self { env: VariableName(name.to_owned()) }
    }
}

/// A value that is no secret: the environment variable that holds it, or the value itself.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(title = "{ env = \"NAME\" } or the value itself in quotes")]
pub enum PublicVariable {
    /// The environment variable that holds it.
    Named(SecretVariable),
    /// The value itself.
    Literal(Word),
}

impl From<&str> for PublicVariable {
    fn from(name: &str) -> Self {
        Self::Named(name.into())
    }
}

/// `false`, and no other word.
#[derive(Debug, Clone, Copy)]
pub struct Not;

impl<'de> Deserialize<'de> for Not {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? { Err(serde::de::Error::custom("expected false")) } else { Ok(Self) }
    }
}

impl Serialize for Not {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(false)
    }
}

impl JsonSchema for Not {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Not".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "const": false })
    }
}

/// A path on the Worker, or that it has no such route.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "a path, such as \"/health\", or false")]
pub enum Route {
    /// The path, with its leading slash.
    Path(#[schemars(regex(pattern = r"^/([^/\s#][^\s#]*)?$"))] String),
    /// The Worker does not offer it.
    Not(Not),
}

impl From<&str> for Route {
    fn from(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}

/// The name of a JWT template, or that there is none.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "the name of a JWT template, or false")]
pub enum Template {
    /// The template's name.
    Name(Word),
    /// The session token itself carries the claim.
    Not(Not),
}

/// How many uses a tier includes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "a whole number, or \"unlimited\"")]
pub enum Limit {
    /// Uses in a period.
    Uses(u64),
    /// No limit.
    Unlimited(Unlimited),
}

/// The word for a tier without a limit.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Unlimited {
    /// Any number of uses.
    Unlimited,
}

/// The status of a subscription at Stripe.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline, title = "a status of Stripe's subscriptions")]
pub enum Status {
    Active,
    Canceled,
    Incomplete,
    IncompleteExpired,
    PastDue,
    Paused,
    Trialing,
    Unpaid,
}

impl Status {
    /// Stripe's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Canceled => "canceled",
            Self::Incomplete => "incomplete",
            Self::IncompleteExpired => "incomplete_expired",
            Self::PastDue => "past_due",
            Self::Paused => "paused",
            Self::Trialing => "trialing",
            Self::Unpaid => "unpaid",
        }
    }
}

/// The method of a request.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline, title = "an HTTP method")]
pub enum HttpMethod {
    Delete,
    Get,
    Head,
    Options,
    Patch,
    Post,
    Put,
}

impl HttpMethod {
    /// HTTP's word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }
}

/// A day.
#[derive(Debug, Clone, Copy)]
pub struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let date = toml::value::Datetime::deserialize(deserializer)?.date;
        let date = date.and_then(|date| {
            Date::new(i16::try_from(date.year).ok()?, i8::try_from(date.month).ok()?, i8::try_from(date.day).ok()?).ok()
        });
        date.map(Self).ok_or_else(|| serde::de::Error::custom("expected a date"))
    }
}

impl JsonSchema for Day {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date", "title": "a date without quotes, such as 2026-11-20" })
    }
}

//! The formats of values. A title says what an error expected: "`tiers.pro.price` must be *title*".

use std::borrow::Cow;

use jiff::civil::Date;
use reqwest::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Number, Value};

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $title:literal, $pattern:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(title = $title)]
        pub struct $name(#[schemars(regex(pattern = $pattern))] pub String);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    )+};
}

texts! {
    /// Text that is not empty.
    Word: "text in quotes, not empty", r"\S";
    /// A path on the Worker, with its leading slash.
    Path: "a path, such as \"/api/checkout\"", r"^/([^/\s#][^\s#]*)?$";
    /// An amount of money.
    Amount: "an amount in quotes, such as \"29.00\"", r"^[0-9]+(\.[0-9]+)?$";
    /// A currency.
    Currency: "a currency of three letters, such as \"usd\"", r"^[A-Za-z]{3}$";
    /// A Stripe event type.
    EventType: "an event type, such as \"checkout.session.completed\"", r"^[a-z0-9_]+(\.[a-z0-9_]+)+$";
    /// A Stripe API version.
    ApiVersion: "an API version, such as \"2026-09-30.endive\"", r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}(\.[a-z_]+)?$";
    /// A Stripe account ID.
    StripeAccount: "a Stripe account ID, acct_…", r"^acct_[A-Za-z0-9]+$";
    /// The ID of a Clerk user or organization.
    HolderId: "the ID of a Clerk user or organization, user_… or org_…", r"^(user|org)_[A-Za-z0-9_]+$";
    /// A name that becomes part of a check's id.
    Id: "lower-case letters, digits and single hyphens, such as \"tax-registered\"", r"^[a-z0-9]+(-[a-z0-9]+)*$";
    /// The name of an environment variable.
    VariableName: "the name of an environment variable", r"^[A-Za-z_][A-Za-z0-9_]*$";
}

/// A secret, named by the environment variable that holds it.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "the name of an environment variable, { env = \"NAME\" }")]
pub struct SecretVariable {
    /// The name of the environment variable.
    pub env: VariableName,
}

impl From<&str> for SecretVariable {
    fn from(name: &str) -> Self {
        Self { env: name.into() }
    }
}

/// A value that is not secret: the environment variable that holds it, or the value itself.
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

fn only_false(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "boolean", "const": false })
}

/// A path on the Worker, or that it has no such route.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "a path, such as \"/health\", or false")]
pub enum Route {
    /// The path.
    Path(Path),
    /// `false`: the Worker does not have it.
    Off(#[schemars(schema_with = "only_false")] bool),
}

impl From<&str> for Route {
    fn from(path: &str) -> Self {
        Self::Path(path.into())
    }
}

/// The name of a JWT template, or that there is none.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "the name of a JWT template, or false")]
pub enum Template {
    /// The template's name.
    Name(Word),
    /// `false`: the session token itself has the claim.
    Off(#[schemars(schema_with = "only_false")] bool),
}

/// How many uses a tier includes.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline, title = "a whole number, 0 or more, or \"unlimited\"")]
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
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, extend("enum" = [
    "active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"
]))]
pub struct Status(pub String);

/// The method of a request.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(inline, extend("enum" = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]))]
pub struct HttpMethod(#[schemars(with = "String")] pub Method);

impl<'de> Deserialize<'de> for HttpMethod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// A value that JSON has too.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline, title = "a value that JSON has too")]
pub struct Json(pub Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json(toml::Value::deserialize(deserializer)?).map(Self).ok_or_else(|| serde::de::Error::custom("not JSON"))
    }
}

fn json(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => Number::from_f64(number)?.into(),
        toml::Value::Boolean(value) => value.into(),
        toml::Value::Datetime(_) => return None,
        toml::Value::Array(items) => items.into_iter().map(json).collect::<Option<_>>()?,
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| Some((key, json(value)?))).collect::<Option<_>>()?)
        }
    })
}

/// A day.
#[derive(Debug, Clone, Copy)]
pub struct Day(pub Date);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let at = toml::value::Datetime::deserialize(deserializer)?;
        let date = at.date.filter(|_| at.time.is_none()).and_then(|date| {
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

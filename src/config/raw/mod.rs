//! `preflight.toml` as it is written: the types that it is parsed into, that the JSON Schema is made from, and that have the
//! defaults. Editors show the doc comments.

mod checkout;
mod forms;
mod sections;

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

pub use checkout::{Checkout, CheckoutRequest};
pub use forms::{
    Amount, ApiVersion, Currency, Day, EventType, HolderId, HttpMethod, Id, Json, Limit, Path, PublicVariable, Route,
    SecretVariable, Status, StripeAccount, Template, Word,
};
pub use sections::{
    Clerk, Cloudflare, Entitlement, Frontend, Manual, Price, Probe, Project, Stripe, Tier, Waiver, Webhook, Worker,
};

/// What should be deployed, and what to check.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "preflight.toml", extend("required" = ["project", "worker", "tiers"]))]
pub struct File {
    /// What is going live.
    pub project: Option<Project>,
    /// Stripe: its keys, as names of environment variables.
    pub stripe: Option<Stripe>,
    /// The Worker's webhook route, and how it is registered at Stripe.
    pub webhook: Option<Webhook>,
    /// How the Worker learns which tier was bought.
    pub entitlement: Option<Entitlement>,
    /// Clerk: its keys, and where the tier is kept.
    pub clerk: Option<Clerk>,
    /// Cloudflare. If you leave it out, the deployed script's settings are not checked.
    pub cloudflare: Option<Cloudflare>,
    /// The Worker: its address and its routes.
    pub worker: Option<Worker>,
    /// The site that customers open.
    pub frontend: Option<Frontend>,
    /// The paid tiers and the free one.
    pub tiers: Option<BTreeMap<At<String>, Tier>>,
    /// Your own checks.
    #[serde(default)]
    pub probe: Vec<At<Probe>>,
    /// What only a person can check.
    #[serde(default)]
    pub manual: Vec<At<Manual>>,
    /// Known exceptions, until a date.
    #[serde(default)]
    pub waive: Vec<At<Waiver>>,
}

/// A value and its place; a default has none.
#[derive(Debug, Clone, Default)]
pub struct At<T> {
    pub value: T,
    pub span: Option<Range<usize>>,
}

impl<T> At<T> {
    /// A default.
    pub fn unwritten(value: impl Into<T>) -> Self {
        Self { value: value.into(), span: None }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        let span = Some(spanned.span());
        Ok(Self { value: spanned.into_inner(), span })
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

// As keys of a table, by their text.
impl<T: PartialEq> PartialEq for At<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for At<T> {}

impl<T: Ord> PartialOrd for At<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for At<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value)
    }
}

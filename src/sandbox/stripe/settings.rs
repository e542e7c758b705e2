//! The document's part `stripe`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::object_kind::ObjectKind;
use crate::sandbox::many_accounts::ManyAccounts;

/// What Stripe holds when the sandbox starts.
///
/// Each object has the fields that differ from the recorded object of its kind, in Stripe's own shape, and is in the
/// mode that its `livemode` says. One that belongs to another account than `acme` says so in `account`.
#[derive(Debug, Clone, Deserialize)]
pub struct StripeSettings {
    pub(super) accounts: BTreeMap<String, Value>,
    /// Stripe Tax, for every account.
    pub(super) tax_settings: Value,
    pub(super) keys: BTreeMap<String, Key>,
    /// The API version of a request without `Stripe-Version`.
    pub(super) default_api_version: String,
    /// Whether Managed Payments is on by default in live mode.
    #[serde(default)]
    pub(super) managed_payments: bool,
    /// The ID of a price whose Checkout Sessions cannot be read: Stripe answers 500.
    pub(super) unreadable_sessions_of: Option<String>,
    /// Products besides the named ones, each with a one-time price.
    #[serde(default)]
    pub(super) extra_products: u32,
    /// Webhook endpoints of other systems besides the named ones.
    #[serde(default)]
    pub(super) extra_webhook_endpoints: u32,
    /// Accounts by formula, in live mode.
    #[serde(default)]
    pub(in crate::sandbox) many_accounts: ManyAccounts,
    /// Everything else by its short name, which only scenarios use. A misspelled kind is an error.
    #[serde(flatten)]
    pub(super) objects: BTreeMap<ObjectKind, BTreeMap<String, Value>>,
}

/// A key to one mode of one account. Its prefix says which mode.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) value: String,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) expired: bool,
    /// What a restricted key lacks of the permissions that `preflight run` needs. A key without this may do everything.
    pub(super) lacks: Option<BTreeSet<String>>,
}

fn acme() -> String {
    "acme".to_owned()
}

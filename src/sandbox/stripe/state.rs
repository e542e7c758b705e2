//! The document's part `stripe`: objects under short names, by which they refer to each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::super::age::Age;

/// Everything that Stripe knows when the sandbox starts.
///
/// Each object is in one mode (`livemode`, true unless said otherwise) of one account (`account`, the short name,
/// `acme` unless said otherwise).
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) keys: BTreeMap<String, Key>,
    #[serde(default)]
    pub(super) products: BTreeMap<String, Product>,
    #[serde(default)]
    pub(super) prices: BTreeMap<String, Price>,
    #[serde(default)]
    pub(super) webhook_endpoints: BTreeMap<String, WebhookEndpoint>,
    #[serde(default)]
    pub(super) event_destinations: BTreeMap<String, EventDestination>,
    #[serde(default)]
    pub(super) portal_configurations: BTreeMap<String, PortalConfiguration>,
    #[serde(default)]
    pub(super) customers: BTreeMap<String, Customer>,
    #[serde(default)]
    pub(super) subscriptions: BTreeMap<String, Subscription>,
    #[serde(default)]
    pub(super) events: BTreeMap<String, Event>,
    /// Bulk: products beyond those named, each with a one-time price.
    #[serde(default)]
    pub(super) extra_products: u32,
    /// Bulk: enabled webhook endpoints of other systems beyond those named.
    #[serde(default)]
    pub(super) extra_webhook_endpoints: u32,
}

/// An account.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) country: String,
    pub(super) default_currency: String,
    pub(super) email: String,
    /// What shapes the answer to a request without `Stripe-Version`.
    pub(super) api_version: String,
    /// The ID of a price whose Checkout Sessions cannot be read back: Stripe breaks over them.
    #[serde(default)]
    pub(super) breaks_over_sessions_of: Option<String>,
    #[serde(default = "yes")]
    pub(super) charges_enabled: bool,
    #[serde(default = "yes")]
    pub(super) payouts_enabled: bool,
    #[serde(default = "yes")]
    pub(super) details_submitted: bool,
    #[serde(default)]
    pub(super) currently_due: Vec<String>,
    #[serde(default)]
    pub(super) past_due: Vec<String>,
    pub(super) disabled_reason: Option<String>,
    /// By when what is due is due; an age below zero is in the future.
    pub(super) current_deadline: Option<Age>,
    /// Stripe Tax: `active` or `pending`.
    #[serde(default = "active")]
    pub(super) tax_status: String,
}

/// A key to one mode of one account; the mode is in its prefix.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    pub(super) value: String,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) expired: bool,
    /// What a restricted key may do, as Stripe names it; absent for a key that may do everything.
    pub(super) permissions: Option<BTreeSet<String>>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    #[serde(default = "yes")]
    pub(super) active: bool,
    pub(super) description: Option<String>,
    /// A price's short name.
    pub(super) default_price: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Price {
    pub(super) id: String,
    /// A product's short name.
    pub(super) product: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    #[serde(default = "yes")]
    pub(super) active: bool,
    pub(super) currency: String,
    /// In the smallest unit of the currency.
    pub(super) unit_amount: i64,
    /// `recurring` or `one_time`.
    #[serde(default = "recurring", rename = "type")]
    pub(super) kind: String,
    #[serde(default = "month")]
    pub(super) interval: String,
    #[serde(default = "one")]
    pub(super) interval_count: u64,
    #[serde(default = "licensed")]
    pub(super) usage_type: String,
    pub(super) nickname: Option<String>,
    pub(super) lookup_key: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookEndpoint {
    pub(super) id: String,
    pub(super) url: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    #[serde(default = "enabled")]
    pub(super) status: String,
    pub(super) enabled_events: Vec<String>,
    pub(super) api_version: Option<String>,
    pub(super) description: Option<String>,
    /// The Connect application that it belongs to.
    pub(super) application: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventDestination {
    pub(super) id: String,
    pub(super) name: String,
    /// Absent for one that is no webhook endpoint.
    pub(super) url: Option<String>,
    #[serde(default = "webhook_endpoint", rename = "type")]
    pub(super) kind: String,
    #[serde(default = "snapshot")]
    pub(super) event_payload: String,
    pub(super) snapshot_api_version: Option<String>,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    #[serde(default = "enabled")]
    pub(super) status: String,
    pub(super) enabled_events: Vec<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in the Dashboard")]
pub(super) struct PortalConfiguration {
    pub(super) id: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    #[serde(default = "yes")]
    pub(super) active: bool,
    #[serde(default)]
    pub(super) is_default: bool,
    #[serde(default)]
    pub(super) customer_update: bool,
    #[serde(default)]
    pub(super) invoice_history: bool,
    #[serde(default)]
    pub(super) payment_method_update: bool,
    #[serde(default)]
    pub(super) subscription_cancel: bool,
    /// What a customer may update: `price`, `quantity`, `promotion_code`. Nothing: the feature is off.
    #[serde(default)]
    pub(super) subscription_update: Vec<String>,
    /// The products that a customer may switch between, by short name.
    #[serde(default)]
    pub(super) subscription_update_products: Vec<String>,
    pub(super) default_return_url: Option<String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Customer {
    pub(super) id: String,
    pub(super) email: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Subscription {
    pub(super) id: String,
    /// A customer's short name.
    pub(super) customer: String,
    /// A price's short name.
    pub(super) price: String,
    #[serde(default = "active")]
    pub(super) status: String,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    #[serde(default)]
    pub(super) age: Age,
    /// When it ended, for one that did.
    pub(super) ended: Option<Age>,
    #[serde(default)]
    pub(super) cancel_at_period_end: bool,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Event {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) age: Age,
    /// The short name of the subscription that it is about; another kind of event is about a product.
    pub(super) subscription: Option<String>,
    pub(super) product: Option<String>,
    #[serde(default = "yes")]
    pub(super) livemode: bool,
    #[serde(default = "acme")]
    pub(super) account: String,
    /// How many endpoints have not acknowledged it.
    #[serde(default)]
    pub(super) pending_webhooks: u64,
}

const fn yes() -> bool {
    true
}

const fn one() -> u64 {
    1
}

fn acme() -> String {
    "acme".to_owned()
}

fn active() -> String {
    "active".to_owned()
}

fn enabled() -> String {
    "enabled".to_owned()
}

fn recurring() -> String {
    "recurring".to_owned()
}

fn month() -> String {
    "month".to_owned()
}

fn licensed() -> String {
    "licensed".to_owned()
}

fn snapshot() -> String {
    "snapshot".to_owned()
}

fn webhook_endpoint() -> String {
    "webhook_endpoint".to_owned()
}

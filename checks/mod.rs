//! The registry: every check, in the order of the report.

/// A subscription that Stripe bills. Only `preflight rehearse --live` and `--guided` run these.
pub mod billing {
    pub mod access;
    pub mod cancellation;
    mod delivery;
    pub mod plan_change;
    pub mod portal;
    pub mod purchase;
    pub mod renewal;
}
/// Clerk's instance, tokens and users.
pub mod clerk {
    pub mod domain;
    pub mod instance;
    pub mod jwt_template;
    pub mod metadata;
    pub mod plan_claim;
    pub mod secret_key;
}
/// The operator's own copies of the values.
pub mod config {
    pub mod hygiene;
    pub mod modes;
}
mod effect;
/// Customers who pay, and users or organizations that have a tier.
pub mod entitlements {
    pub(crate) mod catalog;
    pub(crate) mod judgement;
    pub mod sample;
    pub(crate) mod sampled;
    pub(crate) mod wording;
}
mod grant;
mod return_address;
/// The frontend as it is served.
pub mod frontend {
    pub mod api;
    pub mod keys;
    pub mod policy;
    mod scan;
    pub mod secrets;
}
pub mod manual;
/// The customer portal.
pub mod portal {
    pub mod configuration;
    pub mod features;
    pub mod plan_change;
}
pub mod probe;
/// What signed events do to the canary. Only `preflight rehearse` runs these.
pub mod rehearsal {
    pub mod access;
    pub mod cancellation;
    pub mod expired_token;
    pub mod metadata;
    pub mod metered;
    pub mod payment_status;
    pub mod plan_change;
    pub mod purchase;
    pub mod test_events;
}
/// Stripe's account, keys and catalog.
pub mod stripe {
    pub mod account;
    pub mod catalogue;
    mod live_copy;
    pub mod price_mode;
    pub mod price_terms;
    pub mod product_metadata;
    pub mod promotion_codes;
    pub mod public_details;
    pub mod publishable_key;
    pub mod secret_key;
    pub mod tax;
    mod terms;
    pub mod test_parity;
}
/// The webhook route and its registration.
pub mod webhook {
    pub mod accepts_signed;
    pub mod api_version;
    pub mod deliveries;
    pub mod duplicates;
    pub mod endpoint;
    pub mod events;
    mod handler;
    pub mod idempotent;
    pub mod raw_body;
    pub mod reachable;
    pub mod rejects_forged;
}
/// The deployed Worker.
pub mod worker {
    pub mod auth;
    pub mod bindings;
    pub mod checkout;
    pub mod cors;
    pub mod deployed_version;
    mod fixes;
    pub mod health;
    pub mod portal;
    pub mod secrets;
    pub mod tiers;
    pub mod usage;
}

use crate::check::{Check, CheckId};
use crate::config::Config;
use crate::finding::Cause;

/// Every built-in check, in the order of the report.
pub const ALL: &[Check] = &[
    config::hygiene::CHECK,
    config::modes::CHECK,
    stripe::secret_key::CHECK,
    stripe::account::CHECK,
    stripe::public_details::CHECK,
    stripe::publishable_key::CHECK,
    stripe::price_mode::CHECK,
    stripe::price_terms::CHECK,
    stripe::product_metadata::CHECK,
    stripe::catalogue::CHECK,
    stripe::promotion_codes::CHECK,
    stripe::tax::CHECK,
    stripe::test_parity::CHECK,
    worker::secrets::CHECK,
    worker::bindings::CHECK,
    worker::deployed_version::CHECK,
    webhook::endpoint::CHECK,
    webhook::events::CHECK,
    webhook::duplicates::CHECK,
    webhook::api_version::CHECK,
    webhook::reachable::CHECK,
    webhook::accepts_signed::CHECK,
    webhook::rejects_forged::CHECK,
    webhook::raw_body::CHECK,
    webhook::idempotent::CHECK,
    webhook::deliveries::CHECK,
    clerk::secret_key::CHECK,
    clerk::instance::CHECK,
    clerk::domain::CHECK,
    clerk::jwt_template::CHECK,
    clerk::plan_claim::CHECK,
    clerk::metadata::CHECK,
    worker::health::CHECK,
    worker::tiers::CHECK,
    worker::auth::CHECK,
    worker::usage::CHECK,
    worker::checkout::CHECK,
    worker::portal::CHECK,
    worker::cors::CHECK,
    portal::configuration::CHECK,
    portal::features::CHECK,
    portal::plan_change::CHECK,
    frontend::keys::CHECK,
    frontend::secrets::CHECK,
    frontend::api::CHECK,
    frontend::policy::CHECK,
    entitlements::sample::CHECK,
    manual::webhook_alerts::CHECK,
    manual::account_access::CHECK,
    manual::customer_emails::CHECK,
    manual::fraud_rules::CHECK,
    manual::oauth_credentials::CHECK,
];

/// The checks of a rehearsal, in the order of the report.
pub const REHEARSAL: &[Check] = &[
    rehearsal::purchase::CHECK,
    rehearsal::plan_change::CHECK,
    rehearsal::payment_status::CHECK,
    rehearsal::cancellation::CHECK,
    rehearsal::metadata::CHECK,
    rehearsal::access::CHECK,
    rehearsal::metered::CHECK,
    rehearsal::expired_token::CHECK,
    rehearsal::test_events::CHECK,
];

/// The checks of a rehearsal with a real subscription, in the order of the report.
pub const BILLING: &[Check] = &[
    billing::purchase::CHECK,
    billing::plan_change::CHECK,
    billing::renewal::CHECK,
    billing::cancellation::CHECK,
    billing::access::CHECK,
    billing::portal::CHECK,
];

/// Every built-in check, also those that only a rehearsal runs.
pub fn built_in() -> impl Iterator<Item = &'static Check> {
    ALL.iter().chain(REHEARSAL).chain(BILLING)
}

/// Every check for this configuration: the built-in checks, and those that it adds.
#[must_use]
pub fn all(config: &Config) -> Vec<Check> {
    let built_in = ALL.iter().filter(|check| check.id.group() != "manual").cloned();
    built_in.chain(probe::configured(config)).chain(manual::configured(config)).collect()
}

/// Every check with documentation: the built-in checks, and the kinds that a configuration can add.
#[must_use]
pub fn documented() -> Vec<Check> {
    let mut documented = ALL.to_vec();
    let before_manual = documented.iter().take_while(|check| check.id.group() != "manual").count();
    documented.insert(before_manual, probe::KIND);
    documented.push(manual::KIND);
    documented
}

/// The check that reports a cause. A law makes sure that every cause has one.
#[must_use]
pub fn owner(cause: Cause) -> &'static CheckId {
    const UNKNOWN: &CheckId = &CheckId::new("preflight/defect");
    ALL.iter().find(|check| check.owns.contains(&cause)).map_or(UNKNOWN, |check| &check.id)
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod words;

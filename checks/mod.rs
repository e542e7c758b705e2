//! The registry: every check, in the order of the report.

pub mod clerk;
pub mod config;
pub mod entitlements;
pub mod frontend;
pub mod manual;
pub mod portal;
pub mod probe;
pub mod stripe;
pub mod webhook;
pub mod worker;

use crate::check::{Check, CheckId};
use crate::config::Config;
use crate::finding::Cause;

/// Every built-in check, in the order of the report.
pub const ALL: &[Check] = &[
    config::hygiene::CHECK,
    config::modes::CHECK,
    stripe::secret_key::CHECK,
    stripe::account::CHECK,
    stripe::publishable_key::CHECK,
    stripe::price_mode::CHECK,
    stripe::price_terms::CHECK,
    stripe::product_metadata::CHECK,
    stripe::catalogue::CHECK,
    stripe::promotion_codes::CHECK,
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
    entitlements::sample::CHECK,
    manual::webhook_alerts::CHECK,
];

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

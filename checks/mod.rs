//! The registry: every check, in the order of the report.

pub mod clerk;
pub mod config;
pub mod entitlements;
pub mod portal;
pub mod stripe;
pub mod webhook;
pub mod worker;

use crate::check::Check;

/// Every check, in the order of the report.
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
    stripe::test_parity::CHECK,
    worker::secrets::CHECK,
    webhook::endpoint::CHECK,
    webhook::events::CHECK,
    webhook::duplicates::CHECK,
    webhook::api_version::CHECK,
    webhook::reachable::CHECK,
    webhook::accepts_signed::CHECK,
    webhook::rejects_forged::CHECK,
    webhook::deliveries::CHECK,
    clerk::secret_key::CHECK,
    clerk::instance::CHECK,
    clerk::jwt_template::CHECK,
    clerk::plan_claim::CHECK,
    clerk::metadata::CHECK,
    portal::configuration::CHECK,
    portal::features::CHECK,
    portal::plan_change::CHECK,
    entitlements::sample::CHECK,
];

#[cfg(test)]
mod laws;

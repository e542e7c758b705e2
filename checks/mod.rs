//! The registry: every check, in the order of the report.

pub mod clerk;
pub mod config;
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
    stripe::price_mode::CHECK,
    stripe::price_terms::CHECK,
    stripe::product_metadata::CHECK,
    worker::secrets::CHECK,
    worker::bindings::CHECK,
    worker::deployed_version::CHECK,
    webhook::endpoint::CHECK,
    webhook::events::CHECK,
    webhook::duplicates::CHECK,
    webhook::reachable::CHECK,
    webhook::accepts_signed::CHECK,
    webhook::rejects_forged::CHECK,
    webhook::raw_body::CHECK,
    webhook::idempotent::CHECK,
    clerk::secret_key::CHECK,
    clerk::instance::CHECK,
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
];

#[cfg(test)]
mod laws;

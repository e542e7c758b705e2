//! The deployed Worker.

pub mod auth;
pub mod bindings;
pub mod checkout;
pub mod cors;
pub mod deployed_version;
pub mod health;
pub mod portal;
pub mod secrets;
pub mod tiers;
pub mod usage;

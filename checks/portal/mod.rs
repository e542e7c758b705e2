//! The customer portal.

pub mod configuration;
pub mod features;
pub mod plan_change;

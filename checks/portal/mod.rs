//! The customer portal.

pub mod configuration;

//! Stripe's account, keys and catalogue.

pub mod account;
pub mod price_mode;
pub mod price_terms;
pub mod product_metadata;
pub mod secret_key;

//! Stripe's account, keys and catalogue.

pub mod account;
pub mod catalogue;
pub mod price_mode;
pub mod price_terms;
pub mod product_metadata;
pub mod publishable_key;
pub mod secret_key;
pub mod test_parity;

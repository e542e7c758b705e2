//! Stripe's account, keys and catalog.

pub mod account;
pub mod catalogue;
mod live_copy;
pub mod price_mode;
pub mod price_terms;
pub mod product_metadata;
pub mod promotion_codes;
pub mod publishable_key;
pub mod secret_key;
mod terms;
pub mod test_parity;

//! Clerk's instance, tokens and users.

pub mod domain;
pub mod instance;
pub mod jwt_template;
pub mod metadata;
pub mod plan_claim;
pub mod secret_key;

//! Customers who pay, and users who have a tier.

mod catalog;
pub mod sample;
mod users;

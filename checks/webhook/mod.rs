//! The webhook route and its registration.

pub mod accepts_signed;
pub mod api_version;
pub mod deliveries;
pub mod duplicates;
pub mod endpoint;
pub mod events;
mod handler;
pub mod idempotent;
pub mod raw_body;
pub mod reachable;
pub mod rejects_forged;

//! The frontend as it is served.

pub mod api;
pub mod keys;
pub mod secrets;

//! The frontend as it is served.

pub mod api;
pub mod keys;
mod scan;
pub mod secrets;

//! The deployed Worker.

pub mod bindings;
pub mod deployed_version;
pub mod secrets;

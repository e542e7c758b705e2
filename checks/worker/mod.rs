//! The deployed Worker.

pub mod secrets;

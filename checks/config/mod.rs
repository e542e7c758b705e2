//! The operator's own copies of the values.

pub mod hygiene;
pub mod modes;

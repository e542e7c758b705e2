//! Who pays, and who has what.

pub mod sample;

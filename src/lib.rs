//! preflight: is this subscription business ready to take real money?
//!
//! The map of the house. An arrow is "knows"; nothing points the other way.
//!
//! ```text
//! cli  │  report ──> run ──> checks ──> check ──> world ──> transport ──> finding
//! bin  │  lib
//! ```
//!
//! - [`finding`]: the vocabulary, a leaf: what is wrong, what shows it, and why a question has no answer;
//! - [`config`]: what is intended, and the operator's copies of the values;
//! - [`world`]: what a check may ask, and nothing about how; under it the one way out;
//! - [`check`]: what a check is, and what it can say;
//! - [`checks`]: the registry, one file per check;
//! - [`run`]: which checks, all at once, and the [`run::Report`] that comes of it;
//! - [`report`]: one file per format;
//! - [`sandbox`]: a small complete world over real HTTP, for tests and for newcomers.

pub mod check;
#[path = "../checks/mod.rs"]
pub mod checks;
pub mod config;
pub mod finding;
mod pattern;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod world;

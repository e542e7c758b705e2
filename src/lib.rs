//! preflight: is this subscription business ready to take real money?
//!
//! An arrow means "uses", and nothing points the other way.
//!
//! ```text
//! cli  │  report ──> run ──> checks ──> check ──> world ──> transport ──> finding
//! bin  │  lib
//! ```
//!
//! - [`finding`]: what a check can report: findings, evidence, and why a question has no answer. It uses no other module.
//! - [`config`]: `preflight.toml` and the values in the environment.
//! - [`world`]: the questions a check may ask, and the transport that sends every request.
//! - [`check`]: what a check is, and what it can report.
//! - [`checks`]: the registry, with one file per check.
//! - [`run`]: runs the checks and returns a [`run::Report`].
//! - [`report`]: one file per report format.
//! - [`sandbox`]: Stripe, Clerk, Cloudflare, a Worker and a frontend over real HTTP, for tests and newcomers.

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

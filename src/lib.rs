//! preflight: is this subscription business ready to take real money?
//!
//! An arrow means "uses", and nothing points the other way.
//!
//! ```text
//! cli  │  report ──> run, reconcile ──> checks ──> check ──> world ──> transport ──> finding ──> change ──> holder
//! bin  │  lib
//! ```
//!
//! - [`holder`]: who has a plan: a user or an organization. It uses no other module.
//! - [`change`]: what would fix a finding, as data.
//! - [`finding`]: what a check can report: findings, evidence, and why a question has no answer.
//! - [`config`]: `preflight.toml` and the values in the environment.
//! - [`world`]: the questions a check may ask, and the transport that sends every request.
//! - [`check`]: what a check is, and what it can report.
//! - [`checks`]: the registry, with one file per check.
//! - [`run`]: runs the checks and returns a [`run::Report`].
//! - [`reconcile`]: compares every subscription with every user or organization.
//! - [`fix`]: the changes that a report asks for.
//! - [`source`]: what the source code of a project says, read without running it.
//! - [`trace`]: one customer's path through Stripe, Clerk and the Worker.
//! - [`report`]: one file per report format.
//! - [`sandbox`]: Stripe, Clerk, Cloudflare, a Worker and a frontend over real HTTP, for tests and newcomers.

pub mod change;
pub mod check;
#[path = "../checks/mod.rs"]
pub mod checks;
pub mod config;
pub mod finding;
pub mod fix;
pub mod holder;
pub mod init;
mod pattern;
pub mod reconcile;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod source;
pub mod trace;
pub mod world;

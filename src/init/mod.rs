//! `preflight init`: writes `preflight.toml` from what is there.
//!
//! [`Folder`] reads the project's folder, [`Accounts`] asks Stripe and Clerk with the keys that it holds, and [`draft`] makes a
//! [`Draft`] of both: every setting with its value, where it comes from, and what is doubtful about it.

mod accounts;
mod agents;
mod code;
mod draft;
mod file;
mod folder;
mod tiers;
mod variables;
mod workflow;

#[cfg(test)]
mod tests;

pub use accounts::Accounts;
pub use agents::{PATH as AGENTS_PATH, TEXT as AGENTS};
pub use draft::draft;
pub use file::{Draft, Entry, Table};
pub use folder::Folder;
pub use variables::Variables;
pub use workflow::{PATH as WORKFLOW_PATH, workflow};

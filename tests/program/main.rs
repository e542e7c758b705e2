//! The program as users see it: exit statuses, streams, signals, and secrets it must never print.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails if its setup does")]

mod again;
mod agents;
mod exit_status;
mod fixing;
mod formats;
mod init;
mod interruption;
#[path = "../support/layout.rs"]
mod layout;
mod many;
mod nightly;
#[path = "../support/node.rs"]
mod node;
mod output;
#[path = "../support/program.rs"]
mod program;
mod reconciling;
mod rehearsing;
mod report;
mod schema;
mod secrets;
mod trace;
mod writing;

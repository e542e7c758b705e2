//! The program as its users meet it: statuses, streams, signals, and what it never says.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where something is not as it must be")]

mod ends;
mod interruption;
mod output;
#[path = "../support/program.rs"]
mod program;
mod schema;
mod secrets;
mod writing;

//! The program as its users meet it: statuses, streams, signals, and what it never says.

mod ends;
mod interruption;
mod output;
#[path = "../support/program.rs"]
mod program;
mod schema;
mod secrets;
mod writing;

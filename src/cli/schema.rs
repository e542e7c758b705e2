//! `preflight schema`.

use clap::{Args, ValueEnum};
use preflight::{config, report};

use super::exit::{self, Failure};
use super::terminal;

/// Print a JSON Schema.
#[derive(Debug, Args)]
pub struct Command {
    /// What the schema describes
    #[arg(value_enum)]
    of: Of,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// `preflight.toml`
    Config,
    /// What `preflight run --format json` prints
    Report,
}

/// Prints it.
pub fn execute(command: &Command) -> Result<u8, Failure> {
    let schema = match command.of {
        Of::Config => serde_json::to_string_pretty(&config::schema()),
        Of::Report => serde_json::to_string_pretty(&report::json::schema()),
    };
    let schema = schema.map_err(|error| Failure::Defect(format!("the schema could not be made: {error}")))?;
    terminal::print(&format!("{schema}\n"))?;
    Ok(exit::GO)
}

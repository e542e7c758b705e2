//! `preflight schema`.

use clap::{Args, ValueEnum};
use preflight::{config, report};

use super::exit::{self, CliError};
use super::terminal;

/// Print a JSON Schema.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// What the schema describes
    #[arg(value_enum)]
    of: SchemaOf,
}

/// What has a schema.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaOf {
    /// `preflight.toml`
    Config,
    /// The output of `preflight run --format json`
    Report,
    /// The output of `preflight reconcile --format json`
    Reconcile,
}

/// Prints the schema.
pub fn execute(args: &SchemaArgs) -> Result<u8, CliError> {
    let schema = match args.of {
        SchemaOf::Config => serde_json::to_string_pretty(&config::schema()),
        SchemaOf::Report => serde_json::to_string_pretty(&report::json::schema()),
        SchemaOf::Reconcile => serde_json::to_string_pretty(&report::reconciliation::json::schema()),
    };
    let schema = schema.map_err(|error| CliError::Defect(format!("could not generate the schema: {error}")))?;
    terminal::print(&format!("{schema}\n"))?;
    Ok(exit::GO)
}

//! `preflight man`.

use clap::Args;
use clap_mangen::Man;

use super::exit::{self, CliError};
use super::terminal;

/// Print the man page.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// A command, for its own page
    command: Option<String>,
}

/// Prints the man page of `program` in roff: `preflight man | man -l -`.
pub fn execute(args: &ManArgs, mut program: clap::Command) -> Result<u8, CliError> {
    program.build();
    let page = match &args.command {
        None => program,
        Some(name) => {
            let found = program.get_subcommands().find(|known| known.get_name() == name);
            found.ok_or_else(|| CliError::Usage(format!("unknown command `{name}`")))?.clone()
        }
    };
    let mut roff = Vec::new();
    Man::new(page)
        .render(&mut roff)
        .map_err(|error| CliError::Defect(format!("could not render the man page: {error}")))?;
    terminal::print(&String::from_utf8_lossy(&roff))?;
    Ok(exit::GO)
}

//! `preflight completions`.

use clap::Args;
use clap_complete::Shell;

use super::exit::{self, CliError};
use super::terminal;

/// Print shell completions.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the completions of `program`.
pub fn execute(args: &CompletionsArgs, mut program: clap::Command) -> Result<u8, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "preflight", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::GO)
}

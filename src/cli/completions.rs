//! `preflight completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::exit::{self, Failure};
use super::terminal;

/// Print completions for a shell.
#[derive(Debug, Args)]
pub struct Command {
    /// The shell.
    shell: Shell,
}

/// Prints them.
pub fn execute(command: &Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Arguments::command(), "preflight", &mut script);
    terminal::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::GO)
}

//! `preflight man`.

use clap::{Args, CommandFactory};
use clap_mangen::Man;

use super::arguments::Arguments;
use super::exit::{self, Failure};
use super::terminal;

/// Print the man page.
#[derive(Debug, Args)]
pub struct Command {
    /// The command whose page it is; without it the page of preflight as a whole
    command: Option<String>,
}

/// Prints it, in roff: `preflight man | man -l -`.
pub fn execute(command: &Command) -> Result<u8, Failure> {
    let mut all = Arguments::command();
    all.build();
    let page = match &command.command {
        None => all,
        Some(name) => {
            let found = all.get_subcommands().find(|known| known.get_name() == name);
            found.ok_or_else(|| Failure::Usage(format!("there is no command `{name}`")))?.clone()
        }
    };
    let mut roff = Vec::new();
    Man::new(page)
        .render(&mut roff)
        .map_err(|error| Failure::Defect(format!("the page could not be made: {error}")))?;
    terminal::print(&String::from_utf8_lossy(&roff))?;
    Ok(exit::GO)
}

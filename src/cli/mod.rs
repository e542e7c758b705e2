//! The command line.

mod arguments;
mod browser;
mod cleanup;
mod completions;
mod defect;
mod deployment;
mod described;
mod documentation;
mod exit;
mod explain;
mod fix;
mod init;
mod list;
mod manual;
mod mcp;
mod output;
mod permissions;
mod progress;
mod question;
mod reconcile;
mod rehearse;
mod report;
mod run;
mod sandbox;
mod schema;
mod score;
mod signals;
mod target;
mod terminal;
mod trace;
mod values;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use preflight::config::Redactor;

use arguments::{Arguments, Command};
use exit::CliError;
use terminal::Terminal;

/// Runs the command line, and returns the exit status.
pub fn main() -> ExitCode {
    defect::report_without_payload();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version are results. Everything else is an error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::GO });
        }
    };
    let terminal = Terminal::of_process(arguments.color);
    let status = match arguments.command {
        Command::Init(command) => init::execute(&command, terminal),
        Command::Run(command) => run::execute(&command, terminal),
        Command::Fix(command) => fix::execute(&command, terminal),
        Command::Rehearse(command) => rehearse::execute(&command, terminal),
        Command::Cleanup(command) => cleanup::execute(&command, terminal),
        Command::Trace(command) => trace::execute(&command, terminal),
        Command::Reconcile(command) => reconcile::execute(&command, terminal),
        Command::Report(command) => report::execute(&command, terminal),
        Command::List(command) => list::execute(&command, terminal),
        Command::Explain(command) => explain::execute(&command, terminal),
        Command::Mcp => mcp::execute(),
        Command::Permissions => permissions::execute(terminal),
        Command::Sandbox(command) => sandbox::execute(&command, terminal),
        Command::Schema(command) => schema::execute(&command),
        Command::Completions(command) => completions::execute(&command, Arguments::command()),
        Command::Man(command) => manual::execute(&command, Arguments::command()),
    };
    ExitCode::from(status.unwrap_or_else(|error| report_error(&error, terminal)))
}

/// Prints an error and returns its exit status. Redacts keys, in case one was passed in place of a name.
fn report_error(error: &CliError, terminal: Terminal) -> u8 {
    let message = Redactor::default().redact(&error.message(terminal));
    let _ = std::io::stderr().lock().write_all(message.as_bytes());
    error.status()
}

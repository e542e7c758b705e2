//! The command line: what is asked for, and the exit status.

mod arguments;
mod completions;
mod defect;
mod deployment;
mod documentation;
mod exit;
mod explain;
mod list;
mod manual;
mod progress;
mod run;
mod sandbox;
mod schema;
mod score;
mod signals;
mod terminal;
mod values;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use preflight::config::Redactor;

use arguments::{Arguments, Command};
use exit::Failure;
use terminal::Terminal;

/// Does what the command line asks for.
pub fn main() -> ExitCode {
    defect::report_without_payload();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and the version are an answer; all else is a mistake. Where nobody listens there is nothing to do.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::GO });
        }
    };
    let terminal = Terminal::of_process(arguments.color);
    let status = match arguments.command {
        Command::Run(command) => run::execute(&command, terminal),
        Command::List => list::execute(terminal),
        Command::Explain(command) => explain::execute(&command, terminal),
        Command::Sandbox(command) => sandbox::execute(&command, terminal),
        Command::Schema(command) => schema::execute(&command),
        Command::Completions(command) => completions::execute(&command),
        Command::Man(command) => manual::execute(&command),
    };
    ExitCode::from(status.unwrap_or_else(|failure| explain_failure(&failure, terminal)))
}

/// Says on standard error why nothing came of it. A key that was given in the place of a name is not repeated.
fn explain_failure(failure: &Failure, terminal: Terminal) -> u8 {
    let message = Redactor::default().redact(&failure.message(terminal));
    let _ = std::io::stderr().lock().write_all(message.as_bytes());
    failure.status()
}

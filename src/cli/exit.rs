//! Exit statuses, and the errors that end a command.

use preflight::config::Problems;
use preflight::report::paragraph::wrap;
use preflight::run::UnknownName;

use super::terminal::{PrintError, Terminal};

/// Success.
pub const GO: u8 = 0;
/// Something that a rehearsal changed could not be put back.
pub const LEFT_BEHIND: u8 = 3;
/// No check ran.
pub const NOTHING_RAN: u8 = 4;
/// The command line is invalid.
pub const USAGE: u8 = 64;
/// preflight could not do its work.
pub const DEFECT: u8 = 70;
/// The configuration is invalid.
pub const CONFIGURATION: u8 = 78;

/// Why a command failed.
#[derive(Debug)]
pub enum CliError {
    /// The command line is invalid. A message without a period.
    Usage(String),
    /// The configuration has errors, each with its place.
    Configuration(Problems),
    /// The configuration is missing or invalid as a whole.
    Unconfigured(String),
    /// preflight could not do its work.
    Defect(String),
    /// preflight crashed, and the panic hook has already said so.
    Crashed,
}

impl CliError {
    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Configuration(_) | Self::Unconfigured(_) => CONFIGURATION,
            Self::Defect(_) | Self::Crashed => DEFECT,
        }
    }

    /// Why a deployment's checks did not run, as the end of a sentence that starts with `because`.
    pub fn reason(&self) -> String {
        match self {
            Self::Configuration(problems) if problems.len() == 1 => "its configuration has an error".to_owned(),
            Self::Configuration(problems) => format!("its configuration has {} errors", problems.len()),
            Self::Unconfigured(_) => "its configuration cannot be used".to_owned(),
            Self::Usage(_) => "a flag does not fit it".to_owned(),
            Self::Defect(_) => "preflight could not do its work".to_owned(),
            Self::Crashed => "preflight crashed".to_owned(),
        }
    }

    /// The message for standard error.
    pub fn message(&self, terminal: Terminal) -> String {
        match self {
            Self::Usage(message) => {
                format!("{}\nFor more information, try '--help'.\n", fitted(&terminal.error(message), terminal.width))
            }
            Self::Configuration(problems) => {
                let (noun, count) = (if problems.len() == 1 { "error" } else { "errors" }, problems.len());
                let rendered = problems.render(terminal.stderr_color, terminal.width);
                format!("{rendered}\n{count} {noun} in the configuration. No checks ran.\n")
            }
            Self::Unconfigured(message) | Self::Defect(message) => fitted(&terminal.error(message), terminal.width),
            Self::Crashed => String::new(),
        }
    }
}

/// Wraps a message. Indented lines are examples to copy, so they stay as they are.
fn fitted(message: &str, width: usize) -> String {
    let is_example = |line: &str| line.is_empty() || line.starts_with(' ');
    let fit = |line: &str| if is_example(line) { format!("{line}\n") } else { wrap(line, "", "", width) };
    message.lines().map(fit).collect()
}

impl std::fmt::Display for CliError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message) | Self::Unconfigured(message) | Self::Defect(message) => formatter.write_str(message),
            Self::Configuration(problems) => problems.fmt(formatter),
            Self::Crashed => Ok(()),
        }
    }
}

impl From<Problems> for CliError {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

impl From<UnknownName> for CliError {
    fn from(error: UnknownName) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<PrintError> for CliError {
    fn from(error: PrintError) -> Self {
        Self::Defect(error.to_string())
    }
}

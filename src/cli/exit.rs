//! How the program ends.

use preflight::config::Problems;
use preflight::report::paragraph::wrap;

use super::terminal::Terminal;

/// All is well.
pub const GO: u8 = 0;
/// What was asked for could not be understood.
pub const USAGE: u8 = 64;
/// preflight could not do its work.
pub const DEFECT: u8 = 70;
/// The configuration is not sound.
pub const CONFIGURATION: u8 = 78;

/// Why a command came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that there is not; in words, without a full stop.
    Usage(String),
    /// The configuration has errors, each at its place.
    Configuration(Problems),
    /// There is no configuration, or it is not sound as a whole; in words.
    Unconfigured(String),
    /// preflight could not do its work; in words.
    Defect(String),
    /// preflight broke down, which was said already.
    Broken,
}

impl Failure {
    /// The exit status.
    pub const fn status(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Configuration(_) | Self::Unconfigured(_) => CONFIGURATION,
            Self::Defect(_) | Self::Broken => DEFECT,
        }
    }

    /// What is said of it on standard error.
    pub fn message(&self, terminal: Terminal) -> String {
        match self {
            Self::Usage(message) => {
                format!("{}\nFor more information, try '--help'.\n", fitted(&terminal.error(message), terminal.width))
            }
            Self::Configuration(problems) => {
                let (noun, count) = (if problems.len() == 1 { "error" } else { "errors" }, problems.len());
                let rendered = problems.render(terminal.stderr_color, terminal.width);
                format!("{rendered}\n{count} {noun} in the configuration; nothing was checked.\n")
            }
            Self::Unconfigured(message) | Self::Defect(message) => fitted(&terminal.error(message), terminal.width),
            Self::Broken => String::new(),
        }
    }
}

/// A message in lines that fit. What is indented is an example, to be copied as it stands.
fn fitted(message: &str, width: usize) -> String {
    let is_example = |line: &str| line.is_empty() || line.starts_with(' ');
    let fit = |line: &str| if is_example(line) { format!("{line}\n") } else { wrap(line, "", "", width) };
    message.lines().map(fit).collect()
}

impl std::fmt::Display for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(message) | Self::Unconfigured(message) | Self::Defect(message) => formatter.write_str(message),
            Self::Configuration(problems) => problems.fmt(formatter),
            Self::Broken => Ok(()),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Configuration(problems)
    }
}

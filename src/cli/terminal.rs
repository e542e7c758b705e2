//! Standard output and standard error: their color, width, and how to write to them.

use std::env;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use console::Term;
use preflight::report::color::{Color, paint};

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether to use color on standard output.
    pub stdout_color: bool,
    /// Whether to use color on standard error.
    pub stderr_color: bool,
    /// Whether to show live progress on standard error.
    pub live: bool,
    /// The width in columns.
    pub width: usize,
}

/// The environment variables about terminals.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
struct TerminalVariables {
    no_color: bool,
    force_color: bool,
    plain: bool,
    dumb: bool,
    ci: bool,
    columns: Option<usize>,
}

/// The default width: wide enough for a log, narrow enough for a window.
const WIDTH: usize = 100;
/// The minimum width. Tables are unreadable below it.
const MIN_WIDTH: usize = 40;

impl Terminal {
    /// The terminal of this process.
    pub fn of_process(color: ColorChoice) -> Self {
        let variables = TerminalVariables::of(|name| env::var(name).ok());
        let columns = Term::stdout().size_checked().or_else(|| Term::stderr().size_checked());
        let columns = columns.map(|(_, columns)| usize::from(columns));
        Self::new(color, &variables, io::stdout().is_terminal(), io::stderr().is_terminal(), columns)
    }

    fn new(
        color: ColorChoice,
        variables: &TerminalVariables,
        stdout: bool,
        stderr: bool,
        columns: Option<usize>,
    ) -> Self {
        let width = if stdout { columns.or(variables.columns) } else { variables.columns };
        Self {
            stdout_color: variables.color(color, stdout),
            stderr_color: variables.color(color, stderr),
            live: stderr && !variables.dumb && !variables.ci,
            width: width.unwrap_or(WIDTH).max(MIN_WIDTH),
        }
    }

    /// A heading or a name, for standard output.
    pub fn strong(self, text: &str) -> String {
        paint(text, Color::Bold, self.stdout_color)
    }

    /// `error: message`, with the label in color.
    pub fn error(self, message: &str) -> String {
        format!("{}: {message}", paint("error", Color::Failure, self.stderr_color))
    }
}

impl TerminalVariables {
    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        Self {
            no_color: is_set("NO_COLOR"),
            force_color: is_set("CLICOLOR_FORCE") && variable("CLICOLOR_FORCE").as_deref() != Some("0"),
            plain: variable("CLICOLOR").as_deref() == Some("0"),
            dumb: variable("TERM").as_deref() == Some("dumb"),
            ci: is_set("CI") && variable("CI").as_deref() != Some("false"),
            columns: variable("COLUMNS").and_then(|columns| columns.parse().ok()),
        }
    }

    /// The flag wins, then `NO_COLOR`, then `CLICOLOR_FORCE`.
    const fn color(&self, choice: ColorChoice, is_terminal: bool) -> bool {
        match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto if self.no_color => false,
            ColorChoice::Auto if self.force_color => true,
            ColorChoice::Auto => is_terminal && !self.dumb && !self.plain,
        }
    }
}

/// A result could not be written to standard output.
#[derive(Debug, thiserror::Error)]
#[error("could not write to standard output: {0}")]
pub struct PrintError(io::Error);

/// Writes a result to standard output. A closed pipe (`| head -1`) is not an error.
///
/// # Errors
///
/// If it cannot be written, for example because the disk is full.
pub fn print(text: &str) -> Result<(), PrintError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(PrintError(error)),
        _ => Ok(()),
    }
}

/// Writes a note to standard error.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(variables: &[(&str, &str)]) -> TerminalVariables {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        TerminalVariables::of(find)
    }

    fn color(flag: ColorChoice, set: &[(&str, &str)], is_terminal: bool) -> bool {
        variables(set).color(flag, is_terminal)
    }

    #[test]
    fn a_terminal_has_color_and_a_pipe_does_not() {
        assert!(color(ColorChoice::Auto, &[("TERM", "xterm")], true));
        assert!(!color(ColorChoice::Auto, &[("TERM", "xterm")], false));
    }

    #[test]
    fn color_can_be_turned_off() {
        assert!(!color(ColorChoice::Auto, &[("NO_COLOR", "1")], true));
        assert!(!color(ColorChoice::Auto, &[("TERM", "dumb")], true));
        assert!(!color(ColorChoice::Auto, &[("CLICOLOR", "0")], true));
    }

    #[test]
    fn an_empty_no_color_is_ignored() {
        assert!(color(ColorChoice::Auto, &[("NO_COLOR", "")], true));
    }

    #[test]
    fn a_pipe_has_color_only_if_forced() {
        assert!(color(ColorChoice::Auto, &[("CLICOLOR_FORCE", "1")], false));
        assert!(!color(ColorChoice::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(color(ColorChoice::Always, &[], false));
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        assert!(color(ColorChoice::Always, &[("NO_COLOR", "1")], false));
        assert!(!color(ColorChoice::Never, &[("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn no_color_wins_over_forced_color() {
        assert!(!color(ColorChoice::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn there_is_no_live_progress_in_a_pipe_in_ci_or_on_a_dumb_terminal() {
        let live = |set: &[(&str, &str)], stderr| {
            Terminal::new(ColorChoice::Auto, &variables(set), true, stderr, Some(80)).live
        };
        assert!(live(&[], true));
        assert!(!live(&[], false));
        assert!(!live(&[("CI", "true")], true));
        assert!(!live(&[("TERM", "dumb")], true));
    }

    #[test]
    fn the_width_comes_from_the_terminal_or_from_columns() {
        let width = |set: &[(&str, &str)], stdout, columns| {
            Terminal::new(ColorChoice::Auto, &variables(set), stdout, true, columns).width
        };
        assert_eq!(width(&[("COLUMNS", "70")], true, Some(60)), 60);
        assert_eq!(width(&[("COLUMNS", "70")], false, Some(60)), 70);
        assert_eq!(width(&[], false, Some(60)), WIDTH);
        assert_eq!(width(&[("COLUMNS", "a")], true, Some(3)), MIN_WIDTH);
    }
}

//! What standard output and standard error are connected to, and how to write to them.

use std::env;
use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use console::Term;
use preflight::report::ink::{Ink, paint};

use super::exit::Failure;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` say otherwise.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// Where the output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Whether standard output may have colour.
    pub stdout_color: bool,
    /// Whether standard error may have colour.
    pub stderr_color: bool,
    /// Whether something that moves may be shown on standard error.
    pub live: bool,
    /// The columns that there are.
    pub width: usize,
}

/// What the environment says about terminals.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
struct Wishes {
    no_color: bool,
    force_color: bool,
    plain: bool,
    dumb: bool,
    ci: bool,
    columns: Option<usize>,
}

/// The width where nobody says one: wide enough for a log, not too wide for a window.
const WIDTH: usize = 100;
/// On less than this no table can be read; a terminal that says so is mistaken.
const NARROWEST: usize = 40;

impl Terminal {
    /// That of this process.
    pub fn of_process(color: Color) -> Self {
        let wishes = Wishes::of(|name| env::var(name).ok());
        let columns = Term::stdout().size_checked().or_else(|| Term::stderr().size_checked());
        let columns = columns.map(|(_, columns)| usize::from(columns));
        Self::new(color, &wishes, io::stdout().is_terminal(), io::stderr().is_terminal(), columns)
    }

    fn new(color: Color, wishes: &Wishes, stdout: bool, stderr: bool, columns: Option<usize>) -> Self {
        let width = if stdout { columns.or(wishes.columns) } else { wishes.columns };
        Self {
            stdout_color: wishes.color(color, stdout),
            stderr_color: wishes.color(color, stderr),
            live: stderr && !wishes.dumb && !wishes.ci,
            width: width.unwrap_or(WIDTH).max(NARROWEST),
        }
    }

    /// A heading or a name, for standard output.
    pub fn strong(self, text: &str) -> String {
        paint(text, Ink::Strong, self.stdout_color)
    }

    /// `error: message`, the word in its colour.
    pub fn error(self, message: &str) -> String {
        format!("{}: {message}", paint("error", Ink::Bad, self.stderr_color))
    }
}

impl Wishes {
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

    /// The flag decides; else who wants no colour gets none, and who wants it by all means gets it.
    const fn color(&self, color: Color, is_terminal: bool) -> bool {
        match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if self.no_color => false,
            Color::Auto if self.force_color => true,
            Color::Auto => is_terminal && !self.dumb && !self.plain,
        }
    }
}

/// Writes a result to standard output. That nobody listens any more (`| head -1`) is no error: who closed the pipe has
/// what they wanted.
///
/// # Errors
///
/// Where it cannot be written, for one to a full disk.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Defect(format!("the result could not be written to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says something beside the result, on standard error. Where nobody listens nothing is lost.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(variables: &[(&str, &str)]) -> Wishes {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Wishes::of(find)
    }

    fn color(flag: Color, variables: &[(&str, &str)], is_terminal: bool) -> bool {
        wishes(variables).color(flag, is_terminal)
    }

    #[test]
    fn a_terminal_has_colour_and_a_pipe_has_none() {
        assert!(color(Color::Auto, &[("TERM", "xterm")], true));
        assert!(!color(Color::Auto, &[("TERM", "xterm")], false));
    }

    #[test]
    fn who_wants_no_colour_gets_none() {
        assert!(!color(Color::Auto, &[("NO_COLOR", "1")], true));
        assert!(!color(Color::Auto, &[("TERM", "dumb")], true));
        assert!(!color(Color::Auto, &[("CLICOLOR", "0")], true));
    }

    #[test]
    fn an_empty_no_color_says_nothing() {
        assert!(color(Color::Auto, &[("NO_COLOR", "")], true));
    }

    #[test]
    fn a_pipe_has_colour_only_where_it_is_forced() {
        assert!(color(Color::Auto, &[("CLICOLOR_FORCE", "1")], false));
        assert!(!color(Color::Auto, &[("CLICOLOR_FORCE", "0")], false));
        assert!(color(Color::Always, &[], false));
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        assert!(color(Color::Always, &[("NO_COLOR", "1")], false));
        assert!(!color(Color::Never, &[("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn no_colour_wins_over_forced_colour() {
        assert!(!color(Color::Auto, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], true));
    }

    #[test]
    fn nothing_moves_in_a_pipe_in_a_ci_or_on_a_dumb_terminal() {
        let live = |variables: &[(&str, &str)], stderr| {
            Terminal::new(Color::Auto, &wishes(variables), true, stderr, Some(80)).live
        };
        assert!(live(&[], true));
        assert!(!live(&[], false));
        assert!(!live(&[("CI", "true")], true));
        assert!(!live(&[("TERM", "dumb")], true));
    }

    #[test]
    fn the_width_is_the_terminals_and_in_a_pipe_that_of_the_environment() {
        let width = |variables: &[(&str, &str)], stdout, columns| {
            Terminal::new(Color::Auto, &wishes(variables), stdout, true, columns).width
        };
        assert_eq!(width(&[("COLUMNS", "70")], true, Some(60)), 60);
        assert_eq!(width(&[("COLUMNS", "70")], false, Some(60)), 70);
        assert_eq!(width(&[], false, Some(60)), WIDTH);
        assert_eq!(width(&[("COLUMNS", "a")], true, Some(3)), NARROWEST);
    }
}

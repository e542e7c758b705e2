//! Colors, and the one place that decides whether to write an escape sequence.

use super::Style;
use crate::run::{Decision, Status};

/// A color or weight, named for what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Green: as it should be.
    Success,
    /// Red: wrong.
    Failure,
    /// Yellow: not verified, or worth a look.
    Warning,
    /// Faint: details.
    Dim,
    /// Bold: a heading.
    Bold,
}

impl Color {
    /// The color of a status.
    #[must_use]
    pub const fn of_status(status: Status) -> Self {
        match status {
            Status::Pass | Status::Flaky => Self::Success,
            Status::Fail => Self::Failure,
            Status::Warn | Status::Unknown | Status::Skipped | Status::Waived => Self::Warning,
            Status::NotApplicable => Self::Dim,
        }
    }

    /// The color of a verdict.
    #[must_use]
    pub const fn of_decision(decision: Decision) -> Self {
        match decision {
            Decision::Go => Self::Success,
            Decision::NoGo => Self::Failure,
            Decision::NotProven | Decision::NothingRan => Self::Warning,
        }
    }

    /// The parameters of the escape sequence.
    fn parameters(self) -> String {
        let bold = |color: colored::Color| format!("1;{}", color.to_fg_str());
        match self {
            Self::Success => bold(colored::Color::Green),
            Self::Failure => bold(colored::Color::Red),
            Self::Warning => bold(colored::Color::Yellow),
            Self::Dim => "2".to_owned(),
            Self::Bold => "1".to_owned(),
        }
    }
}

impl Style {
    /// `text` in a color, if colors are on.
    pub(super) fn paint(self, text: &str, color: Color) -> String {
        paint(text, color, self.color)
    }
}

/// `text` in a color if `enabled`. `colored` alone would read the environment, but how a report looks is up to its caller.
#[must_use]
pub fn paint(text: &str, color: Color, enabled: bool) -> String {
    if enabled && !text.is_empty() { format!("\u{1b}[{}m{text}\u{1b}[0m", color.parameters()) } else { text.to_owned() }
}

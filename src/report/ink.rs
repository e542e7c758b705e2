//! Colour, and the one place that decides whether an escape sequence is written.

use colored::Color;

use super::Style;
use crate::run::{Decision, Status};

/// What a colour means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not seen, or worth a look.
    Doubtful,
    /// There for who looks for it.
    Faint,
    /// A heading.
    Strong,
}

impl Ink {
    /// The colour of a status.
    #[must_use]
    pub const fn of_status(status: Status) -> Self {
        match status {
            Status::Pass | Status::Flaky => Self::Good,
            Status::Fail => Self::Bad,
            Status::Warn | Status::Unknown | Status::Skipped | Status::Waived => Self::Doubtful,
            Status::NotApplicable => Self::Faint,
        }
    }

    /// The colour of a verdict.
    #[must_use]
    pub const fn of_decision(decision: Decision) -> Self {
        match decision {
            Decision::Go => Self::Good,
            Decision::NoGo => Self::Bad,
            Decision::NotProven | Decision::NothingRan => Self::Doubtful,
        }
    }

    /// The parameters of the escape sequence.
    fn parameters(self) -> String {
        let bold = |color: Color| format!("1;{}", color.to_fg_str());
        match self {
            Self::Good => bold(Color::Green),
            Self::Bad => bold(Color::Red),
            Self::Doubtful => bold(Color::Yellow),
            Self::Faint => "2".to_owned(),
            Self::Strong => "1".to_owned(),
        }
    }
}

impl Style {
    /// `text` in a colour, where there is colour.
    pub(super) fn ink(self, text: &str, ink: Ink) -> String {
        paint(text, ink, self.color)
    }
}

/// `text` in a colour if `color` says so. Nothing else is asked, as `colored` by itself would ask the environment: what a
/// report looks like is for its caller to say.
#[must_use]
pub fn paint(text: &str, ink: Ink, color: bool) -> String {
    if color && !text.is_empty() { format!("\u{1b}[{}m{text}\u{1b}[0m", ink.parameters()) } else { text.to_owned() }
}

//! What a run found, as text: one file per format, each `render(&Report) -> String`, none of which decides anything.

pub mod checklist;
pub mod color;
pub mod comparison;
pub mod file;
pub mod github;
pub mod history;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod matrix;
pub mod outline;
pub mod paragraph;
pub mod plain;
pub mod reconciliation;
pub mod sarif;
pub mod saved;
pub mod table;
pub mod text;
pub mod unverified;

#[cfg(test)]
mod sample;

/// How to render text for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to write escape sequences for color.
    pub color: bool,
    /// The terminal's width in columns.
    pub width: usize,
    /// How much detail to print: 0 is the default; from 1 on, every check, every request, and the evidence of every finding.
    pub verbose: u8,
    /// Print only the verdict, a line for each failure, and one for each required check that is not verified.
    pub quiet: bool,
}

impl Style {
    /// No color, 80 columns, the default amount of detail.
    #[must_use]
    pub const fn plain() -> Self {
        Self { color: false, width: 80, verbose: 0, quiet: false }
    }
}

//! What a run found, as text: one file per format, each `render(&Report) -> String`, none of which decides anything.

pub mod checklist;
pub mod file;
pub mod ink;
pub mod json;
pub mod markdown;
pub mod outline;
pub mod paragraph;
pub mod table;
pub mod text;

#[cfg(test)]
mod sample;

pub use text::clean as clean_text;

/// How text for a terminal is to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether escape sequences for colour may be written.
    pub color: bool,
    /// The columns that there are.
    pub width: usize,
    /// How much is told beyond what is needed: 0 nothing, from 1 on what passed and every request.
    pub verbose: u8,
    /// Only the verdict and what failed.
    pub quiet: bool,
}

impl Style {
    /// No colour, 80 columns, the usual amount of words.
    #[must_use]
    pub const fn plain() -> Self {
        Self { color: false, width: 80, verbose: 0, quiet: false }
    }
}

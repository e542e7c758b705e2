//! What a run found, as text: one file per format, each `render(&Report) -> String`, none of which decides anything.

pub mod checklist;
pub mod color;
pub mod file;
pub mod json;
pub mod markdown;
pub mod outline;
pub mod paragraph;
pub mod table;
pub mod text;

#[cfg(test)]
mod sample;

pub use text::clean as clean_text;

/// How to render text for a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to write escape sequences for color.
    pub color: bool,
    /// The terminal's width in columns.
    pub width: usize,
    /// How much detail to print: 0 is the default; from 1 on, every passing check and every request.
    pub verbose: u8,
    /// Print only the verdict and the failures.
    pub quiet: bool,
}

impl Style {
    /// No color, 80 columns, the default amount of detail.
    #[must_use]
    pub const fn plain() -> Self {
        Self { color: false, width: 80, verbose: 0, quiet: false }
    }
}

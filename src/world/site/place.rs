//! Where something stands in what was read.

use std::fmt;

/// A place in a file that everybody can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file as its path, or its URL where another host serves it.
    pub file: String,
    /// The source within a source map.
    pub source: Option<String>,
    /// Counted from 1.
    pub line: usize,
    /// The byte in the file, or in the source, counted from 0: a bundle is one long line.
    pub byte: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, source, line, byte } = self;
        match source {
            Some(source) => write!(formatter, "{source}:{line} in {file}"),
            None => write!(formatter, "{file}:{line} (byte {byte})"),
        }
    }
}

/// A text that was read, and what it is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading<'t> {
    pub file: &'t str,
    pub source: Option<&'t str>,
    pub text: &'t str,
}

impl Reading<'_> {
    /// The place at a byte of the text.
    pub fn place(self, byte: usize) -> Place {
        let line = self.text.as_bytes().iter().take(byte).filter(|letter| **letter == b'\n').count() + 1;
        Place { file: self.file.to_owned(), source: self.source.map(str::to_owned), line, byte }
    }
}

/// Places in a sentence: the first few, and how many more.
#[must_use]
pub fn listed(places: &[Place]) -> String {
    let shown: Vec<String> = places.iter().take(3).map(ToString::to_string).collect();
    let more = places.len().saturating_sub(shown.len());
    let shown = shown.join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests {
    use super::Reading;

    #[test]
    fn a_place_is_a_line_and_a_byte() {
        let reading = Reading { file: "/a.js", source: None, text: "one\ntwo\nthree" };
        assert_eq!(reading.place(8).to_string(), "/a.js:3 (byte 8)");
        let source = Reading { source: Some("src/a.ts"), ..reading };
        assert_eq!(source.place(4).to_string(), "src/a.ts:2 in /a.js");
    }
}

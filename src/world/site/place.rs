//! Where something stands in what was read.

use std::cell::Cell;
use std::collections::BTreeMap;
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
#[derive(Debug)]
pub(super) struct Reading<'t> {
    pub file: &'t str,
    pub source: Option<&'t str>,
    pub text: &'t str,
    /// The last byte that was asked for and the line ends before it: most are asked for in their order.
    counted: Cell<(usize, usize)>,
}

/// The most places that are kept of one thing: a report shows a few.
const MOST: usize = 100;

impl<'t> Reading<'t> {
    pub fn new(file: &'t str, source: Option<&'t str>, text: &'t str) -> Self {
        Self { file, source, text, counted: Cell::new((0, 0)) }
    }

    /// The place at a byte of the text.
    pub fn place(&self, byte: usize) -> Place {
        let (from, before) = if self.counted.get().0 <= byte { self.counted.get() } else { (0, 0) };
        let between = self.text.as_bytes().get(from..byte).unwrap_or_default();
        let ends = before + between.split(|letter| *letter == b'\n').count() - 1;
        self.counted.set((byte, ends));
        Place { file: self.file.to_owned(), source: self.source.map(str::to_owned), line: ends + 1, byte }
    }
}

/// Keeps one more place of a thing, where there are not many already.
pub(super) fn keep(places: &mut Vec<Place>, place: impl FnOnce() -> Place) {
    if places.len() < MOST {
        places.push(place());
    }
}

/// Keeps one more place of a thing by its name, where neither the things nor the places are many already.
pub(super) fn keep_of(things: &mut BTreeMap<String, Vec<Place>>, name: &str, place: impl FnOnce() -> Place) {
    if let Some(places) = things.get_mut(name) {
        keep(places, place);
    } else if things.len() < MOST {
        things.insert(name.to_owned(), vec![place()]);
    }
}

/// Puts what was found in one text to what was found in others.
pub(super) fn merge(things: &mut BTreeMap<String, Vec<Place>>, more: BTreeMap<String, Vec<Place>>) {
    for (name, places) in more {
        for place in places {
            keep_of(things, &name, || place);
        }
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
        let reading = Reading::new("/a.js", None, "one\ntwo\nthree");
        assert_eq!(reading.place(8).to_string(), "/a.js:3 (byte 8)");
        assert_eq!((reading.place(3).line, reading.place(4).line, reading.place(0).line), (1, 2, 1));
        let source = Reading { source: Some("src/a.ts"), ..reading };
        assert_eq!(source.place(4).to_string(), "src/a.ts:2 in /a.js");
    }
}

//! Places in the files that were read.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

/// A place in a file of the frontend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file's path, or its URL if another host serves it.
    pub file: String,
    /// The source within a source map.
    pub source: Option<String>,
    /// The line, counted from 1.
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

/// A text that is read, and its name.
#[derive(Debug)]
pub(super) struct Reading<'t> {
    pub file: &'t str,
    pub source: Option<&'t str>,
    pub text: &'t str,
    /// The last byte that was located and the line breaks before it: most bytes are located in order.
    counted: Cell<(usize, usize)>,
}

/// The most places that are kept for one finding: a report shows a few.
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

/// Adds a place, unless there are many already.
pub(super) fn keep(places: &mut Vec<Place>, place: impl FnOnce() -> Place) {
    if places.len() < MOST {
        places.push(place());
    }
}

/// Adds a place of something that has a name, unless there are many names or places already.
pub(super) fn keep_named(things: &mut BTreeMap<String, Vec<Place>>, name: &str, place: impl FnOnce() -> Place) {
    if let Some(places) = things.get_mut(name) {
        keep(places, place);
    } else if things.len() < MOST {
        things.insert(name.to_owned(), vec![place()]);
    }
}

/// Adds the places that were found in another text.
pub(super) fn merge(things: &mut BTreeMap<String, Vec<Place>>, more: BTreeMap<String, Vec<Place>>) {
    for (name, places) in more {
        for place in places {
            keep_named(things, &name, || place);
        }
    }
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

//! An env file, `.env` or `.dev.vars`, into entries with their lines.

use std::cell::Cell;
use std::io::{self, Read};
use std::ops::Range;

use super::problem::Problems;
use super::source::{Diagnostic, Diagnostics, Text};
use crate::pattern::patterns;

/// `NAME=value`, and the line on which it begins, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: String,
    pub value: String,
    pub line: usize,
}

patterns! {
    /// Everything before the value.
    BEFORE_VALUE = r"^\s*(?:export\s+)?[A-Za-z_][A-Za-z0-9_.]*\s*=[ \t]*";
}

/// Every entry of a file, or every invalid line. References such as `${OTHER}` are replaced, as in dotenv, except in single
/// quotes.
pub(super) fn parse(text: &Text) -> Result<Vec<Entry>, Problems> {
    let lines: Vec<Range<usize>> = lines(&text.contents).collect();
    let mut diagnostics = Diagnostics::hiding(text, lines.iter().map(|line| value(&text.contents, line)).collect());
    let mut entries = Vec::new();
    // The parser needs a newline after trailing white space.
    let contents = format!("{}\n", text.contents.trim_start_matches('\u{feff}'));
    let given = Cell::new(0);
    let mut consumed = 0;
    for entry in dotenvy::Iter::new(LineByLine { rest: contents.as_bytes(), given: &given }) {
        let until = given.get().min(lines.len());
        let Some(first) = (consumed..until).find(|line| says_something(&text.contents[lines[*line].clone()])) else {
            break;
        };
        consumed = until;
        match entry {
            Ok((name, value)) => entries.push(Entry { name, value, line: first + 1 }),
            Err(error) => match in_plain_words(&text.contents, &lines[first]) {
                Some((name, value)) => entries.push(Entry { name, value, line: first + 1 }),
                None => diagnostics.add(diagnostic(&text.contents, &lines[first], &error)),
            },
        }
    }
    diagnostics.finish(Some(entries))
}

/// Gives the parser, which knows no line numbers, one line at a time, and counts.
struct LineByLine<'t> {
    rest: &'t [u8],
    given: &'t Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1);
        let (now, rest) = self.rest.split_at(line.min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        self.rest = rest;
        if now.ends_with(b"\n") {
            self.given.set(self.given.get() + 1);
        }
        Ok(now.len())
    }
}

/// Each line without its end.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_inclusive('\n').scan(0, |from, line| {
        let at = *from..*from + line.trim_end_matches(['\n', '\r']).len();
        *from += line.len();
        Some(at)
    })
}

fn says_something(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim();
    !line.is_empty() && !line.starts_with('#')
}

/// The part of a line to hide: the value, or all of an invalid line.
fn value(text: &str, line: &Range<usize>) -> Range<usize> {
    let before = BEFORE_VALUE.find(&text[line.clone()]);
    line.start + before.map_or(0, |before| before.end())..line.end
}

/// `APP_NAME=Two words`, which the parser rejects but JavaScript's dotenv, and so Wrangler, accepts.
fn in_plain_words(text: &str, line: &Range<usize>) -> Option<(String, String)> {
    let hidden = value(text, line);
    let name = text[line.start..hidden.start].trim().strip_suffix('=')?.trim().trim_start_matches("export ").trim();
    let value = text[hidden].split(" #").next()?.trim();
    let is_plain = !value.contains(['"', '\'', '`', '\\', '$']);
    is_plain.then(|| (name.to_owned(), value.to_owned()))
}

fn diagnostic(text: &str, line: &Range<usize>, error: &dotenvy::Error) -> Diagnostic {
    let hidden = value(text, line);
    let dotenvy::Error::LineParse(rejected, index) = error else {
        return Diagnostic::at(line.clone(), "cannot read this line");
    };
    if hidden.start == line.start {
        return Diagnostic::at(line.clone(), "this line sets no variable").label("expected NAME=value");
    }
    if *index >= rejected.len() {
        return Diagnostic::at(hidden, "this quote is never closed").label("the value begins here");
    }
    if index.checked_sub(1).and_then(|before| rejected.chars().nth(before)) == Some('\\') {
        let escape = rejected.chars().nth(*index).unwrap_or_default();
        return Diagnostic::at(hidden, format!("`\\{escape}` is not a valid escape in an env file"))
            .label("in this value")
            .help("use single quotes to keep every `\\`");
    }
    if rejected.rfind("${").is_some_and(|open| !rejected[open..].contains('}')) {
        return Diagnostic::at(hidden, "this `${` is never closed").label("in this value");
    }
    Diagnostic::at(hidden, "there is more after the value")
        .label("in this line")
        .help("put quotes around the whole value")
}

#[cfg(test)]
mod tests {
    use super::{Entry, Text, parse};

    fn entries(text: &str) -> Vec<(String, String, usize)> {
        let entries = parse(&Text::new(".env", text)).unwrap();
        entries.into_iter().map(|Entry { name, value, line }| (name, value, line)).collect()
    }

    fn one(text: &str) -> String {
        entries(text).remove(0).1
    }

    fn rendered(text: &str) -> String {
        parse(&Text::new(".env", text)).unwrap_err().render(false, 80)
    }

    #[test]
    fn each_value_has_the_line_it_begins_on() {
        let text = "\u{feff}# keys\nA=1\n\nexport B='2'\r\nC=\"three\nlines\nlong\" # done\n  # more\nD=4";
        let lines: Vec<(String, usize)> = entries(text).into_iter().map(|(name, _, line)| (name, line)).collect();
        assert_eq!(lines, [("A".into(), 2), ("B".into(), 4), ("C".into(), 5), ("D".into(), 9)]);
    }

    #[test]
    fn an_escaped_newline_in_quotes_is_part_of_the_value() {
        assert_eq!(one("KEY=\"sk_live_x\\n\"\n"), "sk_live_x\n");
        assert_eq!(one("KEY=\" sk_live_x \"\n"), " sk_live_x ");
    }

    #[test]
    fn white_space_around_a_bare_value_is_not_part_of_it() {
        assert_eq!(one("KEY =  sk_live_x  "), "sk_live_x");
    }

    #[test]
    fn single_quotes_keep_everything() {
        assert_eq!(one("KEY='a$b\\n'"), "a$b\\n");
    }

    #[test]
    fn a_line_without_a_variable_is_shown_only_by_number() {
        let rendered = rendered("A=1\nsk_live_planted123456\nB=2\n");
        assert!(rendered.contains("this line sets no variable"), "{rendered}");
        assert!(rendered.contains(".env:2:1") && !rendered.contains("planted"), "{rendered}");
    }

    #[test]
    fn an_unclosed_quote_is_reported_where_it_opens() {
        let rendered = rendered("A=1\nKEY=\"sk_live_planted123456\nB=2\n");
        assert!(rendered.contains("never closed") && rendered.contains(".env:2:5"), "{rendered}");
        assert!(!rendered.contains("planted"), "{rendered}");
    }

    #[test]
    fn words_without_quotes_are_accepted() {
        let expected = [("NAME".to_owned(), "Two words".to_owned(), 1), ("B".to_owned(), "ok".to_owned(), 2)];
        assert_eq!(entries("export NAME = Two words # of mine\nB=ok\n"), expected);
    }

    #[test]
    fn every_bad_line_is_reported() {
        let rendered = rendered("A=\"planted\" one\nB=ok\nC=\"plan\\ted\"\nD=${planted\n");
        assert!(
            rendered.contains("put quotes around the whole value") && rendered.contains("`\\t` is not a valid escape"),
            "{rendered}"
        );
        assert!(rendered.contains(".env:1:3") && rendered.contains(".env:3:3"), "{rendered}");
        assert!(rendered.contains("`${` is never closed"), "{rendered}");
        assert!(!rendered.contains("planted") && !rendered.contains("plan\\"), "{rendered}");
    }
}

//! A text, the errors in it, and how they are shown without its secrets.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::hardcoded::{find, merged};
use super::problem::{Problem, Problems};
use super::secret_formats::prefix_of;

/// A file's contents under its name.
#[derive(Clone)]
pub struct Text {
    /// What errors call it; for `preflight.toml` also what the paths in it are relative to.
    pub path: PathBuf,
    /// All of it.
    pub contents: String,
}

impl Text {
    /// A text in memory.
    pub fn new(path: impl Into<PathBuf>, contents: impl Into<String>) -> Self {
        Self { path: path.into(), contents: contents.into() }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// That it cannot be read, and what to do.
    pub fn read(path: &Path) -> Result<Self, Problems> {
        match std::fs::read_to_string(path) {
            Ok(contents) => Ok(Self::new(path, contents)),
            Err(error) => Err(Problem::unreadable(path, &error).into()),
        }
    }
}

impl fmt::Debug for Text {
    // An env file is nothing but secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Text").field("path", &self.path).finish_non_exhaustive()
    }
}

/// An error at a place in a text.
#[derive(Debug)]
pub(super) struct Diagnostic {
    at: Range<usize>,
    message: String,
    label: String,
    help: Vec<String>,
    related: Option<(Range<usize>, String)>,
}

impl Diagnostic {
    /// An error at a place. A default has no place, so its errors are shown at the start of the file.
    pub fn at(at: impl Into<Option<Range<usize>>>, message: impl Into<String>) -> Self {
        let at = at.into().unwrap_or(0..0);
        Self { at, message: message.into(), label: String::new(), help: Vec::new(), related: None }
    }

    /// The text beside the caret.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// A related place.
    pub fn related(mut self, at: impl Into<Option<Range<usize>>>, label: impl Into<String>) -> Self {
        self.related = at.into().map(|at| (at, label.into()));
        self
    }
}

/// The errors of one text, collected before any is shown: the last secret found must be hidden in the first error too.
#[derive(Debug)]
pub(super) struct Diagnostics<'t> {
    pub text: &'t Text,
    secrets: Vec<Range<usize>>,
    found: Vec<Diagnostic>,
    rejected: Vec<String>,
    may_hold_secrets: bool,
}

impl<'t> Diagnostics<'t> {
    /// For a text that must not have secrets: each one is an error.
    pub fn new(text: &'t Text) -> Self {
        Self { may_hold_secrets: false, ..Self::hiding(text, find(&text.contents)) }
    }

    /// For a text that may have secrets: these are hidden.
    pub const fn hiding(text: &'t Text, secrets: Vec<Range<usize>>) -> Self {
        Self { text, secrets, found: Vec::new(), rejected: Vec::new(), may_hold_secrets: true }
    }

    pub fn add(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub fn are_none(&self) -> bool {
        self.found.is_empty()
    }

    /// Notes that the value of a key was rejected, so that it is not reported as missing as well.
    pub fn reject(&mut self, path: String) {
        self.rejected.push(path);
    }

    /// Whether the value of a key was rejected.
    pub fn is_rejected(&self, path: &str) -> bool {
        self.rejected.iter().any(|rejected| rejected == path)
    }

    /// A secret that only its place reveals.
    pub fn secret(&mut self, at: impl Into<Option<Range<usize>>>) {
        self.secrets.extend(at.into());
    }

    /// The line of a place, counted from 1.
    pub fn line(&self, offset: usize) -> usize {
        line_of(&self.text.contents, offset)
    }

    /// The result, if the text has no errors; otherwise the problems, without secrets.
    pub fn finish<T>(mut self, made: Option<T>) -> Result<T, Problems> {
        let secrets = merged(std::mem::take(&mut self.secrets));
        if !self.may_hold_secrets {
            // Other errors of a secret do not matter: it must not be here at all.
            self.found.retain(|diagnostic| !secrets.iter().any(|secret| touches(secret, &diagnostic.at)));
            self.found.extend(secrets.iter().map(|at| hardcoded_secret(&self.text.contents, at.clone())));
        }
        if let (Some(made), true) = (made, self.found.is_empty()) {
            return Ok(made);
        }
        if self.found.is_empty() {
            self.add(Diagnostic::at(None, "preflight cannot use this file, which is a bug in preflight: report it"));
        }
        self.found.sort_by_key(|diagnostic| diagnostic.at.start);
        let masked = Masked::new(&self.text.contents, secrets);
        Err(Problems::new(
            self.found.into_iter().map(|diagnostic| masked.problem(&self.text.path, diagnostic)).collect(),
        ))
    }
}

/// The line of an offset, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn touches(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end
}

/// A secret in a file that must not have one. The message names its kind, and nothing else of it.
fn hardcoded_secret(text: &str, at: Range<usize>) -> Diagnostic {
    let kind = prefix_of(&text[at.clone()]).map(|prefix| format!(", {}…,", prefix.text)).unwrap_or_default();
    let message = format!("a secret{kind} is written into line {}", line_of(text, at.start));
    Diagnostic::at(at, message)
        .label("hidden here; remove it from the file")
        .help("keep the secret in the environment or an env file, and name its variable here: { env = \"NAME\" }")
        .help("if this file was ever committed or shared, replace the secret at its provider")
}

/// A text with `…` in place of each secret.
struct Masked<'t> {
    original: &'t str,
    secrets: Vec<Range<usize>>,
    shown: Arc<str>,
}

impl<'t> Masked<'t> {
    fn new(original: &'t str, secrets: Vec<Range<usize>>) -> Self {
        let mut shown = String::with_capacity(original.len());
        let mut from = 0;
        for secret in &secrets {
            shown.push_str(&original[from..secret.start]);
            shown.push('…');
            from = secret.end;
        }
        shown.push_str(&original[from..]);
        Self { original, secrets, shown: shown.into() }
    }

    /// The offset in the masked text. One inside a secret moves to its start or its end.
    fn place(&self, offset: usize, end: bool) -> usize {
        let mut place = offset;
        for secret in self.secrets.iter().filter(|secret| secret.start < offset) {
            let hidden = secret.end.min(offset) - secret.start;
            let inside = offset < secret.end;
            place = place - hidden + if inside && !end { 0 } else { '…'.len_utf8() };
        }
        place
    }

    fn span(&self, at: &Range<usize>) -> Range<usize> {
        self.place(at.start, false)..self.place(at.end, true)
    }

    /// A library's message may quote a value.
    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().map(|at| &self.original[at.clone()]).filter(|secret| secret.len() >= 8) {
            text = text.replace(secret, "…");
        }
        text
    }

    fn problem(&self, path: &Path, diagnostic: Diagnostic) -> Problem {
        let span = self.span(&diagnostic.at);
        let line_start = self.shown[..span.start].rfind('\n').map_or(0, |at| at + 1);
        Problem {
            path: path.to_owned(),
            line: line_of(&self.shown, span.start),
            column: self.shown[line_start..span.start].chars().count() + 1,
            message: self.text(&diagnostic.message),
            label: self.text(&diagnostic.label),
            help: diagnostic.help.iter().map(|help| self.text(help)).collect(),
            related: diagnostic.related.map(|(at, label)| (self.span(&at), self.text(&label))),
            source: Some((Arc::clone(&self.shown), span)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Masked;

    fn masked(text: &str) -> Masked<'_> {
        Masked::new(text, std::iter::once(5..11).collect())
    }

    #[test]
    fn a_place_after_a_secret_moves_with_the_text() {
        let masked = masked("a = 'secret', b = 1");
        assert_eq!(&*masked.shown, "a = '…', b = 1");
        assert_eq!(&masked.shown[masked.span(&(14..15))], "b");
    }

    #[test]
    fn a_place_inside_a_secret_covers_its_mask() {
        let masked = masked("a = 'secret'");
        assert_eq!(&masked.shown[masked.span(&(7..9))], "…");
        assert_eq!(&masked.shown[masked.span(&(4..12))], "'…'");
    }
}

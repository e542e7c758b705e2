//! An error in the configuration, at its place.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};

/// Why a file could not be read, in a user's words.
pub(super) fn why_unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

/// One error: where, what, and what was expected. Nothing in it repeats a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// The line, counted from 1; 0 where the file could not be read.
    pub line: usize,
    /// The column, counted in characters from 1; 0 where the file could not be read.
    pub column: usize,
    /// One sentence without a full stop.
    pub message: String,
    /// What stands beside the caret; may be empty.
    pub label: String,
    /// What to do about it, a sentence each.
    pub help: Vec<String>,
    pub(super) related: Option<(Range<usize>, String)>,
    pub(super) source: Option<(Arc<str>, Range<usize>)>,
}

impl Problem {
    /// A file that cannot be read.
    pub(super) fn unreadable(path: &Path, error: &io::Error) -> Self {
        let ours = path.file_name().is_some_and(|name| name == "preflight.toml");
        let missing = ours && error.kind() == io::ErrorKind::NotFound;
        let init = "`preflight init` looks at your project and writes one".to_owned();
        Self {
            path: path.to_owned(),
            line: 0,
            column: 0,
            message: format!("cannot read {}: {}", path.display(), why_unreadable(error)),
            label: String::new(),
            help: missing.then_some(init).into_iter().collect(),
            related: None,
            source: None,
        }
    }

    fn render(&self, renderer: &Renderer) -> String {
        let message = normalize_untrusted_str(&self.message);
        let path = normalize_untrusted_str(&self.path.to_string_lossy());
        let mut group = Group::with_title(Level::ERROR.primary_title(message));
        if let Some((source, span)) = &self.source {
            let label = (!self.label.is_empty()).then(|| normalize_untrusted_str(&self.label));
            let mut snippet = Snippet::source(source.as_ref()).path(path).fold(true);
            snippet = snippet.annotation(AnnotationKind::Primary.span(span.clone()).label(label));
            if let Some((at, related)) = &self.related {
                let related = normalize_untrusted_str(related);
                snippet = snippet.annotation(AnnotationKind::Context.span(at.clone()).label(related));
            }
            group = group.element(snippet);
        } else {
            group = group.element(Origin::path(path));
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(normalize_untrusted_str(help)));
        }
        renderer.render(&[group])
    }
}

impl fmt::Debug for Problem {
    // The whole source in every line of a failed test helps nobody.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}: {} ({})", self.path.display(), self.line, self.column, self.message, self.label)
    }
}

/// Every error of a configuration at once, in the order of the files and of their lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    pub(super) const fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "there is no empty list of problems")]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// All of them as a compiler would show them: file, line, caret, what was expected. `width` is the terminal's, in
    /// columns.
    #[must_use]
    pub fn render(&self, color: bool, width: usize) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width);
        let problems: Vec<String> = self.0.iter().map(|problem| problem.render(&renderer)).collect();
        format!("{}\n", problems.join("\n\n"))
    }

    /// Adds the problems of another file.
    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

impl<'p> IntoIterator for &'p Problems {
    type Item = &'p Problem;
    type IntoIter = std::slice::Iter<'p, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false, 100))
    }
}

impl std::error::Error for Problems {}

/// Puts the problems of two readings together, so that neither hides the other's.
pub(super) fn both<A, B>(one: Result<A, Problems>, other: Result<B, Problems>) -> Result<(A, B), Problems> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(mut problems), Err(more)) => {
            problems.extend(more);
            Err(problems)
        }
        (Err(problems), Ok(_)) | (Ok(_), Err(problems)) => Err(problems),
    }
}

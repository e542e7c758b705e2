//! The journal: records each change on disk before it is made.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::id::shown;

/// How many characters of an object are recorded.
const MAX_OBJECT: usize = 300;

/// One line of JSON for each step, flushed to disk before the step is taken, so that a killed run leaves nothing unrecorded.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

impl Journal {
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: Mutex::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Records that `step` is about to be taken on `object`.
    pub fn note(&self, step: &str, object: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            *file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?);
        }
        let Some(file) = file.as_mut() else { return Ok(()) };
        let line = serde_json::json!({ "at": Timestamp::now().to_string(), "step": step, "object": shown(object, MAX_OBJECT) });
        writeln!(file, "{line}")?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::Journal;

    #[test]
    fn outside_text_is_escaped_and_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let hostile = format!("\u{1b}[2J\u{9b}31m\u{202e}sess_1\n{}", "x".repeat(1_000));
        Journal::new(path.clone()).note("clerk.session.revoke", &hostile).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!((text.lines().count(), text.len() < 500), (1, true));
        assert!(!text.trim_end().chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{text:?}");
    }

    #[test]
    fn a_recorded_step_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports/journal.jsonl");
        Journal::new(path.clone()).note("clerk.session.revoke", "sess_1").unwrap();
        let line: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!((&line["step"], &line["object"]), (&"clerk.session.revoke".into(), &"sess_1".into()));
    }
}

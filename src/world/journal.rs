//! The journal: records each change on disk before it is made.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::shown;
use crate::change::Change;

/// How many characters of an object are recorded.
const MAX_OBJECT: usize = 300;

/// One line of JSON for each step, flushed to disk before the step is taken, so that a killed run leaves nothing unrecorded.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<Option<File>>,
}

/// A change in the journal, with all that is needed to take it back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangeRecord {
    /// The group of changes that it was made with.
    pub fix: String,
    /// The deployment: `acme, live mode, https://api.acme.com`.
    #[serde(default)]
    pub deployment: String,
    /// Whether the object existed before.
    pub existed: bool,
    /// The change.
    pub change: Change,
    /// The IDs of what it created, by field: `id`, `default_price`. Of a secret, the hash.
    #[serde(default)]
    pub created: BTreeMap<String, String>,
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
        let line = serde_json::json!({ "at": Timestamp::now().to_string(), "step": step, "object": shown(object, MAX_OBJECT) });
        self.write(&line)
    }

    /// Records a change that a fix is about to make, with what was there before.
    pub fn note_change(&self, record: &ChangeRecord) -> io::Result<()> {
        let mut line = serde_json::to_value(record)?;
        line["at"] = Timestamp::now().to_string().into();
        line["step"] = "fix".into();
        self.write(&line)
    }

    /// Records the IDs of what a fix has created.
    pub fn note_created(&self, fix: &str, object: &str, ids: &BTreeMap<String, String>) -> io::Result<()> {
        let at = Timestamp::now().to_string();
        self.write(&serde_json::json!({ "at": at, "step": "created", "fix": fix, "object": object, "created": ids }))
    }

    /// Records that a provider rejected a change, so that there is nothing to take back.
    pub fn note_rejected(&self, fix: &str, object: &str) -> io::Result<()> {
        let at = Timestamp::now().to_string();
        self.write(&serde_json::json!({ "at": at, "step": "rejected", "fix": fix, "object": object }))
    }

    fn write(&self, line: &serde_json::Value) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            *file = Some(OpenOptions::new().create(true).append(true).open(&self.path)?);
        }
        let Some(file) = file.as_mut() else { return Ok(()) };
        writeln!(file, "{line}")?;
        file.sync_data()
    }
}

/// The changes of the last fix in a journal that was not taken back, in the order in which they were made.
///
/// # Errors
/// If the journal cannot be read.
pub fn last_fix(journal: &Path) -> io::Result<Vec<ChangeRecord>> {
    let text = fs::read_to_string(journal)?;
    let lines: Vec<serde_json::Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let taken_back = |fix: &str| lines.iter().any(|line| line["step"] == "undo" && line["object"] == fix);
    let records = lines.iter().filter(|line| line["step"] == "fix");
    let mut records: Vec<ChangeRecord> = records.filter_map(|line| serde_json::from_value(line.clone()).ok()).collect();
    // Taking back is recorded like a fix, under its own name.
    records.retain(|record: &ChangeRecord| !record.fix.starts_with(UNDO) && !taken_back(&record.fix));
    let last = records.last().map(|record| record.fix.clone()).unwrap_or_default();
    records.retain(|record| record.fix == last);
    let about = |step: &str, record: &ChangeRecord| {
        let object = record.change.object();
        let is_about = |line: &&serde_json::Value| {
            line["step"] == step && line["fix"] == record.fix.as_str() && line["object"] == object.as_str()
        };
        lines.iter().find(is_about)
    };
    records.retain(|record| about("rejected", record).is_none());
    for record in &mut records {
        if let Some(created) = about("created", record).and_then(|line| line["created"].as_object()) {
            let ids = created.iter().filter_map(|(field, id)| Some((field.clone(), id.as_str()?.to_owned())));
            record.created = ids.collect();
        }
    }
    Ok(records)
}

/// How the name of a group of changes begins that takes another group back.
pub const UNDO: &str = "undo-";

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

//! The journal: records each change on disk before it is made.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::id::shown;
use crate::change::Change;
use crate::config::hash;

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
        self.write(json!({ "step": step, "object": shown(object, MAX_OBJECT) }))
    }

    /// Records the canary before a rehearsal changes it.
    pub fn note_rehearsal(&self, canary: &impl Serialize) -> io::Result<()> {
        self.note_record("rehearsal.start", canary)
    }

    /// Records that `step` is about to be taken, with all that is needed to take it back.
    pub fn note_record(&self, step: &str, record: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_value(record)?;
        line["step"] = step.into();
        self.write(line)
    }

    /// Records a change that a fix is about to make, with what was there before.
    pub fn note_change(&self, record: &ChangeRecord) -> io::Result<()> {
        let mut line = serde_json::to_value(record)?;
        line["step"] = "fix".into();
        self.write(line)
    }

    /// Records the IDs of what a fix has created.
    pub fn note_created(&self, fix: &str, change: &Change, ids: &BTreeMap<String, String>) -> io::Result<()> {
        self.write(json!({ "step": "created", "fix": fix, "of": identity(change), "created": ids }))
    }

    /// Records that a provider rejected a change, so that there is nothing to take back.
    pub fn note_rejected(&self, fix: &str, change: &Change) -> io::Result<()> {
        self.write(json!({ "step": "rejected", "fix": fix, "of": identity(change) }))
    }

    fn write(&self, mut line: Value) -> io::Result<()> {
        line["at"] = Timestamp::now().to_string().into();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.is_none() {
            if let Some(folder) = self.path.parent() {
                fs::create_dir_all(folder)?;
            }
            *file = Some(open(&self.path)?);
        }
        let Some(file) = file.as_mut() else { return Ok(()) };
        // One write, so that two processes do not mix their lines.
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    }
}

/// Opens a journal for new lines. A rehearsal keeps a user's private metadata in it, so only its owner may read it.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    // A line that a full disk or a crash has cut must not swallow the next one.
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

/// The readable lines of a journal, in order.
///
/// # Errors
/// If the journal cannot be read.
pub(super) fn lines(journal: &Path) -> io::Result<Vec<Value>> {
    let text = fs::read_to_string(journal)?;
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The changes of the last fix in a journal that was not taken back, in the order in which they were made.
///
/// # Errors
/// If the journal cannot be read.
pub fn last_fix(journal: &Path) -> io::Result<Vec<ChangeRecord>> {
    let lines = lines(journal)?;
    let taken_back = |fix: &str| lines.iter().any(|line| line["step"] == "undo" && line["object"] == fix);
    let records = lines.iter().filter(|line| line["step"] == "fix");
    let mut records: Vec<ChangeRecord> = records.filter_map(|line| serde_json::from_value(line.clone()).ok()).collect();
    // Taking back is recorded like a fix, under its own name.
    records.retain(|record: &ChangeRecord| !record.fix.starts_with(UNDO) && !taken_back(&record.fix));
    let last = records.last().map(|record| record.fix.clone()).unwrap_or_default();
    records.retain(|record| record.fix == last);
    let about = |step: &str, record: &ChangeRecord| {
        let change = identity(&record.change);
        let is_about =
            |line: &&Value| line["step"] == step && line["fix"] == record.fix.as_str() && line["of"] == change.as_str();
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

/// Tells the changes of one fix apart, also those of one object.
pub(super) fn identity(change: &Change) -> String {
    hash(&serde_json::to_string(change).unwrap_or_default())
}

/// How the name of a group of changes begins that takes another group back.
pub const UNDO: &str = "undo-";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ChangeRecord, Journal, last_fix};
    use crate::change::{Change, StripeChange, StripeResource};

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
    fn a_rejected_change_does_not_hide_another_one_of_the_same_object() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let journal = Journal::new(path.clone());
        let [made, rejected] = ["cancel", "invoices"].map(|feature| {
            let portal = StripeChange::update(StripeResource::PortalConfiguration, true, "bpc_1", "");
            Change::from(portal.set(format!("features.{feature}.enabled"), false, true))
        });
        for change in [&made, &rejected] {
            let (fix, deployment) = ("one".to_owned(), "acme".to_owned());
            let created = BTreeMap::new();
            let record = ChangeRecord { fix, deployment, existed: true, change: change.clone(), created };
            journal.note_change(&record).unwrap();
        }
        journal.note_rejected("one", &rejected).unwrap();
        let left: Vec<Change> = last_fix(&path).unwrap().into_iter().map(|record| record.change).collect();
        assert_eq!(left, [made]);
    }

    #[test]
    fn a_line_that_was_cut_does_not_swallow_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, "{\"step\":\"cut").unwrap();
        Journal::new(path.clone()).note("clerk.session.revoke", "sess_1").unwrap();
        let lines = super::lines(&path).unwrap();
        assert_eq!((lines.len(), &lines[0]["object"]), (1, &"sess_1".into()));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_journal() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        Journal::new(path.clone()).note("clerk.session.revoke", "sess_1").unwrap();
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
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

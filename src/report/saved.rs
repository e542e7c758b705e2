//! A saved JSON report, as far as a later run needs it.

use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};

use super::text::clean;
use crate::config::Mode;
use crate::run::{Earlier, Rehearsed, Report, Status};

/// What [`json::render`](super::json::render) wrote, without what only a reader needs.
#[derive(Debug, Clone, Deserialize)]
pub struct SavedReport {
    tool: Tool,
    project: String,
    mode: Mode,
    #[serde(default)]
    configuration: String,
    /// When that run started.
    pub started_at: Timestamp,
    checks: Vec<SavedCheck>,
}

#[derive(Debug, Clone, Deserialize)]
struct Tool {
    version: String,
}

#[derive(Debug, Clone, Deserialize)]
struct SavedCheck {
    id: String,
    #[serde(deserialize_with = "status")]
    status: Status,
    reason: Option<String>,
    findings: Vec<SavedFinding>,
}

#[derive(Debug, Clone, Deserialize)]
struct SavedFinding {
    message: String,
}

fn status<'de, D: Deserializer<'de>>(word: D) -> Result<Status, D::Error> {
    let word = String::deserialize(word)?;
    let status = Status::ALL.into_iter().find(|status| status.word() == word);
    status.ok_or_else(|| de::Error::custom(format!("unknown status `{word}`")))
}

impl SavedReport {
    /// Reads a report.
    ///
    /// # Errors
    /// If it cannot be read, or is not a report.
    pub fn read(path: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(path)?)?)
    }

    /// The version of preflight that wrote it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.tool.version
    }

    /// Whether it is a report of the configuration with this [fingerprint](crate::config::Config::fingerprint).
    #[must_use]
    pub fn is_of(&self, fingerprint: &str) -> bool {
        self.configuration == fingerprint
    }

    /// Whether it is a report of the same project and mode.
    #[must_use]
    pub fn is_like(&self, report: &Report) -> bool {
        self.project == clean(&report.project) && self.mode == report.mode
    }

    /// The status of a check, if the report has it.
    #[must_use]
    pub fn status(&self, id: &str) -> Option<Status> {
        self.check(id).map(|check| check.status)
    }

    /// The IDs of the checks with a status that `counts`.
    pub fn with(&self, counts: impl Fn(Status) -> bool) -> impl Iterator<Item = &str> {
        self.checks.iter().filter(move |check| counts(check.status)).map(|check| check.id.as_str())
    }

    /// Adds what this report says to each check that `report` left out.
    pub fn complete(&self, report: &mut Report) {
        let Report { checks, left_out, .. } = report;
        for check in checks.iter_mut().filter(|check| left_out.contains(&check.id)) {
            check.earlier = self.check(check.id.as_str()).map(|saved| saved.earlier(self.started_at));
        }
    }

    /// What this report of a rehearsal says, check by check.
    #[must_use]
    pub fn rehearsed(&self) -> Vec<Rehearsed> {
        let rehearsed = |check: &SavedCheck| Rehearsed { id: check.id.clone(), result: check.earlier(self.started_at) };
        self.checks.iter().map(rehearsed).collect()
    }

    fn check(&self, id: &str) -> Option<&SavedCheck> {
        self.checks.iter().find(|check| check.id == id)
    }
}

impl SavedCheck {
    fn earlier(&self, at: Timestamp) -> Earlier {
        let messages = self.findings.iter().map(|finding| finding.message.as_str()).chain(self.reason.as_deref());
        Earlier { status: self.status, at, detail: messages.collect::<Vec<&str>>().join(" ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{json, sample};

    fn saved(report: &Report) -> SavedReport {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preflight.json");
        std::fs::write(&path, json::render(report)).unwrap();
        SavedReport::read(&path).unwrap()
    }

    #[test]
    fn what_was_written_is_read_with_every_status() {
        let report = sample::no_go();
        let read = saved(&report);
        assert!(read.is_of(&report.configuration) && read.is_like(&report));
        assert_eq!(read.version(), env!("CARGO_PKG_VERSION"));
        for check in &report.checks {
            assert_eq!(read.status(check.id.as_str()), Some(check.status));
        }
        assert_eq!(Status::ALL.iter().filter(|status| read.with(|read| read == **status).next().is_none()).count(), 0);
    }

    #[test]
    fn only_a_check_that_was_left_out_gets_its_old_line() {
        let (old, mut new) = (saved(&sample::no_go()), sample::no_go());
        let old_warning = new.checks.iter().find(|check| check.status == Status::Warn).unwrap().clone();
        new.left_out = vec![old_warning.id.clone()];
        old.complete(&mut new);
        let lines: Vec<_> = new.earlier().collect();
        assert_eq!(lines.len(), 1);
        let earlier = Earlier {
            status: Status::Warn,
            at: new.started_at,
            detail: old_warning.findings[0].finding.message.clone(),
        };
        assert_eq!((&lines[0].0.id, lines[0].1), (&old_warning.id, &earlier));
    }

    #[test]
    fn a_text_that_is_no_report_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preflight.json");
        assert_eq!(SavedReport::read(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        std::fs::write(&path, "{}").unwrap();
        assert!(SavedReport::read(&path).is_err());
    }
}

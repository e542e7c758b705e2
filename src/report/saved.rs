//! A saved JSON report.

use std::io;
use std::path::Path;

use super::json::{self, ReadError};
use super::outline;
use super::text::clean;
use crate::run::{CheckReport, Earlier, Rehearsed, Report, Status};

/// What [`json::render`] wrote.
#[derive(Debug, Clone)]
pub struct SavedReport {
    /// The report.
    pub report: Report,
    version: String,
}

/// Why there is no saved report.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is not a report.
    #[error(transparent)]
    Report(#[from] ReadError),
}

impl SavedReport {
    /// Reads a report.
    ///
    /// # Errors
    /// If it cannot be read, or is not a report.
    pub fn read(path: &Path) -> Result<Self, SavedError> {
        let (report, version) = json::read(&std::fs::read(path)?)?;
        Ok(Self { report, version })
    }

    /// The version of preflight that wrote it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is a report of the configuration with this [fingerprint](crate::config::Config::fingerprint).
    #[must_use]
    pub fn is_of(&self, fingerprint: &str) -> bool {
        self.report.configuration == fingerprint
    }

    /// Whether it is a report of the same project and mode.
    #[must_use]
    pub fn is_like(&self, report: &Report) -> bool {
        self.report.project == clean(&report.project) && self.report.mode == report.mode
    }

    /// The status of a check, if the report has it.
    #[must_use]
    pub fn status(&self, id: &str) -> Option<Status> {
        self.check(id).map(|check| check.status)
    }

    /// The IDs of the checks with a status that `counts`.
    pub fn with(&self, counts: impl Fn(Status) -> bool) -> impl Iterator<Item = &str> {
        self.report.checks.iter().filter(move |check| counts(check.status)).map(|check| check.id.as_str())
    }

    /// Adds what this report says to each check that `report` left out.
    pub fn complete(&self, report: &mut Report) {
        let Report { checks, left_out, .. } = report;
        for check in checks.iter_mut().filter(|check| left_out.contains(&check.id)) {
            check.earlier = self.check(check.id.as_str()).map(|saved| earlier(saved, &self.report));
        }
    }

    /// What this report of a rehearsal says, check by check.
    #[must_use]
    pub fn rehearsed(&self) -> Vec<Rehearsed> {
        let rehearsed =
            |check: &CheckReport| Rehearsed { id: check.id.to_string(), result: earlier(check, &self.report) };
        self.report.checks.iter().map(rehearsed).collect()
    }

    fn check(&self, id: &str) -> Option<&CheckReport> {
        self.report.checks.iter().find(|check| check.id.as_str() == id)
    }
}

fn earlier(check: &CheckReport, report: &Report) -> Earlier {
    let messages = check.reported().map(|reported| reported.finding.message.clone());
    let why = Some(outline::why(check)).filter(|why| !why.is_empty());
    let detail = messages.chain(why).collect::<Vec<String>>().join(" ");
    Earlier { status: check.status, at: report.started_at, detail }
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
        let is_missing =
            |error: &SavedError| matches!(error, SavedError::File(error) if error.kind() == io::ErrorKind::NotFound);
        assert!(SavedReport::read(&path).is_err_and(|error| is_missing(&error)));
        std::fs::write(&path, "{}").unwrap();
        assert!(SavedReport::read(&path).is_err());
    }
}

//! `history.jsonl`, one line for each full run, and what changed since the last one.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::outline;
use super::text::clean;
use crate::config::Mode;
use crate::run::{CheckFinding, CheckReport, Report, SinceLast};

/// One run, as a line of the history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// `project.name` of the configuration.
    pub project: String,
    /// `live` or `test`.
    pub mode: String,
    /// `GO`, `NO-GO` or `NOT PROVEN`.
    pub verdict: String,
    /// What failed: `stripe/price-mode: other-mode (tier pro)`.
    pub failing: Vec<String>,
    /// The version of the Worker that served all traffic, if it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker_version: Option<String>,
}

impl PastRun {
    /// The line for a run with this version of the Worker.
    #[must_use]
    pub fn of(report: &Report, worker_version: Option<&str>) -> Self {
        let failing: BTreeSet<String> = outline::failures(report).iter().map(outline::name).collect();
        Self {
            started_at: report.started_at.to_string(),
            project: clean(&report.project),
            mode: report.mode.word().to_owned(),
            verdict: outline::verdict(report.decision).to_owned(),
            failing: failing.into_iter().collect(),
            worker_version: worker_version.map(clean),
        }
    }

    /// What changed from this run to a later one.
    #[must_use]
    pub fn until(&self, report: &Report) -> SinceLast {
        let now = Self::of(report, None).failing;
        let is_verified = |finding: &String| {
            let check = finding.split_once(": ").map_or(finding.as_str(), |(check, _)| check);
            report
                .checks
                .iter()
                .any(|now| now.id.as_str() == check && (now.status.is_verified() || !now.findings.is_empty()))
        };
        // A waiver covers a failure, and fixes nothing.
        let waived: BTreeSet<String> = report.checks.iter().flat_map(waived).collect();
        let gone = || self.failing.iter().filter(|finding| !now.contains(finding) && !waived.contains(*finding));
        SinceLast {
            started_at: self.started_at.clone(),
            new: now.iter().filter(|finding| !self.failing.contains(finding)).cloned().collect(),
            fixed: gone().filter(|finding| is_verified(finding)).cloned().collect(),
            same: now.iter().filter(|finding| self.failing.contains(finding)).cloned().collect(),
            unverified: gone().filter(|finding| !is_verified(finding)).cloned().collect(),
        }
    }
}

/// The names of a check's findings that a waiver covers.
fn waived(check: &CheckReport) -> impl Iterator<Item = String> {
    let covered = check.findings.iter().filter(|reported| reported.waived_by.is_some());
    covered.map(move |reported| outline::name(&CheckFinding { check, reported }))
}

/// The last run of this project and mode in a history. Lines that are no runs are skipped.
///
/// # Errors
/// If the file exists and cannot be read.
pub fn last(path: &Path, project: &str, mode: Mode) -> io::Result<Option<PastRun>> {
    let project = clean(project);
    find(path, |run| run.project == project && run.mode == mode.word())
}

/// The version of the Worker in the run that started at this time. `None` if it was not seen, or the history cannot be read.
#[must_use]
pub fn version(path: &Path, started_at: Timestamp) -> Option<String> {
    let started_at = started_at.to_string();
    find(path, |run| run.started_at == started_at).ok()??.worker_version
}

/// The newest run of a history that `is_wanted`.
fn find(path: &Path, is_wanted: impl Fn(&PastRun) -> bool) -> io::Result<Option<PastRun>> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        read => read?,
    };
    let mut runs = text.rsplit(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<PastRun>(line).ok());
    Ok(runs.find(is_wanted))
}

/// Appends a run with this version of the Worker to a history. Creates the file and its folder.
///
/// # Errors
/// If it cannot be written.
pub fn append(path: &Path, report: &Report, worker_version: Option<&str>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut line = serde_json::to_string(&PastRun::of(report, worker_version))?;
    line.push('\n');
    // In one write, so that two runs at once do not mix their lines.
    OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::run::Status;

    #[test]
    fn a_run_is_compared_with_the_last_one_of_its_project_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reports/history.jsonl");
        assert_eq!(last(&path, "acme", Mode::Live).unwrap(), None);
        append(&path, &sample::no_go(), None).unwrap();
        append(&path, &sample::go(), None).unwrap();
        fs::write(&path, format!("{}not a run\n", fs::read_to_string(&path).unwrap())).unwrap();
        let found = last(&path, "acme", Mode::Live).unwrap().unwrap();
        assert_eq!((found.verdict.as_str(), found.failing.len()), ("GO", 0));
        assert_eq!(last(&path, "acme", Mode::Test).unwrap(), None);
        assert_eq!(last(&path, "other", Mode::Live).unwrap(), None);
    }

    #[test]
    fn a_failure_is_new_the_same_or_fixed() {
        let (before, after) = (sample::go(), sample::no_go());
        let name = vec!["stripe/price-mode: other-mode (tier pro)".to_owned()];
        assert_eq!(PastRun::of(&before, None).until(&after).new, name);
        assert_eq!(PastRun::of(&after, None).until(&after).same, name);
        assert_eq!(PastRun::of(&after, None).until(&before).fixed, name);
    }

    #[test]
    fn a_failure_that_is_waived_since_then_is_not_fixed() {
        let (before, mut after) = (sample::no_go(), sample::no_go());
        after.checks[2].findings[0].waived_by = Some(0);
        let since = PastRun::of(&before, None).until(&after);
        assert_eq!((since.fixed.len(), since.same.len(), since.unverified.len()), (0, 0, 0), "{since:?}");
    }

    #[test]
    fn a_failure_that_could_not_be_verified_again_is_not_fixed() {
        let (before, mut after) = (sample::no_go(), sample::go());
        after.checks.iter_mut().for_each(|check| check.status = Status::Unknown);
        let since = PastRun::of(&before, None).until(&after);
        assert_eq!((since.fixed.len(), since.unverified.len()), (0, 1));
        assert!(outline::since_last(&since).ends_with("0 new, 0 fixed, 0 the same, 1 not verified"));
    }
}

//! The result of a run. Renderers turn it into text and decide nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::outage::{self, Outage};
use super::status::Status;
use crate::check::CheckId;
use crate::config::{Mode, Waiver};
use crate::finding::{Finding, Severity};
use crate::world::{Depth, LoggedRequest};

/// Everything a run found out.
#[derive(Debug, Clone)]
pub struct Report {
    /// How deep the rehearsal went, if it is the report of one.
    pub rehearsal: Option<Depth>,
    /// `project.name`.
    pub project: String,
    /// The mode that was checked for.
    pub mode: Mode,
    /// Identifies the configuration that was checked.
    pub configuration: String,
    /// Its file.
    pub file: PathBuf,
    /// When the run started.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Why it ended early, if it did.
    pub interruption: Option<Interruption>,
    /// The verdict.
    pub decision: Decision,
    /// Why no check could be run, if the configuration has errors: `its configuration has 2 errors`.
    pub not_run: Option<String>,
    /// How many required checks passed.
    pub coverage: Coverage,
    /// The flags that name the deployment, as they were typed: ` -c acme.toml`.
    pub flags: String,
    /// What its verdict is about.
    pub scope: Scope,
    /// The checks that it left out; none for a full run.
    pub left_out: Vec<CheckId>,
    /// Every check, in registry order, then those the configuration defines.
    pub checks: Vec<CheckReport>,
    /// What the waivers did.
    pub waivers: Vec<WaiverReport>,
    /// What this run changed by mistake, and how to undo it. Every report starts with it.
    pub changed: Option<String>,
    /// The last rehearsal of this configuration, check by check.
    pub rehearsed: Vec<Rehearsed>,
    /// What changed since the last full run, if there was one.
    pub since_last: Option<SinceLast>,
    /// Whether all that fails is known from the run before, and `--fail-on=new` tolerates that.
    pub is_known: bool,
    /// Whether there is no record of it: a report, or the result itself, could not be written.
    pub is_undelivered: bool,
    /// What this run started and could not end.
    pub left_open: Option<String>,
    /// Whether that does not end by itself: `preflight cleanup` must be run.
    pub needs_clean_up: bool,
    /// The parts of the deployment that the configuration does not name, so they were not checked.
    pub not_configured: Vec<Unconfigured>,
    /// Every request, in the order of the responses.
    pub requests: Vec<LoggedRequest>,
}

/// A part of a deployment that a configuration can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unconfigured {
    /// Its name in a sentence.
    pub name: &'static str,
    /// Its table in `preflight.toml`.
    pub table: &'static str,
}

/// What the verdict of a run is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every required check.
    Full,
    /// Every required check but those that a nightly run does without, because they passed not long ago.
    Nightly,
    /// Every check that was selected, required or not.
    Selected,
}

impl Unconfigured {
    /// The frontend.
    pub const FRONTEND: Self = Self { name: "the frontend", table: "[frontend]" };
    /// Cloudflare.
    pub const CLOUDFLARE: Self = Self { name: "Cloudflare", table: "[cloudflare]" };

    /// The part with this table, such as `frontend`.
    #[must_use]
    pub fn of_table(table: &str) -> Option<Self> {
        [Self::FRONTEND, Self::CLOUDFLARE].into_iter().find(|part| part.table.trim_matches(['[', ']']) == table)
    }
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Every required check passed.
    Go,
    /// Something failed.
    NoGo,
    /// Nothing failed, but a required check is unknown or skipped.
    NotProven,
    /// No checks ran.
    NothingRan,
}

/// What ended a run early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, or a CI job that was canceled.
    Terminate,
    /// A check crashed.
    Defect,
}

/// How many required checks were verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Required checks that apply.
    pub required: usize,
    /// Those that passed.
    pub verified: usize,
}

/// The result of one check.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Its ID.
    pub id: CheckId,
    /// Its title.
    pub title: String,
    /// The line of the configuration file that it is about, counted from 1.
    pub line: usize,
    /// Whether the verdict depends on it.
    pub required: bool,
    /// Its status.
    pub status: Status,
    /// From start to end, including time spent waiting for requests it shares with other checks.
    pub duration: Duration,
    /// The checks whose findings block it.
    pub blocked_by: Vec<CheckId>,
    /// Why it is unknown, skipped, not applicable or waived.
    pub reasons: Vec<String>,
    /// What it saw when it passed, for each subject.
    pub seen: Vec<String>,
    /// What is wrong.
    pub findings: Vec<Reported>,
    /// What is worth knowing. It has no influence on the status.
    pub notes: Vec<Reported>,
    /// Its requests, as indexes into [`Report::requests`].
    pub asked: BTreeSet<usize>,
    /// What an older report says of it, if this run left it out.
    pub earlier: Option<Earlier>,
}

/// What an older report says of a check. It is not part of the verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// Its status at that time.
    pub status: Status,
    /// When that run started.
    pub at: Timestamp,
    /// What was found, or why it was not verified. Empty if it passed.
    pub detail: String,
}

/// What the last rehearsal says of one of its checks. It is not part of a run's verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// The check.
    pub id: String,
    /// What was found.
    pub result: Earlier,
}

/// A finding in a report.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The subject, such as `tier pro`; empty for the deployment as a whole.
    pub subject: String,
    /// The line of the configuration file that it is about, counted from 1.
    pub line: usize,
    /// The finding.
    pub finding: Finding,
    /// The waiver that covers it, as an index into [`Report::waivers`].
    pub waived_by: Option<usize>,
    /// The command that verifies the fix.
    pub verify: String,
}

/// A finding and the check that reported it.
#[derive(Debug, Clone, Copy)]
pub struct CheckFinding<'a> {
    /// The check.
    pub check: &'a CheckReport,
    /// The finding.
    pub reported: &'a Reported,
}

impl CheckFinding<'_> {
    /// The finding's name: `stripe/price-mode: other-mode`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}: {}", self.check.id, self.reported.finding.code.name())
    }
}

/// What changed since the last full run. Failures are named `stripe/price-mode: other-mode (tier pro)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinceLast {
    /// When that run started: RFC 3339, UTC.
    pub started_at: String,
    /// Failures that it did not have.
    pub new: Vec<String>,
    /// Its failures that are gone.
    pub fixed: Vec<String>,
    /// Failures of both.
    pub same: Vec<String>,
    /// Its failures that could not be verified this time.
    pub unverified: Vec<String>,
}

/// A waiver and what it did in this run.
#[derive(Debug, Clone)]
pub struct WaiverReport {
    /// The waiver in `preflight.toml`.
    pub waiver: Waiver,
    /// What it did.
    pub effect: WaiverEffect,
}

/// What a waiver did in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiverEffect {
    /// It covered something.
    Used,
    /// There was nothing for it to cover.
    Unused,
    /// It has expired, so it covers nothing.
    Expired,
}

impl Scope {
    /// Whether the verdict depends on a check that ran.
    #[must_use]
    pub const fn counts(self, check: &CheckReport) -> bool {
        matches!(self, Self::Selected) || check.required
    }
}

impl CheckReport {
    /// What is wrong, and then what is worth knowing.
    pub fn reported(&self) -> impl Iterator<Item = &Reported> {
        self.findings.iter().chain(&self.notes)
    }

    pub(super) fn reported_mut(&mut self) -> impl Iterator<Item = &mut Reported> {
        self.findings.iter_mut().chain(&mut self.notes)
    }

    /// Whether the verdict depends on it, and it could not be verified.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.required && matches!(self.status, Status::Unknown | Status::Skipped)
    }
}

impl Report {
    /// A deployment whose checks could not be run. Without a report of it, a list of several would look healthy. `flags` name it
    /// on the command line.
    #[must_use]
    pub fn not_run(file: PathBuf, mode: Mode, flags: String, why: String) -> Self {
        Self {
            rehearsal: None,
            project: file.to_string_lossy().into_owned(),
            mode,
            configuration: String::new(),
            file,
            started_at: Timestamp::now(),
            duration: Duration::ZERO,
            interruption: None,
            decision: Decision::NothingRan,
            not_run: Some(why),
            coverage: Coverage { required: 0, verified: 0 },
            flags,
            scope: Scope::Full,
            left_out: Vec::new(),
            checks: Vec::new(),
            waivers: Vec::new(),
            changed: None,
            rehearsed: Vec::new(),
            since_last: None,
            is_known: false,
            is_undelivered: false,
            left_open: None,
            needs_clean_up: false,
            not_configured: Vec::new(),
            requests: Vec::new(),
        }
    }

    /// The checks that ran: all, or those that a partial run selected.
    pub fn ran(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| !self.left_out.contains(&check.id))
    }

    /// The checks whose line is from an older report.
    pub fn earlier(&self) -> impl Iterator<Item = (&CheckReport, &Earlier)> {
        self.checks.iter().filter_map(|check| Some((check, check.earlier.as_ref()?)))
    }

    /// The checks that have a line: those that ran, and those whose line is from an older report.
    pub fn listed(&self) -> impl Iterator<Item = &CheckReport> {
        self.checks.iter().filter(|check| check.earlier.is_some() || !self.left_out.contains(&check.id))
    }

    /// How old a line from an older report was when this run started. Zero if clocks disagree.
    #[must_use]
    pub fn age(&self, earlier: &Earlier) -> SignedDuration {
        self.started_at.duration_since(earlier.at).max(SignedDuration::ZERO)
    }

    /// The checks that could not be verified and that the verdict depends on.
    pub fn open(&self) -> impl Iterator<Item = &CheckReport> {
        let is_unverified = |check: &CheckReport| matches!(check.status, Status::Unknown | Status::Skipped);
        self.ran().filter(move |check| is_unverified(check) && self.scope.counts(check))
    }

    /// How many checks have a status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// The exit status of `run`, as documented in the README.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match (self.interruption, self.decision) {
            _ if self.needs_clean_up => 3,
            (Some(Interruption::Interrupt), _) => 130,
            (Some(Interruption::Terminate), _) => 143,
            (Some(Interruption::Defect), _) => 70,
            // Without a record of it, an older report could be mistaken for this run's.
            (_, Decision::Go) if self.is_undelivered => 70,
            (_, Decision::Go) => 0,
            (_, Decision::NoGo) if self.is_known => 0,
            (_, Decision::NoGo) => 1,
            (_, Decision::NotProven) => 2,
            (_, Decision::NothingRan) => 4,
        }
    }

    /// The findings of a severity that no waiver covers, the most harmful first.
    #[must_use]
    pub fn findings(&self, severity: Severity) -> Vec<CheckFinding<'_>> {
        let all =
            self.checks.iter().flat_map(|check| check.reported().map(move |reported| CheckFinding { check, reported }));
        let counts = |found: &CheckFinding<'_>| {
            found.reported.waived_by.is_none() && found.reported.finding.code.severity() == severity
        };
        let mut found: Vec<CheckFinding<'_>> = all.filter(counts).collect();
        found.sort_by_key(|found| found.reported.finding.code.harm());
        found
    }

    /// Who gave no usable answer to any request. If this machine is offline, that is everyone, with one sentence.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        outage::outages(&self.requests)
    }

    /// Whether every provider that was asked could not be connected to, and nothing else could.
    #[must_use]
    pub fn is_offline(&self) -> bool {
        outage::is_offline(&self.requests)
    }
}

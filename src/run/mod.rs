//! The runner: all checks at once, and what comes of them.

mod judged;
mod selection;
mod waivers;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use crate::check::{Check, CheckId, Judgement, Outcome};
use crate::checks;
use crate::config::{Config, Mode, Waiver};
use crate::finding::{Finding, NoAnswer, Severity};
use crate::world::{Logged, Trail, World, followed};
use std::collections::BTreeSet;

pub use selection::{Selection, UnknownName};
pub use waivers::unknown_checks;

/// Everything that a run found out. Renderers turn it into text and decide nothing.
#[derive(Debug, Clone)]
pub struct Report {
    /// `project.name`.
    pub project: String,
    /// The mode that was wanted.
    pub mode: Mode,
    /// When the run began.
    pub started_at: Timestamp,
    /// How long it took.
    pub duration: Duration,
    /// Why it ended before its time, where it did.
    pub interruption: Option<Interruption>,
    /// The verdict.
    pub decision: Decision,
    /// How many of the required checks were seen to pass.
    pub coverage: Coverage,
    /// Every check, in the order of the registry; those that the configuration makes stand last.
    pub checks: Vec<CheckReport>,
    /// What the waivers did.
    pub waivers: Vec<WaiverReport>,
    /// What this run changed although it must not, and how to undo it; one sentence that every report opens with.
    pub changed: Option<String>,
    /// What this run began and could not end; one sentence.
    pub left_open: Option<String>,
    /// What the configuration does not name, so that no check looked at it.
    pub not_configured: Vec<Unconfigured>,
    /// Every request that was made, in the order in which they were answered.
    pub requests: Vec<Logged>,
}

/// A part of a deployment that a configuration can leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unconfigured {
    /// Its name in a sentence.
    pub name: &'static str,
    /// Its table in `preflight.toml`.
    pub table: &'static str,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Every required check was seen to pass.
    Go,
    /// Something failed.
    NoGo,
    /// Nothing failed, but a required check is unknown, skipped or was left out.
    NotProven,
    /// No check ran.
    NothingRan,
}

/// What ended a run early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interruption {
    /// Ctrl-C.
    Interrupt,
    /// `kill`, or a CI that takes its machine back.
    Terminate,
    /// A check of preflight's broke down.
    Defect,
}

/// How much of what is required was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coverage {
    /// Required checks that apply.
    pub required: usize,
    /// Those of them that were seen to pass.
    pub verified: usize,
}

/// What came of one check.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Its id.
    pub id: CheckId,
    /// Its title, ready for a line of a list.
    pub title: String,
    /// Whether the verdict needs it.
    pub required: bool,
    /// The word for it.
    pub status: Status,
    /// From its start to its end; much of it is waiting for what others asked too.
    pub duration: Duration,
    /// The checks whose findings stand in its way.
    pub blocked_by: Vec<CheckId>,
    /// Why it is unknown, skipped, not applicable or waived; one sentence each.
    pub reasons: Vec<String>,
    /// What was seen where it passed; one sentence for each subject.
    pub seen: Vec<String>,
    /// What is wrong.
    pub findings: Vec<Reported>,
    /// The requests that it is made from: their places in [`Report::requests`].
    pub asked: BTreeSet<usize>,
}

/// A finding in a report.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The subject in the user's words; empty for the deployment as a whole.
    pub subject: String,
    /// The finding.
    pub finding: Finding,
    /// The waiver that covers it: its place in [`Report::waivers`].
    pub waived_by: Option<usize>,
    /// The command that shows whether the mend worked.
    pub verify: String,
}

/// The word for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Status {
    /// As it should be.
    Pass,
    /// As it should be, with a warning.
    Warn,
    /// Not as it should be.
    Fail,
    /// Could not look.
    Unknown,
    /// Nothing failed, but a finding of another check stands in the way; or left out by hand.
    Skipped,
    /// Does not apply here.
    NotApplicable,
    /// Not as it should be, or not seen, and covered by a waiver.
    Waived,
    /// As it should be, but a request had to be made again.
    Flaky,
}

impl Status {
    /// All of them, in the order in which summaries count them.
    pub const ALL: [Self; 8] = [
        Self::Pass,
        Self::Warn,
        Self::Fail,
        Self::Unknown,
        Self::Skipped,
        Self::NotApplicable,
        Self::Waived,
        Self::Flaky,
    ];

    /// The word that every report uses.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::NotApplicable => "na",
            Self::Waived => "waived",
            Self::Flaky => "flaky",
        }
    }

    /// Whether somebody looked and saw that it is as it should be.
    #[must_use]
    pub const fn is_verified(self) -> bool {
        matches!(self, Self::Pass | Self::Warn | Self::Flaky)
    }
}

/// A waiver and what it did in this run.
#[derive(Debug, Clone)]
pub struct WaiverReport {
    /// The waiver as it stands in `preflight.toml`.
    pub waiver: Waiver,
    /// What became of it.
    pub effect: WaiverEffect,
}

/// What became of a waiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiverEffect {
    /// It covers something in this run.
    Used,
    /// Nothing was there for it to cover.
    Unused,
    /// Its day is over, so it covers nothing.
    Expired,
}

impl Report {
    /// How many checks have a status.
    #[must_use]
    pub fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// The exit status of `run`, as documented in the README.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match (self.interruption, self.decision) {
            (Some(Interruption::Interrupt), _) => 130,
            (Some(Interruption::Terminate), _) => 143,
            (Some(Interruption::Defect), _) => 70,
            (_, Decision::Go) => 0,
            (_, Decision::NoGo) => 1,
            (_, Decision::NotProven) => 2,
            (_, Decision::NothingRan) => 4,
        }
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn next_action(&self) -> String {
        let first = |severity| {
            let mut findings = self.checks.iter().flat_map(|check| &check.findings);
            findings.find(|reported| reported.waived_by.is_none() && reported.finding.code.severity() == severity)
        };
        if let Some(changed) = &self.changed {
            return changed.clone();
        }
        let mend = |reported: &Reported| format!("{} Then: {}", reported.finding.fix.summary, reported.verify);
        if let Some(failure) = first(Severity::Failure) {
            return mend(failure);
        }
        let open = self
            .checks
            .iter()
            .find(|check| check.required && matches!(check.status, Status::Unknown | Status::Skipped));
        match (self.decision, open) {
            (Decision::Go, _) if self.not_configured.is_empty() => {
                "Nothing: every required check was seen to pass.".to_owned()
            }
            (Decision::Go, _) => {
                let tables: Vec<&str> = self.not_configured.iter().map(|part| part.table).collect();
                let names: Vec<&str> = self.not_configured.iter().map(|part| part.name).collect();
                format!("Add {} to preflight.toml to check {}, too.", tables.join(" and "), names.join(" and "))
            }
            // Nothing failed, so it was asked to let warnings count.
            (Decision::NoGo, _) => first(Severity::Warning).map_or_else(|| WAIVERS_TO_SEE_TO.to_owned(), mend),
            (_, Some(check)) => format!("See why {} could not be verified: {}", check.id, check.reasons.join(" ")),
            _ => "Choose at least one check that applies.".to_owned(),
        }
    }
}

/// What to do where nothing but waivers is warned of.
const WAIVERS_TO_SEE_TO: &str = "Take the waivers that cover nothing out of the configuration.";

/// So long may what is under way take to be answered once a run is told to stop.
const TO_SETTLE: Duration = Duration::from_secs(10);

/// What happens while a run goes on.
#[derive(Debug, Clone)]
pub enum Event {
    /// A check has begun.
    Started(CheckId),
    /// A check has ended.
    Finished(CheckId, Status),
}

/// What came of one check, before waivers.
struct Finished {
    judgements: Vec<Judgement>,
    duration: Duration,
    trail: Trail,
    broke_down: bool,
}

/// Judges `world` with every selected check at once: what has to be asked first, each question sees to by itself. Ends
/// early when `stop` does; what was finished by then is in the report.
pub async fn run(
    world: &World,
    selection: &Selection,
    events: Option<UnboundedSender<Event>>,
    stop: impl Future<Output = Interruption>,
) -> Report {
    let (started_at, started) = (world.now(), Instant::now());
    // Nobody may be listening.
    let tell = |event| events.as_ref().map_or((), |events| drop(events.send(event)));
    let checks = checks::all(world.config());
    let chosen = checks.iter().enumerate().filter(|(_, check)| selection.includes(check.id.as_str()));
    let mut under_way: FuturesUnordered<_> = chosen
        .map(|(index, check)| {
            tell(Event::Started(check.id.clone()));
            finish(check, world).map(move |finished| (index, finished))
        })
        .collect();
    let mut reports: Vec<Option<CheckReport>> = checks.iter().map(|_| None).collect();
    let mut interruption = None;
    let mut stop = std::pin::pin!(stop);
    // What would leave a trace is waited for, but not for ever.
    let mut settled = std::pin::pin!(async {
        world.stop();
        tokio::time::timeout(TO_SETTLE, world.settled()).await
    });
    loop {
        tokio::select! {
            biased;
            reason = &mut stop, if interruption.is_none() => {
                interruption = Some(reason);
            }
            _ = &mut settled, if interruption.is_some_and(|reason| reason != Interruption::Defect) => break,
            finished = under_way.next() => {
                let Some((index, finished)) = finished else { break };
                if finished.broke_down {
                    interruption = Some(Interruption::Defect);
                }
                let report = judged::report(&checks[index], finished);
                tell(Event::Finished(report.id.clone(), report.status));
                reports[index] = Some(report);
            }
        }
    }
    drop(under_way);
    let left_open = world.leave().await.err();
    let reports = checks.iter().zip(reports).map(|(check, report)| {
        report.unwrap_or_else(|| {
            let why = if selection.includes(check.id.as_str()) {
                NoAnswer::unknown("the run was interrupted before it could be looked at")
            } else {
                NoAnswer::LeftOut(selection.flag().to_owned())
            };
            judged::without_looking(check, why)
        })
    });
    let mut reports: Vec<CheckReport> = reports.collect();
    let waivers = waivers::apply(&world.config().waivers, &mut reports, started_at);
    let ran_none = reports.iter().all(|check| !selection.includes(check.id.as_str()));
    let mut report = Report {
        project: world.config().project.name.clone(),
        mode: world.config().project.mode,
        started_at,
        duration: started.elapsed(),
        interruption,
        decision: decision(&reports, ran_none),
        coverage: coverage(&reports),
        checks: reports,
        waivers,
        changed: world.changed(),
        left_open,
        not_configured: not_configured(world.config()),
        requests: world.requests(),
    };
    judged::redact(&mut report, world.redactor());
    report
}

async fn finish(check: &Check, world: &World) -> Finished {
    let started = Instant::now();
    let judging = AssertUnwindSafe((check.judge)(world, &check.id)).catch_unwind();
    let (judgements, trail) = followed(judging).await;
    let broke_down = judgements.is_err();
    let judgements = judgements.unwrap_or_else(|_| {
        let why = "this check broke down: a defect of preflight, not of the deployment";
        vec![open_judgement(NoAnswer::unknown(why))]
    });
    Finished { judgements, duration: started.elapsed(), trail, broke_down }
}

/// What cannot be said of a check's subjects, for one reason.
fn open_judgement(why: NoAnswer) -> Judgement {
    let mut outcome = Outcome::new();
    outcome.leave_open(why);
    Judgement { subject: String::new(), outcome }
}

fn not_configured(config: &Config) -> Vec<Unconfigured> {
    let frontend = Unconfigured { name: "the frontend", table: "[frontend]" };
    let cloudflare = Unconfigured { name: "Cloudflare", table: "[cloudflare]" };
    let parts = [(config.frontend.is_none(), frontend), (config.cloudflare.is_none(), cloudflare)];
    parts.into_iter().filter_map(|(is_left_out, part)| is_left_out.then_some(part)).collect()
}

fn decision(checks: &[CheckReport], ran_none: bool) -> Decision {
    if ran_none {
        return Decision::NothingRan;
    }
    if checks.iter().any(|check| check.status == Status::Fail) {
        return Decision::NoGo;
    }
    let open = |check: &CheckReport| check.required && matches!(check.status, Status::Unknown | Status::Skipped);
    if checks.iter().any(open) { Decision::NotProven } else { Decision::Go }
}

fn coverage(checks: &[CheckReport]) -> Coverage {
    let required = || checks.iter().filter(|check| check.required && check.status != Status::NotApplicable);
    Coverage { required: required().count(), verified: required().filter(|check| check.status.is_verified()).count() }
}

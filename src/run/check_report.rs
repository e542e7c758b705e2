//! Turns the judgements of a check into its report.

use std::time::Duration;

use super::{CheckReport, Finished, Report, Reported, Status, open_judgement};
use crate::check::{Check, Judgement, Need};
use crate::checks;
use crate::config::Redactor;
use crate::finding::{Finding, NoAnswer, Severity};
use crate::world::Trail;

/// The report of a check that ran.
pub(super) fn report(check: &Check, finished: Finished) -> CheckReport {
    let Finished { mut judgements, duration, trail, .. } = finished;
    judgements.extend(unreported(&judgements, &trail).map(open_judgement));
    let several = judgements.len() > 1;
    let mut report = empty(check, duration);
    report.asked.clone_from(&trail.asked);
    let mut parts = PartsSeen::default();
    let of_all = shared(&judgements);
    for Judgement { subject, outcome } in judgements {
        let named = |text: String| if several && !subject.is_empty() { format!("{subject}: {text}") } else { text };
        if outcome.is_silent() {
            parts.unknown = true;
            report.reasons.push(named(
                "this check reported nothing, which is a bug in preflight and not in your deployment".to_owned(),
            ));
        }
        parts.passed |= !outcome.passed.is_empty();
        report.seen.extend(outcome.passed.into_iter().map(named));
        parts.not_applicable.extend(outcome.not_applicable.into_iter().map(named));
        let reported = |finding: Finding| {
            let (subject, verify) = (subject.clone(), String::new());
            Reported { subject, line: 1, finding, waived_by: None, verify }
        };
        report.findings.extend(outcome.findings.into_iter().map(reported));
        report.notes.extend(outcome.notes.into_iter().map(reported));
        for why in outcome.unanswered {
            let is_of_all = of_all.contains(&why);
            let reason = parts.leave_open(why, &mut report);
            let reason = if is_of_all { reason } else { named(reason) };
            // List a reason that applies to every subject once.
            if !report.reasons.contains(&reason) {
                report.reasons.push(reason);
            }
        }
    }
    report.findings.sort_by_key(|reported| {
        let code = reported.finding.code;
        (std::cmp::Reverse(code.severity()), code.harm())
    });
    report.status = parts.status(&report.findings, trail.retried);
    if report.status == Status::NotApplicable {
        report.reasons = parts.not_applicable;
    }
    report
}

/// Why no subject could be verified, such as an outage, which needs no subject.
fn shared(judgements: &[Judgement]) -> Vec<NoAnswer> {
    let [first, others @ ..] = judgements else { return Vec::new() };
    let is_of_all = |why: &&NoAnswer| others.iter().all(|other| other.outcome.unanswered.contains(why));
    first.outcome.unanswered.iter().filter(is_of_all).cloned().collect()
}

/// A request without an answer that the check did not report. The check cannot pass without it. Questions that only help to
/// word a fix are asked with [`optional`](crate::world::optional), which leaves no trail.
fn unreported(judgements: &[Judgement], trail: &Trail) -> Option<NoAnswer> {
    let is_failure = |finding: &Finding| finding.code.severity() == Severity::Failure;
    let reports_it = |judgement: &Judgement| {
        let outcome = &judgement.outcome;
        !outcome.unanswered.is_empty() || outcome.findings.iter().any(is_failure)
    };
    let is_reported = judgements.iter().any(reports_it);
    trail.unanswered.first().filter(|_| !is_reported).map(NoAnswer::unknown)
}

/// The report of a check that did not run.
pub(super) fn not_run(check: &Check, why: NoAnswer) -> CheckReport {
    let judgements = vec![open_judgement(why)];
    report(check, Finished { judgements, duration: Duration::ZERO, trail: Trail::default(), crashed: false })
}

fn empty(check: &Check, duration: Duration) -> CheckReport {
    CheckReport {
        id: check.id.clone(),
        title: check.title().to_owned(),
        line: 1,
        required: check.need == Need::Required,
        status: Status::Unknown,
        duration,
        blocked_by: Vec::new(),
        reasons: Vec::new(),
        seen: Vec::new(),
        findings: Vec::new(),
        notes: Vec::new(),
        asked: std::collections::BTreeSet::new(),
        earlier: None,
    }
}

/// What became of the parts of a check.
#[derive(Default)]
struct PartsSeen {
    passed: bool,
    unknown: bool,
    skipped: bool,
    not_applicable: Vec<String>,
}

impl PartsSeen {
    /// Counts a part that could not be verified, and returns the reason.
    fn leave_open(&mut self, why: NoAnswer, report: &mut CheckReport) -> String {
        match why {
            NoAnswer::Unknown(reason) => {
                self.unknown = true;
                reason
            }
            NoAnswer::LeftOut(flag) => {
                self.skipped = true;
                format!("excluded by {flag}")
            }
            NoAnswer::Because(cause) => {
                self.skipped = true;
                let owner = checks::owner(cause);
                if !report.blocked_by.contains(owner) {
                    report.blocked_by.push(owner.clone());
                }
                format!("blocked by {owner}")
            }
        }
    }

    /// The worst status of any part. A warning does not hide that another part could not be verified.
    fn status(&self, findings: &[Reported], retried: bool) -> Status {
        let worst = findings.iter().map(|reported| reported.finding.code.severity()).max();
        if worst == Some(Severity::Failure) {
            Status::Fail
        } else if self.unknown {
            Status::Unknown
        } else if self.skipped {
            Status::Skipped
        } else if worst == Some(Severity::Warning) {
            Status::Warn
        } else if !self.passed {
            Status::NotApplicable
        } else if retried {
            Status::Flaky
        } else {
            Status::Pass
        }
    }
}

/// Redacts every secret in the report, such as one in a provider's error message or in a Worker's response. Quoted text was
/// already redacted before it was cut; this second pass means that no check and no renderer can forget to.
pub(super) fn redact(report: &mut Report, redactor: &Redactor) {
    let redact = |text: &mut String| *text = redactor.redact(text);
    report.changed.iter_mut().chain(&mut report.left_open).for_each(redact);
    for check in &mut report.checks {
        check.reasons.iter_mut().chain(&mut check.seen).for_each(redact);
        for reported in check.reported_mut() {
            redact_finding(&mut reported.finding, redact);
        }
    }
    for request in &mut report.requests {
        redact(&mut request.path);
        request.trouble.iter_mut().chain(&mut request.request_id).for_each(redact);
    }
}

fn redact_finding(finding: &mut Finding, redact: impl Fn(&mut String)) {
    let Finding { message, expected, actual, evidence, fix, .. } = finding;
    [message, expected, actual].into_iter().for_each(&redact);
    for evidence in evidence {
        let texts = [&mut evidence.request, &mut evidence.field, &mut evidence.seen];
        texts.into_iter().chain(&mut evidence.request_id).for_each(&redact);
    }
    fix.for_each_text(&redact);
}

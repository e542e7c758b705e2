//! From what a check says of its subjects to its line in the report.

use std::time::Duration;

use super::{CheckReport, Finished, Report, Reported, Status};
use crate::check::{Check, Finding, Judgement, Need, NoAnswer, Severity, Verdict};
use crate::config::Redactor;

/// The report of a check that was judged.
pub(super) fn report(check: &Check, finished: Finished) -> CheckReport {
    let mut report = empty(check, finished.duration);
    let several = finished.judgements.len() > 1;
    let mut judged = Judged::default();
    for Judgement { subject, outcome } in finished.judgements {
        let named = |text: String| if several && !subject.is_empty() { format!("{subject}: {text}") } else { text };
        match outcome {
            Ok(Verdict::Pass(seen)) => {
                judged.passed = true;
                report.seen.push(named(seen));
            }
            Ok(Verdict::NotApplicable(reason)) => judged.not_applicable.push(named(reason)),
            Ok(Verdict::Findings(findings)) => {
                judged.passed = true;
                let verify = format!("preflight run --only {}", check.id);
                report.findings.extend(findings.into_iter().map(|finding| {
                    let (subject, verify) = (subject.clone(), verify.clone());
                    Reported { subject, finding, waived_by: None, verify }
                }));
            }
            Err(NoAnswer::Unknown(reason)) => {
                judged.unknown = true;
                report.reasons.push(named(reason));
            }
            Err(NoAnswer::LeftOut(flag)) => {
                judged.skipped = true;
                report.reasons.push(named(format!("left out by {flag}")));
            }
            Err(NoAnswer::Blocked(by)) => {
                judged.skipped = true;
                report.reasons.push(named(format!("blocked by {by}")));
                if !report.blocked_by.contains(&by) {
                    report.blocked_by.push(by);
                }
            }
        }
    }
    // One reason that holds for every subject is said once.
    report.reasons.dedup();
    report.status = judged.status(&report.findings, finished.asked_again);
    if report.status == Status::NotApplicable {
        report.reasons = judged.not_applicable;
    }
    report
}

/// The report of a check that did not look.
pub(super) fn without_looking(check: &Check, why: NoAnswer) -> CheckReport {
    let judgements = vec![Judgement { subject: String::new(), outcome: Err(why) }];
    report(check, Finished { judgements, duration: Duration::ZERO, asked_again: false, broke_down: false })
}

fn empty(check: &Check, duration: Duration) -> CheckReport {
    CheckReport {
        id: check.id.clone(),
        title: check.title().to_owned(),
        required: check.need == Need::Required,
        status: Status::Unknown,
        duration,
        blocked_by: Vec::new(),
        reasons: Vec::new(),
        seen: Vec::new(),
        findings: Vec::new(),
    }
}

#[derive(Default)]
struct Judged {
    passed: bool,
    unknown: bool,
    skipped: bool,
    not_applicable: Vec<String>,
}

impl Judged {
    /// The gravest word that holds for any subject. A warning does not hide that another subject was not seen.
    fn status(&self, findings: &[Reported], asked_again: bool) -> Status {
        let worst = findings.iter().map(|reported| reported.finding.severity).max();
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
        } else if asked_again {
            Status::Flaky
        } else {
            Status::Pass
        }
    }
}

/// Takes every secret out of the report, wherever it came from: an error text of a provider, or the answer of a Worker that
/// quotes its own. What is quoted from outside was redacted already, before it was cut; this is the second net, so that no
/// check and no renderer can forget it.
pub(super) fn redact(report: &mut Report, redactor: &Redactor) {
    let redact = |text: &mut String| *text = redactor.redact(text);
    report.left_open.iter_mut().for_each(redact);
    for check in &mut report.checks {
        check.reasons.iter_mut().chain(&mut check.seen).for_each(redact);
        for reported in &mut check.findings {
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
    [message, expected, actual, &mut fix.summary].into_iter().for_each(&redact);
    for evidence in evidence {
        let texts = [&mut evidence.request, &mut evidence.field, &mut evidence.seen];
        texts.into_iter().chain(&mut evidence.request_id).for_each(&redact);
    }
    fix.commands.iter_mut().chain(&mut fix.links).for_each(&redact);
}

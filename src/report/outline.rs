//! What there is to say about a run, in the order in which a reader wants it; the formats only dress it.

use std::time::Duration;

use crate::check::CheckId;
use crate::finding::Severity;
use crate::run::{CheckReport, Decision, Interruption, Report, Reported, Status, WaiverEffect, WaiverReport};

/// A finding with the check that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// The check.
    pub check: &'a CheckReport,
    /// The finding.
    pub reported: &'a Reported,
}

impl Found<'_> {
    /// The finding's name: `stripe/price-mode: other-mode`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}: {}", self.check.id, self.reported.finding.code.name())
    }
}

/// Checks that were not verified, all for the same reason.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    /// Their common status.
    pub status: Status,
    /// Whether the verdict needs them.
    pub required: bool,
    /// Their ids, in the order of the report.
    pub checks: Vec<&'a CheckId>,
    /// Their common reason.
    pub reason: String,
}

/// The findings that no waiver covers and that are failures.
#[must_use]
pub fn failures(report: &Report) -> Vec<Found<'_>> {
    findings(report, Severity::Failure)
}

/// The findings that no waiver covers and that are warnings.
#[must_use]
pub fn warnings(report: &Report) -> Vec<Found<'_>> {
    findings(report, Severity::Warning)
}

fn findings(report: &Report, severity: Severity) -> Vec<Found<'_>> {
    let all =
        report.checks.iter().flat_map(|check| check.findings.iter().map(move |reported| Found { check, reported }));
    all.filter(|found| found.reported.waived_by.is_none() && found.reported.finding.code.severity() == severity)
        .collect()
}

/// What could not be verified, joined by reason: a provider in the dark is one paragraph and not twenty. What the verdict
/// needs comes first.
#[must_use]
pub fn unverified(report: &Report) -> Vec<Unverified<'_>> {
    let mut groups: Vec<Unverified<'_>> = Vec::new();
    for check in report.checks.iter().filter(|check| matches!(check.status, Status::Unknown | Status::Skipped)) {
        let (status, required, reason) = (check.status, check.required, why(check));
        match groups
            .iter_mut()
            .find(|group| group.status == status && group.required == required && group.reason == reason)
        {
            Some(group) => group.checks.push(&check.id),
            None => groups.push(Unverified { status, required, checks: vec![&check.id], reason }),
        }
    }
    groups.sort_by_key(|group| (!group.required, group.status == Status::Skipped));
    groups
}

/// Why a check has the status that it has, in sentences; empty where there is nothing to say.
#[must_use]
pub fn why(check: &CheckReport) -> String {
    if check.reasons.is_empty() && !check.blocked_by.is_empty() {
        let blockers: Vec<&str> = check.blocked_by.iter().map(CheckId::as_str).collect();
        return format!("blocked by {}", blockers.join(", "));
    }
    sentences(&check.reasons)
}

/// Several reasons as one text. Some are sentences, some are fragments that would run into each other.
#[must_use]
pub fn sentences(reasons: &[String]) -> String {
    let mut text = String::new();
    for reason in reasons {
        if !text.is_empty() {
            text.push_str(if text.ends_with(['.', '!', '?']) { " " } else { "; " });
        }
        text.push_str(reason);
    }
    text
}

/// What was seen, for a line of a list: the codes of what is wrong, else the reason, else what a pass looked at.
#[must_use]
pub fn seen(check: &CheckReport) -> String {
    match check.status {
        Status::Waived if check.findings.is_empty() => why(check),
        Status::Fail | Status::Warn | Status::Waived => codes(check),
        Status::Unknown | Status::Skipped | Status::NotApplicable => why(check),
        Status::Pass | Status::Flaky => check.seen.join("; "),
    }
}

/// The codes of what is wrong, each once, with whose it is or how many there are.
fn codes(check: &CheckReport) -> String {
    let mut codes: Vec<(&str, Vec<&str>)> = Vec::new();
    for reported in &check.findings {
        let (code, subject) = (reported.finding.code.name(), reported.subject.as_str());
        match codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, subjects)) => subjects.push(subject),
            None => codes.push((code, vec![subject])),
        }
    }
    let told = codes.into_iter().map(|(code, subjects)| match subjects.as_slice() {
        [""] => code.to_owned(),
        ["", ..] => format!("{code} ({} times)", subjects.len()),
        _ => format!("{code} ({})", subjects.join(", ")),
    });
    told.collect::<Vec<String>>().join(", ")
}

/// The verdict's word. That no check ran proves nothing either; the coverage says that there was none.
#[must_use]
pub const fn verdict(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "GO",
        Decision::NoGo => "NO-GO",
        Decision::NotProven | Decision::NothingRan => "NOT PROVEN",
    }
}

/// How much was verified: `31 of 33 required checks verified`.
#[must_use]
pub fn coverage(report: &Report) -> String {
    if report.decision == Decision::NothingRan {
        return "no check ran".to_owned();
    }
    let (verified, required) = (report.coverage.verified, report.coverage.required);
    let checks = if required == 1 { "check" } else { "checks" };
    format!("{verified} of {required} required {checks} verified")
}

/// What a GO does not cover, as a sentence; `None` where the configuration names every part of a deployment.
#[must_use]
pub fn not_covered(report: &Report) -> Option<String> {
    let names: Vec<&str> = report.not_configured.iter().map(|part| part.name).collect();
    (!names.is_empty()).then(|| format!("Not looked at: {}, which preflight.toml does not name.", names.join(" and ")))
}

/// How many checks have which status: `29 pass, 1 warn, 2 fail`.
#[must_use]
pub fn summary(report: &Report) -> String {
    let counted = Status::ALL.into_iter().map(|status| (report.count(status), status.word()));
    let counted: Vec<String> =
        counted.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    counted.join(", ")
}

/// What ended the run early, as a sentence.
#[must_use]
pub const fn interruption(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::Interrupt => "Stopped by Ctrl-C: what had not finished is unknown.",
        Interruption::Terminate => "Stopped by SIGTERM: what had not finished is unknown.",
        Interruption::Defect => "A check broke down, which is a defect of preflight: please report it.",
    }
}

/// What a waiver is about: `stripe/catalogue: unmapped-product`.
#[must_use]
pub fn waived(waiver: &WaiverReport) -> String {
    match &waiver.waiver.finding {
        Some(finding) => format!("{}: {finding}", waiver.waiver.check),
        None => waiver.waiver.check.clone(),
    }
}

/// What a waiver did, as a fragment: `waived until 2027-03-01`.
#[must_use]
pub fn effect(waiver: &WaiverReport) -> String {
    let line = waiver.waiver.line;
    match waiver.effect {
        WaiverEffect::Used => format!("waived until {}", waiver.waiver.expires),
        WaiverEffect::Unused => format!("nothing to waive: take it out (line {line} of the configuration)"),
        WaiverEffect::Expired => {
            format!("expired on {}: it counts again (line {line} of the configuration)", waiver.waiver.expires)
        }
    }
}

/// A time that something took: `40 ms`, `2.3 s`, `1 min 12 s`.
#[must_use]
pub fn took(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..59_950 => format!("{:.1} s", duration.as_secs_f64()),
        _ => {
            let seconds = (milliseconds + 500) / 1000;
            format!("{} min {} s", seconds / 60, seconds % 60)
        }
    }
}

/// When the run began, to the second: `2026-11-20 10:12:03 UTC`.
#[must_use]
pub fn began(report: &Report) -> String {
    report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn checks_that_cannot_tell_for_one_reason_are_said_once() {
        let mut report = sample::go();
        for check in &mut report.checks {
            check.status = Status::Unknown;
            check.reasons = vec!["Stripe did not answer.".to_owned()];
            check.required = true;
        }
        let groups = unverified(&report);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].checks.len(), report.checks.len());
    }

    #[test]
    fn what_the_verdict_needs_comes_first() {
        let mut report = sample::go();
        for (check, required) in report.checks.iter_mut().zip([false, true]) {
            check.status = Status::Unknown;
            check.required = required;
        }
        let groups = unverified(&report);
        assert_eq!(groups.iter().map(|group| group.required).collect::<Vec<bool>>(), [true, false]);
    }

    #[test]
    fn a_waived_finding_is_no_failure() {
        let mut report = sample::no_go();
        let before = failures(&report).len();
        report.checks.iter_mut().flat_map(|check| &mut check.findings).for_each(|found| found.waived_by = Some(0));
        assert!(before > 0 && failures(&report).is_empty());
    }

    #[test]
    fn a_code_is_said_once_however_often_it_is_found() {
        let mut check = sample::check("config/hygiene", Status::Fail);
        check.findings = vec![sample::other_mode(), sample::other_mode(), sample::warning(), sample::warning()];
        "tier basic".clone_into(&mut check.findings[1].subject);
        check.findings[2..].iter_mut().for_each(|reported| reported.subject.clear());
        assert_eq!(seen(&check), "other-mode (tier pro, tier basic), surplus (2 times)");
    }

    #[test]
    fn a_blocked_check_without_words_names_what_blocks_it() {
        let mut check = sample::check("worker/checkout", Status::Skipped);
        check.blocked_by = vec![CheckId::new("stripe/price-mode")];
        assert_eq!(why(&check), "blocked by stripe/price-mode");
    }

    #[test]
    fn fragments_do_not_run_into_each_other() {
        let text = |reasons: &[&str]| sentences(&reasons.iter().map(|reason| (*reason).to_owned()).collect::<Vec<_>>());
        assert_eq!(text(&["tier a: no answer", "tier b: no answer"]), "tier a: no answer; tier b: no answer");
        assert_eq!(text(&["No answer.", "No right."]), "No answer. No right.");
    }

    #[test]
    fn a_time_is_told_in_the_unit_that_suits_it() {
        let told =
            [7, 999, 2_345, 59_949, 59_950, 72_400].map(|milliseconds| took(Duration::from_millis(milliseconds)));
        assert_eq!(told, ["7 ms", "999 ms", "2.3 s", "59.9 s", "1 min 0 s", "1 min 12 s"]);
    }

    #[test]
    fn that_nothing_ran_is_not_proven() {
        let mut report = sample::go();
        report.decision = Decision::NothingRan;
        assert_eq!((verdict(report.decision), coverage(&report)), ("NOT PROVEN", "no check ran".to_owned()));
    }
}

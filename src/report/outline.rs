//! The content of a report, in the order a reader wants it. The formats only lay it out.

use std::time::Duration;

use super::text::{clean, shown, value};
use crate::check::CheckId;
use crate::finding::{Evidence, Finding, Severity};
use crate::run::{
    CheckFinding, CheckReport, Decision, Earlier, Interruption, Report, Scope, SinceLast, Status, WaiverEffect,
    WaiverReport,
};

/// The failures that no waiver covers, the most harmful first.
#[must_use]
pub fn failures(report: &Report) -> Vec<CheckFinding<'_>> {
    report.findings(Severity::Failure)
}

/// The warnings that no waiver covers, the most harmful first.
#[must_use]
pub fn warnings(report: &Report) -> Vec<CheckFinding<'_>> {
    report.findings(Severity::Warning)
}

/// The notes that no waiver hides.
#[must_use]
pub fn notes(report: &Report) -> Vec<CheckFinding<'_>> {
    report.findings(Severity::Note)
}

/// What else the check of a finding could not verify, if this is the last of its findings in a list. Those of one check are not
/// always next to each other.
#[must_use]
pub fn also(findings: &[CheckFinding<'_>], at: usize) -> Option<String> {
    let check = findings.get(at)?.check;
    let is_last = !findings.iter().skip(at + 1).any(|next| next.check.id == check.id);
    (is_last && !check.reasons.is_empty()).then(|| sentences(&check.reasons))
}

/// The groups of checks in report order, each with how many of its checks have each status: `5 pass, 2 fail`.
#[must_use]
pub fn groups(report: &Report) -> Vec<(&str, String)> {
    let mut groups: Vec<(&str, Vec<&CheckReport>)> = Vec::new();
    for check in report.listed() {
        match groups.iter_mut().find(|(group, _)| *group == check.id.group()) {
            Some((_, checks)) => checks.push(check),
            None => groups.push((check.id.group(), vec![check])),
        }
    }
    groups.into_iter().map(|(group, checks)| (group, counts_with_age(report, &checks))).collect()
}

/// How many checks have each status, and then how many had it in an older report: `1 fail; 5 pass (3 h ago)`.
fn counts_with_age(report: &Report, checks: &[&CheckReport]) -> String {
    let now = counts(checks.iter().filter(|check| check.earlier.is_none()).map(|check| check.status));
    let earlier = counts(checks.iter().filter_map(|check| check.earlier.as_ref()).map(|earlier| earlier.status));
    let age = checks.iter().find_map(|check| check.earlier.as_ref()).map(|earlier| age(report, earlier));
    let earlier = age.map(|age| format!("{earlier} ({age})"));
    [Some(now).filter(|now| !now.is_empty()), earlier].into_iter().flatten().collect::<Vec<String>>().join("; ")
}

/// How old a line from an older report is: `3 h ago`.
#[must_use]
pub fn age(report: &Report, earlier: &Earlier) -> String {
    let seconds = report.age(earlier).as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// The lines from an older report that did not simply pass, each as its status and what it said.
#[must_use]
pub fn earlier_concerns(report: &Report) -> Vec<(Status, String)> {
    let concerns = report
        .earlier()
        .filter(|(_, earlier)| !matches!(earlier.status, Status::Pass | Status::Flaky | Status::NotApplicable));
    concerns
        .map(|(check, earlier)| {
            (earlier.status, format!("{}, {}: {}", check.id, age(report, earlier), shown(&earlier.detail)))
        })
        .collect()
}

/// The IDs of checks, each with whether the verdict depends on it: `stripe/account, worker/tiers (not required)`.
#[must_use]
pub fn listed(checks: &[&CheckReport]) -> String {
    let named = |check: &&CheckReport| format!("{}{}", check.id, if check.required { "" } else { " (not required)" });
    checks.iter().map(named).collect::<Vec<String>>().join(", ")
}

/// What a piece of evidence shows: its field, and its value. What the finding says anyway is not repeated.
#[must_use]
pub fn shown_by<'e>(evidence: &'e Evidence, finding: &Finding) -> (&'e str, String) {
    let seen = evidence.seen.trim();
    let is_said = seen == finding.actual.trim() || (seen.len() > 3 && finding.actual.contains(seen));
    (&evidence.field, if is_said { String::new() } else { value(&evidence.seen) })
}

/// A finding's name, with its subject: `stripe/price-mode: other-mode (tier pro)`.
#[must_use]
pub fn name(found: &CheckFinding<'_>) -> String {
    match found.reported.subject.as_str() {
        "" => found.name(),
        subject => format!("{} ({})", found.name(), shown(subject)),
    }
}

/// What changed since the last run, in one line.
#[must_use]
pub fn since_last(since: &SinceLast) -> String {
    format!("Since the last run ({}): {}", to_the_minute(&since.started_at), counted(since))
}

/// What changed since another run, in one line.
#[must_use]
pub fn since_run(since: &SinceLast) -> String {
    format!("Since the run of {}: {}", to_the_minute(&since.started_at), counted(since))
}

/// When a run started, which is enough to recognize it.
fn to_the_minute(started_at: &str) -> String {
    format!("{} UTC", clean(started_at).chars().take(16).collect::<String>().replace('T', " "))
}

fn counted(SinceLast { new, fixed, same, unverified, .. }: &SinceLast) -> String {
    let open = if unverified.is_empty() { String::new() } else { format!(", {} not verified", unverified.len()) };
    format!("{} new, {} fixed, {} the same{open}", new.len(), fixed.len(), same.len())
}

/// Why a check has its status; empty if there is nothing to add.
#[must_use]
pub fn why(check: &CheckReport) -> String {
    if check.reasons.is_empty() && !check.blocked_by.is_empty() {
        let blockers: Vec<&str> = check.blocked_by.iter().map(CheckId::as_str).collect();
        return format!("blocked by {}", blockers.join(", "));
    }
    sentences(&check.reasons)
}

/// Joins reasons into one text. Some are sentences and some are fragments, which would run into each other.
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

/// One line about a check: the codes of its findings, the reason it was not verified, or what it saw when it passed.
#[must_use]
pub fn seen(check: &CheckReport) -> String {
    match check.status {
        Status::Waived if check.findings.is_empty() => why(check),
        Status::Fail | Status::Warn | Status::Waived => codes(check),
        Status::Unknown | Status::Skipped | Status::NotApplicable => why(check),
        Status::Pass | Status::Flaky => check.seen.join("; "),
    }
}

/// Each finding code once, with its subjects or its count.
fn codes(check: &CheckReport) -> String {
    let mut codes: Vec<(&str, Vec<&str>)> = Vec::new();
    for reported in &check.findings {
        let (code, subject) = (reported.finding.code.name(), reported.subject.as_str());
        match codes.iter_mut().find(|(known, _)| *known == code) {
            Some((_, subjects)) => subjects.push(subject),
            None => codes.push((code, vec![subject])),
        }
    }
    let texts = codes.into_iter().map(|(code, subjects)| match subjects.as_slice() {
        [""] => code.to_owned(),
        ["", ..] => format!("{code} ({} times)", subjects.len()),
        _ => format!("{code} ({})", subjects.join(", ")),
    });
    texts.collect::<Vec<String>>().join(", ")
}

/// The verdict's word. If no checks ran, nothing is proven, and the coverage says why.
#[must_use]
pub const fn verdict(decision: Decision) -> &'static str {
    match decision {
        Decision::Go => "GO",
        Decision::NoGo => "NO-GO",
        Decision::NotProven | Decision::NothingRan => "NOT PROVEN",
    }
}

/// How many required checks passed: `31 of 33 required checks verified`.
#[must_use]
pub fn coverage(report: &Report) -> String {
    if let Some(why) = &report.not_run {
        return format!("no checks ran, because {}", shown(why));
    }
    let older = report.earlier().next().map(|(_, earlier)| format!("the report of {}", age(report, earlier)));
    if report.decision == Decision::NothingRan {
        let why = older.map(|older| format!(", because {older} has nothing to check again"));
        return format!("no checks ran{}", why.unwrap_or_default());
    }
    let (verified, required) = (report.coverage.verified, report.coverage.required);
    if !report.left_out.is_empty() {
        let checks = if required == 1 { "check" } else { "checks" };
        let others = match (report.left_out.len(), older) {
            (1, Some(older)) => format!("1 other is from {older}"),
            (others, Some(older)) => format!("{others} others are from {older}"),
            (1, None) => "1 was left out".to_owned(),
            (others, None) => format!("{others} were left out"),
        };
        let kind = if report.scope == Scope::Selected { "selected" } else { "required" };
        return format!("{verified} of {required} {kind} {checks} verified, and {others}");
    }
    let checks = if required == 1 { "check" } else { "checks" };
    format!("{verified} of {required} required {checks} verified")
}

/// What a GO does not cover, as a sentence. `None` if the configuration names every part of the deployment.
#[must_use]
pub fn not_covered(report: &Report) -> Option<String> {
    let names: Vec<&str> = report.not_configured.iter().map(|part| part.name).collect();
    (!names.is_empty()).then(|| format!("Not checked: {} (not in preflight.toml).", names.join(" and ")))
}

/// How many checks have each status: `29 pass, 1 warn, 2 fail`.
#[must_use]
pub fn summary(report: &Report) -> String {
    counts(report.ran().map(|check| check.status))
}

/// The same after the coverage: ` (29 pass, 1 warn, 2 fail)`. Nothing if no checks ran.
#[must_use]
pub fn summary_after(report: &Report) -> String {
    let summary = summary(report);
    if summary.is_empty() { summary } else { format!(" ({summary})") }
}

fn counts(statuses: impl Iterator<Item = Status>) -> String {
    let statuses: Vec<Status> = statuses.collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    let counted = Status::ALL.into_iter().map(|status| (count(status), status.word()));
    let counted: Vec<String> =
        counted.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    counted.join(", ")
}

/// Why the run ended early, as a sentence.
#[must_use]
pub const fn interruption(interruption: Interruption) -> &'static str {
    match interruption {
        Interruption::Interrupt => "Stopped by Ctrl-C. Checks that had not finished are unknown.",
        Interruption::Terminate => "Stopped by SIGTERM. Checks that had not finished are unknown.",
        Interruption::Defect => "A check crashed. This is a bug in preflight, not in your deployment. Report it.",
    }
}

/// What a waiver covers: `stripe/catalogue: unmapped-product`.
#[must_use]
pub fn waived(waiver: &WaiverReport) -> String {
    match &waiver.waiver.finding {
        Some(finding) => format!("{}: {finding}", waiver.waiver.check),
        None => waiver.waiver.check.clone(),
    }
}

/// What a waiver did: `waived until 2027-03-01`.
#[must_use]
pub fn effect(waiver: &WaiverReport) -> String {
    let line = waiver.waiver.line;
    match waiver.effect {
        WaiverEffect::Used => format!("waived until {}", waiver.waiver.expires),
        WaiverEffect::Unused => format!("covers nothing: remove it (line {line} of the configuration file)"),
        WaiverEffect::Expired => {
            format!(
                "expired on {}, so the finding counts again (line {line} of the configuration file)",
                waiver.waiver.expires
            )
        }
    }
}

/// A duration: `40 ms`, `2.3 s`, `1 min 12 s`.
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

/// When the run started, to the second: `2026-11-20 10:12:03 UTC`.
#[must_use]
pub fn started_at(report: &Report) -> String {
    report.started_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::{Code, Harm};
    use crate::report::sample;

    #[test]
    fn a_waived_finding_is_not_a_failure() {
        let mut report = sample::no_go();
        let before = failures(&report).len();
        report.checks.iter_mut().flat_map(|check| &mut check.findings).for_each(|found| found.waived_by = Some(0));
        assert!(before > 0 && failures(&report).is_empty());
    }

    #[test]
    fn the_most_harmful_finding_comes_first_whatever_the_order_of_the_checks() {
        let mut report = sample::no_go();
        let mut forged = sample::other_mode();
        forged.finding.code = Code::declared("unsigned", Severity::Failure, "").harming(Harm::Exposure);
        report.checks.last_mut().unwrap().findings = vec![sample::other_mode(), forged];
        let names: Vec<&str> = failures(&report).iter().map(|found| found.reported.finding.code.name()).collect();
        assert_eq!(names, ["unsigned", "other-mode", "other-mode"]);
    }

    #[test]
    fn what_a_check_could_not_verify_follows_the_last_of_its_findings() {
        let mut report = sample::no_go();
        for check in &mut report.checks {
            check.findings = vec![sample::other_mode()];
            check.reasons = vec!["No answer.".to_owned()];
        }
        let first = report.checks[0].clone();
        let of = |check| CheckFinding { check, reported: &first.findings[0] };
        let found = [of(&report.checks[0]), of(&report.checks[1]), of(&report.checks[0])];
        let with: Vec<bool> = (0..3).map(|at| also(&found, at).is_some()).collect();
        assert_eq!(with, [false, true, true]);
    }

    #[test]
    fn evidence_does_not_repeat_the_actual_value() {
        let mut finding = sample::other_mode().finding;
        "pro ".clone_into(&mut finding.evidence[0].seen);
        assert_eq!(shown_by(&finding.evidence[0], &finding), ("error.message", "\"pro \"".to_owned()));
        finding.actual.clone_from(&finding.evidence[0].seen);
        assert_eq!(shown_by(&finding.evidence[0], &finding), ("error.message", String::new()));
    }

    #[test]
    fn a_repeated_code_is_listed_once() {
        let mut check = sample::check("config/hygiene", Status::Fail);
        check.findings = vec![sample::other_mode(), sample::other_mode(), sample::warning(), sample::warning()];
        "tier basic".clone_into(&mut check.findings[1].subject);
        check.findings[2..].iter_mut().for_each(|reported| reported.subject.clear());
        assert_eq!(seen(&check), "other-mode (tier pro, tier basic), surplus (2 times)");
    }

    #[test]
    fn a_blocked_check_without_reasons_names_its_blocker() {
        let mut check = sample::check("worker/checkout", Status::Skipped);
        check.blocked_by = vec![CheckId::new("stripe/price-mode")];
        assert_eq!(why(&check), "blocked by stripe/price-mode");
    }

    #[test]
    fn fragments_do_not_run_into_each_other() {
        let text = |reasons: &[&str]| sentences(&reasons.iter().map(|reason| (*reason).to_owned()).collect::<Vec<_>>());
        assert_eq!(text(&["tier a: no answer", "tier b: no answer"]), "tier a: no answer; tier b: no answer");
        assert_eq!(text(&["No answer.", "No permission."]), "No answer. No permission.");
    }

    #[test]
    fn durations_use_a_readable_unit() {
        let texts =
            [7, 999, 2_345, 59_949, 59_950, 72_400].map(|milliseconds| took(Duration::from_millis(milliseconds)));
        assert_eq!(texts, ["7 ms", "999 ms", "2.3 s", "59.9 s", "1 min 0 s", "1 min 12 s"]);
    }

    #[test]
    fn a_run_without_checks_is_not_proven() {
        let mut report = sample::go();
        report.decision = Decision::NothingRan;
        assert_eq!((verdict(report.decision), coverage(&report)), ("NOT PROVEN", "no checks ran".to_owned()));
    }
}

//! How a run differs from what its scenario expects.

use globset::Glob;
use preflight::check::CheckId;
use preflight::finding::Severity;
use preflight::report::outline;
use preflight::run::{CheckFinding, Report, Status};
use preflight::sandbox::Scenario;

/// One difference between a run and its scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Discrepancy {
    /// The check found nothing.
    Missed(String),
    /// The check found something else.
    WrongCode(String),
    /// Another check failed too.
    Extra(String),
    /// A check failed or was not verified in a healthy scenario.
    FalseAlarm(String),
    /// The fix of a failure has no command, page or code.
    VagueFix(String),
}

impl Discrepancy {
    /// Its column in the score.
    pub const fn kind(&self) -> usize {
        match self {
            Self::Missed(_) => 0,
            Self::WrongCode(_) => 1,
            Self::Extra(_) => 2,
            Self::FalseAlarm(_) => 3,
            Self::VagueFix(_) => 4,
        }
    }

    /// A description.
    pub fn words(&self) -> String {
        match self {
            Self::Missed(what) => format!("missed: {what}"),
            Self::WrongCode(what) => format!("wrong code: {what}"),
            Self::Extra(what) => format!("extra failure: {what}"),
            Self::FalseAlarm(what) => format!("false alarm: {what}"),
            Self::VagueFix(what) => format!("vague fix: {what}"),
        }
    }
}

/// Whether a scenario has no problem, though it may have warnings.
pub fn is_healthy(scenario: &Scenario) -> bool {
    scenario.group == "healthy"
}

/// Compares a run with its scenario. `local` are the checks that need no network.
pub fn judge(scenario: &Scenario, report: &Report, local: &[CheckId]) -> Vec<Discrepancy> {
    let (failures, warnings, notes) = (outline::failures(report), outline::warnings(report), outline::notes(report));
    let mut discrepancies = Vec::new();
    let mut explained = Vec::new();
    for expected in &scenario.finds {
        let name = format!("{}: {}", expected.check, expected.code);
        let is_of_check = |found: &&CheckFinding<'_>| found.check.id.as_str() == expected.check;
        let listed = match expected.severity {
            Severity::Failure => &failures,
            Severity::Warning => &warnings,
            Severity::Note => &notes,
        };
        if listed.iter().any(|found| found.name() == name) {
            explained.push(name);
            continue;
        }
        let failed = failures.iter().filter(is_of_check).map(CheckFinding::name);
        let warned = warnings.iter().filter(is_of_check).map(|found| format!("{} (warning)", found.name()));
        let instead: Vec<String> = failed.chain(warned).collect();
        let name = format!("{name}{}", expected.severity.suffix());
        discrepancies.push(if instead.is_empty() {
            Discrepancy::Missed(name)
        } else {
            Discrepancy::WrongCode(format!("expected {name}, found {}", instead.join(", ")))
        });
        explained.extend(instead);
    }
    let surplus = failures.iter().map(CheckFinding::name).filter(|name| !explained.contains(name));
    let is_healthy = is_healthy(scenario);
    discrepancies
        .extend(surplus.map(|name| if is_healthy { Discrepancy::FalseAlarm(name) } else { Discrepancy::Extra(name) }));
    let is_vague = |found: &&CheckFinding<'_>| found.reported.finding.fix.steps.is_empty();
    discrepancies.extend(failures.iter().filter(is_vague).map(|found| Discrepancy::VagueFix(found.name())));
    discrepancies.extend(scenario.unknown.iter().flat_map(|pattern| not_unknown(pattern, report, local)));
    if is_healthy {
        let open = report.checks.iter().filter(|check| check.is_open());
        discrepancies
            .extend(open.map(|check| Discrepancy::FalseAlarm(format!("{} is {}", check.id, check.status.word()))));
    }
    discrepancies
}

/// The checks that should be unknown but are not.
fn not_unknown(pattern: &str, report: &Report, local: &[CheckId]) -> Vec<Discrepancy> {
    let Ok(glob) = Glob::new(pattern) else {
        return vec![Discrepancy::Missed(format!("`{pattern}` is not a valid pattern"))];
    };
    let matcher = glob.compile_matcher();
    let concerned = report.checks.iter().filter(|check| matcher.is_match(check.id.as_str()));
    let known = concerned.filter(|check| check.status != Status::Unknown && !local.contains(&check.id));
    known.map(|check| Discrepancy::Missed(format!("{} is {}, not unknown", check.id, check.status.word()))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use preflight::change::Fix;
    use preflight::config::Mode;
    use preflight::finding::{Code, Finding};
    use preflight::run::{CheckReport, Coverage, Decision, Reported};

    use super::*;

    fn scenario(more: &str) -> Scenario {
        toml::from_str(&format!("name = 'a'\nabout = 'a'\n{more}")).unwrap()
    }

    /// A report of two checks, with the findings of the first.
    fn report(status: Status, findings: &[(&'static str, Severity)]) -> Report {
        let check = |id, status| CheckReport {
            id: CheckId::new(id),
            title: String::new(),
            line: 1,
            required: true,
            status,
            duration: Duration::ZERO,
            blocked_by: Vec::new(),
            reasons: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
            notes: Vec::new(),
            asked: std::collections::BTreeSet::new(),
            earlier: None,
        };
        let mut first = check("a/b", status);
        first.findings.extend(findings.iter().map(|(code, severity)| Reported {
            subject: String::new(),
            line: 1,
            finding: Finding {
                code: Code::declared(code, *severity, ""),
                message: String::new(),
                expected: String::new(),
                actual: String::new(),
                evidence: Vec::new(),
                fix: Fix::new("").command("true"),
            },
            waived_by: None,
            verify: String::new(),
        }));
        Report {
            decision: Decision::Go,
            not_run: None,
            coverage: Coverage { required: 2, verified: 2 },
            checks: vec![first, check("c/d", Status::Pass)],
            ..Report::not_run("preflight.toml".into(), Mode::Live, String::new(), String::new())
        }
    }

    const FAULT: &str = "group = 'a'\nfinds = ['a/b: x']";

    #[test]
    fn an_expected_finding_is_no_discrepancy() {
        let report = report(Status::Fail, &[("x", Severity::Failure)]);
        assert_eq!(judge(&scenario(FAULT), &report, &[]), []);
    }

    #[test]
    fn a_finding_that_is_absent_is_missed() {
        assert_eq!(
            judge(&scenario(FAULT), &report(Status::Pass, &[]), &[]),
            [Discrepancy::Missed("a/b: x".to_owned())]
        );
    }

    #[test]
    fn another_code_is_a_wrong_code_and_not_an_extra_failure() {
        let found = judge(&scenario(FAULT), &report(Status::Fail, &[("y", Severity::Failure)]), &[]);
        assert_eq!(found, [Discrepancy::WrongCode("expected a/b: x, found a/b: y".to_owned())]);
    }

    #[test]
    fn a_warning_is_not_a_failure_even_with_the_right_code() {
        let found = judge(&scenario(FAULT), &report(Status::Warn, &[("x", Severity::Warning)]), &[]);
        assert_eq!(found, [Discrepancy::WrongCode("expected a/b: x, found a/b: x (warning)".to_owned())]);
    }

    #[test]
    fn a_second_failure_is_an_extra_one() {
        let report = report(Status::Fail, &[("x", Severity::Failure), ("y", Severity::Failure)]);
        assert_eq!(judge(&scenario(FAULT), &report, &[]), [Discrepancy::Extra("a/b: y".to_owned())]);
    }

    #[test]
    fn in_a_healthy_scenario_a_failure_or_an_unknown_is_a_false_alarm() {
        let healthy = scenario("group = 'healthy'");
        let failing = judge(&healthy, &report(Status::Fail, &[("x", Severity::Failure)]), &[]);
        assert_eq!(failing, [Discrepancy::FalseAlarm("a/b: x".to_owned())]);
        let unknown = judge(&healthy, &report(Status::Unknown, &[]), &[]);
        assert_eq!(unknown, [Discrepancy::FalseAlarm("a/b is unknown".to_owned())]);
    }

    #[test]
    fn without_providers_only_local_checks_may_pass() {
        let dark = scenario("group = 'a'\nunknown = ['*']");
        let report = report(Status::Unknown, &[]);
        assert_eq!(judge(&dark, &report, &[]), [Discrepancy::Missed("c/d is pass, not unknown".to_owned())]);
        assert_eq!(judge(&dark, &report, &[CheckId::new("c/d")]), []);
    }
}

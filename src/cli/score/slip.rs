//! What is wrong with a run, by the word of its scenario.

use globset::Glob;
use preflight::check::CheckId;
use preflight::report::outline::{self, Found};
use preflight::run::{CheckReport, Report, Status};
use preflight::sandbox::Scenario;

/// One way in which a run was not what its scenario asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slip {
    /// The check says nothing.
    Missed(String),
    /// The check says something else.
    WrongCode(String),
    /// Another check fails too.
    Extra(String),
    /// Something fails, or cannot be told, where all is well.
    FalseAlarm(String),
}

impl Slip {
    /// Its column in the score.
    pub const fn kind(&self) -> usize {
        match self {
            Self::Missed(_) => 0,
            Self::WrongCode(_) => 1,
            Self::Extra(_) => 2,
            Self::FalseAlarm(_) => 3,
        }
    }

    /// It in words.
    pub fn words(&self) -> String {
        match self {
            Self::Missed(what) => format!("missed: {what}"),
            Self::WrongCode(what) => format!("wrong code: {what}"),
            Self::Extra(what) => format!("extra failure: {what}"),
            Self::FalseAlarm(what) => format!("false alarm: {what}"),
        }
    }
}

/// A world in which nothing is wrong and nobody is in trouble, though there may be something to warn of.
pub fn is_healthy(scenario: &Scenario) -> bool {
    scenario.group == "healthy"
}

/// In what a run was not what its scenario asks for. `local` are the checks that need nobody's answer.
pub fn judge(scenario: &Scenario, report: &Report, local: &[CheckId]) -> Vec<Slip> {
    let (failures, warnings) = (outline::failures(report), outline::warnings(report));
    let mut slips = Vec::new();
    let mut explained = Vec::new();
    for expected in &scenario.finds {
        let name = format!("{}: {}", expected.check, expected.code);
        let is_of_check = |found: &&Found<'_>| found.check.id.as_str() == expected.check;
        let listed = if expected.warning { &warnings } else { &failures };
        if listed.iter().any(|found| found.name() == name) {
            explained.push(name);
            continue;
        }
        let failed = failures.iter().filter(is_of_check).map(Found::name);
        let warned = warnings.iter().filter(is_of_check).map(|found| format!("{} (warning)", found.name()));
        let instead: Vec<String> = failed.chain(warned).collect();
        let name = if expected.warning { format!("{name} (warning)") } else { name };
        slips.push(if instead.is_empty() {
            Slip::Missed(name)
        } else {
            Slip::WrongCode(format!("{name} was expected, and {} was found", instead.join(", ")))
        });
        explained.extend(instead);
    }
    let surplus = failures.iter().map(Found::name).filter(|name| !explained.contains(name));
    let is_healthy = is_healthy(scenario);
    slips.extend(surplus.map(|name| if is_healthy { Slip::FalseAlarm(name) } else { Slip::Extra(name) }));
    slips.extend(scenario.unknown.iter().flat_map(|pattern| not_unknown(pattern, report, local)));
    if is_healthy {
        let open = |check: &&CheckReport| check.required && matches!(check.status, Status::Unknown | Status::Skipped);
        let open = report.checks.iter().filter(open);
        slips.extend(open.map(|check| Slip::FalseAlarm(format!("{} is {}", check.id, check.status.word()))));
    }
    slips
}

/// The checks that ought not to be able to tell, and told.
fn not_unknown(pattern: &str, report: &Report, local: &[CheckId]) -> Vec<Slip> {
    let Ok(glob) = Glob::new(pattern) else { return vec![Slip::Missed(format!("`{pattern}` is no pattern"))] };
    let matcher = glob.compile_matcher();
    let concerned = report.checks.iter().filter(|check| matcher.is_match(check.id.as_str()));
    let told = concerned.filter(|check| check.status != Status::Unknown && !local.contains(&check.id));
    told.map(|check| Slip::Missed(format!("{} is {} and not unknown", check.id, check.status.word()))).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use preflight::config::Mode;
    use preflight::finding::{Code, Finding, Fix, Severity};
    use preflight::run::{Coverage, Decision, Reported};

    use super::*;

    fn scenario(more: &str) -> Scenario {
        toml::from_str(&format!("name = 'a'\nabout = 'a'\n{more}")).unwrap()
    }

    /// A report of two checks, with the findings of the first.
    fn report(status: Status, findings: &[(&'static str, Severity)]) -> Report {
        let check = |id, status| CheckReport {
            id: CheckId::new(id),
            title: String::new(),
            required: true,
            status,
            duration: Duration::ZERO,
            blocked_by: Vec::new(),
            reasons: Vec::new(),
            seen: Vec::new(),
            findings: Vec::new(),
            asked: std::collections::BTreeSet::new(),
        };
        let mut first = check("a/b", status);
        first.findings.extend(findings.iter().map(|(code, severity)| Reported {
            subject: String::new(),
            finding: Finding {
                code: Code::declared(code, *severity, ""),
                message: String::new(),
                expected: String::new(),
                actual: String::new(),
                evidence: Vec::new(),
                fix: Fix::new(""),
            },
            waived_by: None,
            verify: String::new(),
        }));
        Report {
            project: String::new(),
            mode: Mode::Live,
            started_at: jiff::Timestamp::UNIX_EPOCH,
            duration: Duration::ZERO,
            interruption: None,
            decision: Decision::Go,
            coverage: Coverage { required: 2, verified: 2 },
            checks: vec![first, check("c/d", Status::Pass)],
            waivers: Vec::new(),
            changed: None,
            left_open: None,
            not_configured: Vec::new(),
            requests: Vec::new(),
        }
    }

    const FAULT: &str = "group = 'a'\nfinds = ['a/b: x']";

    #[test]
    fn what_is_found_as_it_should_be_is_no_slip() {
        let report = report(Status::Fail, &[("x", Severity::Failure)]);
        assert_eq!(judge(&scenario(FAULT), &report, &[]), []);
    }

    #[test]
    fn what_is_not_found_is_missed() {
        assert_eq!(judge(&scenario(FAULT), &report(Status::Pass, &[]), &[]), [Slip::Missed("a/b: x".to_owned())]);
    }

    #[test]
    fn another_code_is_a_wrong_one_and_not_an_extra_failure() {
        let slips = judge(&scenario(FAULT), &report(Status::Fail, &[("y", Severity::Failure)]), &[]);
        assert_eq!(slips, [Slip::WrongCode("a/b: x was expected, and a/b: y was found".to_owned())]);
    }

    #[test]
    fn a_warning_is_no_failure_even_with_the_right_code() {
        let slips = judge(&scenario(FAULT), &report(Status::Warn, &[("x", Severity::Warning)]), &[]);
        assert_eq!(slips, [Slip::WrongCode("a/b: x was expected, and a/b: x (warning) was found".to_owned())]);
    }

    #[test]
    fn a_second_failure_is_an_extra_one() {
        let report = report(Status::Fail, &[("x", Severity::Failure), ("y", Severity::Failure)]);
        assert_eq!(judge(&scenario(FAULT), &report, &[]), [Slip::Extra("a/b: y".to_owned())]);
    }

    #[test]
    fn in_a_healthy_world_a_failure_is_a_false_alarm_and_so_is_not_knowing() {
        let healthy = scenario("group = 'healthy'");
        let failing = judge(&healthy, &report(Status::Fail, &[("x", Severity::Failure)]), &[]);
        assert_eq!(failing, [Slip::FalseAlarm("a/b: x".to_owned())]);
        let unknown = judge(&healthy, &report(Status::Unknown, &[]), &[]);
        assert_eq!(unknown, [Slip::FalseAlarm("a/b is unknown".to_owned())]);
    }

    #[test]
    fn in_the_dark_only_what_needs_nobody_may_tell() {
        let dark = scenario("group = 'a'\nunknown = ['*']");
        let told = report(Status::Unknown, &[]);
        assert_eq!(judge(&dark, &told, &[]), [Slip::Missed("c/d is pass and not unknown".to_owned())]);
        assert_eq!(judge(&dark, &told, &[CheckId::new("c/d")]), []);
    }
}

//! The SARIF report, for code scanning: each finding at the line of `preflight.toml` that it is about.

mod log;

use std::path::{Component, Path};

use jiff::SignedDuration;
use url::Url;

use log::{
    Artifact, AutomationDetails, Description, Driver, Invocation, Kind, Level, Location, Log, Message, Notification,
    PhysicalLocation, Properties, Region, ReportingConfiguration, ResultProperties, Rule, Run, SarifResult,
    Suppression, Tool, VERSION,
};

use super::text::{clean, disarm_json, shown};
use super::{outline, plain};
use crate::config::hash;
use crate::finding::Severity;
use crate::run::{CheckFinding, CheckReport, Decision, Report, Reported, Status};

/// The end of the ID of the rule that stands for a check that could not be verified.
const UNVERIFIED: &str = "not-verified";

/// The whole report as a SARIF 2.1.0 log and a line end.
#[must_use]
pub fn render(report: &Report) -> String {
    render_all(std::slice::from_ref(report))
}

/// Several reports as one log, with a run for each.
#[must_use]
pub fn render_all(reports: &[Report]) -> String {
    let log = Log { schema: log::SCHEMA, version: VERSION, runs: reports.iter().map(run).collect() };
    // Serializing strings and numbers cannot fail, and every reader would notice an empty document.
    let mut document = serde_json::to_string_pretty(&log).unwrap_or_default();
    document.push('\n');
    disarm_json(&document)
}

fn run(report: &Report) -> Run {
    let mut rules = Vec::new();
    let mut results = Vec::new();
    for check in report.ran() {
        for reported in check.reported() {
            let rule = index(&mut rules, || rule(check, reported), &rule_id(check, reported.finding.code.name()));
            results.push(of_finding(report, CheckFinding { check, reported }, rule));
        }
        if matches!(check.status, Status::Unknown | Status::Skipped) {
            let rule = index(&mut rules, || unverified_rule(check), &rule_id(check, UNVERIFIED));
            results.push(of_unverified(report, check, rule));
        }
    }
    let took = SignedDuration::from_millis(i64::try_from(report.duration.as_millis()).unwrap_or(i64::MAX));
    Run {
        tool: Tool {
            driver: Driver {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
                semantic_version: env!("CARGO_PKG_VERSION"),
                rules,
            },
        },
        automation_details: AutomationDetails {
            id: format!("preflight/{}/{}/", clean(&report.project).replace('/', "-"), report.mode.word()),
        },
        invocations: vec![Invocation {
            execution_successful: report.interruption.is_none() && report.not_run.is_none(),
            exit_code: report.exit_code(),
            start_time_utc: report.started_at.to_string(),
            end_time_utc: report.started_at.saturating_add(took).unwrap_or(report.started_at).to_string(),
            tool_execution_notifications: notifications(report),
        }],
        results,
        column_kind: "unicodeCodePoints",
        properties: Properties {
            verdict: outline::verdict(report.decision),
            coverage: outline::coverage(report),
            next_action: clean(&report.next_action()),
        },
    }
}

/// The index of a rule, which is added if it is the first of its ID.
fn index(rules: &mut Vec<Rule>, made: impl FnOnce() -> Rule, id: &str) -> usize {
    rules.iter().position(|rule| rule.id == id).unwrap_or_else(|| {
        rules.push(made());
        rules.len() - 1
    })
}

fn rule_id(check: &CheckReport, code: &str) -> String {
    format!("{}/{}", clean(check.id.as_str()), clean(code))
}

fn rule(check: &CheckReport, reported: &Reported) -> Rule {
    let code = reported.finding.code;
    let meaning = Some(code.meaning()).filter(|meaning| !meaning.is_empty()).unwrap_or_else(|| check.title.clone());
    described(check, code.name(), &meaning, level(code.severity()))
}

fn unverified_rule(check: &CheckReport) -> Rule {
    described(check, UNVERIFIED, "The check could not be verified.", Level::None)
}

fn described(check: &CheckReport, code: &str, meaning: &str, level: Level) -> Rule {
    let command = format!("preflight explain {}", check.id);
    Rule {
        id: rule_id(check, code),
        short_description: Description { text: shown(meaning) },
        full_description: Description { text: format!("{}: {}", shown(&check.title), shown(meaning)) },
        help: Description { text: format!("To see how it is verified and how to fix it, run: {}", shown(&command)) },
        default_configuration: ReportingConfiguration { level },
    }
}

const fn level(severity: Severity) -> Level {
    match severity {
        Severity::Failure => Level::Error,
        Severity::Warning => Level::Warning,
        Severity::Note => Level::Note,
    }
}

fn of_finding(report: &Report, found: CheckFinding<'_>, rule_index: usize) -> SarifResult {
    let CheckFinding { check, reported } = found;
    let lines = [shown(&reported.finding.message)].into_iter().chain(plain::details(&found));
    let suppressions = reported.waived_by.and_then(|waiver| report.waivers.get(waiver)).map(|waiver| Suppression {
        kind: "external",
        status: "accepted",
        justification: shown(&format!(
            "{}: {} (until {})",
            waiver.waiver.owner, waiver.waiver.reason, waiver.waiver.expires
        )),
    });
    let id = rule_id(check, reported.finding.code.name());
    SarifResult {
        fingerprint: fingerprint(&id, &clean(&reported.subject)),
        rule_id: id,
        rule_index,
        kind: Kind::Fail,
        level: level(reported.finding.code.severity()),
        message: message(&lines.collect::<Vec<String>>()),
        locations: vec![location(report, reported.line)],
        suppressions: suppressions.into_iter().collect(),
        properties: ResultProperties { check: clean(check.id.as_str()), subject: clean(&reported.subject) },
    }
}

/// A check that could not be verified is open: neither a pass nor a problem of the deployment.
fn of_unverified(report: &Report, check: &CheckReport, rule_index: usize) -> SarifResult {
    let id = rule_id(check, UNVERIFIED);
    let why = format!("{}, {}: {}", shown(&check.title), check.status.word(), shown(&outline::why(check)));
    SarifResult {
        fingerprint: fingerprint(&id, ""),
        rule_id: id,
        rule_index,
        kind: Kind::Open,
        level: Level::None,
        message: message(&[why]),
        locations: vec![location(report, check.line)],
        suppressions: Vec::new(),
        properties: ResultProperties { check: clean(check.id.as_str()), subject: String::new() },
    }
}

/// Tells results apart in every run, whatever line they are on.
fn fingerprint(rule: &str, subject: &str) -> log::Fingerprint {
    log::Fingerprint { of_finding: hash(&format!("{rule}\n{subject}")) }
}

fn location(report: &Report, line: usize) -> Location {
    Location {
        physical_location: PhysicalLocation {
            artifact_location: Artifact { uri: uri(&report.file) },
            region: Region { start_line: line.max(1) },
        },
    }
}

/// A path as the format wants it: relative to the repository if it is relative.
fn uri(path: &Path) -> String {
    if let Ok(url) = Url::from_file_path(path) {
        return url.into();
    }
    let encoded = |name: &std::ffi::OsStr| {
        let url = Url::from_file_path(Path::new("/").join(name));
        url.map_or_else(|()| String::new(), |url| url.path().trim_start_matches('/').to_owned())
    };
    let steps = path.components().filter_map(|step| match step {
        Component::Normal(name) => Some(encoded(name)),
        Component::ParentDir => Some("..".to_owned()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir => None,
    });
    steps.collect::<Vec<String>>().join("/")
}

/// What concerns the run and not one of its checks.
fn notifications(report: &Report) -> Vec<Notification> {
    let notify = |level, text: &str| Notification { level, message: message(&[shown(text)]) };
    let errors = report.changed.iter().map(|text| notify(Level::Error, text));
    let interrupted = report.interruption.map(|why| notify(Level::Error, outline::interruption(why)));
    let not_run = report.not_run.as_ref().map(|_| notify(Level::Error, &outline::coverage(report)));
    let open = report.left_open.iter().map(|text| notify(Level::Warning, text));
    let uncovered = outline::not_covered(report).filter(|_| report.decision == Decision::Go);
    let uncovered = uncovered.map(|text| notify(Level::Note, &text));
    errors.chain(interrupted).chain(not_run).chain(open).chain(uncovered).collect()
}

/// A text in which nothing is a link or a placeholder, which the format writes as `[text](target)` and `{0}`.
fn message(lines: &[String]) -> Message {
    let text = lines.join("\n");
    Message { text: text.replace("](", "] (").replace('{', "{{").replace('}', "}}") }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::report::sample;

    fn run_of(report: &Report) -> Value {
        serde_json::from_str::<Value>(&render(report)).unwrap()["runs"][0].take()
    }

    #[test]
    fn a_deployment_that_could_not_be_checked_is_a_run_that_was_not_successful() {
        let invocation = &run_of(&sample::not_run())["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let message = invocation["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
        assert_eq!(message, "no checks ran, because its configuration has 2 errors");
    }

    fn results(report: &Report) -> Vec<Value> {
        run_of(report)["results"].as_array().unwrap().clone()
    }

    #[test]
    fn each_severity_has_its_level() {
        let mut report = sample::no_go();
        report.checks[0].notes.push(sample::note());
        let found = |rule: &str| results(&report).into_iter().find(|result| result["ruleId"] == rule).unwrap();
        for (rule, kind, level) in [
            ("stripe/price-mode/other-mode", "fail", "error"),
            ("webhook/events/surplus", "fail", "warning"),
            ("config/hygiene/full-access", "fail", "note"),
            ("webhook/endpoint/not-verified", "open", "none"),
            ("stripe/price-terms/not-verified", "open", "none"),
        ] {
            assert_eq!((&found(rule)["kind"], &found(rule)["level"]), (&kind.into(), &level.into()), "{rule}");
        }
        assert_eq!(results(&report).len(), 5);
    }

    #[test]
    fn every_result_has_a_line_and_a_rule() {
        let report = sample::no_go();
        let run = run_of(&report);
        for result in results(&report) {
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], "preflight.toml");
            assert!(place["region"]["startLine"].as_u64().unwrap() > 0);
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
    }

    #[test]
    fn several_reports_are_runs_of_one_log() {
        let log: Value = serde_json::from_str(&render_all(&[sample::no_go(), sample::go()])).unwrap();
        assert_eq!(log["runs"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_waived_finding_is_suppressed_with_its_reason() {
        let mut report = sample::no_go();
        report.checks[2].findings[0].waived_by = Some(0);
        let waived = &results(&report)[0]["suppressions"][0];
        assert_eq!(waived["justification"], "ana: the bank confirms in March (until 2027-03-01)");
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_when_its_line_changes() {
        let mut report = sample::no_go();
        let prints = |report: &Report| -> Vec<Value> {
            results(report).iter().map(|result| result["partialFingerprints"].clone()).collect()
        };
        let before = prints(&report);
        report.checks[2].findings[0].line += 1;
        assert_eq!(prints(&report), before);
        "tier enterprise".clone_into(&mut report.checks[2].findings[0].subject);
        assert_ne!(prints(&report), before);
    }

    #[test]
    fn a_path_becomes_a_uri() {
        let uris =
            ["preflight.toml", "./a b/preflight.toml", "../x.toml", "/etc/ü.toml"].map(|path| uri(Path::new(path)));
        assert_eq!(uris, ["preflight.toml", "a%20b/preflight.toml", "../x.toml", "file:///etc/%C3%BC.toml"]);
    }

    #[test]
    fn what_concerns_the_run_is_a_notification() {
        let mut report = sample::go();
        report.changed = Some("The canary was changed.".to_owned());
        let notified = &run_of(&report)["invocations"][0]["toolExecutionNotifications"][0];
        assert_eq!(
            (&notified["level"], &notified["message"]["text"]),
            (&"error".into(), &"The canary was changed.".into())
        );
    }

    #[test]
    fn hostile_text_is_no_link_no_placeholder_and_no_command() {
        for text in sample::HOSTILE.into_iter().chain(["{0}", "##[error]x"]) {
            let report = sample::hostile(text);
            assert!(!render(&report).contains("##["));
            for result in results(&report) {
                let message = result["message"]["text"].as_str().unwrap();
                assert!(!message.contains("](") && !message.replace("{{", "").contains('{'), "{message}");
                assert!(!message.chars().any(|letter| letter.is_control() && letter != '\n'), "{message:?}");
            }
        }
    }
}

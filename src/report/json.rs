//! The JSON report, in the shape that `preflight schema report` publishes.

mod wire;

use std::time::Duration;

use wire::{
    Check, CheckStatus, Coverage, Document, EvidenceItem, Finding, FindingHarm, FindingSeverity, Fix, Request, Summary,
    Tool, Verdict,
};

use super::outline;
use super::text::{clean, disarm_json};
use crate::change::Actor;
use crate::finding::{Evidence, Harm, Severity};
use crate::run::{self, CheckReport, Decision, Report, Reported, Status};
use crate::world::LoggedRequest;

/// The version of the shape. It changes when a field is removed or changes its meaning, not when one is added.
const SCHEMA_VERSION: u32 = 1;

/// The whole report as one JSON document and a line end.
#[must_use]
pub fn render(report: &Report) -> String {
    // Serializing strings and numbers cannot fail, and every reader would notice an empty document.
    let mut document = serde_json::to_string_pretty(&Document::from(report)).unwrap_or_default();
    document.push('\n');
    disarm_json(&document)
}

/// The JSON Schema of what [`render`] writes.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}

impl From<&Report> for Document {
    fn from(report: &Report) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            project: clean(&report.project),
            mode: report.mode,
            kind: if report.rehearsal.is_some() { "rehearsal" } else { "run" },
            configuration: report.configuration.clone(),
            started_at: report.started_at.to_string(),
            duration_ms: milliseconds(report.duration),
            verdict: match report.decision {
                Decision::Go => Verdict::Go,
                Decision::NoGo => Verdict::NoGo,
                Decision::NotProven | Decision::NothingRan => Verdict::NotProven,
            },
            exit_code: report.exit_code(),
            changed: report.changed.as_deref().map(clean),
            coverage: Coverage { required: report.coverage.required, verified: report.coverage.verified },
            summary: Summary {
                pass: report.count(Status::Pass),
                warn: report.count(Status::Warn),
                fail: report.count(Status::Fail),
                unknown: report.count(Status::Unknown),
                skipped: report.count(Status::Skipped),
                na: report.count(Status::NotApplicable),
                waived: report.count(Status::Waived),
                flaky: report.count(Status::Flaky),
            },
            checks: report.checks.iter().map(Check::from).collect(),
            requests: report.requests.iter().map(Request::from).collect(),
            left_open: report.left_open.as_deref().map(clean),
            not_configured: report
                .not_configured
                .iter()
                .map(|part| part.table.trim_matches(['[', ']']).to_owned())
                .collect(),
            since_last: report.since_last.as_ref().map(wire::SinceLast::from),
            next_action: clean(&report.next_action()),
            next_actions: report.next_actions().iter().map(wire::NextAction::from).collect(),
        }
    }
}

impl From<&run::SinceLast> for wire::SinceLast {
    fn from(since: &run::SinceLast) -> Self {
        let cleaned = |names: &[String]| names.iter().map(|name| clean(name)).collect();
        Self {
            started_at: clean(&since.started_at),
            new: cleaned(&since.new),
            fixed: cleaned(&since.fixed),
            same: cleaned(&since.same),
            unverified: cleaned(&since.unverified),
        }
    }
}

impl From<&run::NextAction<'_>> for wire::NextAction {
    fn from(action: &run::NextAction<'_>) -> Self {
        let run::NextAction { found, who, commands, links } = action;
        let cleaned = |texts: &[String]| texts.iter().map(|text| clean(text)).collect();
        Self {
            check: clean(found.check.id.as_str()),
            code: found.reported.finding.code.name().to_owned(),
            subject: clean(&found.reported.subject),
            who: match who {
                Actor::Machine => wire::Who::Machine,
                Actor::Person => wire::Who::Person,
                Actor::Developer => wire::Who::Developer,
            },
            summary: clean(&found.reported.finding.fix.summary),
            lines: found.reported.finding.fix.code_lines().iter().map(|line| clean(line)).collect(),
            commands: cleaned(commands),
            links: cleaned(links),
            verify: clean(&found.reported.verify),
        }
    }
}

impl From<&CheckReport> for Check {
    fn from(check: &CheckReport) -> Self {
        Self {
            id: clean(check.id.as_str()),
            group: clean(check.id.group()),
            title: clean(&check.title),
            status: check.status.into(),
            required: check.required,
            duration_ms: milliseconds(check.duration),
            blocked_by: check.blocked_by.iter().map(|id| clean(id.as_str())).collect(),
            reason: Some(clean(&outline::why(check))).filter(|reason| !reason.is_empty()),
            findings: check.reported().map(Finding::from).collect(),
            earlier: check.earlier.as_ref().map(wire::Earlier::from),
        }
    }
}

impl From<&run::Earlier> for wire::Earlier {
    fn from(earlier: &run::Earlier) -> Self {
        Self { status: earlier.status.into(), started_at: earlier.at.to_string() }
    }
}

impl From<Status> for CheckStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Pass => Self::Pass,
            Status::Warn => Self::Warn,
            Status::Fail => Self::Fail,
            Status::Unknown => Self::Unknown,
            Status::Skipped => Self::Skipped,
            Status::NotApplicable => Self::Na,
            Status::Waived => Self::Waived,
            Status::Flaky => Self::Flaky,
        }
    }
}

impl From<&Reported> for Finding {
    fn from(reported: &Reported) -> Self {
        let finding = &reported.finding;
        Self {
            code: finding.code.name().to_owned(),
            severity: match finding.code.severity() {
                Severity::Note => FindingSeverity::Note,
                Severity::Warning => FindingSeverity::Warning,
                Severity::Failure => FindingSeverity::Failure,
            },
            harm: match finding.code.harm() {
                Harm::Exposure => FindingHarm::Exposure,
                Harm::Money => FindingHarm::Money,
                Harm::Service => FindingHarm::Service,
                Harm::Other => FindingHarm::Other,
            },
            message: clean(&finding.message),
            expected: clean(&finding.expected),
            actual: clean(&finding.actual),
            evidence: finding.evidence.iter().map(EvidenceItem::from).collect(),
            fix: Fix {
                summary: clean(&finding.fix.summary),
                lines: finding.fix.code_lines().iter().map(|line| clean(line)).collect(),
                commands: finding.fix.commands().iter().map(|command| clean(command)).collect(),
                links: finding.fix.links().iter().map(|link| clean(link)).collect(),
                verify: clean(&reported.verify),
            },
        }
    }
}

impl From<&Evidence> for EvidenceItem {
    fn from(evidence: &Evidence) -> Self {
        Self {
            request: clean(&evidence.request),
            status: evidence.status,
            request_id: evidence.request_id.as_deref().map(clean),
            field: clean(&evidence.field),
            seen: clean(&evidence.seen),
        }
    }
}

impl From<&LoggedRequest> for Request {
    fn from(request: &LoggedRequest) -> Self {
        Self {
            provider: request.provider.to_owned(),
            method: clean(&request.method),
            path: clean(&request.path),
            status: request.status,
            ms: milliseconds(request.duration),
            attempts: request.attempts,
            request_id: request.request_id.as_deref().map(clean),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::change::{Fix, StripeChange, StripeResource};
    use crate::report::sample;
    use crate::run::Interruption;

    fn parsed(report: &Report) -> Value {
        serde_json::from_str(&render(report)).unwrap()
    }

    #[test]
    fn the_document_has_the_published_fields_and_no_others() {
        let document = parsed(&sample::no_go());
        let names =
            |value: &Value| value.as_object().unwrap().keys().map(String::clone).collect::<Vec<String>>().join(" ");
        let failed = &document["checks"][2];
        let finding = &failed["findings"][0];
        assert_eq!(
            [&document, failed, finding, &finding["evidence"][0], &finding["fix"], &document["requests"][0]].map(names),
            [
                "changed checks configuration coverage duration_ms exit_code kind left_open mode next_action next_actions not_configured \
                 project requests schema_version since_last started_at summary tool verdict",
                "blocked_by duration_ms earlier findings group id reason required status title",
                "actual code evidence expected fix harm message severity",
                "field request request_id seen status",
                "commands lines links summary verify",
                "attempts method ms path provider request_id status",
            ]
        );
    }

    #[test]
    fn the_verdict_comes_before_the_checks() {
        let document = render(&sample::no_go());
        assert!(document.find("\"verdict\"") < document.find("\"checks\""));
    }

    #[test]
    fn each_verdict_has_its_name() {
        let word = |decision| {
            let mut report = sample::go();
            report.decision = decision;
            parsed(&report)["verdict"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            [Decision::Go, Decision::NoGo, Decision::NotProven, Decision::NothingRan].map(word),
            ["go", "no-go", "not-proven", "not-proven"]
        );
    }

    #[test]
    fn statuses_have_the_same_names_as_in_the_other_formats() {
        for status in Status::ALL {
            let mut report = sample::go();
            report.checks[0].status = status;
            let document = parsed(&report);
            assert_eq!(document["checks"][0]["status"], status.word());
            assert!(document["summary"][status.word()].as_u64().unwrap() > 0);
        }
    }

    #[test]
    fn a_stopped_run_has_the_exit_code_of_its_signal() {
        let mut report = sample::go();
        report.interruption = Some(Interruption::Interrupt);
        assert_eq!(parsed(&report)["exit_code"], 130);
    }

    #[test]
    fn a_go_without_a_record_has_the_exit_code_of_a_defect() {
        let mut report = sample::go();
        report.is_undelivered = true;
        assert_eq!(parsed(&report)["exit_code"], 70);
    }

    #[test]
    fn a_next_action_says_who_can_do_it() {
        let mut report = sample::no_go();
        let who = |report: &Report| parsed(report)["next_actions"][0]["who"].as_str().unwrap().to_owned();
        let mut with = |fix: Fix| {
            report.checks[2].findings[0].finding.fix = fix;
            who(&report)
        };
        let archive = StripeChange::update(StripeResource::Price, true, "price_1", "").set("active", true, false);
        assert_eq!(with(Fix::new("Archive it.").then(archive)), "machine");
        assert_eq!(with(Fix::new("Open it.").link("https://dashboard.stripe.com")), "person");
        assert_eq!(with(Fix::new("Change the code.")), "developer");
    }

    #[test]
    fn a_note_is_a_finding_with_its_own_severity() {
        let mut report = sample::go();
        report.checks[0].notes.push(sample::note());
        let document = parsed(&report);
        assert_eq!(document["checks"][0]["findings"][0]["severity"], "note");
        assert_eq!((&document["checks"][0]["status"], &document["verdict"]), (&"pass".into(), &"go".into()));
    }

    #[test]
    fn the_start_time_is_in_utc() {
        assert_eq!(parsed(&sample::go())["started_at"], "2026-11-20T10:12:03.456Z");
    }

    #[test]
    fn a_check_that_passed_has_no_reason() {
        assert_eq!(parsed(&sample::go())["checks"][0]["reason"], Value::Null);
    }

    #[test]
    fn hostile_text_leaves_no_control_character_in_any_value() {
        fn look(value: &Value) {
            match value {
                Value::String(text) => assert!(!text.chars().any(char::is_control), "{text:?}"),
                Value::Array(values) => values.iter().for_each(look),
                Value::Object(fields) => fields.values().for_each(look),
                _ => {}
            }
        }
        for text in sample::HOSTILE {
            look(&parsed(&sample::hostile(text)));
        }
    }

    #[test]
    fn a_ci_command_is_escaped_and_reads_the_same() {
        let report = sample::hostile("##[add-mask]x");
        assert!(!render(&report).contains("##["));
        assert_eq!(parsed(&report)["project"], "##[add-mask]x");
    }

    #[test]
    fn the_schema_requires_every_field_that_is_never_null() {
        let schema = schema().to_value();
        let required: Vec<&str> = schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let document = parsed(&sample::no_go());
        let optional = |name: &&str| !required.contains(name);
        let names = document.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(names.clone().filter(optional).collect::<Vec<_>>(), ["changed", "left_open", "since_last"]);
        assert_eq!(required.len() + 3, names.count());
    }
}

//! What the JSON report contains.

use serde_json::Value;

use super::*;
use crate::change::{Fix, StripeChange, StripeResource};
use crate::finding::Code;
use crate::report::sample;
use crate::run::Interruption;

fn parsed(report: &Report) -> Value {
    serde_json::from_str(&render(report)).unwrap()
}

#[test]
fn the_document_has_the_published_fields_and_no_others() {
    let document = parsed(&sample::no_go());
    let names = |value: &Value| value.as_object().unwrap().keys().map(String::clone).collect::<Vec<String>>().join(" ");
    let failed = &document["checks"][2];
    let finding = &failed["findings"][0];
    assert_eq!(
        [&document, failed, finding, &finding["evidence"][0], &finding["fix"], &document["requests"][0]].map(names),
        [
            "changed checks configuration configuration_file coverage depth duration_ms exit_code flags interruption kind left_open \
             mode next_action next_actions not_configured not_run project rehearsed requests schema_version scope since_last started_at \
             summary tool verdict waivers",
            "blocked_by duration_ms earlier findings group id left_out line reason reasons required seen status title",
            "actual code evidence expected fix harm line message severity subject waived_by",
            "field request request_id seen status",
            "commands is_choice lines links summary verify who",
            "attempts is_connected is_ours method ms path provider request_id status trouble",
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
    let nullable = ["changed", "depth", "interruption", "left_open", "not_run", "since_last"];
    assert_eq!(names.clone().filter(optional).collect::<Vec<_>>(), nullable);
    assert_eq!(required.len() + nullable.len(), names.count());
}

#[test]
fn a_report_that_is_read_again_is_the_same_in_every_format() {
    use crate::report::{Style, github, html, junit, markdown, table};
    let mut partial = sample::no_go();
    partial.left_out = vec![partial.checks[4].id.clone()];
    let at = partial.started_at;
    partial.checks[4].earlier = Some(run::Earlier { status: Status::Fail, at, detail: "It failed.".to_owned() });
    let mut noted = sample::no_go();
    noted.checks[0].notes.push(sample::note());
    noted.checks[2].findings[0].waived_by = Some(0);
    noted.checks[2].findings[0].finding.fix.is_choice = true;
    let mut others = [partial, noted, sample::go()];
    others[2].not_configured = vec![run::Unconfigured::FRONTEND];
    others[2].interruption = Some(Interruption::Terminate);
    others[2].rehearsed = vec![Rehearsed {
        id: "rehearsal/purchase".to_owned(),
        result: run::Earlier { status: Status::Pass, at, detail: String::new() },
    }];
    let verbose = Style { verbose: 1, ..Style::plain() };
    for report in others.into_iter().chain(sample::HOSTILE.map(sample::hostile)) {
        let (again, version) = read(render(&report).as_bytes()).unwrap();
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        for format in [render, markdown::render, html::render, junit::render, github::render] {
            assert_eq!(format(&again), format(&report));
        }
        for style in [Style::plain(), verbose] {
            assert_eq!(table::render(&again, style), table::render(&report, style));
        }
    }
}

#[test]
fn a_code_of_another_version_is_kept() {
    let mut report = sample::no_go();
    report.checks[2].findings[0].finding.code = Code::declared("from-the-future", Severity::Warning, "");
    let (again, _) = read(render(&report).as_bytes()).unwrap();
    let code = again.checks[2].findings[0].finding.code;
    assert_eq!((code.name(), code.severity()), ("from-the-future", Severity::Warning));
}

#[test]
fn what_is_no_report_says_why() {
    let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert!(error("{}").starts_with("this is not a report of `preflight run --format=json`: missing field"));
    assert!(error("GO").contains("line 1 column 1"));
    let report = render(&sample::go());
    let newer = report
        .replace("\"schema_version\": 1", "\"schema_version\": 2")
        .replace("\"version\": \"0", "\"version\": \"9");
    assert!(
        error(&newer).starts_with("this report is from preflight 9.") && error(&newer).contains("schema_version is 2")
    );
    assert!(error(&report.replace("2026-11-20T", "2026-13-20T")).contains("invalid date"));
}

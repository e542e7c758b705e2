//! The sample reports, made from the sandbox.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use preflight::report::{Style, github, html, json, junit, markdown, sarif, table};
use preflight::run::{Report, Selection, run};
use preflight::sandbox::{self, Sandbox};
use preflight::world::{Options, World};
use regex::Regex;

use super::assert_file;

/// A launch day with three problems.
const SCENARIOS: [&str; 3] = ["price-test-mode", "endpoint-slash", "worker-secret-wrong"];

/// A launch day with twelve problems, each of another check.
const TWELVE: [&str; 12] = [
    "worker-accepts-stale",
    "frontend-leaks-stripe",
    "cors-reflects",
    "clerk-test-mode",
    "stripe-account-no-payouts",
    "price-archived",
    "metadata-case",
    "events-missing-deleted",
    "portal-no-cancel",
    "users-plan-unknown",
    "version-not-deployed",
    "checkout-localhost",
];

/// The lines of one screen of a terminal.
const SCREEN: usize = 40;

/// The report of such a day, without what differs between runs.
async fn report(scenarios: &[&str]) -> Report {
    let sandbox = Sandbox::start(scenarios, sandbox::Options::default()).await.unwrap();
    let journal = tempfile::tempdir().unwrap();
    let options = Options { journal: journal.path().join("journal.jsonl"), ..Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    normalized(run(&world, &Selection::default(), None, pending()).await)
}

/// Replaces times, durations, request IDs and the order of responses, which differ between runs.
fn normalized(mut report: Report) -> Report {
    report.started_at = "2026-11-20T09:00:00Z".parse().unwrap();
    report.duration = Duration::from_millis(412);
    for request in &mut report.requests {
        request.duration = Duration::from_millis(20);
        request.path = normalized_text(&request.path);
    }
    report.requests.sort_by_key(|sent| (sent.provider, sent.method.clone(), sent.path.clone(), sent.status));
    let mut ids = BTreeMap::new();
    for (number, request) in report.requests.iter_mut().enumerate() {
        if let Some(id) = &mut request.request_id {
            let fixed = format!("req_Sample{number:04}");
            ids.insert(std::mem::replace(id, fixed.clone()), fixed);
        }
    }
    for check in &mut report.checks {
        check.duration = Duration::from_millis(40);
        for text in check.seen.iter_mut().chain(&mut check.reasons) {
            *text = normalized_text(text);
        }
        for finding in check.findings.iter_mut().chain(&mut check.notes).map(|reported| &mut reported.finding) {
            for text in [&mut finding.message, &mut finding.expected, &mut finding.actual] {
                *text = normalized_text(text);
            }
        }
        for evidence in
            check.findings.iter_mut().chain(&mut check.notes).flat_map(|reported| &mut reported.finding.evidence)
        {
            evidence.request = normalized_text(&evidence.request);
            if let Some(fixed) = evidence.request_id.as_ref().and_then(|id| ids.get(id)) {
                evidence.request_id = Some(fixed.clone());
            }
        }
    }
    report
}

/// Replaces timestamps and random IDs in a text.
fn normalized_text(text: &str) -> String {
    let changing = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-11-01T09:00:00Z"),
        (r"(created\[\w+\]=)\d+", "${1}1793523600"),
        (r"-[0-9a-f]{16}\b", "-0123456789abcdef"),
        (r"cs_live_\w+", "cs_live_a1Sample"),
    ];
    changing.iter().fold(text.to_owned(), |text, (pattern, instead)| {
        Regex::new(pattern).unwrap().replace_all(&text, *instead).into_owned()
    })
}

#[tokio::test]
async fn the_samples_match_a_run_against_the_sandbox() {
    let report = report(&SCENARIOS).await;
    assert_file("reports/sample/preflight.md", &markdown::render(&report));
    assert_file("reports/sample/preflight.json", &json::render(&report));
    assert_file("reports/sample/preflight.html", &html::render(&report));
    assert_file("reports/sample/preflight.sarif", &sarif::render(&report));
    assert_file("reports/sample/junit.xml", &junit::render(&report));
    assert_file("reports/sample/github.txt", &github::render(&report));
    assert_file("reports/sample/terminal.txt", &table::render(&report, Style { width: 96, ..Style::plain() }));
    let colored = table::render(&report, Style { width: 96, color: true, ..Style::plain() });
    let picture = anstyle_svg::Term::new().render_svg(&colored);
    assert_file("reports/sample/terminal.svg", &picture);
}

#[tokio::test]
async fn the_screens_match_runs_against_the_sandbox() {
    for (name, scenarios) in [("one", &SCENARIOS[..1]), ("three", &SCENARIOS), ("twelve", &TWELVE)] {
        let report = report(scenarios).await;
        for width in [60, 80, 120] {
            let screen = table::render(&report, Style { width, ..Style::plain() });
            assert_file(&format!("reports/sample/screens/{name}-{width}.txt"), &screen);
        }
    }
}

#[tokio::test]
async fn twelve_failures_fit_two_screens() {
    let screen = table::render(&report(&TWELVE).await, Style::plain());
    assert!(screen.lines().count() <= 2 * SCREEN, "{screen}");
}

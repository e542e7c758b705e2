//! What holds for every check.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::{ALL, built_in};
use crate::check::Check;
use crate::check::testing::{TestRun, lasting, rehearse, scenario};
use crate::report::outline;
use crate::run::{Decision, Selection, Status, run};
use crate::sandbox::{self, Sandbox, Scenario, scenarios};
use crate::world::{self, Depth, World};

/// Every file below a group's folder but each `mod.rs`: its path without the ending, and its text. A file with a `check!` is a
/// check. Any other is a module: of its group, or of the check whose name its folder has.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("checks");
    let folders = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| files_below(&folder));
    let named = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().with_extension("").display().to_string();
        (name, fs::read_to_string(path).unwrap())
    };
    files.filter(|path| path.file_name().unwrap() != "mod.rs").map(named).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn is_check(text: &str) -> bool {
    text.contains("check! {")
}

/// The text of a check's file, without tests, and of the modules that belong to it alone.
fn code_of(check: &Check) -> String {
    let path = check.id.as_str().replace('-', "_");
    let is_its = |name: &str| name == path || name.strip_prefix(&path).is_some_and(|rest| rest.starts_with('/'));
    files().iter().filter(|(name, _)| is_its(name)).map(|(_, text)| code(text)).collect()
}

/// The text of a file without comments and tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_check_is_registered_under_its_own_path() {
    let registered: BTreeSet<String> = built_in().map(|check| check.id.as_str().replace('-', "_")).collect();
    let found = files().into_iter().filter(|(_, text)| is_check(text)).map(|(name, _)| name).collect();
    assert_eq!(registered, found);
}

#[test]
fn every_documentation_has_a_title_and_its_sections() {
    for check in built_in() {
        assert!(!check.title().is_empty() && !check.title().ends_with('.'), "{}", check.id);
        for heading in ["Why it matters", "How it is verified", "How to fix it"] {
            assert!(check.section(heading).is_some_and(|text| text.len() > 20), "{}: {heading}", check.id);
        }
    }
}

#[test]
fn a_check_declares_every_code_once_and_uses_it() {
    // What it cannot find needs no name, and a finding cannot be made without a declared code.
    let made_up = "Code::declared";
    for check in built_in() {
        let code = code_of(check);
        assert!(!code.contains(made_up), "{} makes a code outside of codes!", check.id);
        let names: BTreeSet<&str> = check.codes.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), check.codes.len(), "{} declares a code twice", check.id);
        for name in names {
            let constant = Regex::new(&format!(r"\b{}\b", name.replace('-', "_").to_uppercase())).unwrap();
            assert!(constant.find_iter(&code).count() > 1, "{} declares {name} and never finds it", check.id);
        }
    }
}

#[test]
fn checks_import_the_prelude_the_configuration_and_the_world_and_nothing_else_of_ours() {
    let imported = Regex::new(r"crate::(\w+(?:::\w+)?)").unwrap();
    for (name, text) in files() {
        for found in imported.captures_iter(&code(&text)) {
            let path = &found[1];
            let is_shared = ["check::prelude", "checks::effect", "checks::grant"].contains(&path);
            let allowed = is_shared || path.starts_with("config") || path.starts_with("world");
            assert!(allowed, "{name} imports crate::{path}");
        }
    }
}

#[test]
fn no_check_drops_why_a_question_has_no_answer() {
    // Checks pass an unanswered question on with `?`, hand it to the outcome, or declare it `optional`. Parsing is no question.
    let dropped = Regex::new(r"\.ok\(\)|\bErr\(_\)|\blet Ok\(").unwrap();
    for (name, text) in files() {
        let code = code(&text);
        let lines =
            code.lines().filter(|line| !line.contains("Url::parse(") && !line.contains("serde_json::from_slice"));
        let dropping: Vec<&str> = lines.filter(|line| dropped.is_match(line)).collect();
        assert!(dropping.is_empty(), "{name}: {dropping:?}");
    }
}

#[test]
fn every_cause_has_exactly_one_check_that_reports_it() {
    let vocabulary = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/finding.rs")).unwrap();
    let variant = Regex::new(r"(?m)^    ([A-Z]\w+),$").unwrap();
    let causes = vocabulary.split("pub enum Cause {").nth(1).unwrap();
    let causes: Vec<&str> = variant.captures_iter(causes).map(|found| found.get(1).unwrap().as_str()).collect();
    let owned: Vec<String> = built_in().flat_map(|check| check.owns).map(|cause| format!("{cause:?}")).collect();
    for cause in &causes {
        assert_eq!(owned.iter().filter(|owned| owned == cause).count(), 1, "{cause}");
    }
    assert_eq!(owned.len(), causes.len());
}

#[test]
fn every_finding_that_a_scenario_asks_for_is_one_that_its_check_lists() {
    for scenario in scenarios() {
        for expected in &scenario.finds {
            let Some(check) = built_in().find(|check| check.id.as_str() == expected.check) else {
                continue;
            };
            assert!(check.code(&expected.code).is_some(), "{}: {} has no {}", scenario.name, check.id, expected.code);
        }
    }
}

/// The scenarios whose names begin with `start`.
fn named(start: &str) -> impl Iterator<Item = &'static Scenario> {
    scenarios().iter().filter(move |scenario| scenario.name.starts_with(start))
}

#[tokio::test]
async fn every_healthy_world_is_go() {
    for healthy in named("healthy") {
        let run = scenario(&healthy.name).await;
        assert_eq!(run.report().decision, Decision::Go, "{}", run.summary());
        // What is always noted is never read.
        assert!(outline::notes(run.report()).len() <= 3, "{}", run.summary());
    }
}

/// A rehearsal in a scenario, and what it changed for good: Clerk's users and Stripe's objects must be as before.
async fn rehearsed(name: &str, depth: Depth) -> (TestRun, Vec<String>) {
    let sandbox = Sandbox::start(&[name], sandbox::Options::default()).await.unwrap();
    let before = sandbox.state();
    let run = rehearse(sandbox, name, depth).await;
    let after = run.sandbox().state();
    let (before, after) = (lasting(before), lasting(after));
    let places = ["/clerk/users", "/stripe"];
    let changed = places.into_iter().filter(|place| before.pointer(place) != after.pointer(place));
    let changed = changed.map(|place| format!("{place} was changed in {}", run.summary())).collect();
    (run, changed)
}

#[tokio::test]
async fn a_rehearsal_in_a_healthy_world_is_go_and_changes_nothing() {
    let mut wrong = Vec::new();
    for healthy in named("healthy") {
        let (run, changed) = rehearsed(&healthy.name, Depth::Events).await;
        wrong.extend(changed);
        // No customer of a made-up event exists.
        let is_by_customer = healthy.name == "healthy-users-by-customer";
        let expected = if is_by_customer { Decision::NotProven } else { Decision::Go };
        if run.report().decision != expected {
            wrong.push(run.summary());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn what_only_a_rehearsal_can_see_does_not_disturb_a_run() {
    for hidden in scenarios().iter().filter(|scenario| scenario.depth().is_some()) {
        let run = scenario(&hidden.name).await;
        assert_eq!(run.report().decision, Decision::Go, "{}", run.summary());
    }
}

#[tokio::test]
async fn a_rehearsal_finds_its_problem_and_puts_the_canary_back() {
    let mut wrong = Vec::new();
    for broken in scenarios() {
        let Some(depth) = broken.depth() else { continue };
        let (run, changed) = rehearsed(&broken.name, depth).await;
        wrong.extend(changed);
        let expected = broken.finds.iter().map(|found| format!("{}: {}", found.check, found.code)).collect();
        let found = outline::failures(run.report()).into_iter().chain(outline::warnings(run.report()));
        if found.map(|found| found.name()).collect::<BTreeSet<String>>() != expected {
            wrong.push(run.summary());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn without_any_provider_no_check_that_asks_one_passes_or_fails() {
    let run = scenario("provider-dark").await;
    for check in &run.report().checks {
        let asks_none = matches!(check.id.group(), "config" | "manual");
        assert!(asks_none || matches!(check.status, Status::Unknown | Status::NotApplicable), "{}", run.summary());
    }
    assert_eq!(run.report().decision, Decision::NotProven);
}

#[tokio::test]
async fn every_check_that_blocks_another_fails_or_is_blocked() {
    for scenario_name in [
        "stripe-key-revoked",
        "price-test-mode",
        "worker-404",
        "jwt-template-missing",
        "endpoint-none",
        "clerk-key-revoked",
    ] {
        blockers_have_findings(&scenario(scenario_name).await);
    }
}

/// A check that is blocked points at one that fails, or that is itself blocked by one that does.
fn blockers_have_findings(run: &TestRun) {
    for check in &run.report().checks {
        for blocker in &check.blocked_by {
            let line = run.report().checks.iter().find(|line| line.id == *blocker);
            let line = line.unwrap_or_else(|| panic!("{} is blocked by {blocker}, which is no check", check.id));
            assert!(
                matches!(line.status, Status::Fail | Status::Skipped),
                "{} by {blocker}\n{}",
                check.id,
                run.summary()
            );
        }
    }
}

#[tokio::test]
async fn no_get_is_made_twice_in_a_run() {
    let run = scenario("healthy").await;
    let mut asked: Vec<String> = run
        .report()
        .requests
        .iter()
        // The usage route is asked with another token each time: five that must be refused, and the canary's.
        .filter(|sent| sent.method == "GET" && sent.path != "/api/usage")
        .map(|sent| format!("{} {}", sent.provider, sent.path))
        .collect();
    asked.sort();
    let (all, twice) = (asked.len(), asked.clone());
    asked.dedup();
    assert_eq!(asked.len(), all, "{twice:#?}");
}

#[tokio::test]
async fn a_check_that_declares_that_it_sends_nothing_only_reads() {
    let run = scenario("healthy").await;
    let requests = &run.report().requests;
    for check in ALL.iter().filter(|check| check.sends.is_empty()) {
        let sent =
            run.line(check.clone()).asked.iter().map(|index| &requests[*index]).find(|sent| sent.method != "GET");
        assert!(sent.is_none(), "{} sends {sent:?}", check.id);
    }
}

/// Faults that are independent of each other.
const INDEPENDENT: [(&str, &str); 9] = [
    ("price-archived", "stripe/price-terms: price-archived"),
    ("events-missing-deleted", "webhook/events: missing"),
    ("worker-accepts-stale", "webhook/rejects-forged: stale"),
    ("users-plan-unknown", "clerk/metadata: unknown-tier"),
    ("clerk-test-mode", "clerk/instance: test-mode"),
    ("portal-no-cancel", "portal/features: cancel"),
    ("frontend-pk-test", "frontend/keys: other-mode"),
    ("tiers-limit", "worker/tiers: limit"),
    ("cors-reflects", "worker/cors: reflects"),
];

#[tokio::test]
async fn two_independent_faults_are_exactly_both_findings() {
    for (index, (left, left_finding)) in INDEPENDENT.iter().enumerate() {
        for (right, right_finding) in &INDEPENDENT[index + 1..] {
            let run = scenario(&format!("{left},{right}")).await;
            let (found, expected) = (BTreeSet::from_iter(run.failures()), [*left_finding, *right_finding]);
            assert_eq!(found, expected.map(str::to_owned).into(), "{}", run.summary());
        }
    }
}

#[tokio::test]
async fn two_faults_of_one_group_on_different_subjects_are_both_found() {
    let run = scenario("price-test-mode,endpoint-slash,users-plan-case").await;
    let expected = ["clerk/metadata: case", "stripe/price-mode: other-mode", "webhook/endpoint: trailing-slash"];
    assert_eq!(BTreeSet::from_iter(run.failures()), expected.map(str::to_owned).into(), "{}", run.summary());
}

#[tokio::test]
async fn a_run_leaves_nothing_behind() {
    // What the table of checks says under "sends", each ended again or ending by itself within a minute.
    const ALLOWED: [&str; 7] = [
        "clerk.client.created",
        "clerk.session.created",
        "clerk.session.ended",
        "clerk.sign_in_token.created",
        "stripe.portal_session.created",
        "stripe.checkout_session.created",
        "stripe.checkout_session.expired",
    ];
    for name in
        ["healthy", "healthy-canary-customer", "healthy-test-mode", "price-test-mode", "worker-accepts-unsigned"]
    {
        let run = scenario(name).await;
        let effects = run.effects();
        assert!(effects.keys().all(|effect| ALLOWED.contains(&effect.as_str())), "{name}: {effects:?}");
        assert_eq!(run.effect("clerk.session.created"), run.effect("clerk.session.ended"), "{name}: {effects:?}");
        let (made, ended) = ("stripe.checkout_session.created", "stripe.checkout_session.expired");
        assert_eq!(run.effect(made), run.effect(ended), "{name}: {effects:?}");
    }
}

#[tokio::test]
async fn with_no_probe_nothing_is_sent_to_the_worker() {
    let sandbox = Sandbox::start(&["healthy"], sandbox::Options::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("journal.jsonl");
    let options = world::Options { probe: false, journal, ..world::Options::default() };
    let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
    let report = run(&world, &Selection::default(), None, std::future::pending()).await;
    let sent = sandbox.requests();
    assert!(!sent.iter().any(|(provider, _)| provider == "worker"), "{sent:?}");
    assert!(sandbox.effects().is_empty(), "{:?}", sandbox.effects());
    let worker = ["health", "tiers", "auth", "usage", "checkout", "portal", "cors"];
    let webhook = ["webhook/raw-body", "webhook/idempotent"].map(str::to_owned);
    for id in worker.map(|name| format!("worker/{name}")).into_iter().chain(webhook) {
        let check = report.checks.iter().find(|check| check.id.as_str() == id).unwrap();
        assert_eq!(check.status, Status::Skipped, "{id}: {:?}", check.reasons);
        assert_eq!(check.reasons, ["excluded by --no-probe"], "{id}");
    }
}

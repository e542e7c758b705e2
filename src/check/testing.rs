//! For the tests of checks: every check runs against a scenario of the sandbox, and a test looks at one of them.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};

use crate::change::Fix;
use crate::check::Check;
use crate::finding::{Finding, Severity};
use crate::run::{CheckReport, Report, Selection, Status, run};
use crate::sandbox::{Options, Sandbox};
use crate::world::{self, Depth, Pace, World};

/// A run against a scenario, or several joined by commas.
pub async fn scenario(names: &str) -> TestRun {
    let names: Vec<&str> = names.split(',').collect();
    let sandbox = Sandbox::start(&names, Options::default()).await.expect("a scenario of the catalog");
    let report = report(&sandbox).await;
    TestRun { sandbox, report, name: names.join(",") }
}

/// A run against a sandbox that is up.
pub async fn report(sandbox: &Sandbox) -> Report {
    let journal = tempfile::tempdir().expect("a temporary folder");
    let options = world::Options {
        timeout: Duration::from_secs(4),
        backoff: Duration::from_millis(1),
        journal: journal.path().join("journal.jsonl"),
        ..world::Options::default()
    };
    let config = sandbox.config(None).unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    let world = World::new(config, sandbox.options(options)).expect("a world");
    run(&world, &Selection::default(), None, pending()).await
}

/// A rehearsal in a sandbox that is up, with a person where it needs one.
pub async fn rehearse(sandbox: Sandbox, name: &str, depth: Depth) -> TestRun {
    let journal = tempfile::tempdir().expect("a temporary folder");
    let options = world::Options { journal: journal.path().join("journal.jsonl"), ..world::Options::default() };
    let config = sandbox.config(None).unwrap_or_else(|problems| panic!("{}", problems.render(false, 100)));
    let world = World::new(config, sandbox.options(options)).expect("a world").rehearsing_at(Pace::fast(), depth);
    let selection = Selection::rehearsal(depth);
    let report = tokio::select! {
        report = run(&world, &selection, None, pending()) => report,
        never = sandbox.complete_checkouts(&world) => match never {},
    };
    TestRun { sandbox, report, name: name.to_owned() }
}

/// The state of a sandbox without what is over at Stripe and stays there for good: deleted customers, ended subscriptions, closed
/// sessions, invoices, used codes and events.
pub fn lasting(mut state: Value) -> Value {
    const HISTORY: [&str; 4] = ["event", "invoice", "discount", "payment_method"];
    let is_over = |body: &Value| {
        HISTORY.iter().any(|kind| body["object"] == *kind)
            || body["deleted"] == true
            || matches!(body["status"].as_str(), Some("canceled" | "complete" | "expired"))
            || (body["object"] == "promotion_code" && body["active"] == false)
    };
    let kinds = state["stripe"].as_object_mut().into_iter().flat_map(|kinds| kinds.values_mut());
    for objects in kinds.filter_map(Value::as_object_mut) {
        objects.retain(|_, body| !is_over(body));
    }
    state["stripe"].as_object_mut().into_iter().for_each(|kinds| kinds.retain(|_, objects| *objects != json!({})));
    state
}

/// Drops a future after so many polls, as a killed process does, and lets the sandbox finish the request that was under way.
pub async fn killed_after<T>(polls: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = polls;
    let ended = poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await;
    drop(future);
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    ended
}

/// A finished run.
pub struct TestRun {
    sandbox: Sandbox,
    report: Report,
    name: String,
}

impl TestRun {
    /// The report.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The line of one check.
    pub fn line(&self, check: Check) -> &CheckReport {
        self.report.checks.iter().find(|report| report.id == check.id).expect("a registered check")
    }

    /// `check` fails with `code` and nothing else fails.
    pub fn finds(&self, check: Check, code: &str) {
        assert_eq!(self.failures(), [format!("{}: {code}", check.id)], "{}", self.summary());
    }

    /// `check` warns with `code`, and nothing fails.
    pub fn warns(&self, check: Check, code: &str) {
        assert_eq!(self.failures(), Vec::<String>::new(), "{}", self.summary());
        let codes: Vec<&str> =
            self.line(check.clone()).findings.iter().map(|reported| reported.finding.code.name()).collect();
        assert!(codes.contains(&code), "{} has {codes:?}\n{}", check.id, self.summary());
    }

    /// `check` is verified, notes `code`, and nothing fails.
    pub fn notes(&self, check: Check, code: &str) {
        self.passes(check.clone());
        let codes: Vec<&str> =
            self.line(check.clone()).notes.iter().map(|reported| reported.finding.code.name()).collect();
        assert!(codes.contains(&code), "{} has {codes:?}\n{}", check.id, self.summary());
    }

    /// `check` passes, and nothing fails.
    pub fn passes(&self, check: Check) {
        assert_eq!(self.failures(), Vec::<String>::new(), "{}", self.summary());
        assert!(self.line(check).status.is_verified(), "{}", self.summary());
    }

    /// `check` does not apply, and nothing fails.
    pub fn does_not_apply(&self, check: Check) {
        assert_eq!(self.failures(), Vec::<String>::new(), "{}", self.summary());
        assert_eq!(self.line(check).status, Status::NotApplicable, "{}", self.summary());
    }

    /// Every failure once, as `check: code`.
    pub fn failures(&self) -> Vec<String> {
        let findings =
            self.report.checks.iter().flat_map(|check| check.findings.iter().map(move |found| (check, found)));
        let failures = findings.filter(|(_, found)| found.finding.code.severity() == Severity::Failure);
        let mut kinds: Vec<String> =
            failures.map(|(check, found)| format!("{}: {}", check.id, found.finding.code.name())).collect();
        kinds.dedup();
        kinds
    }

    /// The first finding of a check.
    pub fn finding(&self, check: Check) -> &Finding {
        &self.line(check).findings.first().unwrap_or_else(|| panic!("{}", self.summary())).finding
    }

    /// The message of its first finding.
    pub fn message(&self, check: Check) -> &str {
        &self.finding(check).message
    }

    /// The fix of its first finding.
    pub fn fix(&self, check: Check) -> &Fix {
        &self.finding(check).fix
    }

    /// Why a check is unknown or skipped.
    pub fn reasons(&self, check: Check) -> String {
        self.line(check).reasons.join("\n")
    }

    /// What a check saw.
    pub fn seen(&self, check: Check) -> String {
        self.line(check).seen.join("\n")
    }

    /// The sandbox, as the run left it.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Every change to the sandbox, and how often it was made.
    pub fn effects(&self) -> BTreeMap<String, u64> {
        self.sandbox.effects()
    }

    /// How often one change was made.
    pub fn effect(&self, what: &str) -> u64 {
        self.effects().get(what).copied().unwrap_or_default()
    }

    /// The run in a few lines, for a failed test.
    pub fn summary(&self) -> String {
        let mut summary = format!("{}: {:?}\n", self.name, self.report.decision);
        for check in &self.report.checks {
            let codes: Vec<String> = check
                .reported()
                .map(|found| format!("{}: {}", found.finding.code.name(), found.finding.message))
                .collect();
            summary += &format!(
                "  {:8} {} {} {}\n",
                check.status.word(),
                check.id,
                codes.join(" | "),
                check.reasons.join(" | ")
            );
        }
        summary
    }
}

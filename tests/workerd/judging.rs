//! Runs preflight against the Worker in workerd and against the sandbox's own.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use preflight::report::outline;
use preflight::run::{CheckFinding, Decision, Report, Selection, Status, run};
use preflight::sandbox::{Options, Sandbox};
use preflight::world::{self, Depth, Pace, World};
use tokio::runtime::Runtime;

use crate::cases::WorkerCase;
use crate::workers::RunningWorker;

/// Both Workers get the same result, and it is the one that the scenario expects.
pub fn verdicts_agree(case: WorkerCase) -> Result<(), String> {
    let how = case.scenario()?.depth();
    let (embedded, real) = runtime()?.block_on(async {
        let embedded = judge(&start(case.scenario).await?, how).await?;
        let sandbox = start(case.scenario).await?;
        let worker = replace_worker(&sandbox, case.variables)?;
        let before = sandbox.state();
        let real = judge(&sandbox, how).await?;
        drop(worker);
        let metadata =
            |state: &serde_json::Value| [&state["clerk"]["users"], &state["clerk"]["organizations"]].map(Clone::clone);
        if metadata(&sandbox.state()) != metadata(&before) {
            return Err(format!("the canary is not as it was:\n{}", summary(&real)));
        }
        Ok::<_, String>((embedded, real))
    })?;
    if troubles(&embedded) != troubles(&real) {
        return Err(format!(
            "the embedded Worker:\n{}\nthe Worker in workerd:\n{}",
            summary(&embedded),
            summary(&real)
        ));
    }
    let found = found(&real);
    let missing = case.scenario()?.finds.iter().map(|expected| format!("{}: {}", expected.check, expected.code));
    let missing: Vec<String> = missing.filter(|name| !found.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not found: {missing:?}\n{}", summary(&real))) }
}

/// A Worker without a defect is GO.
pub fn healthy_worker_is_go(scenario: &str, deployed: &[(&str, &str)]) -> Result<(), String> {
    let reports = runtime()?.block_on(async {
        let sandbox = start(scenario).await?;
        let worker = replace_worker(&sandbox, deployed)?;
        let is_guided = deployed.contains(&("PROMOTION_CODES", "true"));
        let mut depths = vec![None, Some(Depth::Events)];
        // A restricted key for `preflight run` creates nothing.
        depths.extend((scenario != "healthy-restricted-key").then_some(Some(Depth::Live)));
        depths.extend(is_guided.then_some(Some(Depth::Guided)));
        let mut reports = Vec::new();
        for depth in depths {
            reports.push(judge(&sandbox, depth).await?);
        }
        drop(worker);
        Ok::<_, String>(reports)
    })?;
    let wrong: Vec<String> = reports.iter().filter(|report| report.decision != Decision::Go).map(summary).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

fn runtime() -> Result<Runtime, String> {
    Runtime::new().map_err(|error| error.to_string())
}

async fn start(scenario: &str) -> Result<Sandbox, String> {
    Sandbox::start(&[scenario], Options::default()).await.map_err(|error| error.to_string())
}

/// Replaces the embedded Worker with one that has the same secrets and variables, and these in addition.
fn replace_worker(sandbox: &Sandbox, variables: &[(&str, &str)]) -> Result<RunningWorker, String> {
    let address = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    let (stripe, clerk) = (address(&sandbox.plain().stripe), address(&sandbox.plain().clerk));
    let usual = [
        ("FRONTEND_URL", "https://app.acme.com"),
        ("ALLOWED_ORIGINS", "https://app.acme.com,https://www.acme.com"),
        ("STRIPE_API_BASE", &stripe),
        ("CLERK_API_URL", &clerk),
    ];
    let mut bindings = sandbox.bindings();
    bindings.extend(usual.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let worker = RunningWorker::start(&bindings)?;
    let url = worker.url().parse().map_err(|_| format!("{} is not a URL", worker.url()))?;
    sandbox.use_worker_at(url).map_err(|error| error.to_string())?;
    Ok(worker)
}

/// A run, or a rehearsal of this depth, with a person where it needs one.
async fn judge(sandbox: &Sandbox, depth: Option<Depth>) -> Result<Report, String> {
    let journal = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = world::Options {
        // Only a Worker that hangs takes this long.
        timeout: Duration::from_secs(10),
        backoff: Duration::from_millis(1),
        journal: journal.path().join("journal.jsonl"),
        ..world::Options::default()
    };
    let config = sandbox.config(None).map_err(|problems| problems.render(false, 100))?;
    let world = World::new(config, sandbox.options(options)).map_err(|error| error.to_string())?;
    let Some(depth) = depth else { return Ok(run(&world, &Selection::default(), None, pending()).await) };
    // A busy machine makes a slow Worker.
    let pace = Pace { patience: Duration::from_secs(3), ..Pace::fast() };
    let (world, selection) = (world.rehearsing_at(pace, depth), Selection::rehearsal(depth));
    Ok(tokio::select! {
        report = run(&world, &selection, None, pending()) => report,
        never = sandbox.complete_checkouts(&world) => match never {},
    })
}

/// Every check that fails or is unknown, with its codes. Without warnings, because a busy machine makes a slow Worker, and
/// without skipped checks, because a Worker that hangs on everything blocks more checks than one that hangs on events.
fn troubles(report: &Report) -> BTreeMap<String, (Status, BTreeSet<String>)> {
    let failures: Vec<CheckFinding<'_>> = outline::failures(report);
    let in_trouble = report.checks.iter().filter(|check| matches!(check.status, Status::Fail | Status::Unknown));
    let codes =
        |id: &str| failures.iter().filter(|found| found.check.id.as_str() == id).map(CheckFinding::name).collect();
    in_trouble.map(|check| (check.id.to_string(), (check.status, codes(check.id.as_str())))).collect()
}

/// Every failure and every warning.
fn found(report: &Report) -> Vec<String> {
    outline::failures(report).iter().chain(&outline::warnings(report)).map(CheckFinding::name).collect()
}

/// A summary of a report.
fn summary(report: &Report) -> String {
    let line = |check: &preflight::run::CheckReport| {
        let findings =
            check.findings.iter().map(|found| format!("{}: {}", found.finding.code.name(), found.finding.message));
        let details: Vec<String> = findings.chain(check.reasons.iter().cloned()).collect();
        format!("  {:8} {} {}\n", check.status.word(), check.id, details.join(" | "))
    };
    report.checks.iter().filter(|check| check.status != Status::Pass).map(line).collect()
}

//! A run of preflight against the Worker in workerd, and one against the sandbox's own.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::time::Duration;

use preflight::report::outline::{self, CheckFinding};
use preflight::run::{Decision, Report, Selection, Status, run};
use preflight::sandbox::{Options, Sandbox};
use preflight::world::{self, World};
use tokio::runtime::Runtime;

use crate::cases::Case;
use crate::workers::Worker;

/// Both Workers get the same judgement, and it is the one that the scenario asks for.
pub fn verdicts_agree(case: Case) -> Result<(), String> {
    let (embedded, real) = runtime()?.block_on(async {
        let embedded = judge(&start(case.scenario).await?).await?;
        let sandbox = start(case.scenario).await?;
        let worker = seat_worker(&sandbox, case.besides)?;
        let real = judge(&sandbox).await?;
        drop(worker);
        Ok::<_, String>((embedded, real))
    })?;
    if troubles(&embedded) != troubles(&real) {
        return Err(format!("the embedded Worker:\n{}\nthe Worker in workerd:\n{}", told(&embedded), told(&real)));
    }
    let found = found(&real);
    let missing = case.scenario()?.finds.iter().map(|expected| format!("{}: {}", expected.check, expected.code));
    let missing: Vec<String> = missing.filter(|name| !found.contains(name)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not found: {missing:?}\n{}", told(&real))) }
}

/// A Worker without a defect is a GO.
pub fn sound_worker_is_go(scenario: &str, deployed: &[(&str, &str)]) -> Result<(), String> {
    let report = runtime()?.block_on(async {
        let sandbox = start(scenario).await?;
        let worker = seat_worker(&sandbox, deployed)?;
        let report = judge(&sandbox).await?;
        drop(worker);
        Ok::<_, String>(report)
    })?;
    if report.decision == Decision::Go { Ok(()) } else { Err(told(&report)) }
}

fn runtime() -> Result<Runtime, String> {
    Runtime::new().map_err(|error| error.to_string())
}

async fn start(scenario: &str) -> Result<Sandbox, String> {
    Sandbox::start(&[scenario], Options::default()).await.map_err(|error| error.to_string())
}

/// A Worker with the same secrets and variables as the embedded one, and these besides, in its place.
fn seat_worker(sandbox: &Sandbox, besides: &[(&str, &str)]) -> Result<Worker, String> {
    let address = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    let (stripe, clerk) = (address(&sandbox.plain().stripe), address(&sandbox.plain().clerk));
    let usual = [
        ("FRONTEND_URL", "https://app.acme.com"),
        ("ALLOWED_ORIGINS", "https://app.acme.com,https://www.acme.com"),
        ("STRIPE_API_BASE", &stripe),
        ("CLERK_API_URL", &clerk),
    ];
    let mut bindings = sandbox.bindings().clone();
    bindings.extend(usual.iter().chain(besides).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let worker = Worker::start(&bindings)?;
    let url = worker.url().parse().map_err(|_| format!("{} is no address", worker.url()))?;
    sandbox.use_worker_at(url).map_err(|error| error.to_string())?;
    Ok(worker)
}

async fn judge(sandbox: &Sandbox) -> Result<Report, String> {
    let journal = tempfile::tempdir().map_err(|error| error.to_string())?;
    let options = world::Options {
        // Only a Worker that hangs is ever waited for so long.
        timeout: Duration::from_secs(10),
        backoff: Duration::from_millis(1),
        journal: journal.path().join("journal.jsonl"),
        ..world::Options::default()
    };
    let config = sandbox.config(None).map_err(|problems| problems.render(false, 100))?;
    let world = World::new(config, sandbox.options(options)).map_err(|error| error.to_string())?;
    Ok(run(&world, &Selection::default(), None, pending()).await)
}

/// Every check that fails or cannot tell, with why. Warnings are left out, since a busy machine is a slow Worker; and so
/// is what is skipped, since a Worker that hangs at everything leaves less to look at than one that hangs at events.
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

/// A report in a few lines.
fn told(report: &Report) -> String {
    let line = |check: &preflight::run::CheckReport| {
        let findings =
            check.findings.iter().map(|found| format!("{}: {}", found.finding.code.name(), found.finding.message));
        let said: Vec<String> = findings.chain(check.reasons.iter().cloned()).collect();
        format!("  {:8} {} {}\n", check.status.word(), check.id, said.join(" | "))
    };
    report.checks.iter().filter(|check| check.status != Status::Pass).map(line).collect()
}

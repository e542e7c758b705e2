//! The runner: starts all checks at once and collects their results.

mod check_report;
mod outage;
mod report;
mod selection;
mod waivers;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedSender;

use crate::check::{Check, CheckId, Judgement, Outcome};
use crate::checks;
use crate::config::Config;
use crate::finding::NoAnswer;
use crate::world::{Trail, World, followed};

pub use outage::Outage;
pub use report::{
    CheckFinding, CheckReport, Coverage, Decision, Interruption, NextAction, Report, Reported, SinceLast, Status,
    Unconfigured, WaiverEffect, WaiverReport, Who,
};
pub use selection::{Selection, UnknownName};
pub use waivers::unknown_checks;

/// How long requests in flight may take to finish once the run is stopped.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The progress of a run.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// A check has started.
    Started(CheckId),
    /// A check has finished.
    Finished(CheckId, Status),
}

/// The result of one check, before waivers.
struct Finished {
    judgements: Vec<Judgement>,
    duration: Duration,
    trail: Trail,
    crashed: bool,
}

/// Runs every selected check against `world` at once. Checks need no order: each waits for the answers it needs. Ends early
/// when `stop` does; the report then has everything that finished.
pub async fn run(
    world: &World,
    selection: &Selection,
    events: Option<UnboundedSender<RunEvent>>,
    stop: impl Future<Output = Interruption>,
) -> Report {
    let (started_at, started) = (world.now(), Instant::now());
    // The receiver may be gone.
    let notify = |event| events.as_ref().map_or((), |events| drop(events.send(event)));
    let checks = checks::all(world.config());
    let chosen = checks.iter().enumerate().filter(|(_, check)| selection.includes(check.id.as_str()));
    let mut under_way: FuturesUnordered<_> = chosen
        .map(|(index, check)| {
            notify(RunEvent::Started(check.id.clone()));
            finish(check, world).map(move |finished| (index, finished))
        })
        .collect();
    let mut reports: Vec<Option<CheckReport>> = checks.iter().map(|_| None).collect();
    let mut interruption = None;
    let mut stop = std::pin::pin!(stop);
    // Wait for requests that would leave something behind, but not forever.
    let mut settled = std::pin::pin!(async {
        world.stop();
        tokio::time::timeout(SETTLE_TIMEOUT, world.settled()).await
    });
    loop {
        tokio::select! {
            biased;
            reason = &mut stop, if interruption.is_none() => {
                interruption = Some(reason);
            }
            _ = &mut settled, if interruption.is_some_and(|reason| reason != Interruption::Defect) => break,
            finished = under_way.next() => {
                let Some((index, finished)) = finished else { break };
                if finished.crashed {
                    interruption = Some(Interruption::Defect);
                }
                let report = check_report::report(&checks[index], finished);
                notify(RunEvent::Finished(report.id.clone(), report.status));
                reports[index] = Some(report);
            }
        }
    }
    drop(under_way);
    let left_open = world.leave().await.err();
    let reports = checks.iter().zip(reports).map(|(check, report)| {
        report.unwrap_or_else(|| {
            let why = if selection.includes(check.id.as_str()) {
                NoAnswer::unknown("the run was interrupted before this check finished")
            } else {
                NoAnswer::LeftOut(selection.flag().to_owned())
            };
            check_report::not_run(check, why)
        })
    });
    let mut reports: Vec<CheckReport> = reports.collect();
    let waivers = waivers::apply(&world.config().waivers, &mut reports, started_at);
    let ran_none = reports.iter().all(|check| !selection.includes(check.id.as_str()));
    let mut report = Report {
        project: world.config().project.name.clone(),
        mode: world.config().project.mode,
        started_at,
        duration: started.elapsed(),
        interruption,
        decision: decision(&reports, ran_none),
        coverage: coverage(&reports),
        checks: reports,
        waivers,
        changed: world.changed(),
        since_last: None,
        is_undelivered: false,
        left_open,
        not_configured: not_configured(world.config()),
        requests: world.requests(),
    };
    check_report::redact(&mut report, world.redactor());
    report
}

async fn finish(check: &Check, world: &World) -> Finished {
    let started = Instant::now();
    let judgements = AssertUnwindSafe((check.judge)(world, &check.id)).catch_unwind();
    let (judgements, trail) = followed(judgements).await;
    let crashed = judgements.is_err();
    let judgements = judgements.unwrap_or_else(|_| {
        let why = "this check crashed, which is a bug in preflight and not in your deployment";
        vec![open_judgement(NoAnswer::unknown(why))]
    });
    Finished { judgements, duration: started.elapsed(), trail, crashed }
}

/// A judgement of all subjects that could not be verified, for one reason.
fn open_judgement(why: NoAnswer) -> Judgement {
    let mut outcome = Outcome::new();
    outcome.leave_open(why);
    Judgement { subject: String::new(), outcome }
}

fn not_configured(config: &Config) -> Vec<Unconfigured> {
    let frontend = Unconfigured { name: "the frontend", table: "[frontend]" };
    let cloudflare = Unconfigured { name: "Cloudflare", table: "[cloudflare]" };
    let parts = [(config.frontend.is_none(), frontend), (config.cloudflare.is_none(), cloudflare)];
    parts.into_iter().filter_map(|(is_left_out, part)| is_left_out.then_some(part)).collect()
}

fn decision(checks: &[CheckReport], ran_none: bool) -> Decision {
    if ran_none {
        return Decision::NothingRan;
    }
    if checks.iter().any(|check| check.status == Status::Fail) {
        return Decision::NoGo;
    }
    if checks.iter().any(CheckReport::is_open) { Decision::NotProven } else { Decision::Go }
}

fn coverage(checks: &[CheckReport]) -> Coverage {
    let required = || checks.iter().filter(|check| check.required && check.status != Status::NotApplicable);
    Coverage { required: required().count(), verified: required().filter(|check| check.status.is_verified()).count() }
}

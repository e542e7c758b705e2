//! The runner: starts all checks at once and collects their results.

mod check_report;
mod next_action;
mod outage;
mod place;
mod report;
mod selection;
mod status;
mod waivers;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::mpsc::UnboundedSender;

use crate::check::{Check, CheckId, Judgement, Outcome};
use crate::config::Config;
use crate::finding::NoAnswer;
use crate::world::{Trail, World, followed};

pub use next_action::NextAction;
pub use outage::Outage;
pub use report::{
    CheckFinding, CheckReport, Coverage, Decision, Earlier, Interruption, Rehearsed, Report, Reported, Scope,
    SinceLast, Unconfigured, WaiverEffect, WaiverReport,
};
pub use selection::{Selection, UnknownName};
pub use status::Status;
pub use waivers::unknown_checks;

/// How long requests in flight may take to finish once the run is stopped.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The progress of a run.
#[derive(Debug, Clone)]
pub enum RunEvent {
    /// A check has started.
    Started(CheckId),
    /// A check has finished.
    Finished(CheckId),
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
    let checks = selection.checks(world.config());
    let mut chosen: Vec<bool> = checks.iter().map(|check| selection.includes(check.id.as_str())).collect();
    let start = |index: usize| {
        let check: &Check = &checks[index];
        notify(RunEvent::Started(check.id.clone()));
        finish(check, world).map(move |finished| (index, finished))
    };
    let ran_none = !chosen.contains(&true);
    let first = chosen.iter().enumerate().filter_map(|(index, is_chosen)| is_chosen.then_some(index));
    let mut under_way: FuturesUnordered<_> = first.map(&start).collect();
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
                notify(RunEvent::Finished(report.id.clone()));
                // A selected check that is blocked needs the one that says why.
                for blocker in &report.blocked_by {
                    let place = checks.iter().position(|check| check.id == *blocker && selection.admits(check.id.as_str()));
                    if let Some(place) = place.filter(|place| !chosen[*place] && interruption.is_none()) {
                        chosen[place] = true;
                        under_way.push(start(place));
                    }
                }
                reports[index] = Some(report);
            }
        }
    }
    drop(under_way);
    let left_open = world.leave().await.err();
    let reports = checks.iter().zip(reports).zip(&chosen);
    let mut reports: Vec<CheckReport> = reports
        .map(|((check, report), is_chosen)| report.unwrap_or_else(|| not_run(check, *is_chosen, selection)))
        .collect();
    let mut left_out = Vec::new();
    if selection.depth().is_some() {
        // A rehearsal is not a part of a run. What it did not need is not its business.
        let mut is_chosen = chosen.iter();
        reports.retain(|_| is_chosen.next() == Some(&true));
    } else {
        let unchosen = checks.iter().zip(&chosen).filter(|(_, is_chosen)| !**is_chosen);
        left_out.extend(unchosen.map(|(check, _)| check.id.clone()));
    }
    let waivers = waivers::apply(&world.config().waivers, &mut reports, started_at);
    for check in &mut reports {
        let verify = selection.command(check.id.as_str());
        check.reported_mut().for_each(|reported| reported.verify.clone_from(&verify));
        place::locate(check, world.config());
    }
    let (decision, coverage) = verdict(&reports, &left_out, selection.scope());
    let mut report = Report {
        rehearsal: selection.depth(),
        project: world.config().project.name.clone(),
        mode: world.config().project.mode,
        configuration: world.config().fingerprint(selection.flags()),
        file: world.config().path.clone(),
        started_at,
        duration: started.elapsed(),
        interruption,
        decision: if ran_none { Decision::NothingRan } else { decision },
        not_run: None,
        coverage,
        flags: selection.flags().to_owned(),
        scope: selection.scope(),
        left_out,
        checks: reports,
        waivers,
        changed: world.changed(),
        rehearsed: Vec::new(),
        since_last: None,
        is_known: false,
        is_undelivered: false,
        left_open,
        needs_clean_up: world.needs_clean_up(),
        not_configured: not_configured(world.config()),
        requests: world.requests(),
    };
    check_report::redact(&mut report, world.redactor());
    report
}

/// The report of a check that did not run, or did not finish although it was chosen.
fn not_run(check: &Check, is_chosen: bool, selection: &Selection) -> CheckReport {
    let why = if is_chosen {
        NoAnswer::unknown("the run was interrupted before this check finished")
    } else {
        NoAnswer::LeftOut(selection.flag())
    };
    check_report::not_run(check, why)
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
    let parts =
        [(config.frontend.is_none(), Unconfigured::FRONTEND), (config.cloudflare.is_none(), Unconfigured::CLOUDFLARE)];
    parts.into_iter().filter_map(|(is_left_out, part)| is_left_out.then_some(part)).collect()
}

/// The verdict, and how much of what it depends on was verified. Any failure counts.
fn verdict(checks: &[CheckReport], left_out: &[CheckId], scope: Scope) -> (Decision, Coverage) {
    let counts = |check: &&CheckReport| scope.counts(check) && !left_out.contains(&check.id);
    let apply = || checks.iter().filter(counts).filter(|check| check.status != Status::NotApplicable);
    let verified = apply().filter(|check| check.status.is_verified()).count();
    let is_open = |check: &CheckReport| matches!(check.status, Status::Unknown | Status::Skipped);
    let decision = if checks.iter().any(|check| check.status == Status::Fail) {
        Decision::NoGo
    } else if apply().any(is_open) {
        Decision::NotProven
    } else {
        Decision::Go
    };
    (decision, Coverage { required: apply().count(), verified })
}

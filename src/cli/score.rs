//! `preflight sandbox --score`: runs every scenario and compares the findings with what it expects.

pub mod closure;
mod discrepancy;
mod exempt;
pub mod fields;
mod runs;
pub mod unanswerable;

use std::fmt::Write;
use std::time::Duration;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget};
use preflight::check::CheckId;
use preflight::checks;
use preflight::run::{self, Report, Selection};
use preflight::sandbox::{self, Scenario};
use preflight::world::{self, Pace};
use tabled::builder::Builder;
use tabled::settings::Style;

use super::deployment;
use super::exit::CliError;
use super::terminal::{self, Terminal};
use discrepancy::{Discrepancy, is_healthy, judge};

/// How many scenarios run at once. Each has its own servers.
const PARALLEL: usize = 8;

/// Runs every scenario and prints the score. Returns 1 if anything was missed.
pub async fn execute(latency: Duration, terminal: Terminal) -> Result<u8, CliError> {
    let known = |scenario: &&Scenario| scenario.finds.iter().all(|expected| is_check(&expected.check));
    let (here, later): (Vec<&Scenario>, Vec<&Scenario>) = sandbox::scenarios().iter().partition(known);
    let local = local_checks().await?;
    let bar = bar(terminal);
    bar.inc_length(u64::try_from(here.len()).unwrap_or_default());
    let scores = futures::stream::iter(here.iter().map(|scenario| async {
        let options = world::Options {
            // Servers on this machine answer fast or never.
            timeout: Duration::from_secs(5) + 4 * latency,
            retries: 1,
            ..world::Options::default()
        };
        let sandbox = sandbox::Options { latency, ..sandbox::Options::default() };
        let discrepancies = match play(scenario, sandbox, options).await {
            Ok(report) => judge(scenario, &report, &local),
            Err(error) => vec![Discrepancy::Missed(format!("could not run: {error}"))],
        };
        bar.inc(1);
        (*scenario, discrepancies)
    }));
    let scores: Vec<(&Scenario, Vec<Discrepancy>)> = scores.buffered(PARALLEL).collect().await;
    bar.finish_and_clear();
    terminal::print(&text(&scores, later.len()))?;
    Ok(u8::from(scores.iter().any(|(_, found)| !found.is_empty())))
}

/// A progress bar on a terminal, hidden elsewhere.
fn bar(terminal: Terminal) -> ProgressBar {
    let target = if terminal.live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(Some(0), target)
}

fn is_check(id: &str) -> bool {
    checks::documented().iter().chain(checks::REHEARSAL).chain(checks::BILLING).any(|check| check.is_called(id))
}

/// The checks that need no network, so that they may pass when no provider answers.
async fn local_checks() -> Result<Vec<CheckId>, CliError> {
    let options = world::Options { offline: true, ..world::Options::default() };
    let healthy = sandbox::scenarios().iter().find(|scenario| scenario.name == "healthy");
    let healthy = healthy.ok_or_else(|| CliError::Defect("the catalog has no healthy scenario".to_owned()))?;
    let report = play(healthy, sandbox::Options::default(), options).await?;
    let verified = report.checks.into_iter().filter(|check| check.status.is_verified());
    Ok(verified.map(|check| check.id).collect())
}

/// Runs or rehearses in a scenario, whichever finds what is wrong in it.
async fn play(scenario: &Scenario, sandbox: sandbox::Options, options: world::Options) -> Result<Report, CliError> {
    let name = scenario.name.as_str();
    let journal = std::env::temp_dir().join(format!("preflight-score-{}-{name}.jsonl", std::process::id()));
    let options = world::Options { journal: journal.clone(), ..options };
    let (world, sandbox) = deployment::sandboxed(&[name], sandbox, None, options).await?;
    let (world, selection) = match scenario.depth() {
        Some(depth) => (world.rehearsing_at(Pace::fast(), depth), Selection::rehearsal(depth)),
        None => (world, Selection::default()),
    };
    let report = tokio::select! {
        report = run::run(&world, &selection, None, std::future::pending()) => report,
        never = sandbox.complete_checkouts(&world) => match never {},
    };
    let _ = std::fs::remove_file(journal);
    Ok(report)
}

/// The score as a markdown table, with everything that was missed.
fn text(scores: &[(&Scenario, Vec<Discrepancy>)], later: usize) -> String {
    let mut table = Builder::default();
    table.push_record([
        "",
        "scenarios",
        "found",
        "missed",
        "wrong code",
        "extra failures",
        "false alarms",
        "vague fixes",
    ]);
    let mut groups: Vec<&str> = Vec::new();
    for (scenario, _) in scores {
        if !groups.contains(&scenario.group.as_str()) {
            groups.push(&scenario.group);
        }
    }
    for group in groups {
        let members: Vec<_> = scores.iter().filter(|(scenario, _)| scenario.group == group).collect();
        table.push_record(row(group, &members));
    }
    table.push_record(row("**all**", &scores.iter().collect::<Vec<_>>()));
    let mut text = format!("{}\n\n", table.build().with(Style::markdown()));
    let faults = scores.iter().filter(|(scenario, _)| !is_healthy(scenario));
    let (all, found) = faults.fold((0, 0), |(all, found), (_, wrong)| (all + 1, found + usize::from(wrong.is_empty())));
    let healthy = scores.iter().filter(|(scenario, _)| is_healthy(scenario));
    let (worlds, alarms) =
        healthy.fold((0, 0), |(worlds, alarms), (_, wrong)| (worlds + 1, alarms + usize::from(!wrong.is_empty())));
    let _ = writeln!(
        text,
        "Found {found} of {all} problems, with false alarms in {alarms} of {worlds} healthy deployments."
    );
    if later > 0 {
        let _ = writeln!(text, "Skipped {later} scenarios for checks that this version does not have.");
    }
    for (scenario, discrepancies) in scores {
        for discrepancy in discrepancies {
            let _ = writeln!(text, "- {}: {}", scenario.name, discrepancy.words());
        }
    }
    text
}

fn row(name: &str, scores: &[&(&Scenario, Vec<Discrepancy>)]) -> Vec<String> {
    let found = scores.iter().filter(|(_, wrong)| wrong.is_empty()).count();
    let with = |kind: usize| scores.iter().filter(|(_, wrong)| wrong.iter().any(|one| one.kind() == kind)).count();
    let counts = [scores.len(), found].into_iter().chain((0..5).map(with));
    std::iter::once(name.to_owned()).chain(counts.map(|count| count.to_string())).collect()
}

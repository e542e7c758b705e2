//! `preflight sandbox --score`: what preflight is worth, measured on every scenario that there is.

mod exempt;
pub mod fields;
mod runs;
mod slip;
pub mod unanswerable;

use std::fmt::Write;
use std::time::Duration;

use futures::StreamExt;
use indicatif::{ProgressBar, ProgressDrawTarget};
use preflight::check::CheckId;
use preflight::checks;
use preflight::run::{self, Report, Selection};
use preflight::sandbox::{self, Scenario};
use preflight::world;
use tabled::builder::Builder;
use tabled::settings::Style;

use super::deployment;
use super::exit::Failure;
use super::terminal::{self, Terminal};
use slip::{Slip, is_healthy, judge};

/// As many worlds at once; each has servers of its own.
const AT_ONCE: usize = 8;

/// Runs every scenario and prints the score. Answers with 1 where it is not full.
pub async fn execute(latency: Duration, terminal: Terminal) -> Result<u8, Failure> {
    let known = |scenario: &&Scenario| scenario.finds.iter().all(|expected| is_check(&expected.check));
    let (here, later): (Vec<&Scenario>, Vec<&Scenario>) = sandbox::scenarios().iter().partition(known);
    let local = local_checks().await?;
    let bar = bar(terminal);
    bar.inc_length(u64::try_from(here.len()).unwrap_or_default());
    let scores = futures::stream::iter(here.iter().map(|scenario| async {
        let options = world::Options {
            // Who never answers is given up soon, since it is on this machine.
            timeout: Duration::from_secs(5) + 4 * latency,
            retries: 1,
            ..world::Options::default()
        };
        let sandbox = sandbox::Options { latency, ..sandbox::Options::default() };
        let slips = match play(&scenario.name, sandbox, options).await {
            Ok(report) => judge(scenario, &report, &local),
            Err(failure) => vec![Slip::Missed(format!("it could not be run: {failure}"))],
        };
        bar.inc(1);
        (*scenario, slips)
    }));
    let scores: Vec<(&Scenario, Vec<Slip>)> = scores.buffered(AT_ONCE).collect().await;
    bar.finish_and_clear();
    terminal::print(&text(&scores, later.len()))?;
    Ok(u8::from(scores.iter().any(|(_, slips)| !slips.is_empty())))
}

/// Progress on a terminal, and nothing elsewhere.
fn bar(terminal: Terminal) -> ProgressBar {
    let target = if terminal.live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    ProgressBar::with_draw_target(Some(0), target)
}

fn is_check(id: &str) -> bool {
    checks::documented().iter().any(|check| check.is_called(id))
}

/// The checks that need nobody's answer: what is well without a network is no false pass in the dark.
async fn local_checks() -> Result<Vec<CheckId>, Failure> {
    let options = world::Options { offline: true, ..world::Options::default() };
    let report = play("healthy", sandbox::Options::default(), options).await?;
    let verified = report.checks.into_iter().filter(|check| check.status.is_verified());
    Ok(verified.map(|check| check.id).collect())
}

async fn play(scenario: &str, sandbox: sandbox::Options, options: world::Options) -> Result<Report, Failure> {
    let journal = std::env::temp_dir().join(format!("preflight-score-{}-{scenario}.jsonl", std::process::id()));
    let options = world::Options { journal: journal.clone(), ..options };
    let (world, _sandbox) = deployment::sandboxed(&[scenario], sandbox, None, options).await?;
    let report = run::run(&world, &Selection::default(), None, std::future::pending()).await;
    let _ = std::fs::remove_file(journal);
    Ok(report)
}

/// The score as a markdown table, and what is missing from a full one.
fn text(scores: &[(&Scenario, Vec<Slip>)], later: usize) -> String {
    let mut table = Builder::default();
    table.push_record(["", "scenarios", "found", "missed", "wrong code", "extra failures", "false alarms"]);
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
    let (all, found) = faults.fold((0, 0), |(all, found), (_, slips)| (all + 1, found + usize::from(slips.is_empty())));
    let healthy = scores.iter().filter(|(scenario, _)| is_healthy(scenario));
    let (worlds, alarms) =
        healthy.fold((0, 0), |(worlds, alarms), (_, slips)| (worlds + 1, alarms + usize::from(!slips.is_empty())));
    let _ = writeln!(text, "Found {found} of {all} faults; false alarms in {alarms} of {worlds} healthy worlds.");
    if later > 0 {
        let _ = writeln!(text, "Left out: {later} scenarios that ask for a check which this version does not have.");
    }
    for (scenario, slips) in scores {
        for slip in slips {
            let _ = writeln!(text, "- {}: {}", scenario.name, slip.words());
        }
    }
    text
}

fn row(name: &str, scores: &[&(&Scenario, Vec<Slip>)]) -> Vec<String> {
    let found = scores.iter().filter(|(_, slips)| slips.is_empty()).count();
    let with = |kind: usize| scores.iter().filter(|(_, slips)| slips.iter().any(|slip| slip.kind() == kind)).count();
    let counts = [scores.len(), found].into_iter().chain((0..4).map(with));
    std::iter::once(name.to_owned()).chain(counts.map(|count| count.to_string())).collect()
}

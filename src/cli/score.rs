//! `preflight sandbox --score`: what preflight is worth, measured on every scenario that there is.

use std::time::Duration;

use futures::StreamExt;
use globset::Glob;
use indicatif::{ProgressBar, ProgressDrawTarget};
use preflight::checks;
use preflight::report::outline::{self, Found};
use preflight::run::{self, Report, Selection, Status};
use preflight::sandbox::{self, Scenario};
use preflight::world;
use tabled::builder::Builder;
use tabled::settings::Style;

use super::deployment;
use super::exit::Failure;
use super::terminal::{self, Terminal};

/// As many worlds at once; each has servers of its own.
const AT_ONCE: usize = 4;

/// Runs every scenario and prints the score. Answers with 1 where it is not full.
pub async fn execute(latency: Duration, terminal: Terminal) -> Result<u8, Failure> {
    let known = |scenario: &&Scenario| scenario.finds.iter().all(|expected| is_check(&expected.check));
    let (here, later): (Vec<&Scenario>, Vec<&Scenario>) = sandbox::scenarios().iter().partition(known);
    let target = if terminal.live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(u64::try_from(here.len()).ok(), target);
    let scores = futures::stream::iter(here.iter().map(|scenario| async {
        let slips = match play(scenario, latency).await {
            Ok(report) => judge(scenario, &report),
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

fn is_check(id: &str) -> bool {
    checks::documented().iter().any(|check| check.is_called(id))
}

async fn play(scenario: &Scenario, latency: Duration) -> Result<Report, Failure> {
    let file = format!("preflight-score-{}-{}.jsonl", std::process::id(), scenario.name);
    let journal = std::env::temp_dir().join(file);
    let options = world::Options {
        // A provider that never answers is given up soon: it is on this machine.
        timeout: Duration::from_secs(2) + 4 * latency,
        journal: journal.clone(),
        ..Default::default()
    };
    let sandbox = sandbox::Options { latency, ..Default::default() };
    let (world, _sandbox) = deployment::sandboxed(&[&scenario.name], sandbox, None, options).await?;
    let report = run::run(&world, &Selection::default(), None, std::future::pending()).await;
    let _ = std::fs::remove_file(journal);
    Ok(report)
}

/// One way in which a run was not what its scenario asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Slip {
    /// The check says nothing.
    Missed(String),
    /// The check says something else.
    WrongCode(String),
    /// Another check fails too.
    Extra(String),
    /// Something fails, or cannot be told, where all is well.
    FalseAlarm(String),
}

impl Slip {
    const fn kind(&self) -> usize {
        match self {
            Self::Missed(_) => 0,
            Self::WrongCode(_) => 1,
            Self::Extra(_) => 2,
            Self::FalseAlarm(_) => 3,
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Missed(what) => format!("missed: {what}"),
            Self::WrongCode(what) => format!("wrong code: {what}"),
            Self::Extra(what) => format!("extra failure: {what}"),
            Self::FalseAlarm(what) => format!("false alarm: {what}"),
        }
    }
}

/// A world in which nothing is wrong and nobody is in trouble.
fn is_healthy(scenario: &Scenario) -> bool {
    scenario.finds.iter().all(|expected| expected.warning) && scenario.unknown.is_empty()
}

fn judge(scenario: &Scenario, report: &Report) -> Vec<Slip> {
    let (failures, warnings) = (outline::failures(report), outline::warnings(report));
    let mut slips = Vec::new();
    let mut explained = Vec::new();
    for expected in &scenario.finds {
        let name = format!("{}: {}", expected.check, expected.code);
        let is_of_check = |found: &&Found<'_>| found.check.id.as_str() == expected.check;
        let listed = if expected.warning { &warnings } else { &failures };
        if listed.iter().any(|found| found.name() == name) {
            explained.push(name);
            continue;
        }
        let instead: Vec<String> = failures.iter().chain(&warnings).filter(is_of_check).map(Found::name).collect();
        slips.push(match instead.is_empty() {
            true => Slip::Missed(name),
            false => Slip::WrongCode(format!("{name} was expected, and {} was found", instead.join(", "))),
        });
        explained.extend(instead);
    }
    let surplus = failures.iter().map(Found::name).filter(|name| !explained.contains(name));
    let is_healthy = is_healthy(scenario);
    slips.extend(surplus.map(|name| if is_healthy { Slip::FalseAlarm(name) } else { Slip::Extra(name) }));
    slips.extend(scenario.unknown.iter().flat_map(|pattern| not_unknown(pattern, report)));
    if is_healthy {
        let open =
            |check: &&run::CheckReport| check.required && matches!(check.status, Status::Unknown | Status::Skipped);
        let open = report.checks.iter().filter(open);
        slips.extend(open.map(|check| Slip::FalseAlarm(format!("{} is {}", check.id, check.status.word()))));
    }
    slips
}

/// The checks that ought not to be able to tell, and told.
fn not_unknown(pattern: &str, report: &Report) -> Vec<Slip> {
    let Ok(glob) = Glob::new(pattern) else { return vec![Slip::Missed(format!("`{pattern}` is no pattern"))] };
    let matcher = glob.compile_matcher();
    let concerned = report.checks.iter().filter(|check| matcher.is_match(check.id.as_str()));
    let told = concerned.filter(|check| check.status != Status::Unknown);
    told.map(|check| Slip::Missed(format!("{} is {} and not unknown", check.id, check.status.word()))).collect()
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
    text.push_str(&format!("Found {found} of {all} faults; false alarms in {alarms} of {worlds} healthy worlds.\n"));
    if later > 0 {
        text.push_str(&format!("Left out: {later} scenarios that ask for a check which this version does not have.\n"));
    }
    for (scenario, slips) in scores {
        for slip in slips {
            text.push_str(&format!("- {}: {}\n", scenario.name, slip.words()));
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

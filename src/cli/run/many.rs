//! `preflight run` for several configurations: a run of each, at the same time, and one result with the worst first.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use futures::future::{FutureExt, Shared};
use preflight::config::Mode;
use preflight::report::{file, outline};
use preflight::run::{self, Report};
use preflight::sandbox::Sandbox;

use super::{FailOn, Profile, RunArgs, deliver, unless_crashed};
use crate::cli::exit::{self, CliError};
use crate::cli::report::{combined, left_behind, worst_first, worst_status};
use crate::cli::signals::{self, Signals};
use crate::cli::target::TargetArgs;
use crate::cli::terminal::{Terminal, note, print};
use crate::cli::values::Format;

/// How many run at once. A run mostly waits, but time-outs count the time of a busy processor too.
const AT_ONCE: usize = 64;

/// A deployment, and where its reports go.
struct Deployment {
    path: PathBuf,
    target: TargetArgs,
    folder: PathBuf,
}

/// The configurations that are named, each folder replaced by those in it. `None` if there is just one, or the default.
pub fn configurations(args: &RunArgs) -> Result<Option<Vec<PathBuf>>, CliError> {
    let mut all = Vec::new();
    for path in &args.target.configs {
        if path.is_dir() { all.extend(in_folder(path)?) } else { all.push(path.clone()) }
    }
    let is_one = all.len() <= 1 && all == args.target.configs;
    Ok((!is_one).then_some(all))
}

/// The configurations in a folder, by name.
fn in_folder(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |error| CliError::Usage(format!("{}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths: Result<BTreeSet<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let is_ours = |path: &PathBuf| {
        path.extension() == Some(OsStr::new("toml")) && path.file_name() != Some(OsStr::new("wrangler.toml"))
    };
    let found: Vec<PathBuf> = paths.map_err(failed)?.into_iter().filter(is_ours).collect();
    if found.is_empty() {
        return Err(CliError::Usage(format!("{}: there is no .toml file in this folder", folder.display())));
    }
    Ok(found)
}

/// Runs all of them, delivers their reports, and returns the worst exit status.
pub async fn run_all(
    args: &RunArgs,
    paths: Vec<PathBuf>,
    signals: &mut Signals,
    terminal: Terminal,
) -> Result<u8, CliError> {
    refuse_what_is_for_one(args)?;
    let deployments = deployments(args, paths)?;
    let sandbox = args.target.started_sandbox().await?;
    let stop = signals.first().shared();
    let runs = deployments.iter().map(|deployment| {
        let ran = one(args, deployment, sandbox.as_ref(), stop.clone(), terminal);
        async move {
            let ran = ran.await;
            let path = deployment.path.display();
            match &ran {
                Ok(report) => note(&format!("{path}: {}", outline::verdict(report.decision))),
                Err(_) => note(&format!("{path}: no checks ran")),
            }
            ran
        }
    });
    let ended: Vec<Result<Report, CliError>> = futures::stream::iter(runs).buffered(AT_ONCE).collect().await;
    let interruption = stop.peek().copied();
    let (mut reports, mut failed) = (Vec::new(), Vec::new());
    for (deployment, ended) in deployments.iter().zip(ended) {
        match ended {
            Ok(report) => reports.push(report),
            Err(error) => {
                let target = &deployment.target;
                let (path, mode) = (deployment.path.clone(), target.mode().unwrap_or(Mode::Live));
                reports.push(Report::not_run(path, mode, target.flags(), error.reason()));
                failed.push((&deployment.path, error));
            }
        }
    }
    worst_first(&mut reports);
    args.target.forget_files();
    let is_delivered = deliver_all(args, &reports, terminal);
    for (path, error) in &failed {
        note(&format!("\n{}:\n{}", path.display(), error.message(terminal).trim_end()));
    }
    // Of the others, one that could not be run at all says more than a verdict.
    let not_run = failed.first().map(|(_, error)| error.status());
    let status = interruption.map(signals::status).or(not_run);
    Ok(left_behind(&reports).or(status).unwrap_or_else(|| match worst_status(&reports) {
        exit::GO if !is_delivered => exit::DEFECT,
        status => status,
    }))
}

/// Writes the reports about all of them, and prints the result. `false` if there is no record of something: an older report could
/// be mistaken for this run's.
fn deliver_all(args: &RunArgs, reports: &[Report], terminal: Terminal) -> bool {
    let style = args.output.style(terminal);
    let targets = args.output.targets(&[]);
    let mut is_delivered = true;
    for target in &targets {
        match file::write(&target.path, &combined(reports, target.format, deliver::IN_A_FILE)) {
            Ok(()) => note(&format!("report: {}", target.path.display())),
            Err(error) => {
                note(&format!("error: {error}"));
                is_delivered = false;
            }
        }
    }
    let markdown = || combined(reports, Format::Markdown, style);
    deliver::add_to_step_summary(&targets, args.output.format, markdown, style);
    if let Err(failure) = print(&combined(reports, args.output.format, style)) {
        note(&format!("error: {failure}"));
        is_delivered = false;
    }
    is_delivered
}

/// What is about the last run of one configuration, or waits for one.
fn refuse_what_is_for_one(args: &RunArgs) -> Result<(), CliError> {
    let flag = match () {
        () if args.watch => "--watch",
        () if args.failed => "--failed",
        () if args.profile == Profile::Nightly => "--profile=nightly",
        () if args.fail_on == FailOn::New => "--fail-on=new",
        () if args.notify.is_asked_for() => "--notify and --heartbeat",
        () => return Ok(()),
    };
    Err(CliError::Usage(format!("{flag} works with one configuration: run each by itself")))
}

/// Each with the env file beside it, if there is one, and a folder for its reports.
fn deployments(args: &RunArgs, paths: Vec<PathBuf>) -> Result<Vec<Deployment>, CliError> {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let stems: Vec<String> = paths.iter().map(|path| stem(path)).collect();
    let mut taken = BTreeSet::new();
    let deployments = paths.into_iter().zip(&stems).map(|(path, own)| {
        let is_unique = stems.iter().filter(|stem| *stem == own).count() == 1;
        let parent = path.parent().map(stem).unwrap_or_default();
        let name = if is_unique { own.clone() } else { format!("{parent}-{own}") };
        if !taken.insert(name.clone()) {
            return Err(CliError::Usage(format!("{}: another configuration has the same name", path.display())));
        }
        let beside = path.with_extension("env");
        let target = args.target.for_one(&path, beside.is_file().then_some(beside));
        Ok(Deployment { path, target, folder: args.output.report_dir.join(name) })
    });
    deployments.collect()
}

/// Runs the checks of one deployment, and writes its own reports.
async fn one(
    args: &RunArgs,
    Deployment { target, folder, .. }: &Deployment,
    sandbox: Option<&Sandbox>,
    stop: Shared<impl Future<Output = run::Interruption>>,
    terminal: Terminal,
) -> Result<Report, CliError> {
    let world = target.world_again(sandbox, args.options_for(target, folder)?)?;
    let selection = args.selection(target, &world)?;
    let mut report = unless_crashed(run::run(&world, &selection, None, stop)).await?;
    if args.fail_on == FailOn::Warn {
        deliver::count_warnings(&mut report);
    }
    report.rehearsed = super::rehearsed(folder, &report.configuration);
    if args.output.no_report || selection.is_partial() {
        return Ok(report);
    }
    if report.interruption.is_none() {
        deliver::remember(&mut report, &folder.join("history.jsonl"), None, args.output.style(terminal));
    }
    deliver::write_usual(&mut report, folder);
    Ok(report)
}

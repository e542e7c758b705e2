//! `preflight run`.

pub(super) mod deliver;
mod failed;
mod known;
mod many;
mod nightly;
mod notify;
mod rounds;
mod since;
mod watch;

use std::cmp::Reverse;
use std::panic::AssertUnwindSafe;
use std::path::Path;

use clap::{Args, ValueEnum};
use futures::FutureExt;
use jiff::Timestamp;
use preflight::checks;
use preflight::report::saved::SavedReport;
use preflight::run::{self, Rehearsed, Report, Selection};
use preflight::world::{self, Depth, World};
use tokio::runtime::Runtime;

use self::nightly::Plan;
use self::notify::NotifyArgs;
use super::exit::CliError;
use super::output::{OutputArgs, report_names};
use super::progress::Progress;
use super::signals::Signals;
use super::target::TargetArgs;
use super::terminal::{Terminal, note, print};
use super::values::{self, Format, NameList, ReportTarget};

const CONFIGS: &str = "The configuration file, or a folder of them (repeatable) [default: preflight.toml]. Several run at the same time, \
                       each with the env file beside it, such as acme.env for acme.toml";

/// Run the checks, write a report, and exit with the verdict: GO, NO-GO or NOT PROVEN.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
#[command(mut_arg("configs", |arg| arg.help(CONFIGS)))]
pub struct RunArgs {
    #[command(flatten)]
    pub(super) target: TargetArgs,
    /// Run only these checks: IDs, groups or globs, separated by commas (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "Checks")]
    only: Vec<NameList>,
    /// Skip these checks (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "Checks")]
    skip: Vec<NameList>,
    /// Run only what did not pass in the last full report of this configuration, and show the rest with its age
    #[arg(long, help_heading = "Checks")]
    failed: bool,
    /// Repeat what does not pass every 10 seconds until it does, then run everything once more; press Enter to repeat what
    /// sends something
    #[arg(long, conflicts_with_all = ["failed", "format", "offline"], help_heading = "Checks")]
    watch: bool,
    /// Make no network requests; checks that need them are unknown
    #[arg(long, help_heading = "Checks")]
    offline: bool,
    /// Send nothing to the Worker, and do not sign the canary in
    #[arg(long, help_heading = "Checks")]
    no_probe: bool,

    /// How much to check: full, or nightly to do without what leaves traces at Stripe, such as Checkout Sessions, while the
    /// proof is younger than a week and the Worker was not deployed since
    #[arg(long, value_enum, default_value = "full", hide_possible_values = true, help_heading = "Checks")]
    #[arg(conflicts_with_all = ["only", "skip", "failed", "watch", "offline", "no_probe"])]
    profile: Profile,

    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    notify: NotifyArgs,
    /// What makes the exit status 1: fail, warn to include warnings, or new for failures that the last full run did not have
    #[arg(long, value_enum, value_name = "STATUS", default_value = "fail", hide_possible_values = true)]
    #[arg(help_heading = "Reports")]
    fail_on: FailOn,
}

/// `--profile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// Everything.
    Full,
    /// What leaves no traces, and the rest once a week and after each deployment of the Worker.
    Nightly,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Failures.
    Fail,
    /// Failures and warnings.
    Warn,
    /// Failures that the last full run did not have.
    New,
}

/// Runs the checks, delivers the reports, and returns the verdict's exit status.
pub fn execute(args: &RunArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(perform(args, terminal))
}

/// Runs a command to its end. Does not wait for requests whose answers are no longer needed.
pub fn block_on(command: impl Future<Output = Result<u8, CliError>>) -> Result<u8, CliError> {
    let runtime = Runtime::new().map_err(|error| CliError::Defect(format!("could not start the runtime: {error}")))?;
    let status = runtime.block_on(command);
    runtime.shutdown_background();
    status
}

async fn perform(args: &RunArgs, terminal: Terminal) -> Result<u8, CliError> {
    let mut signals = Signals::listen()?;
    if args.watch && args.fail_on == FailOn::New {
        let why = "--watch waits until nothing fails, so it cannot be used with --fail-on=new";
        return Err(CliError::Usage(why.to_owned()));
    }
    if let Some(paths) = many::configurations(args)? {
        return many::run_all(args, paths, &mut signals, terminal).await;
    }
    let (world, sandbox) = args.target.world(args.options()?).await?;
    let ended = if args.watch {
        watch::watch(args, &world, sandbox.as_ref(), &mut signals, terminal).await
    } else {
        once(args, &world, &mut signals, terminal).await.map(|report| report.exit_code())
    };
    args.target.forget_files();
    ended
}

/// What the last rehearsals of this configuration say. Of two that ran the same check, the newer one counts.
fn rehearsed(folder: &Path, configuration: &str) -> Vec<Rehearsed> {
    let reports = [Depth::Events, Depth::Live, Depth::Guided].into_iter().filter_map(|depth| {
        let [_, name] = report_names(depth);
        SavedReport::read(&folder.join(name)).ok().filter(|saved| saved.is_of(configuration))
    });
    let mut reports: Vec<SavedReport> = reports.collect();
    reports.sort_by_key(|saved| Reverse(saved.report.started_at));
    let mut rehearsed: Vec<Rehearsed> = Vec::new();
    for check in reports.iter().flat_map(SavedReport::rehearsed) {
        if !rehearsed.iter().any(|newer| newer.id == check.id) {
            rehearsed.push(check);
        }
    }
    rehearsed
}

/// Runs the selected checks, and delivers the reports.
async fn once(args: &RunArgs, world: &World, signals: &mut Signals, terminal: Terminal) -> Result<Report, CliError> {
    let selection = args.selection(&args.target, world)?;
    let messages = args.notify.messages()?;
    let folder = &args.output.report_dir;
    let selection = match args.plan(world, &selection).await {
        Some(Plan::Spare(ids)) => selection.sparing(ids),
        Some(Plan::Everything(why)) => {
            note(&format!("Checking everything: {why}."));
            selection
        }
        None => selection,
    };
    let last = folder.join("preflight.json");
    let (selection, last) = if args.failed {
        let (selection, last) = failed::narrowed(selection, &last, world.config(), args.fail_on == FailOn::Warn)?;
        (selection, Some(last))
    } else {
        let last = selection.is_partial().then(|| SavedReport::read(&last));
        (selection, last.and_then(Result::ok))
    };
    let mut report = run_with_progress(world, &selection, signals, terminal).await?;
    if args.fail_on == FailOn::Warn {
        deliver::count_warnings(&mut report);
    }
    if let Some(last) = last.as_ref().filter(|_| args.failed || args.profile == Profile::Nightly) {
        last.complete(&mut report);
    }
    report.rehearsed = rehearsed(folder, &report.configuration);
    // A part of the run, or of the checks, cannot be compared with all of it. What a nightly run does without had passed.
    let is_comparable = !selection.is_partial() || args.profile == Profile::Nightly;
    let mut before = None;
    if !args.output.no_report && is_comparable && report.interruption.is_none() {
        let version = nightly::served_version(world).await;
        let history = folder.join("history.jsonl");
        before = deliver::remember(&mut report, &history, version.as_deref(), args.output.style(terminal));
    }
    if args.fail_on == FailOn::New {
        known::tolerate(&mut report);
    }
    let targets = args.targets(selection.is_partial());
    deliver::deliver(&mut report, &targets, args.output.format, args.output.style(terminal));
    messages.send(&report, before.as_ref()).await;
    if let Some(last) = last.filter(|last| args.output.format == Format::Table && last.is_like(&report)) {
        let changes = since::changes(&report, |id| last.status(id));
        changes.iter().try_for_each(|line| print(&format!("{line}\n")))?;
    }
    Ok(report)
}

/// Runs with live progress on the terminal, until the run is finished or stopped.
pub(super) async fn run_with_progress(
    world: &World,
    selection: &Selection,
    signals: &mut Signals,
    terminal: Terminal,
) -> Result<Report, CliError> {
    let (progress, events) = if terminal.live {
        let (progress, events) = Progress::start();
        (Some(progress), Some(events))
    } else {
        (None, None)
    };
    let ran = unless_crashed(run::run(world, selection, events, signals.first())).await;
    if let Some(progress) = progress {
        progress.end();
    }
    ran
}

/// The output of a future, unless it panics. The panic hook reports the location.
pub(super) async fn unless_crashed<T>(future: impl Future<Output = T>) -> Result<T, CliError> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|_| CliError::Crashed)
}

impl RunArgs {
    fn options(&self) -> Result<world::Options, CliError> {
        self.options_for(&self.target, &self.output.report_dir)
    }

    /// How to reach a deployment whose reports and journal are in `folder`.
    fn options_for(&self, target: &TargetArgs, folder: &Path) -> Result<world::Options, CliError> {
        let journal = folder.join("journal.jsonl");
        Ok(world::Options { offline: self.offline, probe: !self.no_probe, ..target.options(journal)? })
    }

    /// The checks to run.
    fn selection(&self, target: &TargetArgs, world: &World) -> Result<Selection, CliError> {
        let checks = checks::all(world.config());
        let selection = Selection::new(&checks, &values::joined(&self.only), &values::joined(&self.skip))?;
        Ok(selection.with_flags(target.flags()))
    }

    /// What a nightly run does without. `None` if this is none.
    async fn plan(&self, world: &World, selection: &Selection) -> Option<Plan> {
        if self.profile == Profile::Full {
            return None;
        }
        let configuration = world.config().fingerprint(selection.flags());
        let version = nightly::served_version(world).await;
        Some(nightly::plan(&self.output.report_dir, &configuration, version.as_deref(), Timestamp::now()))
    }

    /// Every report to write. A partial run leaves the last full report alone.
    fn targets(&self, is_partial: bool) -> Vec<ReportTarget> {
        let usual: &[(Format, &str)] = match (is_partial, self.profile) {
            (false, _) => &[(Format::Markdown, "preflight.md"), (Format::Json, "preflight.json")],
            (true, Profile::Nightly) => &[(Format::Markdown, "nightly.md"), (Format::Json, "nightly.json")],
            (true, Profile::Full) => &[],
        };
        self.output.targets(usual)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::arguments::{self, Arguments};

    fn args(arguments: &[&str]) -> RunArgs {
        match Arguments::try_parse_from(["preflight", "run"].iter().chain(arguments)).unwrap().command {
            arguments::Command::Run(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_reports_are_written_by_default() {
        let paths = |arguments: &[&str]| {
            let targets = args(arguments).targets(false);
            targets.into_iter().map(|target| target.path.display().to_string()).collect::<Vec<String>>()
        };
        assert_eq!(paths(&[]), ["reports/preflight.md", "reports/preflight.json"]);
        assert_eq!(paths(&["--report-dir=a", "--report=table=b"]), ["a/preflight.md", "a/preflight.json", "b"]);
        assert_eq!(paths(&["--no-report", "--report=json=b"]), ["b"]);
    }

    #[test]
    fn the_help_shows_the_actual_defaults() {
        let mut all = Arguments::command();
        let help = all.find_subcommand_mut("run").unwrap().render_long_help().to_string();
        let usual = world::Options::default();
        let seconds = |duration: Duration| duration.as_secs();
        assert!(help.contains(&format!("[default: {}s]", seconds(usual.timeout))), "{help}");
        assert!(help.contains(&format!("[default: {}m]", seconds(usual.deadline.unwrap()) / 60)), "{help}");
        assert!(help.contains(&format!("[default: {}]", usual.retries)), "{help}");
        assert!(help.contains(&format!("[default: {}]", usual.concurrency)), "{help}");
    }

    #[test]
    fn flags_reach_the_world() {
        let options = args(&["--timeout=3", "--retries=0", "--offline", "--no-probe"]).options().unwrap();
        assert_eq!((options.timeout, options.retries), (Duration::from_secs(3), 0));
        assert!(options.offline && !options.probe);
    }

    #[test]
    fn unreadable_certificates_are_a_command_line_error() {
        let error = args(&["--cacert=there/is/none"]).options().unwrap_err();
        assert_eq!(error.status(), 64);
    }
}

//! `preflight run`.

mod deliver;

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use futures::FutureExt;
use preflight::checks;
use preflight::config::Mode;
use preflight::report::Style;
use preflight::run::{self, Report, Selection};
use preflight::sandbox::{self, Sandbox};
use preflight::world::{self, Resolve, World};
use tokio::runtime::Runtime;

use super::deployment::{self, Sources};
use super::exit::CliError;
use super::progress::Progress;
use super::signals::Signals;
use super::terminal::Terminal;
use super::values::{self, Format, NameList, ReportTarget};

/// Run the checks, write a report, and exit with the verdict: GO, NO-GO or NOT PROVEN.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub struct RunArgs {
    /// The configuration file [default: preflight.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "sandbox")]
    config: Option<PathBuf>,
    /// Read values from a dotenv or .dev.vars file (repeatable); environment variables take precedence
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    env_file: Vec<PathBuf>,
    /// Check this mode instead of the configured one: live or test
    #[arg(long, value_parser = mode_parser(), hide_possible_values = true)]
    mode: Option<Mode>,
    /// Check the built-in sandbox instead, healthy or with these problems. Needs no account, network or configuration
    #[arg(long, value_name = "SCENARIO,…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) sandbox: Option<NameList>,

    /// Run only these checks: IDs, groups or globs, separated by commas (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "Checks")]
    only: Vec<NameList>,
    /// Skip these checks (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "Checks")]
    skip: Vec<NameList>,
    /// Make no network requests; checks that need them are unknown
    #[arg(long, help_heading = "Checks")]
    offline: bool,
    /// Send nothing to the Worker, and do not sign the canary in
    #[arg(long, help_heading = "Checks")]
    no_probe: bool,

    /// Output format: table, json or markdown
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true, help_heading = "Reports")]
    format: Format,
    /// Write an additional report (repeatable), such as `json=preflight.json`
    #[arg(long, value_name = "FORMAT=PATH", help_heading = "Reports")]
    report: Vec<ReportTarget>,
    /// Directory for preflight.md and preflight.json
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Reports")]
    report_dir: PathBuf,
    /// Do not write preflight.md and preflight.json
    #[arg(long, help_heading = "Reports")]
    no_report: bool,
    /// What makes the verdict NO-GO: fail, or warn to include warnings
    #[arg(long, value_enum, value_name = "STATUS", default_value = "fail", hide_possible_values = true)]
    #[arg(help_heading = "Reports")]
    fail_on: FailOn,
    /// Print only the verdict and a line for each failure and each required check that is not verified
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    quiet: bool,
    /// Also print every check and request, and the evidence of each finding
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Reports")]
    verbose: u8,

    /// Time limit for one request [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    timeout: Option<Duration>,
    /// Time limit for the run; checks that need more are unknown [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    deadline: Option<Duration>,
    /// How often to retry a request that is safe to repeat [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10), help_heading = "Requests")]
    retries: Option<u32>,
    /// How many requests to make at once [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Requests")]
    concurrency: Option<u16>,
    /// Connect to a host at another address, as in curl (repeatable), such as a new deployment before you switch DNS
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = values::resolve, conflicts_with = "sandbox")]
    #[arg(help_heading = "Requests")]
    resolve: Vec<Resolve>,
    /// Trust only the certificates in this PEM file
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox", help_heading = "Requests")]
    cacert: Option<PathBuf>,
    /// Allow sending secrets to this host, for an `api_base` that points to a proxy (repeatable)
    #[arg(long, value_name = "HOST", conflicts_with = "sandbox", help_heading = "Requests")]
    allow_host: Vec<String>,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// Failures.
    Fail,
    /// Failures and warnings.
    Warn,
}

fn mode_parser() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new([Mode::Live.word(), Mode::Test.word()])
        .map(|word| if word == Mode::Test.word() { Mode::Test } else { Mode::Live })
}

/// Runs the checks, delivers the reports, and returns the verdict's exit status.
pub fn execute(args: &RunArgs, terminal: Terminal) -> Result<u8, CliError> {
    let runtime = runtime()?;
    let status = runtime.block_on(perform(args, terminal));
    // Do not wait for requests whose answers are no longer needed.
    runtime.shutdown_background();
    status
}

/// The async runtime.
pub fn runtime() -> Result<Runtime, CliError> {
    Runtime::new().map_err(|error| CliError::Defect(format!("could not start the runtime: {error}")))
}

async fn perform(args: &RunArgs, terminal: Terminal) -> Result<u8, CliError> {
    let signals = Signals::listen()?;
    let (world, _sandbox) = args.world().await?;
    let checks = checks::all(world.config());
    let selection = Selection::new(&checks, &values::joined(&args.only), &values::joined(&args.skip))?;
    let ran = run_with_progress(&world, &selection, signals, terminal).await;
    if args.sandbox.is_some() {
        let _ = fs::remove_file(sandbox_journal());
    }
    let mut report = ran?;
    if args.fail_on == FailOn::Warn {
        deliver::count_warnings(&mut report);
    }
    // A part of the checks, or of the run, cannot be compared with all of it.
    if !args.no_report && args.only.is_empty() && args.skip.is_empty() && report.interruption.is_none() {
        deliver::remember(&mut report, &args.report_dir.join("history.jsonl"), args.style(terminal));
    }
    Ok(deliver::deliver(&mut report, &args.targets(), args.format, args.style(terminal)))
}

/// The sandbox's journal. Changes in a sandbox end with it, so its journal does not go into the user's folder.
fn sandbox_journal() -> PathBuf {
    std::env::temp_dir().join(format!("preflight-sandbox-{}.jsonl", std::process::id()))
}

/// Runs with live progress on the terminal, until the run is finished or stopped.
async fn run_with_progress(
    world: &World,
    selection: &Selection,
    signals: Signals,
    terminal: Terminal,
) -> Result<Report, CliError> {
    let (progress, events) = if terminal.live {
        let (progress, events) = Progress::start();
        (Some(progress), Some(events))
    } else {
        (None, None)
    };
    let ran = AssertUnwindSafe(run::run(world, selection, events, signals.first())).catch_unwind().await;
    if let Some(progress) = progress {
        progress.end();
    }
    // The panic hook has reported the location.
    ran.map_err(|_| CliError::Crashed)
}

impl RunArgs {
    /// The deployment to check. A sandbox runs for as long as it is held.
    async fn world(&self) -> Result<(World, Option<Sandbox>), CliError> {
        let Some(scenarios) = &self.sandbox else {
            let sources = Sources {
                config: self.config.as_deref(),
                env_files: &self.env_file,
                mode: self.mode,
                allow_hosts: &self.allow_host,
            };
            return Ok((deployment::configured(&sources, self.options()?)?, None));
        };
        let scenarios: Vec<&str> = scenarios.0.iter().map(String::as_str).collect();
        let options = world::Options { journal: sandbox_journal(), ..self.options()? };
        let started = deployment::sandboxed(&scenarios, sandbox::Options::default(), self.mode, options).await;
        started.map(|(world, sandbox)| (world, Some(sandbox)))
    }

    fn options(&self) -> Result<world::Options, CliError> {
        let usual = world::Options::default();
        let certificates = self.cacert.as_ref().map(|path| {
            fs::read(path).map_err(|error| CliError::Usage(format!("--cacert {}: {error}", path.display())))
        });
        Ok(world::Options {
            timeout: self.timeout.unwrap_or(usual.timeout),
            deadline: self.deadline.or(usual.deadline),
            retries: self.retries.unwrap_or(usual.retries),
            concurrency: self.concurrency.map_or(usual.concurrency, usize::from),
            resolve: self.resolve.clone(),
            certificates: certificates.transpose()?,
            offline: self.offline,
            probe: !self.no_probe,
            journal: self.report_dir.join("journal.jsonl"),
            ..usual
        })
    }

    /// Every report to write.
    fn targets(&self) -> Vec<ReportTarget> {
        let usual = [(Format::Markdown, "preflight.md"), (Format::Json, "preflight.json")];
        let usual = usual.into_iter().filter(|_| !self.no_report);
        let usual = usual.map(|(format, name)| ReportTarget { format, path: self.report_dir.join(name) });
        usual.chain(self.report.iter().cloned()).collect()
    }

    const fn style(&self, terminal: Terminal) -> Style {
        Style { color: terminal.stdout_color, width: terminal.width, verbose: self.verbose, quiet: self.quiet }
    }
}

#[cfg(test)]
mod tests {
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
            let targets = args(arguments).targets();
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

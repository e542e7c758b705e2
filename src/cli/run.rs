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
use super::exit::Failure;
use super::progress::Progress;
use super::signals::Signals;
use super::terminal::Terminal;
use super::values::{self, Format, Names, Target};

/// Run the checks, write the report, and end in GO, NO-GO or NOT PROVEN.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Command {
    /// The configuration [default: preflight.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "sandbox")]
    config: Option<PathBuf>,
    /// Read values from a file in dotenv or .dev.vars syntax; the environment overrides it (repeatable)
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    env_file: Vec<PathBuf>,
    /// The mode to check for, in place of the configuration's: live or test
    #[arg(long, value_parser = mode_parser(), hide_possible_values = true)]
    mode: Option<Mode>,
    /// Judge a world inside the binary, sound or with the scenarios named: no account, no network, no configuration
    #[arg(long, value_name = "SCENARIO,…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(super) sandbox: Option<Names>,

    /// Run only these checks: ids, groups or globs, with commas between (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "What is checked")]
    only: Vec<Names>,
    /// Leave these checks out (repeatable)
    #[arg(long, value_name = "CHECK,…", value_parser = values::checks, help_heading = "What is checked")]
    skip: Vec<Names>,
    /// Ask nobody; what needs the network is unknown
    #[arg(long, help_heading = "What is checked")]
    offline: bool,
    /// Send nothing to the Worker, and do not sign the canary in
    #[arg(long, help_heading = "What is checked")]
    no_probe: bool,

    /// What to print: table, json or markdown
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true, help_heading = "Reports")]
    format: Format,
    /// Write one more report (repeatable), such as `json=preflight.json`
    #[arg(long, value_name = "FORMAT=PATH", help_heading = "Reports")]
    report: Vec<Target>,
    /// Where preflight.md and preflight.json are written
    #[arg(long, value_name = "DIR", default_value = "reports", help_heading = "Reports")]
    report_dir: PathBuf,
    /// Do not write preflight.md and preflight.json
    #[arg(long, help_heading = "Reports")]
    no_report: bool,
    /// What makes the verdict NO-GO: fail, or warn too
    #[arg(long, value_enum, value_name = "STATUS", default_value = "fail", hide_possible_values = true)]
    #[arg(help_heading = "Reports")]
    fail_on: FailOn,
    /// Print the verdict and the failures only
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Reports")]
    quiet: bool,
    /// Print what passed and every request too
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Reports")]
    verbose: u8,

    /// The longest that one request may take [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    timeout: Option<Duration>,
    /// The longest that the run may take; what is asked later is unknown [default: 2m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Requests")]
    deadline: Option<Duration>,
    /// How often a request is made again that may be [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10), help_heading = "Requests")]
    retries: Option<u32>,
    /// How many requests may be under way at once [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Requests")]
    concurrency: Option<u16>,
    /// Ask a host at another address, as curl does (repeatable): a new deployment before DNS is switched
    #[arg(long, value_name = "HOST:PORT:ADDR", value_parser = values::resolve, conflicts_with = "sandbox")]
    #[arg(help_heading = "Requests")]
    resolve: Vec<Resolve>,
    /// Trust the certificates of this PEM file, and no others
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox", help_heading = "Requests")]
    cacert: Option<PathBuf>,
    /// Allow secrets to be sent to this host, for an `api_base` that is a proxy (repeatable)
    #[arg(long, value_name = "HOST", conflicts_with = "sandbox", help_heading = "Requests")]
    allow_host: Vec<String>,
}

/// `--fail-on`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// What failed.
    Fail,
    /// What failed, and what has a warning.
    Warn,
}

fn mode_parser() -> impl TypedValueParser<Value = Mode> {
    PossibleValuesParser::new([Mode::Live.word(), Mode::Test.word()])
        .map(|word| if word == Mode::Test.word() { Mode::Test } else { Mode::Live })
}

/// Runs, reports, and answers with the verdict's exit status.
pub fn execute(command: &Command, terminal: Terminal) -> Result<u8, Failure> {
    let runtime = runtime()?;
    let status = runtime.block_on(perform(command, terminal));
    // What still waits for an answer has nobody left to tell it to.
    runtime.shutdown_background();
    status
}

/// What everything that asks somebody runs on.
pub fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| Failure::Defect(format!("the runtime could not be started: {error}")))
}

async fn perform(command: &Command, terminal: Terminal) -> Result<u8, Failure> {
    let signals = Signals::listen()?;
    let (world, _sandbox) = command.world().await?;
    let checks = checks::all(world.config());
    let selection = Selection::new(&checks, &values::joined(&command.only), &values::joined(&command.skip))?;
    let ran = watched(&world, &selection, signals, terminal).await;
    if command.sandbox.is_some() {
        let _ = fs::remove_file(sandbox_journal());
    }
    let mut report = ran?;
    if command.fail_on == FailOn::Warn {
        deliver::count_warnings(&mut report);
    }
    Ok(deliver::deliver(&report, &command.targets(), command.format, command.style(terminal)))
}

/// What is changed in a sandbox ends with it, and would have to be found by nobody: its journal is no file of the user's.
fn sandbox_journal() -> PathBuf {
    std::env::temp_dir().join(format!("preflight-sandbox-{}.jsonl", std::process::id()))
}

/// Runs with progress on the terminal, until all is judged or somebody stops it.
async fn watched(
    world: &World,
    selection: &Selection,
    signals: Signals,
    terminal: Terminal,
) -> Result<Report, Failure> {
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
    // The panic hook has said where.
    ran.map_err(|_| Failure::Broken)
}

impl Command {
    /// What is to be judged. A sandbox lives as long as it is held.
    async fn world(&self) -> Result<(World, Option<Sandbox>), Failure> {
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

    fn options(&self) -> Result<world::Options, Failure> {
        let usual = world::Options::default();
        let certificates = self.cacert.as_ref().map(|path| {
            fs::read(path).map_err(|error| Failure::Usage(format!("--cacert {}: {error}", path.display())))
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

    /// Every report that is to be written.
    fn targets(&self) -> Vec<Target> {
        let usual = [(Format::Markdown, "preflight.md"), (Format::Json, "preflight.json")];
        let usual = usual.into_iter().filter(|_| !self.no_report);
        let usual = usual.map(|(format, name)| Target { format, path: self.report_dir.join(name) });
        usual.chain(self.report.iter().cloned()).collect()
    }

    const fn style(&self, terminal: Terminal) -> Style {
        Style { color: terminal.stdout_color, width: terminal.width, verbose: self.verbose, quiet: self.quiet }
    }
}

impl From<run::UnknownName> for Failure {
    fn from(unknown: run::UnknownName) -> Self {
        let hint = unknown.nearest.map(|nearest| format!("did you mean `{nearest}`?"));
        let hint = hint.unwrap_or_else(|| "`preflight list` names them all".to_owned());
        Self::Usage(format!("no check, group or pattern `{}`; {hint}", unknown.name))
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::arguments::{self, Arguments};

    fn command(arguments: &[&str]) -> Command {
        match Arguments::try_parse_from(["preflight", "run"].iter().chain(arguments)).unwrap().command {
            arguments::Command::Run(command) => *command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_reports_are_written_unless_told_otherwise() {
        let paths = |arguments: &[&str]| {
            let targets = command(arguments).targets();
            targets.into_iter().map(|target| target.path.display().to_string()).collect::<Vec<String>>()
        };
        assert_eq!(paths(&[]), ["reports/preflight.md", "reports/preflight.json"]);
        assert_eq!(paths(&["--report-dir=a", "--report=table=b"]), ["a/preflight.md", "a/preflight.json", "b"]);
        assert_eq!(paths(&["--no-report", "--report=json=b"]), ["b"]);
    }

    #[test]
    fn the_help_tells_the_defaults_that_there_are() {
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
        let options = command(&["--timeout=3", "--retries=0", "--offline", "--no-probe"]).options().unwrap();
        assert_eq!((options.timeout, options.retries), (Duration::from_secs(3), 0));
        assert!(options.offline && !options.probe);
    }

    #[test]
    fn certificates_that_cannot_be_read_are_a_mistake_of_the_command_line() {
        let failure = command(&["--cacert=there/is/none"]).options().unwrap_err();
        assert_eq!(failure.status(), 64);
    }
}

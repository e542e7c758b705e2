//! `preflight reconcile`.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use preflight::reconcile::{Options, Progress, Reconciliation, reconcile};
use preflight::report::{Style, reconciliation};
use preflight::world;

use super::exit::CliError;
use super::progress::{reading, shown_while};
use super::run::block_on;
use super::signals::{self, Signals};
use super::target::TargetArgs;
use super::terminal::{Terminal, print};
use super::values;

/// Compare every Stripe subscription with every Clerk user: who pays and has no tier, and who has a tier and does not pay.
#[derive(Debug, Args)]
#[command(mut_arg("deadline", |deadline| deadline.help("Time limit for everything [default: none]")))]
#[command(after_help = EXIT_STATUSES)]
pub struct ReconcileArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Only accounts whose subscription or user changed since then, such as 2026-11-01; everything is read all the same
    #[arg(long, value_name = "DATE", value_parser = date)]
    since: Option<Timestamp>,
    /// How long to wait before accounts that differ are read again [default: 5s; 0s in the sandbox]
    #[arg(long, value_name = "TIME", value_parser = pause)]
    pause: Option<Duration>,
    /// How many requests to make to Stripe in a second [default: 20]; it allows 25 of one kind
    #[arg(long, value_name = "N", help_heading = "Requests")]
    rate: Option<NonZeroU32>,
    /// Read everything again, even if this comparison was interrupted less than an hour ago
    #[arg(long)]
    restart: bool,
    /// Output format: table, json or csv
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: ReconcileFormat,
    /// Show every account, and how to fix each
    #[arg(short, long)]
    verbose: bool,
}

/// The output format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReconcileFormat {
    /// For a terminal.
    Table,
    /// For programs. `preflight schema reconcile` prints its schema.
    Json,
    /// For a spreadsheet: a line for each account.
    Csv,
}

const EXIT_STATUSES: &str = "\
Exit status:
    0  no drift
    1  drift: accounts differ
    2  no drift was seen, but something could not be compared
   64  the command line is invalid
   70  preflight crashed
   78  the configuration is missing or invalid
  130  stopped by Ctrl-C
  143  stopped by SIGTERM";

/// What an interrupted comparison has read.
const PARTIAL: &str = "reports/reconcile.partial.jsonl";
/// How long webhooks may take, if no other pause is given.
const PAUSE: Duration = Duration::from_secs(5);
/// Below the 25 requests in a second that Stripe allows of one kind, with room for production traffic.
const RATE: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// The log of requests serves reports of a run, and here there may be any number.
const MOST_LOGGED: usize = 100;

/// A day in UTC, or a time in RFC 3339.
fn date(text: &str) -> Result<Timestamp, String> {
    let day = || format!("{text}T00:00:00Z").parse();
    let expected =
        |_: jiff::Error| "expected a date such as `2026-11-01`, or a time such as `2026-11-01T08:00:00Z`".to_owned();
    text.parse().or_else(|_| day()).map_err(expected)
}

/// A duration, or none.
fn pause(text: &str) -> Result<Duration, String> {
    if matches!(text, "0" | "0s" | "0ms") { Ok(Duration::ZERO) } else { values::duration(text) }
}

/// Compares all accounts, prints the result, and returns the exit status.
pub fn execute(args: &ReconcileArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(perform(args, terminal))
}

async fn perform(args: &ReconcileArgs, terminal: Terminal) -> Result<u8, CliError> {
    let mut signals = Signals::listen()?;
    let (world, _sandbox) = args.target.world(args.options()?).await?;
    let pause = args.pause.unwrap_or(if args.target.sandbox.is_some() { Duration::ZERO } else { PAUSE });
    let options = Options { pause, since: args.since, partial: args.partial()? };
    let progress = Arc::new(Progress::default());
    let mut stopped = None;
    let stop = async { stopped = Some(signals.first().await) };
    let comparison = reconcile(&world, options, &progress, stop);
    let doing = reading(Arc::clone(&progress), world.config().entitlement.holder);
    let found = shown_while(terminal.live, doing, comparison).await;
    let status = stopped.map_or_else(|| found.exit_code(), signals::status);
    print(&args.rendered(&found, status, terminal))?;
    Ok(status)
}

impl ReconcileArgs {
    fn options(&self) -> Result<world::Options, CliError> {
        let usual = self.target.options(PathBuf::new())?;
        Ok(world::Options {
            deadline: self.target.deadline,
            stripe_rate: Some(self.rate.unwrap_or(RATE)),
            most_logged: MOST_LOGGED,
            ..usual
        })
    }

    /// The file that an interrupted comparison goes on from. A sandbox is gone by then.
    fn partial(&self) -> Result<Option<PathBuf>, CliError> {
        if self.target.sandbox.is_some() {
            return Ok(None);
        }
        let path = PathBuf::from(PARTIAL);
        if self.restart {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(CliError::Usage(format!("--restart: {PARTIAL} cannot be removed: {error}")));
                }
                _ => {}
            }
        }
        Ok(Some(path))
    }

    fn rendered(&self, found: &Reconciliation, status: u8, terminal: Terminal) -> String {
        match self.format {
            ReconcileFormat::Table => {
                let (color, width) = (terminal.stdout_color, terminal.width);
                let style = Style { color, width, verbose: u8::from(self.verbose), quiet: false };
                reconciliation::render(found, style)
            }
            ReconcileFormat::Json => reconciliation::json::render(found, status),
            ReconcileFormat::Csv => reconciliation::csv::render(found),
        }
    }
}

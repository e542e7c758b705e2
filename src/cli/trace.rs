//! `preflight trace`.

mod follow;
mod json;
mod table;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use preflight::config::Config;
use preflight::trace::{self, Asked, Trace};
use preflight::world;

use super::exit::CliError;
use super::run::block_on;
use super::signals::{self, Signals};
use super::target::TargetArgs;
use super::terminal::{Terminal, print};

/// Trace one customer through Stripe, Clerk and the Worker, and name the first broken link. Only reads, and signs no user in.
#[derive(Debug, Args)]
#[command(after_help = EXIT_STATUSES)]
pub struct TraceArgs {
    /// A Clerk user (user_…), an email address, or a Stripe customer (cus_…), subscription (sub_…), Checkout Session (cs_…)
    /// or event (evt_…)
    #[arg(value_name = "USER", required_unless_present = "follow", conflicts_with = "follow")]
    customer: Option<String>,
    /// Wait for the next real purchase, and report each link as it happens; --deadline limits the wait
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    target: TargetArgs,
    /// Output format: table or json
    #[arg(long, value_enum, default_value = "table", hide_possible_values = true)]
    format: TraceFormat,
    /// Show email addresses instead of masking them
    #[arg(long)]
    show_pii: bool,
}

/// A format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TraceFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

const EXIT_STATUSES: &str = "\
Exit status:
    0  the customer has the tier that is due, or should have none
    1  a link is broken
    2  that could not be seen
   64  USER is none of these
   78  the configuration is missing or invalid";

/// Traces the customer, and prints what was seen.
pub fn execute(args: &TraceArgs, terminal: Terminal) -> Result<u8, CliError> {
    let asked = args.customer.as_ref().map(|customer| customer.parse::<Asked>()).transpose();
    let asked = asked.map_err(|error| CliError::Usage(error.to_string()))?;
    block_on(async {
        let mut signals = Signals::listen()?;
        match &asked {
            Some(asked) => once(args, asked, &mut signals, terminal).await,
            None => follow::follow(args, &mut signals, terminal).await,
        }
    })
}

async fn once(args: &TraceArgs, asked: &Asked, signals: &mut Signals, terminal: Terminal) -> Result<u8, CliError> {
    let (world, _sandbox) = args.target.world(args.options()?).await?;
    tokio::select! {
        traced = trace::trace(&world, asked) => {
            print(&args.rendered(&traced, asked, world.config(), terminal))?;
            Ok(traced.verdict.exit_code())
        }
        interruption = signals.first() => Ok(signals::status(interruption)),
    }
}

impl TraceArgs {
    /// The door to the Worker's routes stays closed: a trace only reads.
    fn options(&self) -> Result<world::Options, CliError> {
        Ok(world::Options { probe: false, ..self.target.options(PathBuf::from("reports/journal.jsonl"))? })
    }

    fn rendered(&self, traced: &Trace, asked: &Asked, config: &Config, terminal: Terminal) -> String {
        let masked = if self.show_pii { traced.clone() } else { traced.clone().masked() };
        let asked = self.shown(&asked.to_string());
        match self.format {
            TraceFormat::Table => table::render(&masked, &asked, config, terminal),
            TraceFormat::Json if self.follow => json::line(&masked, &asked, config),
            TraceFormat::Json => json::render(&masked, &asked, config),
        }
    }

    /// Text with its email addresses masked, unless they are wanted.
    fn shown(&self, text: &str) -> String {
        if self.show_pii { text.to_owned() } else { trace::mask(text) }
    }
}

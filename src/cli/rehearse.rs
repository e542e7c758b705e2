//! `preflight rehearse` and `preflight cleanup`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use preflight::report::paragraph::wrap;
use preflight::run::{self, Selection};
use preflight::world::{CleanUp, Pace, World, rehearsal_events};

use super::exit::{self, CliError};
use super::output::OutputArgs;
use super::progress::shown_while;
use super::question::{Answer, agreed};
use super::run::{block_on, deliver, unless_crashed};
use super::signals::Signals;
use super::target::TargetArgs;
use super::terminal::{Terminal, note, print};
use super::values::{self, Format};

/// How long a rehearsal may take. Most of it is waiting: for Clerk's limits, for the Worker, and for a token to expire.
const DEADLINE: Duration = Duration::from_mins(10);

/// Send the events of a customer's life to the deployed Worker, for the canary: purchase, change of plan, failed payments,
/// cancellation. Each must do to the canary what it should. Then put the canary back as it was.
#[derive(Debug, Args)]
#[command(mut_arg("report_dir", |arg| arg.help("Directory for rehearsal.md, rehearsal.json and the journal")))]
#[command(mut_arg("no_report", |arg| arg.help("Do not write rehearsal.md and rehearsal.json")))]
pub struct RehearseArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Send signed events that preflight makes. Nothing is created at Stripe
    #[arg(long, required = true)]
    events: bool,
    /// Start without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would be sent and changed, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for a token to expire [default: 90s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    token_wait: Option<Duration>,

    #[command(flatten)]
    output: OutputArgs,
}

/// Put the canary back as it was before a rehearsal that was killed.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Directory with the journal
    #[arg(long, value_name = "DIR", default_value = "reports")]
    report_dir: PathBuf,
}

/// Rehearses, and prints the report.
pub fn execute(args: &RehearseArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(async {
        let status = rehearse(args, terminal).await;
        args.target.forget_files();
        status
    })
}

async fn rehearse(args: &RehearseArgs, terminal: Terminal) -> Result<u8, CliError> {
    let mut options = args.target.options(args.output.report_dir.join("journal.jsonl"))?;
    options.deadline = args.target.deadline.or(Some(DEADLINE));
    let (world, sandbox) = args.target.world(options).await?;
    let usual = if sandbox.is_some() { Pace::fast() } else { Pace::default() };
    let world = world.rehearsing(Pace { token_wait: args.token_wait.unwrap_or(usual.token_wait), ..usual });
    let mut signals = Signals::listen()?;
    if sandbox.is_none() || args.dry_run {
        let lines = consequences(&world);
        for line in lines {
            note(wrap(&line, "", "  ", terminal.width).trim_end());
        }
        if args.dry_run {
            return Ok(exit::GO);
        }
        let answer = agreed(args.yes, "Start the rehearsal?", &mut signals).await?;
        if answer != Answer::Yes {
            note("Nothing was sent.");
            return Ok(answer.status().unwrap_or(exit::NOTHING_RAN));
        }
    }
    let selection = Selection::rehearsal().with_flags(args.target.flags());
    let ran = unless_crashed(run::run(&world, &selection, None, signals.first()));
    let mut report = shown_while(terminal.live, || world.rehearsal_progress(), ran).await?;
    let targets = args.output.targets(&[(Format::Markdown, "rehearsal.md"), (Format::Json, "rehearsal.json")]);
    Ok(deliver::deliver(&mut report, &targets, args.output.format, args.output.style(terminal)))
}

/// What a rehearsal does, for the person who decides.
fn consequences(world: &World) -> Vec<String> {
    let config = world.config();
    let canary = config.clerk.canary_user.value.as_deref().unwrap_or("the canary, which is not set");
    let events = rehearsal_events(config);
    let mut lines = vec![
        format!(
            "This rehearsal sends {events} signed events about the canary to {} in {} mode, and takes about a minute and a half.",
            config.webhook.url,
            config.project.mode.word()
        ),
        "- Stripe: nothing is created or changed.".to_owned(),
        format!("- Clerk: the metadata of {canary} changes, and is put back as it was. The canary is signed in and out."),
        "- The Worker may remember the events' IDs, and those of a customer and subscriptions that do not exist (…_preflight…). If \
         it sends mail or calls other services on a purchase, it does so for the canary."
            .to_owned(),
    ];
    if let Some(path) = &config.worker.metered {
        lines.push(format!("- POST {path} is called once, and stays counted as one use of the canary."));
    }
    lines
}

/// Puts back what a killed rehearsal left.
pub fn clean_up(args: &CleanupArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(async {
        let options = args.target.options(args.report_dir.join("journal.jsonl"))?;
        let (world, _sandbox) = args.target.world(options).await?;
        let world = world.rehearsing(Pace::default());
        let (text, status) = match world.clean_up().await {
            Ok(CleanUp::NothingLeft) => ("Nothing was left to clean up.".to_owned(), exit::GO),
            Ok(CleanUp::Restored(user)) => {
                (format!("The metadata of {user} is as it was before the rehearsal."), exit::GO)
            }
            Err(why) => (format!("Not cleaned up: {why}."), exit::LEFT_BEHIND),
        };
        print(&wrap(&text, "", "", terminal.width))?;
        args.target.forget_files();
        Ok(status)
    })
}

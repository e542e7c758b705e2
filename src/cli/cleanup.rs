//! `preflight cleanup`.

use std::path::PathBuf;

use clap::Args;
use preflight::finding::NoAnswer;
use preflight::report::paragraph::wrap;
use preflight::report::text::clean;
use preflight::world::{CleanUp, Pace, World};

use super::exit::{self, CliError};
use super::question::{Answer, agreed};
use super::run::block_on;
use super::signals::Signals;
use super::target::TargetArgs;
use super::terminal::{Terminal, note, print};

/// Put the canary back as it was before a rehearsal that was killed.
#[derive(Debug, Args)]
pub struct CleanupArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Directory with the journal
    #[arg(long, value_name = "DIR", default_value = "reports")]
    report_dir: PathBuf,
    /// Set the canary's metadata back without asking, also what someone may have changed since
    #[arg(short, long)]
    yes: bool,
}

/// Puts back what a killed rehearsal left.
pub fn execute(args: &CleanupArgs, terminal: Terminal) -> Result<u8, CliError> {
    block_on(async {
        let status = perform(args, terminal).await;
        args.target.forget_files();
        status
    })
}

async fn perform(args: &CleanupArgs, terminal: Terminal) -> Result<u8, CliError> {
    let options = args.target.options(args.report_dir.join("journal.jsonl"))?;
    let (world, _sandbox) = args.target.world(options).await?;
    let world = world.rehearsing(Pace::default());
    let mut signals = Signals::listen()?;
    let (text, status) = match clean_up(args, &world, &mut signals, terminal).await? {
        Ok(Done::Cleaned(0, CleanUp::NothingLeft)) => ("Nothing was left to clean up.".to_owned(), exit::GO),
        Ok(Done::Cleaned(removed, canary)) => {
            let stripe = (removed > 0).then(|| "What the rehearsal created at Stripe is removed.".to_owned());
            let canary = match canary {
                CleanUp::NothingLeft => None,
                CleanUp::Restored(user) => Some(format!("The metadata of {user} is as it was before the rehearsal.")),
                CleanUp::Gone(user) => Some(format!("{user} was deleted, so there is nothing to put back.")),
            };
            (stripe.into_iter().chain(canary).collect::<Vec<_>>().join(" "), exit::GO)
        }
        Ok(Done::Declined(status)) => {
            ("Not cleaned up: the canary was left as it is. To set it back, use --yes.".to_owned(), status)
        }
        Err(why) => (format!("Not cleaned up: {why}."), exit::LEFT_BEHIND),
    };
    print(&wrap(&text, "", "", terminal.width))?;
    Ok(status)
}

/// What was done.
enum Done {
    /// How many rehearsals had left something at Stripe, and what became of the canary.
    Cleaned(usize, CleanUp),
    /// Nothing at Clerk, because the answer was no. The exit status.
    Declined(u8),
}

/// Removes what is left at Stripe, and puts the canary back. Asks before it sets what a person may have changed.
async fn clean_up(
    args: &CleanupArgs,
    world: &World,
    signals: &mut Signals,
    terminal: Terminal,
) -> Result<Result<Done, NoAnswer>, CliError> {
    let found = async {
        let removed = world.remove_left().await?;
        Ok((removed, world.left_canary().await?))
    };
    let (removed, left) = match found.await {
        Ok(found) => found,
        Err(why) => return Ok(Err(why)),
    };
    let doubtful = left.doubtful(world.config());
    if !doubtful.is_empty() && !args.yes {
        note("These values of the canary may have been changed by someone else since. Cleaning up sets them back:");
        for line in doubtful {
            note(wrap(&clean(&line), "- ", "  ", terminal.width).trim_end());
        }
        let answer = agreed(false, "Set them back?", signals).await?;
        if answer != Answer::Yes {
            return Ok(Ok(Done::Declined(answer.status().unwrap_or(exit::LEFT_BEHIND))));
        }
    }
    Ok(world.clean_up(left).await.map(|canary| Done::Cleaned(removed, canary)))
}

//! `preflight trace --follow`.

use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use preflight::config::Config;
use preflight::sandbox::Sandbox;
use preflight::trace::{self, Asked, Happening, Pace, Sighting, Verdict};
use preflight::world::{self, World};
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::sleep;

use super::{TraceArgs, TraceFormat, json, table};
use crate::cli::exit::CliError;
use crate::cli::signals::{self, Signals};
use crate::cli::terminal::{Terminal, note, print};

/// The exit status if a purchase was late when the wait ended.
const LATE: u8 = 1;
/// The exit status if nothing was bought.
const NOTHING_SEEN: u8 = 2;
/// Who buys in the sandbox.
const BUYER: &str = "user_2fridaAcme00000000000000000";
/// The time between the steps of that purchase.
const STEP: Duration = Duration::from_secs(2);

/// Waits for the next purchase, prints each link as it is reached, and traces the customer at the end.
pub async fn follow(args: &TraceArgs, signals: &mut Signals, terminal: Terminal) -> Result<u8, CliError> {
    // Each wait is limited by the user, and each request by its own time limit.
    let options = world::Options { deadline: None, ..args.options()? };
    let (world, sandbox) = args.target.world(options.clone()).await?;
    let pace = Pace::default();
    note(&waiting(world.config(), pace));
    let follower = Follower { args, options, sandbox: sandbox.as_ref(), pace, terminal };
    let (sender, mut receiver) = unbounded_channel();
    let mut ending = pin!(trace::follow(&world, pace, &sender));
    let mut limit = pin!(after(args.target.deadline));
    let mut demonstration = pin!(demonstrated(sandbox.as_ref(), world.config()));
    let mut status = NOTHING_SEEN;
    loop {
        tokio::select! {
            biased;
            Some(sighting) = receiver.recv() => {
                follower.print(&sighting)?;
                if sighting.happening == Happening::Late {
                    status = LATE;
                    follower.diagnose(&sighting).await?;
                }
            }
            interruption = signals.first() => return Ok(signals::status(interruption)),
            done = &mut ending => {
                // What was seen is printed before the end.
                while let Ok(sighting) = receiver.try_recv() {
                    follower.print(&sighting)?;
                }
                return match done {
                    Ok(purchase) => follower.conclude(&purchase).await,
                    Err(why) => {
                        note(&format!("Could not read Stripe's events: {}", preflight::report::text::shown(&why.to_string())));
                        Ok(NOTHING_SEEN)
                    }
                };
            }
            () = &mut limit => {
                note("The time limit is over.");
                return Ok(status);
            }
            () = &mut demonstration => {}
        }
    }
}

struct Follower<'a> {
    args: &'a TraceArgs,
    options: world::Options,
    sandbox: Option<&'a Sandbox>,
    pace: Pace,
    terminal: Terminal,
}

impl Follower<'_> {
    fn print(&self, sighting: &Sighting) -> Result<(), CliError> {
        let shown = Sighting { words: self.args.shown(&sighting.words), ..sighting.clone() };
        print(&match self.args.format {
            TraceFormat::Table => table::sighting(&shown, self.terminal),
            TraceFormat::Json => json::sighting(&shown),
        })?;
        Ok(())
    }

    /// Traces a purchase that is late, and prints the broken link and its fix.
    async fn diagnose(&self, sighting: &Sighting) -> Result<(), CliError> {
        let Some(purchase) = &sighting.purchase else { return Ok(()) };
        let (world, late) = (self.world()?, i64::try_from(self.pace.late.as_secs()).unwrap_or(i64::MAX));
        let traced = trace::trace_after(&world, purchase, late).await;
        if matches!(self.args.format, TraceFormat::Json) {
            return Ok(print(&self.args.rendered(&traced, purchase, world.config(), self.terminal))?);
        }
        if let Verdict::Broken(broken) = &traced.verdict {
            let traced = if self.args.show_pii { traced.clone() } else { traced.clone().masked() };
            let message = self.args.shown(&broken.message);
            print(&table::broken(&traced, &message, self.terminal))?;
        }
        note("Still waiting. Ctrl-C stops.");
        Ok(())
    }

    /// Traces the purchase of a user who has the plan: the claim and the Worker are left.
    async fn conclude(&self, purchase: &Asked) -> Result<u8, CliError> {
        let world = self.world()?;
        let traced = trace::trace(&world, purchase).await;
        if matches!(self.args.format, TraceFormat::Table) {
            print("\n")?;
        }
        print(&self.args.rendered(&traced, purchase, world.config(), self.terminal))?;
        Ok(traced.verdict.exit_code())
    }

    /// A world that remembers nothing.
    fn world(&self) -> Result<World, CliError> {
        self.args.target.world_again(self.sandbox, self.options.clone())
    }
}

fn waiting(config: &Config, pace: Pace) -> String {
    let (project, mode) = (preflight::report::text::shown(&config.project.name), config.project.mode.word());
    format!(
        "Waiting for the next purchase ({project}, {mode} mode). After {} s, a link is late. Ctrl-C stops.",
        pace.late.as_secs()
    )
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

/// In the sandbox, a user buys the first paid tier, step by step.
fn demonstrated(sandbox: Option<&Sandbox>, config: &Config) -> impl Future<Output = ()> {
    let tier = config.paid_tiers().next();
    let price = tier.and_then(|tier| tier.prices.first()).and_then(|price| price.price_id.value.clone());
    let plan = tier.map(|tier| tier.metadata.clone()).unwrap_or_default();
    async move {
        if let Some((sandbox, price)) = sandbox.zip(price) {
            note("In the sandbox, Frida buys a plan in a few seconds.");
            sleep(STEP).await;
            if let Ok(bought) = sandbox.buy(BUYER, &price) {
                sleep(STEP).await;
                if sandbox.mark_delivered(&bought) {
                    sleep(STEP).await;
                    sandbox.grant(&bought, &plan);
                }
            }
        }
        pending::<()>().await;
    }
}

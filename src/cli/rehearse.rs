//! `preflight rehearse`.

use std::time::Duration;

use clap::{ArgGroup, Args};
use preflight::config::Mode;
use preflight::report::paragraph::wrap;
use preflight::run::{self, Selection};
use preflight::world::{Depth, Invitation, Pace, World, rehearsal_events};

use super::browser;
use super::exit::{self, CliError};
use super::output::{OutputArgs, report_names};
use super::progress::shown_while;
use super::question::{Answer, agreed};
use super::run::{block_on, deliver, unless_crashed};
use super::signals::Signals;
use super::target::TargetArgs;
use super::terminal::{Terminal, note};
use super::values::{self, Format};

/// How long a rehearsal may take. Most of it is waiting: for Clerk's limits, for the Worker, and for a token to expire.
const DEADLINE: Duration = Duration::from_mins(10);

/// Play a customer's life through the deployed Worker, for the canary: purchase, change of plan, failed payments, cancellation.
/// Each must do to the canary what it should. Then remove what was created, and put the canary back as it was.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
#[command(group(ArgGroup::new("depth").required(true)))]
#[command(mut_arg("report_dir", |arg| arg.help("Directory for rehearsal.md, rehearsal.json and the journal")))]
#[command(mut_arg("no_report", |arg| arg.help("Do not write rehearsal.md and rehearsal.json")))]
pub struct RehearseArgs {
    #[command(flatten)]
    target: TargetArgs,
    /// Send signed events that preflight makes. Nothing is created at Stripe
    #[arg(long, group = "depth")]
    events: bool,
    /// Create a subscription at Stripe with a coupon of 100 %, and wait for Stripe's own events. In test mode: with a test card, and
    /// a test clock for the months that follow
    #[arg(long, group = "depth")]
    live: bool,
    /// Let a person buy on the Worker's own Checkout page, with a promotion code of 100 % and without a card, and wait for Stripe's
    /// own events
    #[arg(long, group = "depth")]
    guided: bool,
    /// Start without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,
    /// Show what would be sent and changed, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait for a token to expire [default: 90s]
    #[arg(long, value_name = "TIME", value_parser = values::duration)]
    token_wait: Option<Duration>,
    /// With `--guided`, only print the address of the Checkout page, instead of also opening it in your browser
    #[arg(long, requires = "guided")]
    no_open: bool,
    /// How long a person may take to complete the Checkout page [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, requires = "guided")]
    wait: Option<Duration>,

    #[command(flatten)]
    output: OutputArgs,
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
    let depth = args.depth();
    options.deadline = args.target.deadline.or(Some(args.deadline()));
    let (world, sandbox) = args.target.world(options.clone()).await?;
    let usual = if sandbox.is_some() { Pace::fast() } else { Pace::default() };
    let usual = if depth == Depth::Events { usual } else { usual.patient() };
    let (token_wait, person) = (args.token_wait.unwrap_or(usual.token_wait), args.wait.unwrap_or(usual.person));
    let rehearsing = |world: World| world.rehearsing_at(Pace { token_wait, person, ..usual }, depth);
    let mut signals = Signals::listen()?;
    if sandbox.is_none() || args.dry_run {
        let lines = match depth {
            Depth::Events => consequences(&world),
            Depth::Live | Depth::Guided => billing_consequences(&world, depth),
        };
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
    // The time to decide does not count.
    let world = rehearsing(args.target.world_again(sandbox.as_ref(), options)?);
    let selection = Selection::rehearsal(depth).with_flags(args.target.flags());
    let ran = unless_crashed(run::run(&world, &selection, None, signals.first()));
    let mut ran = std::pin::pin!(ran);
    let mut report = tokio::select! {
        report = shown_while(terminal.live, || world.rehearsal_progress(), &mut ran) => report?,
        invitation = world.invitation() => {
            // Only the sandbox's own page can be opened without its certificate authority.
            let url = sandbox.as_ref().and_then(|sandbox| sandbox.checkout_page(&invitation.url));
            let url = url.as_deref().unwrap_or(&invitation.url);
            note(&words(&invitation, url));
            if !args.no_open {
                browser::open(url).await;
            }
            shown_while(terminal.live, || world.rehearsal_progress(), &mut ran).await?
        }
    };
    let [markdown, json] = report_names(depth);
    let targets = args.output.targets(&[(Format::Markdown, markdown), (Format::Json, json)]);
    Ok(deliver::deliver(&mut report, &targets, args.output.format, args.output.style(terminal)))
}

impl RehearseArgs {
    /// The usual time limit, and what a person may take.
    fn deadline(&self) -> Duration {
        let person = if self.guided { self.wait.unwrap_or(Pace::default().person) } else { Duration::ZERO };
        DEADLINE + person
    }

    const fn depth(&self) -> Depth {
        match (self.live, self.guided) {
            (true, _) => Depth::Live,
            (_, true) => Depth::Guided,
            _ => Depth::Events,
        }
    }
}

/// Where a person buys, and how.
fn words(Invitation { code, tier, .. }: &Invitation, url: &str) -> String {
    format!(
        "\nBuy tier {tier} as the canary, without a card:\n\n  1. Open this page:\n\n{url}\n\n  2. Apply the promotion code {code}.\n     \
         The total must be 0.\n  3. Subscribe. preflight goes on by itself.\n"
    )
}

/// What a rehearsal with a real subscription does, for the person who decides.
fn billing_consequences(world: &World, depth: Depth) -> Vec<String> {
    let config = world.config();
    let (mode, is_test) = (config.project.mode.word(), config.project.mode == Mode::Test);
    let canary = config.clerk.canary_holder().value.as_deref().unwrap_or("the canary, which is not set");
    let objects = match (depth, is_test) {
        (Depth::Guided, _) => {
            "a coupon of 100 % and a promotion code for one purchase. You buy on your own Checkout page, which creates a customer and a subscription"
        }
        (_, true) => "a test clock, a customer with a test card, and a subscription",
        (_, false) => "a coupon of 100 %, a customer without an email address, and a subscription",
    };
    let moved = if config.paid_tiers().count() > 1 { "moved to another tier, " } else { "" };
    vec![
        format!("This rehearsal buys a subscription for the canary at Stripe, in {mode} mode. Nothing is charged."),
        format!("- Created at Stripe: {objects}. The subscription is {moved}canceled, and ends. Then the customer, the coupon and the rest are deleted, and each is read again."),
        "- What remains at Stripe: the canceled subscription, its invoices over zero, the events, and the deleted customer's ID. Your reports count one customer who came and went.".to_owned(),
        "- Stripe sends these events to every endpoint of the account, and may send mail as your settings say. Other services behind those endpoints get them too.".to_owned(),
        format!("- Clerk: the metadata of {canary} changes, and is put back as it was. The canary is signed in and out."),
        "- The Worker is asked for Checkout Sessions, which are expired if they are not used.".to_owned(),
        "- The Worker may remember the customer, the subscription and the events. If it sends mail or calls other services on a purchase, it does so for the canary.".to_owned(),
    ]
}

/// What a rehearsal does, for the person who decides.
fn consequences(world: &World) -> Vec<String> {
    let config = world.config();
    let canary = config.clerk.canary_holder().value.as_deref().unwrap_or("the canary, which is not set");
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

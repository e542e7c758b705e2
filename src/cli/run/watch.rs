//! `preflight run --watch`: runs everything, asks again what does not pass until it does, and then runs everything once more.

use std::io::{self, BufRead, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use preflight::checks;
use preflight::report::paragraph::wrap;
use preflight::report::text::clean;
use preflight::run::{Report, Selection};
use preflight::sandbox::Sandbox;
use preflight::world::{self, World};
use tokio::sync::Notify;

use super::rounds::{Moment, Rounds, Watcher, named, repeat};
use super::{FailOn, RunArgs, once, run_with_progress};
use crate::cli::exit::CliError;
use crate::cli::progress::Waiting;
use crate::cli::signals::{self, Signals};
use crate::cli::terminal::{Terminal, note, print};
use crate::cli::values;

/// The time between two rounds.
const INTERVAL: Duration = Duration::from_secs(10);

/// Runs until everything that can be repeated passes, and returns the exit status of a last full run.
pub async fn watch(
    args: &RunArgs,
    world: &World,
    sandbox: Option<&Sandbox>,
    signals: &mut Signals,
    terminal: Terminal,
) -> Result<u8, CliError> {
    let report = once(args, world, signals, terminal).await?;
    let enter = if args.no_probe { Enter(None) } else { Enter::of_terminal() };
    let checks = checks::all(world.config());
    let mut rounds = Rounds::after(&report, &checks, args.fail_on == FailOn::Warn, enter.0.is_some());
    if report.interruption.is_some() || rounds.next(true).is_empty() {
        return Ok(report.exit_code());
    }
    note(wrap(&opening(&rounds), "", "", terminal.width).trim_end());
    if rounds.are_over() {
        return Ok(report.exit_code());
    }
    let mut live = Live { args, sandbox, signals, enter, terminal };
    if let Some(status) = repeat(&mut rounds, &mut live).await? {
        return Ok(status);
    }
    // The last run sends again, and that is asked for like every other time.
    let done = if live.enter.0.is_some() {
        "Everything that was repeated passes. Press Enter to run all checks once more."
    } else {
        "Everything that was repeated passes. Running all checks once more …"
    };
    print(&format!("\n{}\n", wrap(done, "", "", terminal.width)))?;
    if live.enter.0.is_some() {
        tokio::select! {
            interruption = live.signals.first() => return Ok(signals::status(interruption)),
            () = live.enter.pressed() => {}
        }
    }
    Ok(once(args, &live.world(true)?, live.signals, terminal).await?.exit_code())
}

/// The rounds of the program: a new one every ten seconds, and on Enter.
struct Live<'a> {
    args: &'a RunArgs,
    sandbox: Option<&'a Sandbox>,
    signals: &'a mut Signals,
    enter: Enter,
    terminal: Terminal,
}

impl Live<'_> {
    /// A world remembers its answers, so every round needs a new one.
    fn world(&self, may_send: bool) -> Result<World, CliError> {
        let options = self.args.options()?;
        let probe = options.probe && may_send;
        self.args.target.world_again(self.sandbox, world::Options { probe, ..options })
    }
}

impl Watcher for Live<'_> {
    async fn wait(&mut self, rounds: &Rounds) -> Moment {
        let _line = self.terminal.live.then(|| Waiting::start(&prompt(rounds)));
        tokio::select! {
            interruption = self.signals.first() => Moment::Stopped(interruption),
            () = self.enter.pressed() => Moment::Pressed,
            () = tokio::time::sleep(INTERVAL), if !rounds.next(false).is_empty() => Moment::Due,
        }
    }

    async fn ask(&mut self, ids: Vec<String>, is_pressed: bool) -> Result<Report, CliError> {
        // A check that only reads may ask what another one sends, to explain a failure. So the world itself sends nothing.
        let world = self.world(is_pressed)?;
        let checks = checks::all(world.config());
        let selection = Selection::new(&checks, &[], &values::joined(&self.args.skip))?.among(ids);
        let report = run_with_progress(&world, &selection, self.signals, self.terminal).await?;
        report.changed.iter().chain(&report.left_open).try_for_each(|alarm| self.say(&Ok(clean(alarm))))?;
        Ok(report)
    }

    fn say(&mut self, said: &Result<String, CliError>) -> Result<(), CliError> {
        match said {
            Ok(text) => {
                let now = Timestamp::now().strftime("%H:%M:%S UTC  ").to_string();
                print(&wrap(text, &now, &" ".repeat(now.len()), self.terminal.width))?;
            }
            Err(error) => note(error.message(self.terminal).trim_end()),
        }
        Ok(())
    }
}

/// What the rounds are going to do.
fn opening(rounds: &Rounds) -> String {
    let (repeated, held) = (rounds.next(false), rounds.held());
    let mut sentences = Vec::new();
    if !repeated.is_empty() {
        let every = INTERVAL.as_secs();
        sentences.push(format!("Repeating what does not pass every {every} s: {}.", named(&repeated)));
    }
    if !held.is_empty() {
        let when =
            if rounds.has_enter { "Repeated only when you press Enter" } else { "Not repeated without a terminal" };
        sentences.push(format!("{when}, because it sends something: {}.", named(&held)));
        if !rounds.has_enter && !rounds.are_over() {
            sentences.push("At the end, all checks run once more.".to_owned());
        }
    }
    if !rounds.are_over() {
        sentences.push("To stop, press Ctrl-C.".to_owned());
    }
    sentences.join(" ")
}

/// What the user can do while nothing runs, in fewer than sixty columns.
fn prompt(rounds: &Rounds) -> String {
    let every = INTERVAL.as_secs();
    match (rounds.has_enter, rounds.next(false).is_empty(), rounds.held().is_empty()) {
        (false, ..) => format!("Next round in {every} s"),
        (true, true, _) => "Press Enter to repeat what sends something".to_owned(),
        (true, false, true) => format!("Next round in {every} s, or press Enter"),
        (true, false, false) => format!("Next round in {every} s. Enter also repeats what sends something"),
    }
}

/// Enter, pressed on a terminal. Pressed several times during a round, it counts once.
struct Enter(Option<Arc<Notify>>);

impl Enter {
    /// Starts to listen, if standard input is a terminal.
    fn of_terminal() -> Self {
        if !io::stdin().is_terminal() {
            return Self(None);
        }
        let pressed = Arc::new(Notify::new());
        let notify = Arc::clone(&pressed);
        // It waits for a line as long as the program runs, so it is no task that the runtime would wait for.
        std::thread::spawn(move || io::stdin().lock().lines().map_while(Result::ok).for_each(|_| notify.notify_one()));
        Self(Some(pressed))
    }

    async fn pressed(&self) {
        match &self.0 {
            Some(pressed) => pressed.notified().await,
            None => std::future::pending().await,
        }
    }
}

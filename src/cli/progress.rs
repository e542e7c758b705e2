//! A live progress line on a terminal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use preflight::check::CheckId;
use preflight::holder::HolderKind;
use preflight::reconcile::{self, Stage};
use preflight::report::outline::took;
use preflight::run::RunEvent;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// How often the line is redrawn.
const REDRAW: Duration = Duration::from_millis(100);

/// The progress line on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    /// Starts the line. Send it the run's events. Must be called within the runtime.
    pub fn start() -> (Self, UnboundedSender<RunEvent>) {
        let bar = line();
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(follow(bar.clone(), receiver));
        (Self { bar, task }, sender)
    }

    /// Clears the line, before other output.
    pub fn end(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

/// A line on standard error while nothing runs. It is cleared when it is dropped.
#[derive(Debug)]
pub struct Waiting(ProgressBar);

impl Waiting {
    /// Shows the line.
    pub fn start(text: &str) -> Self {
        let bar = line();
        bar.set_message(text.to_owned());
        bar.tick();
        Self(bar)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Waits for a future, with a line on the terminal that says what it is doing.
pub async fn shown_while<T>(is_live: bool, mut text: impl FnMut() -> String, future: impl Future<Output = T>) -> T {
    let waiting = is_live.then(|| Waiting::start(&text()));
    let mut redraw = tokio::time::interval(REDRAW);
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            output = &mut future => return output,
            _ = redraw.tick() => {
                if let Some(Waiting(bar)) = &waiting {
                    bar.set_message(text());
                }
            }
        }
    }
}

/// What a comparison of all accounts is doing, each time it is called.
pub fn reading(progress: Arc<reconcile::Progress>, kind: HolderKind) -> impl FnMut() -> String {
    let (began, mut confirming) = (Instant::now(), None);
    move || {
        if progress.stage() != Stage::Reading {
            confirming.get_or_insert_with(Instant::now);
        }
        words(&progress, kind, began.elapsed(), confirming.map(|since: Instant| since.elapsed()))
    }
}

/// How far a comparison is, how fast, and how long it will take.
fn words(progress: &reconcile::Progress, kind: HolderKind, since: Duration, confirming: Option<Duration>) -> String {
    let (confirmed, candidates) = progress.confirmed();
    match progress.stage() {
        Stage::Reading => {
            let ((subscriptions, holders), (all_subscriptions, all_holders)) = (progress.read(), progress.expected());
            let rate = HumanCount(per_second(subscriptions + holders, since));
            // Each side takes its own time.
            let left = time_left(subscriptions, all_subscriptions, since).max(time_left(holders, all_holders, since));
            let left = left.map_or_else(String::new, |left| format!(", {} left", took(left)));
            format!(
                "{} of about {} subscriptions, {} of {} {}, {rate}/s{left}",
                HumanCount(subscriptions),
                HumanCount(all_subscriptions),
                HumanCount(holders),
                HumanCount(all_holders),
                kind.plural()
            )
        }
        Stage::Waiting => {
            format!("{} accounts differ; waiting before they are read again", HumanCount(candidates))
        }
        Stage::Confirming => {
            let left = time_left(confirmed, candidates, confirming.unwrap_or_default());
            let left = left.map_or_else(String::new, |left| format!(", {} left", took(left)));
            format!(
                "{} of {} accounts that differ were read again{left}",
                HumanCount(confirmed),
                HumanCount(candidates)
            )
        }
    }
}

fn per_second(count: u64, since: Duration) -> u64 {
    count.saturating_mul(1000) / u64::try_from(since.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// How long the rest takes at the rate so far; `None` before anything was done.
fn time_left(done: u64, all: u64, since: Duration) -> Option<Duration> {
    let rest = u32::try_from(all.saturating_sub(done)).ok()?;
    let done = u32::try_from(done).ok().filter(|done| *done > 0)?;
    Some((since / done).saturating_mul(rest))
}

fn line() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        bar.set_style(style);
    }
    bar
}

async fn follow(bar: ProgressBar, mut events: UnboundedReceiver<RunEvent>) {
    let mut checks = InProgress::default();
    let mut redraw = tokio::time::interval(REDRAW);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => checks.note(event, Instant::now()),
                None => return,
            },
            _ = redraw.tick() => bar.set_message(checks.line(Instant::now())),
        }
    }
}

/// The checks in progress.
#[derive(Debug, Default)]
struct InProgress {
    running: Vec<(CheckId, Instant)>,
    finished: usize,
}

impl InProgress {
    fn note(&mut self, event: RunEvent, now: Instant) {
        match event {
            RunEvent::Started(id) => self.running.push((id, now)),
            RunEvent::Finished(id) => {
                self.running.retain(|(running, _)| *running != id);
                self.finished += 1;
            }
        }
    }

    /// The slowest checks come first, because the terminal cuts the line.
    fn line(&self, now: Instant) -> String {
        let all = self.finished + self.running.len();
        let mut waiting: Vec<&(CheckId, Instant)> = self.running.iter().collect();
        waiting.sort_by_key(|(_, since)| *since);
        let waiting: Vec<String> = waiting
            .into_iter()
            .map(|(id, since)| format!("{id} {}", took(now.saturating_duration_since(*since))))
            .collect();
        format!("{} of {all} checks done, waiting for {}", self.finished, waiting.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: CheckId = CheckId::new("stripe/account");
    const SECOND: CheckId = CheckId::new("webhook/endpoint");

    #[test]
    fn the_line_names_the_running_checks_with_their_time() {
        let start = Instant::now();
        let mut checks = InProgress::default();
        checks.note(RunEvent::Started(FIRST), start);
        checks.note(RunEvent::Started(SECOND), start + Duration::from_millis(400));
        let line = checks.line(start + Duration::from_millis(1500));
        assert_eq!(line, "0 of 2 checks done, waiting for stripe/account 1.5 s, webhook/endpoint 1.1 s");
    }

    #[test]
    fn a_finished_check_is_counted_and_not_named() {
        let start = Instant::now();
        let mut checks = InProgress::default();
        checks.note(RunEvent::Started(FIRST), start);
        checks.note(RunEvent::Started(SECOND), start);
        checks.note(RunEvent::Finished(FIRST), start);
        assert_eq!(checks.line(start), "1 of 2 checks done, waiting for webhook/endpoint 0 ms");
    }

    #[test]
    fn the_time_left_is_that_of_the_slower_side() {
        let second = Duration::from_secs(1);
        assert_eq!(time_left(25, 100, second), Some(Duration::from_secs(3)));
        assert_eq!(time_left(100, 100, second), Some(Duration::ZERO));
        assert_eq!(time_left(0, 100, second), None);
        assert_eq!(per_second(500, Duration::from_millis(250)), 2000);
    }

    #[test]
    fn a_comparison_that_has_just_begun_shows_no_time_left() {
        let line = words(&reconcile::Progress::default(), HolderKind::User, Duration::ZERO, None);
        assert_eq!(line, "0 of about 0 subscriptions, 0 of 0 users, 0/s");
    }
}

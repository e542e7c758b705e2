//! The checks in flight, live on a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use preflight::check::CheckId;
use preflight::report::outline::took;
use preflight::run::Event;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// How often the elapsed times are written anew.
const BEAT: Duration = Duration::from_millis(100);

/// A line on standard error that says what is going on.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    task: JoinHandle<()>,
}

impl Progress {
    /// Begins; what the run tells goes to the sender. Has to be called within the runtime.
    pub fn start() -> (Self, UnboundedSender<Event>) {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        let (sender, receiver) = unbounded_channel();
        let task = tokio::spawn(follow(bar.clone(), receiver));
        (Self { bar, task }, sender)
    }

    /// Takes the line away, before something else is written.
    pub fn end(self) {
        self.task.abort();
        self.bar.finish_and_clear();
    }
}

async fn follow(bar: ProgressBar, mut events: UnboundedReceiver<Event>) {
    let mut flight = Flight::default();
    let mut beat = tokio::time::interval(BEAT);
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => flight.note(event, Instant::now()),
                None => return,
            },
            _ = beat.tick() => bar.set_message(flight.line(Instant::now())),
        }
    }
}

/// What is in flight.
#[derive(Debug, Default)]
struct Flight {
    under_way: Vec<(CheckId, Instant)>,
    finished: usize,
}

impl Flight {
    fn note(&mut self, event: Event, now: Instant) {
        match event {
            Event::Started(id) => self.under_way.push((id, now)),
            Event::Finished(id, _) => {
                self.under_way.retain(|(under_way, _)| *under_way != id);
                self.finished += 1;
            }
        }
    }

    /// Those that take longest come first, since the line is cut where the terminal ends.
    fn line(&self, now: Instant) -> String {
        let all = self.finished + self.under_way.len();
        let mut waiting: Vec<&(CheckId, Instant)> = self.under_way.iter().collect();
        waiting.sort_by_key(|(_, since)| *since);
        let waiting: Vec<String> = waiting
            .into_iter()
            .map(|(id, since)| format!("{id} {}", took(now.saturating_duration_since(*since))))
            .collect();
        format!("{} of {all} checks done; waiting for {}", self.finished, waiting.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use preflight::run::Status;

    use super::*;

    const FIRST: CheckId = CheckId::new("stripe/account");
    const SECOND: CheckId = CheckId::new("webhook/endpoint");

    #[test]
    fn the_line_names_the_checks_in_flight_with_their_time() {
        let start = Instant::now();
        let mut flight = Flight::default();
        flight.note(Event::Started(FIRST), start);
        flight.note(Event::Started(SECOND), start + Duration::from_millis(400));
        let line = flight.line(start + Duration::from_millis(1500));
        assert_eq!(line, "0 of 2 checks done; waiting for stripe/account 1.5 s, webhook/endpoint 1.1 s");
    }

    #[test]
    fn a_finished_check_is_counted_and_no_longer_named() {
        let start = Instant::now();
        let mut flight = Flight::default();
        flight.note(Event::Started(FIRST), start);
        flight.note(Event::Started(SECOND), start);
        flight.note(Event::Finished(FIRST, Status::Pass), start);
        assert_eq!(flight.line(start), "1 of 2 checks done; waiting for webhook/endpoint 0 ms");
    }
}

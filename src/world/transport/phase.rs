//! The phases of a run, and which requests each allows.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Options, Trouble};

/// How long a run may take to end what it started, after its own time limit.
const GRACE: Duration = Duration::from_secs(10);

/// The phase of a run.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Requests are allowed.
    Running,
    /// No new requests.
    Stopped,
    /// Ends what the run started, until then.
    Leaving(Instant),
}

/// The phase of a run, and how many steps of the leave-no-trace door are in flight.
#[derive(Debug)]
pub(in crate::world) struct Phases {
    phase: watch::Sender<Phase>,
    steps: watch::Sender<usize>,
    timeout: Duration,
    ends: Option<Instant>,
}

/// A step that is in flight until this is dropped.
#[derive(Debug)]
pub(in crate::world) struct StepGuard<'p>(&'p Phases);

impl Drop for StepGuard<'_> {
    fn drop(&mut self) {
        self.0.steps.send_modify(|steps| *steps = steps.saturating_sub(1));
    }
}

impl Phases {
    pub fn new(options: &Options) -> Self {
        Self {
            phase: watch::Sender::new(Phase::Running),
            steps: watch::Sender::new(0),
            timeout: options.timeout,
            ends: options.deadline.map(|deadline| Instant::now() + deadline),
        }
    }

    /// Allows no new requests.
    pub fn stop(&self) {
        self.phase.send_if_modified(|phase| {
            let is_running = matches!(phase, Phase::Running);
            if is_running {
                *phase = Phase::Stopped;
            }
            is_running
        });
    }

    /// Allows the requests that end what the run started, for a limited time.
    pub fn leave(&self) {
        self.phase.send_replace(Phase::Leaving(Instant::now() + GRACE));
    }

    pub fn is_stopped(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Stopped)
    }

    /// Waits until the run is stopped.
    pub async fn stopped(&self) {
        let is_stopped = self.phase.subscribe().wait_for(|phase| matches!(phase, Phase::Stopped)).await.is_ok();
        if !is_stopped {
            std::future::pending::<()>().await;
        }
    }

    /// How long a request that is sent now may take.
    pub fn time_for(&self, is_step: bool) -> Result<Duration, Trouble> {
        let left = |ends: Instant| ends.saturating_duration_since(Instant::now()).min(self.timeout);
        let left = match *self.phase.borrow() {
            Phase::Running => self.ends.map_or(self.timeout, left),
            Phase::Stopped => return Err(Trouble::Stopped),
            Phase::Leaving(ends) => return Some(left(ends)).filter(|left| !left.is_zero()).ok_or(Trouble::Deadline),
        };
        match left {
            Duration::ZERO => Err(Trouble::Deadline),
            _ if is_step => Ok(self.timeout),
            left => Ok(left),
        }
    }

    /// Starts a step.
    pub fn begin(&self) -> StepGuard<'_> {
        self.steps.send_modify(|steps| *steps += 1);
        StepGuard(self)
    }

    /// How many steps are in flight.
    pub fn steps(&self) -> usize {
        *self.steps.borrow()
    }

    /// Waits until no step is in flight.
    pub async fn settled(&self) {
        // The sender lives as long as `self`.
        let _ = self.steps.subscribe().wait_for(|steps| *steps == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Options, Phases, Trouble};

    fn phases(deadline: Option<Duration>) -> Phases {
        Phases::new(&Options { deadline, ..Options::default() })
    }

    #[test]
    fn a_stopped_run_sends_nothing_until_it_leaves() {
        let phases = phases(None);
        assert_eq!(phases.time_for(false), Ok(Duration::from_secs(10)));
        phases.stop();
        assert_eq!((phases.time_for(false), phases.time_for(true)), (Err(Trouble::Stopped), Err(Trouble::Stopped)));
        phases.leave();
        assert!(phases.time_for(true).is_ok());
        // A late stop does not end the grace period.
        phases.stop();
        assert!(phases.time_for(true).is_ok());
    }

    #[test]
    fn after_the_deadline_a_run_can_only_end_what_it_started() {
        let phases = phases(Some(Duration::ZERO));
        assert_eq!((phases.time_for(false), phases.time_for(true)), (Err(Trouble::Deadline), Err(Trouble::Deadline)));
        phases.leave();
        assert!(phases.time_for(true).is_ok());
    }

    #[test]
    fn a_started_step_has_its_own_time_limit() {
        let phases = phases(Some(Duration::from_secs(5)));
        assert!(phases.time_for(false).unwrap() <= Duration::from_secs(5));
        assert_eq!(phases.time_for(true), Ok(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn steps_in_flight_are_counted() {
        let phases = phases(None);
        let (one, other) = (phases.begin(), phases.begin());
        assert_eq!(phases.steps(), 2);
        drop((one, other));
        phases.settled().await;
        assert_eq!(phases.steps(), 0);
    }
}

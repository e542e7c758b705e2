//! When what may be asked: while the run goes on, once it is told to stop, and while it leaves.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Options, Trouble};

/// So long may it take to end what a run has begun, whatever time the run itself had.
const GRACE: Duration = Duration::from_secs(10);

/// Where a run stands.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// It goes on.
    Running,
    /// Nothing new is sent.
    Stopped,
    /// What was begun is ended, until then.
    Leaving(Instant),
}

/// Where the run stands, and how many steps of the leave-no-trace door are under way.
#[derive(Debug)]
pub(in crate::world) struct Phases {
    phase: watch::Sender<Phase>,
    steps: watch::Sender<usize>,
    timeout: Duration,
    ends: Option<Instant>,
}

/// A step that is under way until this is dropped.
#[derive(Debug)]
pub(in crate::world) struct UnderWay<'p>(&'p Phases);

impl Drop for UnderWay<'_> {
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

    /// From now on nothing new is sent.
    pub fn stop(&self) {
        self.phase.send_if_modified(|phase| {
            let is_running = matches!(phase, Phase::Running);
            if is_running {
                *phase = Phase::Stopped;
            }
            is_running
        });
    }

    /// From now on, and for a while, what was begun can be ended.
    pub fn leave(&self) {
        self.phase.send_replace(Phase::Leaving(Instant::now() + GRACE));
    }

    pub fn is_stopped(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Stopped)
    }

    /// Waits until the run is told to stop.
    pub async fn stopped(&self) {
        let told = self.phase.subscribe().wait_for(|phase| matches!(phase, Phase::Stopped)).await.is_ok();
        if !told {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the run's time is over.
    pub async fn deadline(&self) {
        match self.ends {
            Some(ends) => tokio::time::sleep_until(ends.into()).await,
            None => std::future::pending().await,
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

    /// A step begins.
    pub fn begin(&self) -> UnderWay<'_> {
        self.steps.send_modify(|steps| *steps += 1);
        UnderWay(self)
    }

    /// How many steps are under way.
    pub fn steps(&self) -> usize {
        *self.steps.borrow()
    }

    /// Waits until no step is under way.
    pub async fn settled(&self) {
        // The other end is in our own hands.
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
    fn once_a_run_is_told_to_stop_nothing_is_sent_until_it_leaves() {
        let phases = phases(None);
        assert_eq!(phases.time_for(false), Ok(Duration::from_secs(10)));
        phases.stop();
        assert_eq!((phases.time_for(false), phases.time_for(true)), (Err(Trouble::Stopped), Err(Trouble::Stopped)));
        phases.leave();
        assert!(phases.time_for(true).is_ok());
        // Whoever is told too late of the end does not undo the grace.
        phases.stop();
        assert!(phases.time_for(true).is_ok());
    }

    #[test]
    fn after_the_deadline_nothing_is_begun_and_what_was_begun_can_be_ended() {
        let phases = phases(Some(Duration::ZERO));
        assert_eq!((phases.time_for(false), phases.time_for(true)), (Err(Trouble::Deadline), Err(Trouble::Deadline)));
        phases.leave();
        assert!(phases.time_for(true).is_ok());
    }

    #[test]
    fn a_step_that_is_begun_has_its_own_time() {
        let phases = phases(Some(Duration::from_secs(5)));
        assert!(phases.time_for(false).unwrap() <= Duration::from_secs(5));
        assert_eq!(phases.time_for(true), Ok(Duration::from_secs(10)));
    }

    #[tokio::test]
    async fn steps_under_way_are_counted() {
        let phases = phases(None);
        let (one, other) = (phases.begin(), phases.begin());
        assert_eq!(phases.steps(), 2);
        drop((one, other));
        phases.settled().await;
        assert_eq!(phases.steps(), 0);
    }
}

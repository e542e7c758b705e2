//! Work of our own that can be stopped: looking through text runs beside the clock and not under it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// No file that a browser loads takes longer to look through.
const LONGEST: Duration = Duration::from_secs(20);

/// Asks work on another thread to stop. Work looks at it between two steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether what is not done yet is to be left.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks for it.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Asks for it when the one who waits for the work is gone: the run was interrupted, or its time is over.
struct WhenDropped(Stop);

impl Drop for WhenDropped {
    fn drop(&mut self) {
        self.0.ask();
    }
}

/// Does `work` on a thread of its own, so that clocks and signals are heard meanwhile, and no longer than is reasonable.
/// `None` where it did not end well.
pub(super) async fn beside_the_clock<T: Send + 'static>(work: impl FnOnce(&Stop) -> T + Send + 'static) -> Option<T> {
    let stop = Stop::default();
    let _when_dropped = WhenDropped(stop.clone());
    let watched = stop.clone();
    let mut work = tokio::task::spawn_blocking(move || work(&watched));
    if let Ok(done) = tokio::time::timeout(LONGEST, &mut work).await {
        return done.ok();
    }
    // It ends with what was read so far.
    stop.ask();
    work.await.ok()
}

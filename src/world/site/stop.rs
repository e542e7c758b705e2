//! Searching text on another thread, so that it can be stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// No real file takes longer to search.
const LONGEST: Duration = Duration::from_secs(20);

/// Tells work on another thread to stop. The work checks it between two steps.
#[derive(Debug, Clone, Default)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Whether the work should stop.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Tells the work to stop.
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Stops the work when its result is no longer awaited: the run was interrupted, or its time is over.
struct WhenDropped(Stop);

impl Drop for WhenDropped {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Does `work` on another thread for a limited time, so that timers and signals are handled meanwhile. `None` if it panics.
pub(super) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce(&Stop) -> T + Send + 'static) -> Option<T> {
    let stop = Stop::default();
    let _when_dropped = WhenDropped(stop.clone());
    let watched = stop.clone();
    let mut work = tokio::task::spawn_blocking(move || work(&watched));
    if let Ok(done) = tokio::time::timeout(LONGEST, &mut work).await {
        return done.ok();
    }
    // It returns what was read so far.
    stop.set();
    work.await.ok()
}

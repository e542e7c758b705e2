//! What Stripe has to deliver, and what became of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use super::caller::Caller;

/// One event on its way to one endpoint.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) event: String,
    pub(super) kind: String,
    pub(super) endpoint: String,
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) body: String,
    pub(super) caller: Caller,
}

/// One attempt of Stripe to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryAttempt {
    /// `evt_…`.
    pub event: String,
    /// The event's type.
    pub kind: String,
    /// `we_…`, or the ID of an event destination.
    pub endpoint: String,
    /// The status of the answer, or `None` if there was none: nothing answers at the URL, or not in time.
    pub status: Option<u16>,
}

/// What is known of the deliveries of one Stripe.
#[derive(Debug, Default)]
pub struct DeliveryLog {
    attempts: Mutex<Vec<DeliveryAttempt>>,
    open: watch::Sender<usize>,
}

impl DeliveryLog {
    /// Waits until no delivery is on its way or waits for a retry.
    pub async fn finished(&self) {
        // It only fails when the sender is gone, which is this log's own.
        drop(self.open.subscribe().wait_for(|open| *open == 0).await);
    }

    /// Every attempt so far, in order.
    pub fn attempts(&self) -> Vec<DeliveryAttempt> {
        self.locked().clone()
    }

    /// Notes another attempt.
    pub(super) fn note(&self, attempt: DeliveryAttempt) {
        self.locked().push(attempt);
    }

    fn locked(&self) -> MutexGuard<'_, Vec<DeliveryAttempt>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery that counts as open until it is dropped.
pub(super) struct Open {
    pub(super) delivery: Delivery,
    pub(super) log: Arc<DeliveryLog>,
}

impl Open {
    fn new(delivery: Delivery, log: &Arc<DeliveryLog>) -> Self {
        log.open.send_modify(|open| *open += 1);
        Self { delivery, log: Arc::clone(log) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.log.open.send_modify(|open| *open -= 1);
    }
}

/// Where Stripe puts what is to be delivered.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: UnboundedSender<Open>,
    log: Arc<DeliveryLog>,
}

/// What was put into an outbox.
pub struct Outgoing(UnboundedReceiver<Open>);

impl Outgoing {
    /// The next delivery, once there is one. `None` if there will be none.
    pub(super) async fn next(&mut self) -> Option<Open> {
        self.0.recv().await
    }
}

/// An empty outbox, and what takes from it.
pub(super) fn outbox() -> (Outbox, Outgoing) {
    let (sender, receiver) = unbounded_channel();
    (Outbox { sender, log: Arc::default() }, Outgoing(receiver))
}

impl Outbox {
    /// Sends a delivery on its way. Without a sandbox around this Stripe, it stays pending.
    pub(super) fn put(&self, delivery: Delivery) {
        drop(self.sender.send(Open::new(delivery, &self.log)));
    }

    pub(super) fn log(&self) -> Arc<DeliveryLog> {
        Arc::clone(&self.log)
    }
}

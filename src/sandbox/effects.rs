//! Counts the changes made in the sandbox.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often each kind of change was made: `stripe.checkout_session.created` → 2.
#[derive(Debug, Default)]
pub struct Effects(Mutex<BTreeMap<String, u64>>);

impl Effects {
    /// Counts one more of `what`.
    pub fn record(&self, what: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Sets every count to zero.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

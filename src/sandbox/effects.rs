//! What was changed in the sandbox, counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Counts what was changed: `stripe.checkout_session.created` → 2.
#[derive(Debug, Default)]
pub struct Effects(Mutex<BTreeMap<String, u64>>);

impl Effects {
    /// Counts one more of `what`.
    pub fn record(&self, what: &str) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.to_owned()).or_default() += 1;
    }

    /// Counts from nothing again.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What was counted until now.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

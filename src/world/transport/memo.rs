//! What was asked already in this run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Asked;

/// The credential's fingerprint, and the request with all that shapes its answer.
type Key = (u64, String);

/// One cell for every question. Whoever asks while the first is under way waits for the same cell.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<Key, Arc<OnceCell<Asked>>>>);

impl Memo {
    pub fn cell(&self, key: Key) -> Arc<OnceCell<Asked>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

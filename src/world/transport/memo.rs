//! Remembers the responses of a run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::Asked;

/// The credential's fingerprint, and the request with everything that shapes its response.
type MemoKey = (u64, String);

/// One cell for each request. Everyone who asks while it is in flight waits for the same cell.
#[derive(Debug, Default)]
pub(super) struct Memo(Mutex<HashMap<MemoKey, Arc<OnceCell<Asked>>>>);

impl Memo {
    pub fn cell(&self, key: MemoKey) -> Arc<OnceCell<Asked>> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default())
    }
}

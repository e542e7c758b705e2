//! The secrets and variables of the deployed Worker: Cloudflare's API changes them, and the Worker reads them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The secrets and variables of the deployed Worker, by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct DeployedValues(Arc<Mutex<Arc<BTreeMap<String, String>>>>);

impl DeployedValues {
    /// A Worker with these secrets and variables.
    #[must_use]
    pub fn of(bindings: BTreeMap<String, String>) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(bindings))))
    }

    /// What a request that arrives now gets. A later change does not affect it.
    #[must_use]
    pub fn current(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Deploys other secrets and variables.
    pub fn replace(&self, bindings: BTreeMap<String, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(bindings);
    }
}

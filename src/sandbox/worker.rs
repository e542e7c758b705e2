//! The Worker. A placeholder that the merge replaces.

use std::collections::BTreeMap;

use axum::Router;
use serde::{Deserialize, Serialize};

/// What the document says of the Worker.
#[derive(Deserialize, Serialize, Clone, Debug)]
pub struct State {}

/// What the Worker calls.
pub struct Outside {
    /// Stripe.
    pub stripe: Router,
    /// Clerk's backend API.
    pub clerk: Router,
}

/// The Worker with what is deployed on its script.
pub fn router(_state: State, _bindings: BTreeMap<String, String>, _outside: Outside) -> Router {
    Router::new()
}

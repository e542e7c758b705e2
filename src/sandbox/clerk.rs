//! Clerk: the backend API and the frontend API. A placeholder that the merge replaces.

use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};

use super::Effects;

/// What the document says of Clerk.
#[derive(Deserialize, Serialize, Clone, Debug)]
pub struct State {}

/// Clerk.
pub struct Clerk;

impl Clerk {
    /// Clerk in a given state.
    #[must_use]
    pub fn new(_state: State, _effects: Arc<Effects>) -> Arc<Self> {
        Arc::new(Self)
    }
}

/// The backend API.
pub fn backend(_clerk: Arc<Clerk>) -> Router {
    Router::new()
}

/// The frontend API.
pub fn frontend_api(_clerk: Arc<Clerk>) -> Router {
    Router::new()
}

//! The frontend. A placeholder that the merge replaces.

use axum::Router;
use serde::{Deserialize, Serialize};

/// What the document says of the frontend.
#[derive(Deserialize, Serialize, Clone, Debug)]
pub struct State {}

/// The frontend.
pub fn router(_state: State) -> Router {
    Router::new()
}

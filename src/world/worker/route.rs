//! The Worker's routes for customers, and a route that fails.

use std::sync::Arc;

use crate::finding::Evidence;
use crate::world::{Answer, Failure};

/// A route that a Worker of the reference stack offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Answers 200 while the Worker is up.
    Health,
    /// Lists the tiers with their prices and limits.
    Tiers,
    /// Returns a user's plan and usage.
    Usage,
    /// Creates a Checkout Session.
    Checkout,
    /// Opens the customer portal.
    Portal,
    /// Counts one use for each call.
    Metered,
}

impl Route {
    /// Its key under `[worker]`.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Tiers => "tiers",
            Self::Usage => "usage",
            Self::Checkout => "checkout",
            Self::Portal => "portal",
            Self::Metered => "metered",
        }
    }
}

/// A route that returns an error, does not answer or does not exist.
#[derive(Debug, Clone)]
pub struct RouteFailure {
    /// The route.
    pub route: Route,
    /// The answer; `None` if none came.
    pub answer: Option<Arc<Answer>>,
    /// What was asked and what came back.
    pub evidence: Evidence,
}

impl RouteFailure {
    /// The failure that an answer shows.
    #[must_use]
    pub fn of(route: Route, answer: &Arc<Answer>) -> Self {
        let evidence = answer.evidence("answer", answer.excerpt());
        Self { route, answer: Some(Arc::clone(answer)), evidence }
    }

    pub(super) fn without_answer(route: Route, failure: &Failure) -> Self {
        Self { route, answer: None, evidence: failure.evidence() }
    }

    /// What happened, in a few words: `GET /health returned 500: …`.
    #[must_use]
    pub fn words(&self) -> String {
        let Evidence { request, status, seen, .. } = &self.evidence;
        let seen = seen.trim_end_matches('.');
        match status {
            Some(status) => format!("{request} returned {status}: {seen}"),
            None => format!("{request} got no answer: {seen}"),
        }
    }
}

//! What the source of a project says, each fact with its place.

use std::path::PathBuf;

use crate::config::{Limit, Source};

/// A fact, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// The fact.
    pub value: T,
    /// The file, relative to the project's folder.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

/// What was read, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What the source says.
    pub facts: SourceFacts,
    /// How many source files were read.
    pub files: usize,
    /// Files and folders that were left out, although they look like source.
    pub skipped: Vec<Skipped>,
}

/// A file or folder that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Relative to the project's folder.
    pub file: PathBuf,
    /// Why, as a phrase.
    pub reason: String,
}

/// What the source says. Each list is in the order of the files and lines, without repetitions of a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFacts {
    /// The routes, as a client calls them.
    pub routes: Vec<Found<FoundRoute>>,
    /// `apiVersion` of a Stripe client.
    pub api_version: Option<Found<String>>,
    /// The version of the Stripe SDK in `package.json`, as it is written there: `^17.5.0`.
    pub stripe_sdk: Option<Found<String>>,
    /// The limits of tiers. A tier with several limits appears with each.
    pub limits: Vec<Found<TierLimit>>,
    /// Keys in the metadata of sessions and subscriptions that hold the user.
    pub user_key: Vec<Found<String>>,
    /// Keys in the metadata of sessions and subscriptions that hold the organization.
    pub organization_key: Vec<Found<String>>,
    /// Keys in the metadata of sessions and subscriptions that hold the tier.
    pub tier_key: Vec<Found<String>>,
    /// Where the code reads the tier that was bought.
    pub tier_source: Vec<Found<TierSource>>,
    /// Keys that are written to public metadata at Clerk.
    pub public_metadata: Vec<Found<PublicKey>>,
    /// Claims of the token that the tier is read from; `metadata.plan` is nested.
    pub claim: Vec<Found<String>>,
    /// Where a session cookie is read.
    pub cookie_auth: Option<Found<()>>,
    /// The JWT template that a frontend asks for.
    pub jwt_template: Option<Found<String>>,
    /// The path of the route that verifies Stripe's signature.
    pub webhook_route: Option<Found<String>>,
    /// The types of Stripe events that are handled.
    pub handled_events: Vec<Found<String>>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRoute {
    /// `GET`, `POST`, …, if the code says which.
    pub method: Option<String>,
    /// `/api/usage`
    pub path: String,
    /// What it is for, if that shows.
    pub role: Option<Role>,
    /// Of a checkout: the fields of the JSON body that it reads.
    pub body: Vec<String>,
    /// Of a checkout: the field of the JSON answer that holds the session's URL.
    pub session: Option<String>,
}

/// What a route is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Creates a Checkout Session.
    Checkout,
    /// Opens the customer portal.
    Portal,
    /// Receives Stripe's events.
    Webhook,
    /// Says that the Worker is up.
    Health,
    /// Lists the tiers on sale.
    Tiers,
    /// Shows a user's usage and limit.
    Usage,
}

/// A tier's limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierLimit {
    /// The tier, as the code calls it.
    pub tier: String,
    /// Its limit.
    pub limit: Limit,
}

/// Where the code reads the tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierSource {
    /// The place at Stripe, or the code's table of price IDs.
    pub source: Source,
    /// The key in the metadata; `None` for price IDs.
    pub key: Option<String>,
}

/// A key in the public metadata of users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The key.
    pub key: String,
    /// What it seems to hold.
    pub holds: Option<Holds>,
}

/// What a key in public metadata holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The tier.
    Plan,
    /// The ID of the Stripe customer.
    Customer,
    /// The ID of the Stripe subscription.
    Subscription,
}

/// Facts in the order of files and lines, the first of each value.
pub(super) fn once<T: PartialEq>(mut facts: Vec<Found<T>>) -> Vec<Found<T>> {
    facts.sort_by(|one, other| (&one.file, one.line).cmp(&(&other.file, other.line)));
    let mut kept: Vec<Found<T>> = Vec::new();
    for fact in facts {
        if !kept.iter().any(|known| known.value == fact.value) {
            kept.push(fact);
        }
    }
    kept
}

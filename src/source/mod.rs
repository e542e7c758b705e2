//! The source of a project, read without running it: what the accounts at Stripe and Clerk cannot say.

mod clerk;
mod entitlement;
mod facts;
mod limits;
mod origins;
mod parse;
mod paths;
mod project;
mod reading;
mod reads;
mod routes;
mod stripe;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod tree;
mod walk;
mod words;

pub use facts::{Found, FoundRoute, Holds, PublicKey, Reading, Role, Skipped, SourceFacts, TierLimit, TierSource};
pub use reading::read;

//! What a customer should have.

use super::step::Link;
use crate::config::Tier;
use crate::world::Subscription;

/// What a customer should have, and why.
#[derive(Debug)]
pub(super) enum Due<'a> {
    /// The tier that a subscription pays for.
    Paid { tier: &'a Tier, subscription: &'a Subscription },
    /// A tier without paying, as configured.
    Comped(&'a Tier),
    /// No tier: the subscription's status does not grant one.
    Lapsed(&'a Subscription),
    /// No tier: nothing was bought. The sentence says what is missing at which link.
    Nothing(Link, String),
}

impl<'a> Due<'a> {
    /// The paid tier that is due, if one is.
    pub const fn tier(&self) -> Option<&'a Tier> {
        match self {
            Self::Paid { tier, .. } | Self::Comped(tier) => Some(tier),
            Self::Lapsed(_) | Self::Nothing(..) => None,
        }
    }

    /// The subscription that decides it.
    pub const fn subscription(&self) -> Option<&'a Subscription> {
        match self {
            Self::Paid { subscription, .. } | Self::Lapsed(subscription) => Some(subscription),
            Self::Comped(_) | Self::Nothing(..) => None,
        }
    }
}

//! What the steps of a rehearsal with a real subscription share.

use serde_json::{Map, Value};

use super::stripe::{ObjectId, Parameter, StripeObjects};
use super::{Billing, Depth};
use crate::config::Tier;
use crate::world::Token;
use crate::world::id::{ApiPath, CheckoutSessionId, HolderId};
use crate::world::rehearsal::script::{RehearsalStep, TwoTiers, WaitFor};

/// What a rehearsal with a real subscription needs to know before it creates anything.
pub(super) struct Stage<'w> {
    pub objects: StripeObjects<'w>,
    pub depth: Depth,
    pub holder: HolderId,
    pub token: Token,
    pub tiers: TwoTiers<'w>,
    /// The price of each of the two tiers.
    pub prices: (String, String),
}

/// The canary, and what was seen so far.
pub(super) struct Progress {
    pub public: Map<String, Value>,
    pub billing: Billing,
    /// The events that belong to an earlier step.
    pub seen_events: Vec<String>,
}

/// What a step waits for.
pub(super) struct Expected<'w> {
    pub step: RehearsalStep,
    pub tier: &'w Tier,
    pub wait_for: WaitFor,
    /// The type of Stripe's event.
    pub kind: &'static str,
}

/// How the subscription will be bought.
pub(super) enum Plan {
    /// By preflight, with the metadata that the Worker's Checkout Sessions have.
    Create(Vec<Parameter>),
    /// By a person, on this page of the Worker's.
    Checkout { session: CheckoutSessionId, url: String },
}

/// The subscription of the rehearsal.
pub(super) struct Bought {
    /// `sub_…`.
    pub subscription: String,
    /// `si_…`, its only item.
    pub item: String,
    /// `cus_…`.
    pub customer: String,
    /// The test clock, in test mode.
    pub clock: Option<String>,
}

pub(super) fn subscription(id: &str) -> ApiPath {
    ApiPath::new("/v1/subscriptions/").id(&ObjectId(id))
}

//! The Worker's webhook route, and its registration at Stripe.

mod acceptance;
mod delivery;
mod endpoint;
mod reach;
mod record;

use super::{NoAnswer, World};

pub use acceptance::{Received, Reception, alike, blames_signature};
pub use delivery::{Delivered, Delivery};
pub use reach::{Obstacle, Reach, Validity};
pub(super) use reach::{describe, is_challenge, is_sign_in, obstacle, validity};
pub use record::Record;

/// The webhook route.
#[derive(Debug, Clone, Copy)]
pub struct Webhook<'w> {
    world: &'w World,
}

impl World {
    /// The Worker's webhook route.
    #[must_use]
    pub const fn webhook(&self) -> Webhook<'_> {
        Webhook { world: self }
    }
}

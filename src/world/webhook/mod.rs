//! The Worker's webhook route, its endpoint at Stripe, and what Stripe delivered to it.

mod delivery;
mod endpoint;
mod history;
mod reach;
mod response;
mod signed;

use super::{NoAnswer, World};

pub use delivery::{Delivered, Delivery};
pub use history::DeliveryHistory;
pub use reach::Reach;
pub use response::{Obstacle, alike, blames_missing_secret, blames_signature};
pub(super) use response::{is_challenge, is_sign_in, obstacle};
pub use signed::SignedResponse;

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

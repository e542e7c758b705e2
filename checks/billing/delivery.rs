//! Whether Stripe could deliver an event.

use crate::finding::Answered;
use crate::world::{BillingStep, StripeEvent};

/// The event of a step, if Stripe could not deliver it.
///
/// # Errors
/// If Stripe's events could not be read, or do not have it.
pub(super) fn not_delivered(billed: &BillingStep) -> Answered<Option<&StripeEvent>> {
    let event = billed.event.as_ref().map_err(Clone::clone)?;
    Ok(event.as_ref().filter(|event| event.pending > 0))
}

//! Whether Stripe could deliver an event, and how long its effect took.

use std::time::Duration;

use crate::check::prelude::*;
use crate::world::{BillingStep, StripeEvent};

/// How long a customer waits, at the end of a sentence: ` within 2.4 s`.
pub(super) fn within(took: Option<Duration>) -> String {
    match took {
        None => String::new(),
        Some(took) if took < Duration::from_secs(1) => format!(" within {} ms", took.as_millis()),
        Some(took) => format!(" within {:.1} s", took.as_secs_f64()),
    }
}

/// The event of a step, if Stripe could not deliver it.
///
/// # Errors
/// If Stripe's events could not be read, or do not have it.
pub(super) fn not_delivered(billed: &BillingStep) -> Answered<Option<&StripeEvent>> {
    let event = billed.event.as_ref().map_err(Clone::clone)?;
    Ok(event.as_ref().filter(|event| event.pending > 0))
}

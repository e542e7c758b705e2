//! What the subscription of a Checkout Session will have.

use super::error::StripeError;
use super::parameters::Parameters;

/// A session's `subscription_data`, which the API does not show.
#[derive(Debug, Clone, Default)]
pub(super) struct SubscriptionData(pub(super) Parameters);

/// What `subscription_data` can have. Some of it changes nothing here.
const KNOWN: [&str; 13] = [
    "application_fee_percent",
    "billing_cycle_anchor",
    "billing_mode",
    "default_tax_rates",
    "description",
    "invoice_settings",
    "metadata",
    "on_behalf_of",
    "proration_behavior",
    "transfer_data",
    "trial_end",
    "trial_period_days",
    "trial_settings",
];

impl SubscriptionData {
    /// Reads it from the parameters of a new session.
    pub(super) fn read(parameters: &Parameters) -> Result<Self, StripeError> {
        let data = parameters.below("subscription_data");
        let base = |name: &str| name.split('[').next().unwrap_or_default().to_owned();
        if let Some((other, _)) = data.iter().find(|(name, _)| !KNOWN.contains(&base(name).as_str())) {
            return Err(StripeError::unknown_parameter(&format!("subscription_data[{other}]")));
        }
        Ok(Self(data))
    }

    /// Whether nothing is due at first.
    pub(super) fn has_trial(&self) -> bool {
        self.0.any_under("trial_end") || self.0.any_under("trial_period_days")
    }
}

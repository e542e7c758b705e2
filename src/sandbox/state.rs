//! What the providers hold, as one JSON document.

use std::sync::Arc;

use serde_json::{Value, json};

use super::clerk::Clerk;
use super::cloudflare::Cloudflare;
use super::deployed_values::DeployedValues;
use super::stripe::Stripe;

/// The fields that hold a time, which differ from run to run.
const TIMES: [&str; 26] = [
    "billing_cycle_anchor",
    "cancel_at",
    "canceled_at",
    "created",
    "created_at",
    "current_period_end",
    "current_period_start",
    "deletes_after",
    "due_date",
    "effective_at",
    "end",
    "ended_at",
    "expires_at",
    "finalized_at",
    "frozen_time",
    "next_payment_attempt",
    "paid_at",
    "period_end",
    "period_start",
    "start",
    "start_date",
    "trial_end",
    "trial_start",
    "updated",
    "updated_at",
    "webhooks_delivered_at",
];

/// The providers with their state.
pub(super) struct State {
    pub(super) stripe: Arc<Stripe>,
    pub(super) clerk: Arc<Clerk>,
    pub(super) cloudflare: Arc<Cloudflare>,
    pub(super) deployment: DeployedValues,
}

impl State {
    /// What they hold now, without times.
    pub(super) fn to_json(&self) -> Value {
        let mut state = json!({
            "stripe": self.stripe.to_json(),
            "clerk": self.clerk.to_json(),
            "cloudflare": self.cloudflare.to_json(),
            "worker": *self.deployment.current(),
        });
        remove_times(&mut state);
        state
    }
}

fn remove_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !TIMES.contains(&name.as_str()));
            fields.values_mut().for_each(remove_times);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_times),
        _ => {}
    }
}

//! What happens to subscriptions while a test clock runs.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::customers::has_ended;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::transaction::Transaction;

/// A first payment has 23 hours to be made.
const INCOMPLETE: i64 = 23 * 3600;
/// Three days before the end of a trial, Stripe says so.
const WARNING: i64 = 3 * 24 * 3600;

/// Something that is due at a time.
#[derive(Debug, Clone)]
enum Step {
    /// The first payment was never made.
    Expire(Value),
    TrialWillEnd(Value),
    TrialEnds(Value),
    PeriodEnds(Value),
    /// A failed payment is tried again.
    Retry(Value),
}

impl Transaction<'_> {
    /// The subscriptions with a test clock that have not ended.
    pub(super) fn subscriptions_with(&self, clock: &str) -> Vec<Value> {
        let is_on = |subscription: &Value| subscription["test_clock"] == clock && !has_ended(subscription);
        self.all(ObjectKind::Subscription, is_on)
    }

    /// Lets everything happen that is due until a time, in order.
    pub(super) fn run_to(&mut self, clock: &str, from: i64, to: i64) -> Result<(), StripeError> {
        let mut warned = BTreeSet::new();
        loop {
            let due = self.due(clock).into_iter().filter(|(time, step)| match step {
                Step::TrialWillEnd(subscription) => {
                    *time > from && !warned.contains(subscription["id"].as_str().unwrap_or_default())
                }
                _ => true,
            });
            let Some((time, step)) = due.filter(|(time, _)| *time <= to).min_by_key(|(time, _)| *time) else { break };
            self.now = time.max(from);
            match step {
                Step::Expire(before) => {
                    let mut after = before.clone();
                    after["status"] = "incomplete_expired".into();
                    after["ended_at"] = self.now.into();
                    self.replace(ObjectKind::Subscription, &before, &after, "customer.subscription.updated")?;
                }
                Step::TrialWillEnd(subscription) => {
                    self.emit("customer.subscription.trial_will_end", &subscription, None)?;
                    warned.insert(subscription["id"].as_str().unwrap_or_default().to_owned());
                }
                Step::TrialEnds(subscription) => self.end_trial(&subscription)?,
                Step::PeriodEnds(subscription) if subscription["cancel_at_period_end"] == true => {
                    self.cancel(&subscription, &Value::Null)?;
                }
                Step::PeriodEnds(subscription) => self.renew(&subscription)?,
                Step::Retry(invoice) => drop(self.collect(&invoice, None)?),
            }
        }
        self.now = to;
        Ok(())
    }

    /// What the clock's subscriptions and invoices wait for.
    fn due(&self, clock: &str) -> Vec<(i64, Step)> {
        let mut due = Vec::new();
        for subscription in self.subscriptions_with(clock) {
            let time = |value: &Value| value.as_i64().unwrap_or(i64::MAX);
            let end = time(&subscription["items"]["data"][0]["current_period_end"]);
            match subscription["status"].as_str() {
                Some("incomplete") => {
                    due.push((time(&subscription["created"]).saturating_add(INCOMPLETE), Step::Expire(subscription)));
                }
                Some("trialing") => {
                    due.push((time(&subscription["trial_end"]) - WARNING, Step::TrialWillEnd(subscription.clone())));
                    due.push((time(&subscription["trial_end"]), Step::TrialEnds(subscription)));
                }
                Some("active" | "past_due") => due.push((end, Step::PeriodEnds(subscription))),
                _ => {}
            }
        }
        let open =
            self.all(ObjectKind::Invoice, |invoice| invoice["test_clock"] == clock && invoice["status"] == "open");
        due.extend(open.into_iter().filter_map(|invoice| {
            let time = invoice["next_payment_attempt"].as_i64()?;
            let id = invoice["parent"]["subscription_details"]["subscription"].as_str()?;
            let subscription = self.store.find(ObjectKind::Subscription, id, self.caller).ok()?;
            let is_owed = !has_ended(&subscription.body) && subscription.body["status"] != "incomplete";
            is_owed.then_some((time, Step::Retry(invoice)))
        }));
        due
    }

    /// After the trial the first period is paid, if there is something to pay it with.
    fn end_trial(&mut self, before: &Value) -> Result<(), StripeError> {
        if before["cancel_at_period_end"] == true {
            return self.cancel(before, &Value::Null).map(drop);
        }
        if self.payment_method_of(before).is_none() {
            match before["trial_settings"]["end_behavior"]["missing_payment_method"].as_str() {
                // The customer did not ask for it.
                Some("cancel") => return self.cancel(before, &json!({ "reason": null })).map(drop),
                Some("pause") => {
                    let mut after = before.clone();
                    after["status"] = "paused".into();
                    self.replace(ObjectKind::Subscription, before, &after, "customer.subscription.updated")?;
                    return self.emit("customer.subscription.paused", &after, None);
                }
                _ => {}
            }
        }
        self.renew(before)
    }
}

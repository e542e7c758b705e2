//! How a subscription begins, renews and ends.

use serde_json::{Value, json};

use super::derived;
use super::discounts::Redemption;
use super::error::StripeError;
use super::invoices::{Payment, no_payment_method};
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::periods::period_end;
use super::request::StripeResult;
use super::transaction::Transaction;
use super::writes::{Field, Shape, set_fields, set_metadata};

/// What a form can set of a new subscription.
const FIELDS: &[Field] = &[
    ("cancel_at_period_end", Shape::Boolean),
    ("collection_method", Shape::OneOf(&["charge_automatically", "send_invoice"])),
    ("days_until_due", Shape::AtLeast(1)),
    ("default_payment_method", Shape::OptionalText),
    ("description", Shape::OptionalText),
    ("trial_settings[end_behavior][missing_payment_method]", Shape::OneOf(&["cancel", "create_invoice", "pause"])),
];

/// The longest trial, in days.
const LONGEST_TRIAL: i64 = 730;
const DAY: i64 = 24 * 3600;

/// What a customer subscribes to.
pub(super) struct Terms<'a> {
    /// The customer's ID.
    pub(super) customer: &'a str,
    /// Each price with its quantity.
    pub(super) items: Vec<(Value, i64)>,
    pub(super) redemption: Option<&'a Redemption>,
    /// Metadata, trial and so on, as in `POST /v1/subscriptions`.
    pub(super) parameters: &'a Parameters,
    pub(super) payment_method: Option<&'a str>,
    /// What happens if nothing can be charged: `allow_incomplete`, …
    pub(super) payment_behavior: &'a str,
}

impl Transaction<'_> {
    /// Begins a subscription, completely or, after an error, not at all.
    pub(super) fn subscribe(&mut self, terms: &Terms) -> StripeResult {
        let customer = self.customer(terms.customer, "customer")?;
        let id = self.stripe.new_id(self.caller, "sub");
        let trial_end = self.trial_end(terms.parameters)?;
        let currency = terms.items.first().map(|(price, _)| price["currency"].clone());
        let fields = json!({
            "id": id, "billing_cycle_anchor": trial_end.unwrap_or(self.now), "currency": currency, "customer": terms.customer,
            "default_payment_method": terms.payment_method, "items": { "url": format!("/v1/subscription_items?subscription={id}") },
            "start_date": self.now, "status": if trial_end.is_some() { "trialing" } else { "active" },
            "test_clock": customer["test_clock"], "trial_start": trial_end.map(|_| self.now), "trial_end": trial_end,
        });
        let mut subscription = self.new_object(ObjectKind::Subscription, &fields)?;
        set_fields(terms.parameters, FIELDS, &mut subscription)?;
        set_metadata(terms.parameters, &mut subscription)?;
        if let Some(method) = terms.parameters.get("default_payment_method").filter(|method| !method.is_empty()) {
            self.is_attached(method, terms.customer)?;
        }
        for (price, quantity) in &terms.items {
            let item = self.item(&id, price, *quantity, trial_end)?;
            subscription["items"]["data"].as_array_mut().into_iter().for_each(|items| items.push(item.clone()));
        }
        set_cancellation(&mut subscription, self.now);
        let coupons: Vec<Value> = terms.redemption.iter().map(|redemption| redemption.coupon.clone()).collect();
        let invoice = self.invoice(&subscription, "subscription_create", &coupons)?;
        let payment = self.first_payment(&invoice, &subscription, terms.payment_behavior)?;
        if matches!(payment, Payment::Declined | Payment::Missing) {
            subscription["status"] = "incomplete".into();
        }
        if let Some(redemption) = terms.redemption {
            let discount = self.redeem(redemption, terms.customer, &id)?;
            subscription["discounts"] = json!([discount["id"]]);
        }
        let mut invoice = self.settled(&invoice, payment);
        invoice["discounts"] = subscription["discounts"].clone();
        subscription["latest_invoice"] = invoice["id"].clone();
        self.keep(ObjectKind::Invoice, &invoice, None)?;
        self.keep(ObjectKind::Subscription, &subscription, Some("customer.subscription.created"))?;
        self.report_payment(&invoice, payment)?;
        Ok(subscription)
    }

    /// When the trial ends that the parameters ask for.
    pub(super) fn trial_end(&self, parameters: &Parameters) -> Result<Option<i64>, StripeError> {
        let (days, end) = (parameters.integer("trial_period_days")?, parameters.get("trial_end"));
        match (days, end) {
            (None, None | Some("now")) => Ok(None),
            (Some(_), Some(_)) => {
                let message = "You may only specify one of these parameters: trial_end, trial_period_days.";
                Err(StripeError::bad(message).about("trial_end"))
            }
            (Some(days), None) if (1..=LONGEST_TRIAL).contains(&days) => Ok(Some(self.now + days * DAY)),
            (Some(_), None) => {
                let message = format!("The trial period must be between 1 and {LONGEST_TRIAL} days.");
                Err(StripeError::bad(message).about("trial_period_days"))
            }
            (None, Some(_)) => match parameters.integer("trial_end")? {
                Some(end) if end > self.now && end <= self.now + LONGEST_TRIAL * DAY => Ok(Some(end)),
                _ => Err(StripeError::bad("Invalid timestamp: must be in the future and within two years")
                    .about("trial_end")),
            },
        }
    }

    /// An item of a subscription from now on.
    pub(super) fn item(
        &self,
        subscription: &str,
        price: &Value,
        quantity: i64,
        trial_end: Option<i64>,
    ) -> StripeResult {
        let end = trial_end.unwrap_or_else(|| period_end(self.now, self.now, &price["recurring"]));
        let fields = json!({
            "id": format!("si_QpanSandbox{:04}", self.stripe.next_serial()), "created": self.now,
            "current_period_start": self.now, "current_period_end": end, "quantity": quantity, "subscription": subscription,
        });
        let mut item = self.stripe.recorded.complete("subscription.items.data[]", &fields)?;
        item["plan"] = derived::plan(price, &self.stripe.recorded)?;
        item["price"] = price.clone();
        Ok(item)
    }

    /// How the first payment ends, if the subscription may begin with it.
    fn first_payment(&self, invoice: &Value, subscription: &Value, behavior: &str) -> Result<Payment, StripeError> {
        match self.payment(invoice, subscription, None) {
            // The payment is left to a page of the customer's.
            Payment::Paid | Payment::Declined if behavior == "default_incomplete" && invoice["amount_due"] != 0 => {
                Ok(Payment::Missing)
            }
            Payment::Missing if behavior != "default_incomplete" => Err(no_payment_method()),
            Payment::Declined if behavior == "error_if_incomplete" => Err(StripeError::card_declined()),
            payment => Ok(payment),
        }
    }

    /// Begins the next period of a subscription, and asks to be paid for it.
    pub(super) fn renew(&mut self, before: &Value) -> Result<(), StripeError> {
        let mut after = before.clone();
        let anchor = after["billing_cycle_anchor"].as_i64().unwrap_or(self.now);
        for item in after["items"]["data"].as_array_mut().into_iter().flatten() {
            let start = item["current_period_end"].as_i64().unwrap_or(self.now);
            item["current_period_start"] = start.into();
            item["current_period_end"] = period_end(anchor, start, &item["price"]["recurring"]).into();
        }
        after["status"] = "active".into();
        let coupons = self.coupons_in_force(&after);
        let invoice = self.invoice(&after, "subscription_cycle", &coupons)?;
        let payment = self.payment(&invoice, &after, None);
        let invoice = self.settled(&invoice, payment);
        if matches!(payment, Payment::Declined | Payment::Missing) {
            after["status"] = "past_due".into();
        }
        after["latest_invoice"] = invoice["id"].clone();
        self.keep(ObjectKind::Invoice, &invoice, None)?;
        self.report_payment(&invoice, payment)?;
        self.replace(ObjectKind::Subscription, before, &after, "customer.subscription.updated")
    }

    /// Ends a subscription now, with these `cancellation_details`.
    pub(super) fn cancel(&mut self, before: &Value, details: &Value) -> StripeResult {
        let mut after = before.clone();
        after["status"] = "canceled".into();
        after["ended_at"] = self.now.into();
        if after["canceled_at"].is_null() {
            after["canceled_at"] = self.now.into();
        }
        if after["cancellation_details"]["reason"].is_null() {
            after["cancellation_details"]["reason"] = "cancellation_requested".into();
        }
        for (name, value) in details.as_object().into_iter().flatten() {
            after["cancellation_details"][name] = value.clone();
        }
        self.put(ObjectKind::Subscription, &after)?;
        self.stripe.effects.record("stripe.subscription.deleted");
        self.emit("customer.subscription.deleted", &after, None)?;
        Ok(after)
    }
}

/// Fills in what follows from `cancel_at_period_end`.
pub(super) fn set_cancellation(subscription: &mut Value, now: i64) {
    let cancels = subscription["cancel_at_period_end"] == true;
    if cancels == subscription["cancel_at"].is_i64() {
        return;
    }
    let (end, now, reason) = if cancels {
        (subscription["items"]["data"][0]["current_period_end"].clone(), json!(now), json!("cancellation_requested"))
    } else {
        (Value::Null, Value::Null, Value::Null)
    };
    subscription["cancel_at"] = end;
    subscription["canceled_at"] = now;
    subscription["cancellation_details"]["reason"] = reason;
}

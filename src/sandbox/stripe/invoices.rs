//! Invoices of subscriptions. Of an invoice's events, only `invoice.paid` and `invoice.payment_failed` are made.

use serde_json::{Value, json};

use super::discounts::amount_off;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::payment_methods::pays;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};
use super::transaction::Transaction;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/invoices", "rak_invoice_read", ObjectKind::Invoice, list_invoices)
        .filters(&["collection_method", "customer", "status"])
        .takes(&["created", "subscription"]),
    Route::retrieve("/v1/invoices/{id}", "rak_invoice_read", ObjectKind::Invoice, retrieve).expands(&["customer"]),
    Route::write("/v1/invoices/{id}/pay", "rak_invoice_write", ObjectKind::Invoice, pay)
        .takes(&["off_session", "payment_method"]),
];

/// The sandbox tries a failed payment again after three days, four times in all. Stripe's times are set in the Dashboard.
const RETRY_AFTER: i64 = 3 * 24 * 3600;
const ATTEMPTS: i64 = 4;

/// How an attempt to be paid ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payment {
    /// Paid, or nothing was due.
    Paid,
    Declined,
    /// There is no payment method.
    Missing,
    /// The customer gets the invoice by email.
    Sent,
}

fn list_invoices(call: &Call) -> StripeResult {
    match call.parameters.get("subscription") {
        None => list(call),
        Some(id) => call.list(|invoice| invoice.body["parent"]["subscription_details"]["subscription"] == id),
    }
}

fn pay(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let invoice = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    if invoice["status"] != "open" {
        let message = if invoice["status"] == "paid" { "Invoice is already paid" } else { "Invoice is not open" };
        return Err(StripeError::bad(message));
    }
    let customer = invoice["customer"].as_str().unwrap_or_default();
    transaction.customer(customer, "customer")?;
    let chosen = call.parameters.get("payment_method");
    let chosen = chosen.map(|method| transaction.payment_method(method, customer)).transpose()?;
    match transaction.collect(&invoice, chosen.as_ref())? {
        Payment::Declined => Err(StripeError::card_declined()),
        Payment::Missing | Payment::Sent => Err(no_payment_method()),
        Payment::Paid => {
            let paid = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
            Ok(call.shown(&transaction.store, call.kind, paid))
        }
    }
}

/// Nothing can be charged.
pub(super) fn no_payment_method() -> StripeError {
    StripeError::bad(
        "This customer has no attached payment source or default payment method. Please consider adding a default payment \
         method. For more information, visit \
         https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
    )
    .coded("resource_missing")
}

impl Transaction<'_> {
    /// The invoice for a subscription's current period, not paid and not kept yet. A trial costs nothing.
    pub(super) fn invoice(&self, subscription: &Value, reason: &str, coupons: &[Value]) -> StripeResult {
        let id = self.stripe.new_id(self.caller, "in");
        let is_trial = subscription["status"] == "trialing";
        let items = subscription["items"]["data"].as_array().map_or(&[][..], Vec::as_slice);
        let amount = |item: &Value| {
            let unit = item["price"]["unit_amount"].as_i64().filter(|_| !is_trial);
            unit.unwrap_or_default() * item["quantity"].as_i64().unwrap_or(1)
        };
        let amounts: Vec<(i64, &str)> =
            items.iter().map(|item| (amount(item), item["price"]["product"].as_str().unwrap_or_default())).collect();
        let subtotal: i64 = amounts.iter().map(|(amount, _)| amount).sum();
        let off: i64 = coupons.iter().map(|coupon| amount_off(coupon, &amounts, &subscription["currency"])).sum();
        let total = (subtotal - off).max(0);
        let customer =
            self.named(ObjectKind::Customer, subscription["customer"].as_str().unwrap_or_default(), "customer")?;
        let lines = items.iter().map(|item| {
            let fields = json!({
                "id": self.stripe.new_id(self.caller, "il"), "amount": amount(item), "subtotal": amount(item),
                "currency": subscription["currency"], "invoice": id, "quantity": item["quantity"],
                "livemode": self.caller.livemode,
                "period": { "start": item["current_period_start"], "end": item["current_period_end"] },
                "parent": { "subscription_item_details": {
                    "subscription": subscription["id"], "subscription_item": item["id"],
                } },
            });
            Ok(self.stripe.recorded.complete("line_item", &fields)?)
        });
        let lines: Value = lines.collect::<Result<_, StripeError>>()?;
        let first = &items.first().unwrap_or(&Value::Null)["current_period_start"];
        let prefix = customer["invoice_prefix"].as_str().unwrap_or_default();
        let mut invoice = self.new_object(
            ObjectKind::Invoice,
            &json!({
                "id": id, "amount_due": total, "amount_remaining": total, "billing_reason": reason,
                "collection_method": subscription["collection_method"], "currency": subscription["currency"],
                "customer": customer["id"], "customer_email": customer["email"], "customer_name": customer["name"],
                "discounts": subscription["discounts"], "effective_at": self.now,
                "lines": { "url": format!("/v1/invoices/{id}/lines") },
                "number": format!("{prefix}-{:04}", self.stripe.next_serial()),
                "parent": { "subscription_details": { "subscription": subscription["id"] } },
                "period_start": first, "period_end": self.now, "subtotal": subtotal, "subtotal_excluding_tax": subtotal,
                "status_transitions": { "finalized_at": self.now }, "test_clock": customer["test_clock"],
                "total": total, "total_excluding_tax": total,
            }),
        )?;
        invoice["lines"]["data"] = lines;
        invoice["parent"]["subscription_details"]["metadata"] = subscription["metadata"].clone();
        Ok(invoice)
    }

    /// How an attempt to be paid ends, now, with this payment method or the usual one.
    pub(super) fn payment(&self, invoice: &Value, subscription: &Value, chosen: Option<&Value>) -> Payment {
        if invoice["amount_due"] == 0 {
            return Payment::Paid;
        }
        if invoice["collection_method"] == "send_invoice" && chosen.is_none() {
            return Payment::Sent;
        }
        match chosen.cloned().or_else(|| self.payment_method_of(subscription)) {
            None => Payment::Missing,
            Some(method) if pays(&method) => Payment::Paid,
            Some(_) => Payment::Declined,
        }
    }

    /// What an attempt to be paid makes of an invoice.
    pub(super) fn settled(&self, invoice: &Value, payment: Payment) -> Value {
        let mut settled = invoice.clone();
        let attempts = settled["attempt_count"].as_i64().unwrap_or_default();
        let was_tried = invoice["amount_due"] != 0 && matches!(payment, Payment::Paid | Payment::Declined);
        settled["attempt_count"] = (attempts + i64::from(was_tried)).into();
        settled["attempted"] = (attempts > 0 || was_tried || payment == Payment::Paid).into();
        settled["next_payment_attempt"] = Value::Null;
        if payment == Payment::Paid {
            settled["status"] = "paid".into();
            settled["amount_paid"] = settled["amount_due"].clone();
            settled["amount_remaining"] = 0.into();
            settled["status_transitions"]["paid_at"] = self.now.into();
        } else if payment != Payment::Sent && attempts + 1 < ATTEMPTS {
            settled["next_payment_attempt"] = (self.now + RETRY_AFTER).into();
        }
        settled
    }

    /// Records what became of an invoice.
    pub(super) fn report_payment(&mut self, invoice: &Value, payment: Payment) -> Result<(), StripeError> {
        match payment {
            Payment::Paid => self.emit("invoice.paid", invoice, None),
            Payment::Declined => self.emit("invoice.payment_failed", invoice, None),
            Payment::Missing | Payment::Sent => Ok(()),
        }
    }

    /// Tries to be paid for an open invoice. If that is its subscription's latest and succeeds, the
    /// subscription is active again.
    pub(super) fn collect(&mut self, invoice: &Value, chosen: Option<&Value>) -> Result<Payment, StripeError> {
        let id = invoice["parent"]["subscription_details"]["subscription"].as_str().unwrap_or_default();
        let before = self.named(ObjectKind::Subscription, id, "subscription")?;
        // One that the customer gets by email is charged too, once a request asks for it.
        let usual = self.payment_method_of(&before);
        let payment = self.payment(invoice, &before, chosen.or(usual.as_ref()));
        let settled = self.settled(invoice, payment);
        self.put(ObjectKind::Invoice, &settled)?;
        self.report_payment(&settled, payment)?;
        let waits = ["incomplete", "past_due", "unpaid"].iter().any(|status| before["status"] == *status);
        if payment == Payment::Paid && waits && before["latest_invoice"] == invoice["id"] {
            let mut after = before.clone();
            after["status"] = "active".into();
            self.replace(ObjectKind::Subscription, &before, &after, "customer.subscription.updated")?;
        }
        Ok(payment)
    }
}

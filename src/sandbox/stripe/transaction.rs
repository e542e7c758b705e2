//! One change to Stripe's objects, with the events that it makes.

use std::sync::MutexGuard;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::caller::Caller;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, StripeResult};
use super::state::Stripe;
use super::store::Store;

/// One change to Stripe's objects. They are locked until it is over.
pub(super) struct Transaction<'a> {
    pub(super) stripe: &'a Stripe,
    pub(super) caller: &'a Caller,
    pub(super) store: MutexGuard<'a, Store>,
    /// An event's `request`: the request that made the change, if it was one.
    pub(super) request: Value,
    /// When the change happens, in Unix seconds: now, or the time of a test clock.
    pub(super) now: i64,
}

impl Call<'_> {
    /// Begins a change that this call asks for.
    pub(super) fn begin(&self) -> Transaction<'_> {
        let request = json!({ "id": self.request_id, "idempotency_key": self.idempotency_key });
        self.stripe.begin(&self.caller, request)
    }

    /// Changes the object in the path, completely or, after an error, not at all, and records an event of it.
    pub(super) fn change(
        &self,
        event: &str,
        change: impl FnOnce(&mut Transaction, &mut Value) -> Result<(), StripeError>,
    ) -> StripeResult {
        let mut transaction = self.begin();
        let before = transaction.store.find(self.kind, self.id, &self.caller)?.body.clone();
        let mut after = before.clone();
        change(&mut transaction, &mut after)?;
        transaction.replace(self.kind, &before, &after, event)?;
        self.stripe.effects.record(&format!("stripe.{}.updated", self.kind.effect()));
        Ok(self.shown(&transaction.store, self.kind, after))
    }
}

impl Stripe {
    /// Begins a change in one mode of one account.
    pub(super) fn begin<'a>(&'a self, caller: &'a Caller, request: Value) -> Transaction<'a> {
        let now = Timestamp::now().as_second();
        Transaction { stripe: self, caller, store: self.store(), request, now }
    }

    /// An ID for a new object. Like Stripe's, it contains the end of the account's ID.
    pub(super) fn new_id(&self, caller: &Caller, prefix: &str) -> String {
        let account = self.accounts.get(&caller.account).and_then(|account| account["id"].as_str()).unwrap_or_default();
        let end: String = account.chars().skip(account.chars().count().saturating_sub(10)).collect();
        format!("{prefix}_1R{}{end}{:08}", caller.mode(), self.next_serial())
    }
}

impl Transaction<'_> {
    /// The object that a parameter names by its ID.
    pub(super) fn named(&self, kind: ObjectKind, id: &str, parameter: &str) -> StripeResult {
        let found = self.store.find(kind, id, self.caller);
        found.map(|found| found.body.clone()).map_err(|error| error.in_parameter(parameter))
    }

    /// An object with these fields, made now, which is not kept yet.
    pub(super) fn new_object(&self, kind: ObjectKind, fields: &Value) -> StripeResult {
        let mut object = self.stripe.recorded.complete(kind.object(), fields)?;
        for (field, value) in [("created", json!(self.now)), ("livemode", json!(self.caller.livemode))] {
            if object.get(field).is_some() {
                object[field] = value;
            }
        }
        Ok(object)
    }

    /// Keeps a new object, and records an event of it if its kind has one.
    pub(super) fn keep(&mut self, kind: ObjectKind, object: &Value, event: Option<&str>) -> Result<(), StripeError> {
        self.store.add(kind, self.caller, object.clone());
        self.stripe.effects.record(&format!("stripe.{}.created", kind.effect()));
        event.map_or(Ok(()), |event| self.emit(event, object, None))
    }

    /// Keeps a changed object, and records an event if something changed.
    pub(super) fn replace(
        &mut self,
        kind: ObjectKind,
        before: &Value,
        after: &Value,
        event: &str,
    ) -> Result<(), StripeError> {
        if before == after {
            return Ok(());
        }
        self.put(kind, after)?;
        self.emit(event, after, Some(before))
    }

    /// Keeps a changed object, without an event.
    pub(super) fn put(&mut self, kind: ObjectKind, object: &Value) -> Result<(), StripeError> {
        let id = object["id"].as_str().unwrap_or_default();
        object.clone_into(self.store.find_mut(kind, id, self.caller)?);
        Ok(())
    }

    /// The objects of a kind, as they are now, oldest first.
    pub(super) fn all(&self, kind: ObjectKind, filter: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut all: Vec<Value> =
            self.store.of(kind, self.caller).map(|object| &object.body).filter(|body| filter(body)).cloned().collect();
        all.reverse();
        all
    }
}

//! Test clocks: time that passes on demand, in test mode (docs/providers.md, "Stripe test mode").

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::periods::later;
use super::request::{Call, Route, StripeResult};
use super::resources::list;
use super::transaction::Transaction;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/test_helpers/test_clocks", "rak_test_clock_read", ObjectKind::TestClock, list),
    Route::write("/v1/test_helpers/test_clocks", "rak_test_clock_write", ObjectKind::TestClock, create)
        .takes(&["frozen_time", "name"]),
    Route::retrieve("/v1/test_helpers/test_clocks/{id}", "rak_test_clock_read", ObjectKind::TestClock, one),
    Route::write("/v1/test_helpers/test_clocks/{id}/advance", "rak_test_clock_write", ObjectKind::TestClock, advance)
        .takes(&["frozen_time"]),
    Route::delete("/v1/test_helpers/test_clocks/{id}", "rak_test_clock_write", ObjectKind::TestClock, delete),
];

/// How long Stripe keeps a clock, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

fn create(call: &Call) -> StripeResult {
    if call.caller.livemode {
        return Err(StripeError::bad("Test clocks can only be used in test mode."));
    }
    call.parameters.required("frozen_time")?;
    let mut transaction = call.begin();
    let fields = json!({
        "id": call.new_id("clock")?, "deletes_after": transaction.now + KEPT,
        "frozen_time": call.parameters.integer("frozen_time")?, "name": call.parameters.get("name"),
    });
    let clock = transaction.new_object(ObjectKind::TestClock, &fields)?;
    transaction.keep(ObjectKind::TestClock, &clock, Some("test_helpers.test_clock.created"))?;
    Ok(clock)
}

/// A clock that was advanced is ready from the second read on, so that a caller has to wait for it.
fn one(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let clock = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    if clock["status"] == "advancing" {
        let mut ready = clock.clone();
        ready["status"] = "ready".into();
        transaction.put(call.kind, &ready)?;
        transaction.emit("test_helpers.test_clock.ready", &ready, None)?;
    }
    Ok(clock)
}

fn advance(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let mut clock = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    call.parameters.required("frozen_time")?;
    let (from, to) = (clock["frozen_time"].as_i64().unwrap_or_default(), call.parameters.integer("frozen_time")?);
    let to = to.unwrap_or_default();
    let refused = |message: &str| Err(StripeError::bad(message).about("frozen_time"));
    if clock["status"] != "ready" {
        return refused("The test clock is still advancing.");
    }
    if to <= from {
        return refused("frozen_time must be after the test clock's current frozen time.");
    }
    if to > transaction.farthest(call.id, from) {
        return refused(
            "frozen_time cannot be more than two intervals in the future from the shortest subscription in this test clock, \
             or two years without a subscription.",
        );
    }
    transaction.run_to(call.id, from, to)?;
    clock["frozen_time"] = to.into();
    clock["status"] = "advancing".into();
    transaction.put(call.kind, &clock)?;
    call.stripe.effects.record("stripe.test_clock.advanced");
    transaction.emit("test_helpers.test_clock.advancing", &clock, None)?;
    Ok(clock)
}

/// Its customers are deleted, and their subscriptions end. That this makes no events is unconfirmed.
fn delete(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let clock = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    for mut subscription in transaction.subscriptions_with(call.id) {
        subscription["status"] = "canceled".into();
        subscription["ended_at"] = clock["frozen_time"].clone();
        transaction.put(ObjectKind::Subscription, &subscription)?;
    }
    for customer in transaction.all(ObjectKind::Customer, |customer| customer["test_clock"] == call.id) {
        let deleted = json!({ "id": customer["id"], "object": "customer", "deleted": true });
        transaction.put(ObjectKind::Customer, &deleted)?;
    }
    transaction.store.remove(call.kind, call.id, &call.caller)?;
    call.stripe.effects.record("stripe.test_clock.deleted");
    transaction.emit("test_helpers.test_clock.deleted", &clock, None)?;
    Ok(json!({ "id": call.id, "object": clock["object"], "deleted": true }))
}

impl Transaction<'_> {
    /// How far a clock can be advanced at once.
    fn farthest(&self, clock: &str, from: i64) -> i64 {
        let recurring = self.subscriptions_with(clock).into_iter().flat_map(|subscription| {
            let items = subscription["items"]["data"].as_array().cloned().unwrap_or_default();
            items.into_iter().map(|item| item["price"]["recurring"].clone()).collect::<Vec<Value>>()
        });
        let ends = recurring.map(|recurring| {
            let count = recurring["interval_count"].as_i64().unwrap_or(1);
            later(from, recurring["interval"].as_str().unwrap_or("month"), 2 * count)
        });
        ends.min().unwrap_or_else(|| later(from, "year", 2))
    }
}

#[cfg(test)]
mod tests;

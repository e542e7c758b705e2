//! The record of events.

use jiff::Timestamp;

use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::store::Kind;

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/events", "rak_event_read", Kind::Event, list).takes(&[
        "created",
        "delivery_success",
        "type",
        "types",
    ]),
    Route::retrieve("/v1/events/{id}", "rak_event_read", Kind::Event, retrieve),
];

/// How long events are listed, in seconds.
const KEPT: i64 = 30 * 24 * 3600;

fn list(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let delivered = parameters.boolean("delivery_success")?;
    let (one, types) = (parameters.get("type"), parameters.all("types"));
    if one.is_some() && !types.is_empty() {
        return Err(StripeError::bad("You may only specify one of these parameters: type, types.").about("type"));
    }
    if types.len() > 20 {
        return Err(StripeError::bad("Array types exceeded maximum 20 allowed elements.").about("types"));
    }
    let oldest = Timestamp::now().as_second() - KEPT;
    call.list(|event| {
        let kind = event.body["type"].as_str().unwrap_or_default();
        event.body["created"].as_i64().is_some_and(|created| created >= oldest)
            && delivered.is_none_or(|delivered| (event.body["pending_webhooks"] == 0) == delivered)
            && one.is_none_or(|pattern| matches(pattern, kind))
            && (types.is_empty() || types.contains(&kind))
    })
}

/// Whether a pattern such as `customer.subscription.*` matches a type.
fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => kind.starts_with(before) && kind.ends_with(after),
        None => pattern == kind,
    }
}

//! What follows from an object's other fields.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::Error;
use crate::sandbox::recorded::Recorded;

/// How long every billing period is here, in seconds.
const PERIOD: i64 = 30 * 24 * 3600;

/// Fills in what follows from a subscription's ID, the price of each item and the time of its creation.
pub(super) fn subscription(subscription: &mut Value, prices: Vec<Value>, recorded: &Recorded) -> Result<(), Error> {
    let id = subscription["id"].as_str().unwrap_or_default().to_owned();
    let created = subscription["created"].as_i64().unwrap_or_default();
    let until = subscription["ended_at"].as_i64().unwrap_or_else(|| Timestamp::now().as_second());
    let start = created + (until - created).max(0) / PERIOD * PERIOD;
    for field in ["billing_cycle_anchor", "start_date"] {
        subscription[field] = created.into();
    }
    subscription["currency"] = prices.first().map_or(Value::Null, |price| price["currency"].clone());
    subscription["latest_invoice"] = id.replacen("sub_", "in_", 1).into();
    if subscription["cancel_at_period_end"] == true {
        subscription["cancel_at"] = (start + PERIOD).into();
        subscription["cancellation_details"]["reason"] = "cancellation_requested".into();
    }
    subscription["items"]["url"] = format!("/v1/subscription_items?subscription={id}").into();
    for (place, price) in prices.into_iter().enumerate() {
        let item = &mut subscription["items"]["data"][place];
        let number = if place == 0 { String::new() } else { place.to_string() };
        item["id"] = format!("si_{}{number}", id.trim_start_matches("sub_1")).into();
        item["subscription"] = id.as_str().into();
        item["created"] = created.into();
        item["current_period_start"] = start.into();
        item["current_period_end"] = (start + PERIOD).into();
        item["plan"] = plan(&price, recorded)?;
        item["price"] = price;
    }
    Ok(())
}

/// The price as its predecessor, which items still carry.
pub(super) fn plan(price: &Value, recorded: &Recorded) -> Result<Value, Error> {
    recorded.complete(
        "plan",
        &json!({
            "id": price["id"], "active": price["active"], "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"], "created": price["created"], "currency": price["currency"],
            "interval": price["recurring"]["interval"], "interval_count": price["recurring"]["interval_count"],
            "livemode": price["livemode"], "product": price["product"], "usage_type": price["recurring"]["usage_type"],
        }),
    )
}

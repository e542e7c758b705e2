//! Coupons: `GET`, `POST` and `DELETE /v1/coupons`.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};
use super::writes::{Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/coupons", "rak_coupon_read", ObjectKind::Coupon, list)
        .takes(&["created"])
        .expands(&["data.applies_to"]),
    Route::retrieve("/v1/coupons/{id}", "rak_coupon_read", ObjectKind::Coupon, retrieve).expands(&["applies_to"]),
    Route::write("/v1/coupons", "rak_coupon_write", ObjectKind::Coupon, create)
        .takes(PARAMETERS)
        .takes_also(&[
            "amount_off",
            "applies_to",
            "currency",
            "duration",
            "duration_in_months",
            "id",
            "max_redemptions",
            "percent_off",
            "redeem_by",
        ])
        .expands(&["applies_to"]),
    Route::write("/v1/coupons/{id}", "rak_coupon_write", ObjectKind::Coupon, update)
        .takes(PARAMETERS)
        .expands(&["applies_to"]),
    Route::delete("/v1/coupons/{id}", "rak_coupon_write", ObjectKind::Coupon, delete),
];

/// What both requests take.
const PARAMETERS: &[&str] = &["metadata", "name"];

/// What only a new coupon can be given.
const FIXED: &[Field] = &[
    ("amount_off", Shape::AtLeast(1)),
    ("currency", Shape::Text),
    ("duration", Shape::OneOf(&["forever", "once", "repeating"])),
    ("duration_in_months", Shape::AtLeast(1)),
    ("max_redemptions", Shape::AtLeast(1)),
    ("redeem_by", Shape::AtLeast(1)),
];

/// A coupon can be redeemed for five years at most, in seconds.
const LONGEST: i64 = 5 * 366 * 24 * 3600;

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let mut transaction = call.begin();
    let id = match parameters.get("id") {
        Some(id) if transaction.store.find(ObjectKind::Coupon, id, &call.caller).is_ok() => {
            return Err(StripeError::bad("Coupon already exists.").coded("resource_already_exists").about("id"));
        }
        Some(id) => id.to_owned(),
        None => format!("Sandbox{:04}", call.stripe.next_serial()),
    };
    let mut coupon = transaction.new_object(ObjectKind::Coupon, &json!({ "id": id }))?;
    set_fields(parameters, FIXED, &mut coupon)?;
    coupon["percent_off"] = percent_off(call)?;
    match (parameters.get("percent_off"), parameters.get("amount_off")) {
        (None, None) => return Err(StripeError::bad("Must provide percent_off or amount_off.")),
        (Some(_), Some(_)) => return Err(StripeError::bad("You can only specify one of percent_off or amount_off.")),
        (None, Some(_)) => drop(parameters.required("currency")?),
        (Some(_), None) => {}
    }
    if (coupon["duration"] == "repeating") != coupon["duration_in_months"].is_i64() {
        let message = "duration_in_months is required if duration is repeating, and only then.";
        return Err(StripeError::bad(message).about("duration_in_months"));
    }
    let times = transaction.now..=transaction.now + LONGEST;
    if coupon["redeem_by"].as_i64().is_some_and(|until| !times.contains(&until)) {
        return Err(StripeError::bad("redeem_by must be in the future and within five years.").about("redeem_by"));
    }
    let is_other = |name: &str| name.starts_with("applies_to") && name != "applies_to[products][]";
    if let Some((other, _)) = parameters.iter().find(|(name, _)| is_other(name)) {
        return Err(StripeError::unknown_parameter(other));
    }
    let products: Vec<&str> =
        parameters.iter().filter(|(name, _)| *name == "applies_to[products][]").map(|(_, id)| id).collect();
    for product in &products {
        transaction.named(ObjectKind::Product, product, "applies_to[products]")?;
    }
    if !products.is_empty() {
        coupon["applies_to"] = json!({ "products": products });
    }
    set(call, &mut coupon)?;
    transaction.keep(ObjectKind::Coupon, &coupon, Some("coupon.created"))?;
    Ok(call.shown(&transaction.store, ObjectKind::Coupon, coupon))
}

/// More than 0 and at most 100.
fn percent_off(call: &Call) -> StripeResult {
    let Some(given) = call.parameters.get("percent_off") else { return Ok(Value::Null) };
    let number = given.parse::<f64>().ok().filter(|number| *number > 0.0 && *number <= 100.0);
    let wrong = || StripeError::bad("Invalid percent_off: must be more than 0 and at most 100").about("percent_off");
    number.map(Value::from).ok_or_else(wrong)
}

fn update(call: &Call) -> StripeResult {
    call.change("coupon.updated", |_, coupon| set(call, coupon))
}

fn set(call: &Call, coupon: &mut Value) -> Result<(), StripeError> {
    if call.parameters.get("name").is_some_and(|name| name.chars().count() > 40) {
        return Err(StripeError::bad("Invalid string: name can have at most 40 characters").about("name"));
    }
    set_fields(&call.parameters, &[("name", Shape::OptionalText)], coupon)?;
    set_metadata(&call.parameters, coupon)
}

/// Subscriptions that have the coupon's discount keep it.
fn delete(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let coupon = transaction.store.find(call.kind, call.id, &call.caller)?.body.clone();
    transaction.store.remove(call.kind, call.id, &call.caller)?;
    transaction.end_codes_of(call.id)?;
    call.stripe.effects.record("stripe.coupon.deleted");
    transaction.emit("coupon.deleted", &coupon, None)?;
    Ok(json!({ "id": call.id, "object": "coupon", "deleted": true }))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const COUPONS: &str = "/v1/coupons";

    #[tokio::test]
    async fn a_new_coupon_can_be_read_and_deleted() {
        let client = TestClient::of(&[]);
        let made = client.post(COUPONS, "percent_off=100&duration=once&metadata%5Bpreflight%5D=1").await.body;
        assert_eq!(
            (&made["percent_off"], &made["valid"], &made["livemode"]),
            (&100.0.into(), &true.into(), &true.into())
        );
        let path = format!("{COUPONS}/{}", made["id"].as_str().unwrap());
        assert_eq!(client.get(&path).await.body, made);
        assert_eq!(client.delete(&path).await.body["deleted"], true);
        assert_eq!((client.get(&path).await.status, client.get(COUPONS).await.ids()), (404, vec!["Friends0"]));
    }

    #[tokio::test]
    async fn a_coupon_takes_something_off() {
        let client = TestClient::of(&[]);
        for form in ["duration=once", "percent_off=101", "percent_off=0", "percent_off=5&amount_off=5&currency=usd"] {
            assert_eq!(client.post(COUPONS, form).await.status, 400, "{form}");
        }
        assert_eq!(client.post(COUPONS, "amount_off=500").await.body["error"]["param"], "currency");
    }

    #[tokio::test]
    async fn only_a_repeating_coupon_has_months() {
        let client = TestClient::of(&[]);
        let form = "percent_off=50&duration=repeating";
        assert_eq!(client.post(COUPONS, form).await.body["error"]["param"], "duration_in_months");
        assert_eq!(client.post(COUPONS, &format!("{form}&duration_in_months=3")).await.status, 200);
    }

    #[tokio::test]
    async fn an_id_can_be_chosen_once() {
        let client = TestClient::of(&[]);
        assert_eq!(client.post(COUPONS, "percent_off=50&id=HALF").await.body["id"], "HALF");
        assert_eq!(
            client.post(COUPONS, "percent_off=50&id=HALF").await.body["error"]["code"],
            "resource_already_exists"
        );
    }

    #[tokio::test]
    async fn the_codes_of_a_deleted_coupon_are_no_longer_active() {
        let client = TestClient::of(&[]);
        client.delete(&format!("{COUPONS}/Friends0")).await;
        assert!(client.get("/v1/promotion_codes?active=true").await.ids().is_empty());
    }

    #[tokio::test]
    async fn what_a_coupon_takes_off_cannot_be_changed() {
        let answer = TestClient::of(&[]).post(&format!("{COUPONS}/Friends0"), "percent_off=50").await;
        assert_eq!(answer.message(), "Received unknown parameter: percent_off");
    }
}

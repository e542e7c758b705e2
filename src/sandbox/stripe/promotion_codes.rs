//! Changes to promotion codes.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::retrieve;
use super::writes::{Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::retrieve("/v1/promotion_codes/{id}", "rak_promotion_code_read", ObjectKind::PromotionCode, retrieve)
        .expands(EXPANDS),
    Route::write("/v1/promotion_codes", "rak_promotion_code_write", ObjectKind::PromotionCode, create)
        .takes(PARAMETERS)
        .takes_also(&["code", "coupon", "customer", "expires_at", "max_redemptions", "promotion"])
        .expands(EXPANDS),
    Route::write("/v1/promotion_codes/{id}", "rak_promotion_code_write", ObjectKind::PromotionCode, update)
        .takes(PARAMETERS)
        .expands(EXPANDS),
];

const EXPANDS: &[&str] = &["customer", "promotion.coupon", "promotion.coupon.applies_to"];

/// What both requests take.
const PARAMETERS: &[&str] = &["active", "metadata", "restrictions"];

/// What only a new code can be given.
const FIXED: &[Field] = &[
    ("expires_at", Shape::AtLeast(1)),
    ("max_redemptions", Shape::AtLeast(1)),
    ("restrictions[first_time_transaction]", Shape::Boolean),
    ("restrictions[minimum_amount]", Shape::AtLeast(1)),
    ("restrictions[minimum_amount_currency]", Shape::Text),
];

/// Since this version the coupon is under `promotion`.
const CLOVER: &str = "2025-09-30";

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let (removed, coupon) =
        if call.version < CLOVER { ("promotion", "coupon") } else { ("coupon", "promotion[coupon]") };
    if parameters.any_under(removed) {
        return Err(StripeError::unknown_parameter(removed));
    }
    if call.version >= CLOVER && parameters.required("promotion[type]")? != "coupon" {
        return Err(StripeError::bad("Invalid promotion[type]: must be coupon").about("promotion[type]"));
    }
    let known = ["promotion", "promotion[type]", "promotion[coupon]"];
    if let Some((other, _)) = parameters.iter().find(|(name, _)| name.starts_with("promotion") && !known.contains(name))
    {
        return Err(StripeError::unknown_parameter(other));
    }
    let mut transaction = call.begin();
    let found = transaction.named(ObjectKind::Coupon, parameters.required(coupon)?, coupon)?;
    if found["valid"] != true {
        return Err(StripeError::bad("This coupon is no longer valid.").coded("coupon_expired").about(coupon));
    }
    if let Some(customer) = parameters.get("customer") {
        transaction.customer(customer, "customer")?;
    }
    let code = parameters.get("code").map_or_else(|| format!("SANDBOX{}", call.stripe.next_serial()), str::to_owned);
    let same = |other: &Value| {
        other["active"] == true && other["code"].as_str().is_some_and(|other| other.eq_ignore_ascii_case(&code))
    };
    if !transaction.all(ObjectKind::PromotionCode, same).is_empty() {
        let message = format!("An active promotion code with `code: {code}` already exists.");
        return Err(StripeError::bad(message).about("code"));
    }
    let fields = json!({
        "id": call.new_id("promo")?, "code": code, "customer": parameters.get("customer"),
        "promotion": { "coupon": found["id"] },
    });
    let mut made = transaction.new_object(ObjectKind::PromotionCode, &fields)?;
    set_fields(parameters, FIXED, &mut made)?;
    if made["expires_at"].as_i64().is_some_and(|expires| expires <= transaction.now) {
        return Err(
            StripeError::bad("Invalid timestamp: must be an integer Unix timestamp in the future.").about("expires_at")
        );
    }
    set(call, &mut made)?;
    transaction.keep(ObjectKind::PromotionCode, &made, Some("promotion_code.created"))?;
    Ok(call.shown(&transaction.store, ObjectKind::PromotionCode, made))
}

fn update(call: &Call) -> StripeResult {
    if call.parameters.any_under("restrictions") {
        return Err(StripeError::unknown_parameter("restrictions"));
    }
    call.change("promotion_code.updated", |_, code| set(call, code))
}

fn set(call: &Call, code: &mut Value) -> Result<(), StripeError> {
    set_fields(&call.parameters, &[("active", Shape::Boolean)], code)?;
    set_metadata(&call.parameters, code)
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const CODES: &str = "/v1/promotion_codes";
    const FORM: &str = "promotion%5Btype%5D=coupon&promotion%5Bcoupon%5D=Friends0";

    #[tokio::test]
    async fn a_new_code_is_for_one_customer_and_one_redemption() {
        let client = TestClient::of(&[]);
        let form = format!(
            "{FORM}&max_redemptions=1&customer=cus_QpanAda0000001&restrictions%5Bfirst_time_transaction%5D=true"
        );
        let made = client.post(CODES, &form).await.body;
        assert_eq!((&made["max_redemptions"], &made["customer"]), (&1.into(), &"cus_QpanAda0000001".into()));
        assert_eq!((&made["restrictions"]["first_time_transaction"], &made["active"]), (&true.into(), &true.into()));
        let path = format!("{CODES}/{}?expand%5B%5D=promotion.coupon", made["id"].as_str().unwrap());
        assert_eq!(client.get(&path).await.body["promotion"]["coupon"]["percent_off"], 100.0);
    }

    #[tokio::test]
    async fn a_code_can_be_deactivated() {
        let client = TestClient::of(&[]);
        let path = format!("{CODES}/promo_1Rlivecme7LaunchFriends0");
        assert_eq!(client.post(&path, "active=false").await.body["active"], false);
        assert_eq!(client.get("/v1/events?type=promotion_code.updated").await.ids().len(), 1);
        assert_eq!(client.post(&path, "max_redemptions=1").await.status, 400);
    }

    #[tokio::test]
    async fn two_active_codes_differ() {
        let answer = TestClient::of(&[]).post(CODES, &format!("{FORM}&code=friends")).await;
        assert_eq!(answer.message(), "An active promotion code with `code: friends` already exists.");
    }

    #[tokio::test]
    async fn the_coupon_is_under_promotion() {
        let client = TestClient::of(&[]);
        assert_eq!(client.post(CODES, "coupon=Friends0").await.message(), "Received unknown parameter: coupon");
        assert_eq!(client.post(CODES, "promotion%5Btype%5D=coupon").await.body["error"]["param"], "promotion[coupon]");
        let missing = client.post(CODES, "promotion%5Btype%5D=coupon&promotion%5Bcoupon%5D=NONE").await;
        assert_eq!((missing.status, missing.message()), (400, "No such coupon: 'NONE'"));
    }
}

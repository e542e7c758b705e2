//! Changes to prices. An amount, a currency and an interval are forever.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::request::{Call, Route, StripeResult};
use super::writes::{Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::write("/v1/prices", "rak_plan_write", ObjectKind::Price, create)
        .takes(PARAMETERS)
        .takes_also(&["currency", "product", "recurring", "unit_amount"])
        .expands(&["product"]),
    Route::write("/v1/prices/{id}", "rak_plan_write", ObjectKind::Price, update)
        .takes(PARAMETERS)
        .expands(&["product"]),
];

/// What both requests take.
const PARAMETERS: &[&str] = &["active", "lookup_key", "metadata", "nickname", "tax_behavior"];

const FIELDS: &[Field] = &[
    ("active", Shape::Boolean),
    ("lookup_key", Shape::OptionalText),
    ("nickname", Shape::OptionalText),
    ("tax_behavior", Shape::OneOf(&["exclusive", "inclusive", "unspecified"])),
];

/// What only a new price can be given.
const FIXED: &[Field] = &[
    ("recurring[interval]", Shape::OneOf(&["day", "month", "week", "year"])),
    ("recurring[interval_count]", Shape::AtLeast(1)),
    ("recurring[usage_type]", Shape::OneOf(&["licensed", "metered"])),
    ("unit_amount", Shape::AtLeast(0)),
];

fn create(call: &Call) -> StripeResult {
    let product = call.parameters.required("product")?;
    let found = call.stripe.store().find(ObjectKind::Product, product, &call.caller).map(drop);
    found.map_err(|error| error.in_parameter("product"))?;
    let price = new_price(call, &call.parameters, product)?;
    Ok(call.keep(ObjectKind::Price, price))
}

/// A price of a product, which may be new itself.
pub(super) fn new_price(call: &Call, parameters: &Parameters, product: &str) -> StripeResult {
    let currency = parameters.required("currency")?.to_ascii_lowercase();
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(StripeError::bad(format!("Invalid currency: {currency}")).about("currency"));
    }
    parameters.required("unit_amount")?;
    let mut fields = json!({
        "id": call.new_id("price")?,
        "currency": currency,
        "product": product,
        "type": "one_time",
    });
    if parameters.any_under("recurring") {
        parameters.required("recurring[interval]")?;
        fields["type"] = "recurring".into();
        fields["recurring"] = json!({});
    }
    call.new_object(ObjectKind::Price, &fields, |price| {
        set_fields(parameters, FIXED, price)?;
        price["unit_amount_decimal"] = price["unit_amount"].to_string().into();
        set(parameters, price)
    })
}

fn update(call: &Call) -> StripeResult {
    if call.parameters.get("active") == Some("false") {
        let store = call.stripe.store();
        let is_default = store.of(ObjectKind::Product, &call.caller).any(|it| it.body["default_price"] == call.id);
        if is_default {
            let message = "This price cannot be archived because it is the default price of its product.";
            return Err(StripeError::bad(message));
        }
    }
    let price = call.update(|price| set(&call.parameters, price))?;
    call.stripe.store().renew_price_in_subscriptions(call.id, &call.caller);
    Ok(price)
}

fn set(parameters: &Parameters, price: &mut Value) -> Result<(), StripeError> {
    set_fields(parameters, FIELDS, price)?;
    set_metadata(parameters, price)
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const PRO: &str = "/v1/prices/price_1Rlivecme7LaunchProMonth";
    const FORM: &str = "product=prod_QpanAcmePro001&currency=usd&unit_amount=29000&recurring%5Binterval%5D=year";

    #[tokio::test]
    async fn an_archived_price_can_be_restored() {
        let client = TestClient::of(&["price-archived"]);
        client.post(PRO, "active=true").await;
        assert_eq!(client.get(PRO).await.body["active"], true);
    }

    #[tokio::test]
    async fn a_products_default_price_cannot_be_archived() {
        let answer = TestClient::of(&[]).post(PRO, "active=false").await;
        assert!(answer.message().contains("it is the default price of its product"), "{}", answer.message());
    }

    #[tokio::test]
    async fn an_amount_cannot_be_changed() {
        let answer = TestClient::of(&[]).post(PRO, "unit_amount=1").await;
        assert_eq!(answer.message(), "Received unknown parameter: unit_amount");
    }

    #[tokio::test]
    async fn subscriptions_show_the_price_as_it_is_now() {
        let client = TestClient::of(&[]);
        client.post(PRO, "nickname=Monthly").await;
        let subscription = client.get("/v1/subscriptions/sub_1Rlivecme7LaunchAda00001").await.body;
        assert_eq!(subscription["items"]["data"][0]["price"]["nickname"], "Monthly");
    }

    #[tokio::test]
    async fn a_new_price_belongs_to_its_product() {
        let client = TestClient::of(&[]);
        let id = client.post("/v1/prices", FORM).await.body["id"].as_str().unwrap().to_owned();
        let price = client.get(&format!("/v1/prices/{id}")).await.body;
        assert_eq!(price["recurring"]["interval"], "year");
        assert_eq!((&price["unit_amount"], &price["unit_amount_decimal"]), (&29000.into(), &"29000".into()));
        assert!(client.get("/v1/prices?product=prod_QpanAcmePro001").await.ids().contains(&id.as_str()));
    }

    #[tokio::test]
    async fn a_price_without_an_interval_does_not_recur() {
        let form = "product=prod_QpanAcmePro001&currency=usd&unit_amount=500";
        let price = TestClient::of(&[]).post("/v1/prices", form).await.body;
        assert_eq!((&price["type"], price["recurring"].is_null()), (&"one_time".into(), true));
    }

    #[tokio::test]
    async fn a_price_is_rejected_for_a_product_in_the_other_mode() {
        let answer = TestClient::of(&[]).post("/v1/prices", &FORM.replace("AcmePro", "TestPro")).await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"product".into()));
    }

    #[tokio::test]
    async fn an_unknown_interval_is_rejected() {
        let answer = TestClient::of(&[]).post("/v1/prices", &FORM.replace("year", "decade")).await;
        assert_eq!(answer.body["error"]["param"], "recurring[interval]");
    }
}

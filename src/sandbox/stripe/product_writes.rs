//! Changes to products.

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::price_writes::new_price;
use super::request::{Call, Route, StripeResult};
use super::writes::{Field, Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::write("/v1/products", "rak_product_write", ObjectKind::Product, create)
        .takes(PARAMETERS)
        .takes_also(&["default_price_data", "id"]),
    Route::write("/v1/products/{id}", "rak_product_write", ObjectKind::Product, update)
        .takes(PARAMETERS)
        .takes_also(&["default_price"])
        .expands(&["default_price"]),
];

/// What both requests take.
const PARAMETERS: &[&str] = &[
    "active",
    "description",
    "metadata",
    "name",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "unit_label",
    "url",
];

const FIELDS: &[Field] = &[
    ("active", Shape::Boolean),
    ("description", Shape::OptionalText),
    ("name", Shape::Text),
    ("shippable", Shape::Boolean),
    ("statement_descriptor", Shape::OptionalText),
    ("tax_code", Shape::OptionalText),
    ("unit_label", Shape::OptionalText),
    ("url", Shape::OptionalUrl),
];

/// The price that a new product starts with.
const PRICE: &str = "default_price_data";

const OF_NEW_PRICE: &[&str] = &["currency", "metadata", "recurring", "tax_behavior", "unit_amount"];

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    parameters.required("name")?;
    let id = match parameters.get("id") {
        Some("") => return Err(StripeError::empty("id")),
        Some(id) if call.stripe.store().find(ObjectKind::Product, id, &call.caller).is_ok() => {
            return Err(StripeError::bad("Product already exists.").coded("resource_already_exists").about("id"));
        }
        Some(id) => id.to_owned(),
        None => format!("prod_QpanSandbox{:04}", call.stripe.next_serial()),
    };
    let mut product = call.new_object(ObjectKind::Product, &json!({ "id": id }), |product| set(call, product))?;
    if parameters.any_under(PRICE) {
        let terms = parameters.below(PRICE);
        if let Some((name, _)) =
            terms.iter().find(|(name, _)| !OF_NEW_PRICE.contains(&name.split('[').next().unwrap_or(name)))
        {
            return Err(StripeError::unknown_parameter(&format!("{PRICE}[{name}]")));
        }
        let price = new_price(call, &terms, &id)?;
        product["default_price"] = price["id"].clone();
        call.keep(ObjectKind::Price, price);
    }
    Ok(call.keep(ObjectKind::Product, product))
}

fn update(call: &Call) -> StripeResult {
    let default_price = default_price(call)?;
    call.update(|product| {
        if let Some(price) = default_price {
            product["default_price"] = price.into();
        }
        set(call, product)
    })
}

fn set(call: &Call, product: &mut Value) -> Result<(), StripeError> {
    set_fields(&call.parameters, FIELDS, product)?;
    set_metadata(&call.parameters, product)
}

/// The new default price, which must be an active price of the product.
fn default_price<'a>(call: &'a Call) -> Result<Option<&'a str>, StripeError> {
    let name = "default_price";
    let Some(id) = call.parameters.get(name) else { return Ok(None) };
    if id.is_empty() {
        return Err(StripeError::empty(name));
    }
    let store = call.stripe.store();
    let price = &store.find(ObjectKind::Price, id, &call.caller).map_err(|error| error.in_parameter(name))?.body;
    if price["product"] != call.id {
        let message = format!("The price `{id}` does not belong to the product `{}`.", call.id);
        return Err(StripeError::bad(message).about(name));
    }
    if price["active"] == false {
        let message = format!("The price `{id}` is inactive, so it cannot be the default price.");
        return Err(StripeError::bad(message).about(name));
    }
    Ok(Some(id))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const PRO: &str = "/v1/products/prod_QpanAcmePro001";

    #[tokio::test]
    async fn metadata_can_be_changed() {
        let client = TestClient::of(&["metadata-case"]);
        client.post(PRO, "metadata%5Bplan%5D=pro").await;
        assert_eq!(client.get(PRO).await.body["metadata"]["plan"], "pro");
        assert_eq!(client.count("stripe.product.updated"), 1);
    }

    #[tokio::test]
    async fn a_rejected_change_changes_nothing() {
        let client = TestClient::of(&[]);
        let answer = client.post(PRO, "active=false&name=").await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &"parameter_invalid_empty".into()));
        assert_eq!(client.get(PRO).await.body["active"], true);
    }

    #[tokio::test]
    async fn the_default_price_must_be_one_of_the_product() {
        let answer = TestClient::of(&[]).post(PRO, "default_price=price_1Rlivecme7LaunchEntMonth").await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"default_price".into()));
    }

    #[tokio::test]
    async fn a_product_in_the_other_mode_cannot_be_changed() {
        let answer = TestClient::of(&[]).post("/v1/products/prod_QpanTestPro001", "name=x").await;
        assert_eq!(answer.status, 404);
        assert!(answer.message().contains("a similar object exists in test mode"), "{}", answer.message());
    }

    #[tokio::test]
    async fn an_unknown_parameter_is_rejected() {
        let answer = TestClient::of(&[]).post(PRO, "colour=blue").await;
        assert_eq!(answer.message(), "Received unknown parameter: colour");
    }

    #[tokio::test]
    async fn a_restricted_key_needs_the_permission_to_write() {
        let answer = TestClient::of(&["healthy-restricted-key"]).post(PRO, "name=x").await;
        assert!(answer.message().contains("Having the 'rak_product_write' permission"), "{}", answer.message());
    }

    #[tokio::test]
    async fn a_new_product_can_start_with_a_price() {
        let client = TestClient::of(&[]);
        let price = "default_price_data%5Bcurrency%5D=usd&default_price_data%5Bunit_amount%5D=2900&default_price_data%5Brecurring%5D%5Binterval%5D=month";
        let product = client.post("/v1/products", &format!("name=Team&{price}")).await.body;
        let price = client.get(&format!("/v1/prices/{}", product["default_price"].as_str().unwrap())).await.body;
        assert_eq!((&price["product"], &price["unit_amount"]), (&product["id"], &2900.into()));
        assert_eq!(price["recurring"]["interval"], "month");
        let answer = client.post("/v1/products", "name=Team&default_price_data%5Blookup_key%5D=x").await;
        assert_eq!(answer.body["error"]["param"], "default_price_data[lookup_key]");
    }

    #[tokio::test]
    async fn a_new_product_needs_a_name() {
        let client = TestClient::of(&[]);
        assert_eq!(client.post("/v1/products", "active=true").await.body["error"]["param"], "name");
        let product = client.post("/v1/products", "name=Team&metadata%5Bplan%5D=team").await.body;
        let read = client.get(&format!("/v1/products/{}", product["id"].as_str().unwrap())).await.body;
        assert_eq!((&read["name"], &read["metadata"]["plan"]), (&"Team".into(), &"team".into()));
    }
}

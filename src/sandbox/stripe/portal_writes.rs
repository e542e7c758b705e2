//! Changes to the customer portal's configurations.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::request::{Call, Route, StripeResult};
use super::writes::{CANCELLATION_REASONS, Field, Shape, set_fields, set_metadata};

const EXPANDS: &[&str] = &["features.subscription_update.products"];

pub(super) const ROUTES: &[Route] = &[
    Route::write(
        "/v1/billing_portal/configurations",
        "rak_customer_portal_write",
        ObjectKind::PortalConfiguration,
        create,
    )
    .takes(PARAMETERS)
    .expands(EXPANDS),
    Route::write(
        "/v1/billing_portal/configurations/{id}",
        "rak_customer_portal_write",
        ObjectKind::PortalConfiguration,
        update,
    )
    .takes(PARAMETERS)
    .takes_also(&["active"])
    .expands(EXPANDS),
];

/// What both requests take.
const PARAMETERS: &[&str] = &["business_profile", "default_return_url", "features", "login_page", "metadata", "name"];

const FIELDS: &[Field] = &[
    ("active", Shape::Boolean),
    ("business_profile[headline]", Shape::OptionalText),
    ("business_profile[privacy_policy_url]", Shape::OptionalUrl),
    ("business_profile[terms_of_service_url]", Shape::OptionalUrl),
    ("default_return_url", Shape::OptionalUrl),
    (
        "features[customer_update][allowed_updates]",
        Shape::AnyOf(&["address", "email", "name", "phone", "shipping", "tax_id"]),
    ),
    ("features[customer_update][enabled]", Shape::Boolean),
    ("features[invoice_history][enabled]", Shape::Boolean),
    ("features[payment_method_update][enabled]", Shape::Boolean),
    ("features[payment_method_update][payment_method_configuration]", Shape::OptionalText),
    ("features[subscription_cancel][cancellation_reason][enabled]", Shape::Boolean),
    ("features[subscription_cancel][cancellation_reason][options]", Shape::AnyOf(CANCELLATION_REASONS)),
    ("features[subscription_cancel][enabled]", Shape::Boolean),
    ("features[subscription_cancel][mode]", Shape::OneOf(&["at_period_end", "immediately"])),
    ("features[subscription_cancel][proration_behavior]", PRORATION),
    ("features[subscription_update][default_allowed_updates]", Shape::AnyOf(&["price", "promotion_code", "quantity"])),
    ("features[subscription_update][enabled]", Shape::Boolean),
    ("features[subscription_update][proration_behavior]", PRORATION),
    ("login_page[enabled]", Shape::Boolean),
    ("name", Shape::OptionalText),
];

const PRORATION: Shape = Shape::OneOf(&["always_invoice", "create_prorations", "none"]);

/// The products that customers can switch to, which replace the previous ones.
const PRODUCTS: &str = "features[subscription_update][products]";

/// The features that are only on if they are requested.
const FEATURES: [&str; 5] =
    ["customer_update", "invoice_history", "payment_method_update", "subscription_cancel", "subscription_update"];

/// A new configuration is never the default one, which only the Dashboard can create.
fn create(call: &Call) -> StripeResult {
    if !call.parameters.any_under("features") {
        return Err(StripeError::missing_parameter("features"));
    }
    let (products, others) = call.parameters.partition(PRODUCTS);
    let products = read_products(call, &products)?;
    call.create(&json!({ "id": call.new_id("bpc")? }), |configuration| {
        for feature in FEATURES {
            configuration["features"][feature]["enabled"] = false.into();
        }
        configuration["features"]["customer_update"]["allowed_updates"] = json!([]);
        set(&others, products, configuration)
    })
}

fn update(call: &Call) -> StripeResult {
    let (products, others) = call.parameters.partition(PRODUCTS);
    let products = read_products(call, &products)?;
    call.update(|configuration| {
        if configuration["is_default"] == true && call.parameters.get("active") == Some("false") {
            return Err(StripeError::bad("The default configuration cannot be deactivated.").about("active"));
        }
        set(&others, products, configuration)
    })
}

fn set(parameters: &Parameters, products: Option<Value>, configuration: &mut Value) -> Result<(), StripeError> {
    set_fields(parameters, FIELDS, configuration)?;
    set_metadata(parameters, configuration)?;
    if let Some(products) = products {
        configuration["features"]["subscription_update"]["products"] = products;
    }
    let updates = &configuration["features"]["customer_update"];
    if updates["enabled"] == true && updates["allowed_updates"].as_array().is_none_or(Vec::is_empty) {
        return Err(StripeError::missing_parameter("features[customer_update][allowed_updates]"));
    }
    Ok(())
}

/// The products that a form names, `[0][product]` and `[0][prices][]`, if it names any. An empty value empties the list.
fn read_products(call: &Call, given: &Parameters) -> Result<Option<Value>, StripeError> {
    if !given.any_under(PRODUCTS) {
        return Ok(None);
    }
    let mut products: BTreeMap<usize, (Option<&str>, Vec<&str>)> = BTreeMap::new();
    for (name, value) in given.iter().filter(|given| *given != (PRODUCTS, "")) {
        let place = name[PRODUCTS.len()..].strip_prefix('[').and_then(|place| place.split_once(']'));
        let place = place.and_then(|(index, field)| Some((index.parse().ok()?, field)));
        let (index, field) = place.ok_or_else(|| StripeError::unknown_parameter(name))?;
        let product = products.entry(index).or_default();
        match field {
            "[product]" => product.0 = Some(value),
            "[prices][]" => product.1.push(value),
            _ => return Err(StripeError::unknown_parameter(name)),
        }
    }
    let store = call.stripe.store();
    let mut list = Vec::new();
    for (index, (product, prices)) in products {
        let name = format!("{PRODUCTS}[{index}][product]");
        let product = product.ok_or_else(|| StripeError::missing_parameter(&name))?;
        store.find(ObjectKind::Product, product, &call.caller).map_err(|error| error.in_parameter(name))?;
        for (place, price) in prices.iter().enumerate() {
            let name = format!("{PRODUCTS}[{index}][prices][{place}]");
            store.find(ObjectKind::Price, price, &call.caller).map_err(|error| error.in_parameter(name))?;
        }
        list.push(json!({ "product": product, "prices": prices }));
    }
    let completed = call.complete(
        ObjectKind::PortalConfiguration.object(),
        &json!({ "features": { "subscription_update": { "products": list } } }),
    )?;
    Ok(completed.pointer("/features/subscription_update/products").cloned())
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const CONFIGURATIONS: &str = "/v1/billing_portal/configurations";
    const DEFAULT: &str = "/v1/billing_portal/configurations/bpc_1Rlivecme7LaunchPortal00";

    #[tokio::test]
    async fn a_feature_can_be_switched_without_changing_the_others() {
        let client = TestClient::of(&[]);
        let before = client.get(DEFAULT).await.body["features"].clone();
        client.post(DEFAULT, "features%5Bsubscription_cancel%5D%5Benabled%5D=false").await;
        let after = client.get(DEFAULT).await.body["features"].clone();
        assert_eq!(after["subscription_cancel"]["enabled"], false);
        assert_eq!(after["invoice_history"], before["invoice_history"]);
        assert_eq!(after["subscription_cancel"]["mode"], before["subscription_cancel"]["mode"]);
    }

    #[tokio::test]
    async fn a_list_of_updates_replaces_the_previous_one() {
        let client = TestClient::of(&[]);
        let name = "features%5Bsubscription_update%5D%5Bdefault_allowed_updates%5D%5B0%5D";
        client.post(DEFAULT, &format!("{name}=price")).await;
        let updates = client.get(DEFAULT).await.body["features"]["subscription_update"].clone();
        assert_eq!(updates["default_allowed_updates"][0], "price");
        assert_eq!(client.post(DEFAULT, &format!("{name}=colour")).await.status, 400);
    }

    #[tokio::test]
    async fn the_products_to_switch_to_are_replaced() {
        let client = TestClient::of(&["portal-switch-no-tier"]);
        let name = "features%5Bsubscription_update%5D%5Bproducts%5D%5B0%5D";
        let (product, price) = ("prod_QpanAcmePro001", "price_1Rlivecme7LaunchProMonth");
        client.post(DEFAULT, &format!("{name}%5Bproduct%5D={product}&{name}%5Bprices%5D%5B0%5D={price}")).await;
        let read = client.get(&format!("{DEFAULT}?expand%5B%5D=features.subscription_update.products")).await.body;
        let products = read["features"]["subscription_update"]["products"].as_array().unwrap();
        assert_eq!((products.len(), &products[0]["product"]), (1, &product.into()));
        let missing = client.post(DEFAULT, &format!("{name}%5Bproduct%5D=prod_Missing")).await;
        assert_eq!((missing.status, missing.message()), (400, "No such product: 'prod_Missing'"));
    }

    #[tokio::test]
    async fn an_unknown_feature_is_an_unknown_parameter() {
        let answer = TestClient::of(&[]).post(DEFAULT, "features%5Bcolour%5D%5Benabled%5D=true").await;
        assert_eq!(answer.message(), "Received unknown parameter: features[colour][enabled]");
    }

    #[tokio::test]
    async fn the_return_url_can_be_changed_and_removed() {
        let client = TestClient::of(&[]);
        let url = client.post(DEFAULT, "default_return_url=https%3A%2F%2Fapp.acme.com").await;
        assert_eq!(url.body["default_return_url"], "https://app.acme.com");
        assert!(client.post(DEFAULT, "default_return_url=").await.body["default_return_url"].is_null());
    }

    #[tokio::test]
    async fn a_new_configuration_has_only_the_requested_features_and_is_not_the_default() {
        let client = TestClient::of(&[]);
        let form = "features%5Binvoice_history%5D%5Benabled%5D=true";
        let id = client.post(CONFIGURATIONS, form).await.body["id"].as_str().unwrap().to_owned();
        let made = client.get(&format!("{CONFIGURATIONS}/{id}")).await.body;
        assert_eq!((&made["is_default"], &made["active"]), (&false.into(), &true.into()));
        assert_eq!(made["features"]["invoice_history"]["enabled"], true);
        assert_eq!(made["features"]["subscription_cancel"]["enabled"], false);
    }

    #[tokio::test]
    async fn a_new_configuration_needs_features() {
        let answer = TestClient::of(&[]).post(CONFIGURATIONS, "name=x").await;
        assert_eq!(answer.body["error"]["param"], "features");
    }
}

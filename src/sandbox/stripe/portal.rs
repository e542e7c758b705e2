//! The customer portal: its configurations, and a session in it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::put;
use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::state::{PortalConfiguration, State};
use super::store::{Kind, Store, page};
use super::{Error, named};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/billing_portal/configurations", "rak_customer_portal_read", list)
        .takes(&["active", "is_default"])
        .expands(&["data.features.subscription_update.products"]),
    Route::get("/v1/billing_portal/configurations/{id}", "rak_customer_portal_read", one)
        .expands(&["features.subscription_update.products"]),
    Route::post("/v1/billing_portal/sessions", "rak_customer_portal_write", open).takes(&[
        "configuration",
        "customer",
        "customer_account",
        "flow_data",
        "locale",
        "on_behalf_of",
        "return_url",
    ]),
];

/// Puts the document's configurations on their shelf.
pub(super) fn load(state: &State, now: Timestamp, store: &mut Store) -> Result<(), Error> {
    for configuration in state.portal_configurations.values() {
        let body = body(state, configuration, now)?;
        put(store, Kind::PortalConfiguration, &configuration.account, configuration.livemode, body);
    }
    Ok(())
}

fn body(state: &State, configuration: &PortalConfiguration, now: Timestamp) -> Result<Value, Error> {
    let created = configuration.age.before(now);
    let mut products = Vec::new();
    for name in &configuration.subscription_update_products {
        let product = named(&state.products, "product", name)?;
        let prices: Vec<&str> =
            state.prices.values().filter(|price| price.product == *name).map(|price| price.id.as_str()).collect();
        products.push(json!({
            "adjustable_quantity": { "enabled": false, "maximum": null, "minimum": 1 }, "prices": prices, "product": product.id,
        }));
    }
    Ok(json!({
        "id": configuration.id,
        "object": "billing_portal.configuration",
        "active": configuration.active,
        "application": null,
        "business_profile": { "headline": null, "privacy_policy_url": null, "terms_of_service_url": null },
        "created": created,
        "default_return_url": configuration.default_return_url,
        "features": {
            "customer_update": {
                "allowed_updates": if configuration.customer_update { json!(["email", "tax_id"]) } else { json!([]) },
                "enabled": configuration.customer_update,
            },
            "invoice_history": { "enabled": configuration.invoice_history },
            "payment_method_update": {
                "enabled": configuration.payment_method_update, "payment_method_configuration": null,
            },
            "subscription_cancel": {
                "cancellation_reason": { "enabled": false, "feedback_options": [], "options": [] },
                "enabled": configuration.subscription_cancel,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_pause": { "enabled": false },
            "subscription_update": {
                "billing_cycle_anchor": null,
                "default_allowed_updates": configuration.subscription_update,
                "enabled": !configuration.subscription_update.is_empty(),
                "products": products,
                "proration_behavior": "none",
                "schedule_at_period_end": { "conditions": [] },
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": configuration.is_default,
        "livemode": configuration.livemode,
        "login_page": { "enabled": false, "url": null },
        "metadata": {},
        "name": null,
        "updated": created,
    }))
}

/// A configuration as it is shown to one who did not ask for the products.
fn without_products(mut configuration: Value) -> Value {
    if let Some(update) = configuration.pointer_mut("/features/subscription_update").and_then(Value::as_object_mut) {
        update.remove("products");
    }
    configuration
}

fn list(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let (active, is_default) = (parameters.boolean("active")?, parameters.boolean("is_default")?);
    let store = call.stripe.store();
    let wanted = store.of(Kind::PortalConfiguration, &call.caller).filter(|configuration| {
        active.is_none_or(|active| configuration.body["active"] == active)
            && is_default.is_none_or(|is_default| configuration.body["is_default"] == is_default)
    });
    let mut list = page(wanted, "/v1/billing_portal/configurations", "configuration", parameters)?;
    if parameters.all("expand").is_empty() {
        for configuration in list["data"].as_array_mut().into_iter().flatten() {
            *configuration = without_products(configuration.take());
        }
    }
    Ok(list)
}

fn one(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let found = store.find(Kind::PortalConfiguration, call.id, &call.caller);
    let configuration = found.map_err(|error| error.about("configuration"))?.body.clone();
    Ok(if call.parameters.all("expand").is_empty() { without_products(configuration) } else { configuration })
}

fn open(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let customer = parameters.required("customer")?;
    let store = call.stripe.store();
    store.find(Kind::Customer, customer, &call.caller).map_err(|error| error.in_parameter("customer"))?;
    let configuration = if let Some(id) = parameters.get("configuration") {
        let found = store.find(Kind::PortalConfiguration, id, &call.caller);
        found.map_err(|error| error.about("configuration"))?
    } else {
        let mut all = store.of(Kind::PortalConfiguration, &call.caller);
        all.find(|configuration| configuration.body["is_default"] == true).ok_or_else(|| no_default(call))?
    };
    call.stripe.effects.record("stripe.portal_session.created");
    let serial = call.stripe.next_serial();
    Ok(json!({
        "id": format!("bps_1Rlivecme7Launch{serial:08}"),
        "object": "billing_portal.session",
        "configuration": configuration.id,
        "created": Timestamp::now().as_second(),
        "customer": customer,
        "customer_account": null,
        "flow": null,
        "livemode": call.caller.livemode,
        "locale": parameters.get("locale"),
        "on_behalf_of": null,
        "return_url": parameters.get("return_url"),
        "url": format!("https://billing.stripe.com/p/session/{}_sandbox{serial:08}", call.mode()),
    }))
}

fn no_default(call: &Call) -> StripeError {
    let (mode, path) = if call.caller.livemode { ("live", "") } else { ("test", "test/") };
    StripeError::bad(format!(
        "No configuration provided and your {mode} mode default configuration has not been created. Provide a configuration \
         or create your default by saving your customer portal settings in {mode} mode at \
         https://dashboard.stripe.com/{path}settings/billing/portal."
    ))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const CONFIGURATIONS: &str = "/v1/billing_portal/configurations";

    #[tokio::test]
    async fn there_is_one_default() {
        let list = TestClient::of(&[]).get(&format!("{CONFIGURATIONS}?is_default=true&active=true")).await;
        assert_eq!(list.ids(), ["bpc_1Rlivecme7LaunchPortal00"]);
    }

    #[tokio::test]
    async fn the_products_are_shown_to_who_asks_for_them() {
        let client = TestClient::of(&["portal-plan-change"]);
        let path = format!("{CONFIGURATIONS}/bpc_1Rlivecme7LaunchPortal00");
        let update = |body: &serde_json::Value| body["features"]["subscription_update"]["products"].clone();
        assert!(update(&client.get(&path).await.body).is_null());
        let expanded = client.get(&format!("{path}?expand%5B%5D=features.subscription_update.products")).await.body;
        assert_eq!(update(&expanded)[0]["prices"][0], "price_1Rlivecme7LaunchProMonth");
    }

    #[tokio::test]
    async fn a_configuration_that_nobody_has_is_named_as_such() {
        let answer = TestClient::of(&[]).get(&format!("{CONFIGURATIONS}/bpc_Nobody")).await;
        assert_eq!(
            (answer.message(), &answer.body["error"]["param"]),
            ("No such configuration: 'bpc_Nobody'", &"configuration".into())
        );
    }

    #[tokio::test]
    async fn a_customer_can_be_let_in() {
        let client = TestClient::of(&[]);
        let session = client.post("/v1/billing_portal/sessions", "customer=cus_QpanAda0000001").await.body;
        assert_eq!(session["configuration"], "bpc_1Rlivecme7LaunchPortal00");
        assert_eq!(client.count("stripe.portal_session.created"), 1);
    }

    #[tokio::test]
    async fn nobody_can_be_let_in_before_the_portal_was_saved() {
        let answer =
            TestClient::of(&["portal-none"]).post("/v1/billing_portal/sessions", "customer=cus_QpanAda0000001").await;
        assert!(
            answer.message().starts_with("No configuration provided and your live mode default"),
            "{}",
            answer.message()
        );
    }
}

//! The customer portal: its configurations, and sessions in it.

use jiff::Timestamp;
use serde_json::json;

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::{list, retrieve};

pub(super) const ROUTES: &[Route] = &[
    Route::list("/v1/billing_portal/configurations", "rak_customer_portal_read", ObjectKind::PortalConfiguration, list)
        .filters(&["active", "is_default"])
        .expands(&["data.features.subscription_update.products"]),
    Route::retrieve(
        "/v1/billing_portal/configurations/{id}",
        "rak_customer_portal_read",
        ObjectKind::PortalConfiguration,
        retrieve,
    )
    .expands(&["features.subscription_update.products"]),
    Route::post("/v1/billing_portal/sessions", "rak_customer_portal_write", create_session).takes(&[
        "configuration",
        "customer",
        "customer_account",
        "flow_data",
        "locale",
        "on_behalf_of",
        "return_url",
    ]),
];

fn create_session(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    let customer = parameters.required("customer")?;
    let store = call.stripe.store();
    store.find(ObjectKind::Customer, customer, &call.caller).map_err(|error| error.in_parameter("customer"))?;
    let configuration = if let Some(id) = parameters.get("configuration") {
        store.find(ObjectKind::PortalConfiguration, id, &call.caller)?
    } else {
        let mut all = store.of(ObjectKind::PortalConfiguration, &call.caller);
        all.find(|configuration| configuration.body["is_default"] == true).ok_or_else(|| no_default(call))?
    };
    call.stripe.effects.record("stripe.portal_session.created");
    let serial = call.stripe.next_serial();
    let fields = json!({
        "id": format!("bps_1Rlivecme7Launch{serial:08}"),
        "configuration": configuration.id(),
        "created": Timestamp::now().as_second(),
        "customer": customer,
        "livemode": call.caller.livemode,
        "locale": parameters.get("locale"),
        "return_url": parameters.get("return_url"),
        "url": format!("https://billing.stripe.com/p/session/{}_sandbox{serial:08}", call.caller.mode()),
    });
    call.complete("billing_portal.session", &fields)
}

fn no_default(call: &Call) -> StripeError {
    let (mode, path) = (call.caller.mode(), call.caller.dashboard_path());
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
    async fn the_products_are_shown_only_if_expanded() {
        let client = TestClient::of(&["portal-plan-change"]);
        let path = format!("{CONFIGURATIONS}/bpc_1Rlivecme7LaunchPortal00");
        let update = |body: &serde_json::Value| body["features"]["subscription_update"]["products"].clone();
        assert!(update(&client.get(&path).await.body).is_null());
        let expanded = client.get(&format!("{path}?expand%5B%5D=features.subscription_update.products")).await.body;
        assert_eq!(update(&expanded)[0]["prices"][0], "price_1Rlivecme7LaunchProMonth");
    }

    #[tokio::test]
    async fn the_error_for_a_missing_configuration_names_it() {
        let answer = TestClient::of(&[]).get(&format!("{CONFIGURATIONS}/bpc_Missing")).await;
        assert_eq!(
            (answer.message(), &answer.body["error"]["param"]),
            ("No such configuration: 'bpc_Missing'", &"configuration".into())
        );
    }

    #[tokio::test]
    async fn a_portal_session_can_be_created() {
        let client = TestClient::of(&[]);
        let session = client.post("/v1/billing_portal/sessions", "customer=cus_QpanAda0000001").await.body;
        assert_eq!(session["configuration"], "bpc_1Rlivecme7LaunchPortal00");
        assert_eq!(client.count("stripe.portal_session.created"), 1);
    }

    #[tokio::test]
    async fn a_session_needs_a_saved_portal_configuration() {
        let answer =
            TestClient::of(&["portal-none"]).post("/v1/billing_portal/sessions", "customer=cus_QpanAda0000001").await;
        assert!(
            answer.message().starts_with("No configuration provided and your live mode default"),
            "{}",
            answer.message()
        );
    }
}

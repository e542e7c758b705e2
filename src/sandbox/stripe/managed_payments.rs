//! Managed Payments: Stripe sells in place of the account, which it turns on by default for some accounts in live mode.

use serde_json::Value;

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::Call;
use super::store::Store;

/// What a managed session cannot have. Stripe decides it.
const EXCLUDED: [&str; 5] =
    ["automatic_tax", "custom_text", "payment_method_configuration", "payment_method_types", "tax_id_collection"];

/// The first API version with Managed Payments.
const FIRST_VERSION: &str = "2025-03-31";

/// Whether a new session is managed.
pub(super) fn is_managed(call: &Call) -> Result<bool, StripeError> {
    let by_default = call.stripe.managed_payments && call.caller.livemode;
    Ok(call.parameters.boolean("managed_payments[enabled]")?.unwrap_or(by_default))
}

/// Checks a managed session as Stripe checks it.
pub(super) fn check(call: &Call, store: &Store, items: &[Value]) -> Result<(), StripeError> {
    if call.version < FIRST_VERSION {
        return Err(StripeError::bad(format!(
            "Managed Payments is not supported on API version {}. Update your API version, or set the API Version of this \
             request to 2025-03-31.basil or greater.",
            call.version
        )));
    }
    let why = if call.parameters.get("managed_payments[enabled]").is_none() {
        "Managed Payments, which is enabled by default on your account"
    } else {
        "Managed Payments"
    };
    if let Some(name) = EXCLUDED.into_iter().find(|name| call.parameters.any_under(name)) {
        return Err(StripeError::bad(format!(
            "{name} cannot be used with {why}. Remove {name}, or pass managed_payments[enabled]=false to disable it for this \
             request."
        ))
        .about(name));
    }
    for (index, item) in items.iter().enumerate() {
        let id = item["price"]["product"].as_str().unwrap_or_default();
        if store.find(ObjectKind::Product, id, &call.caller)?.body["tax_code"].is_null() {
            return Err(StripeError::bad(format!(
                "Invalid line_items[{index}]: the product tax code is missing. Product tax code is required for {why}. If you \
                 want to disable Managed Payments on this session, you can pass managed_payments[enabled]=false."
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const SESSIONS: &str = "/v1/checkout/sessions";
    const FORM: &str = "mode=subscription&line_items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchProMonth&\
                        line_items%5B0%5D%5Bquantity%5D=1&success_url=https%3A%2F%2Fapp.acme.com%2Fsuccess";

    #[tokio::test]
    async fn an_account_that_has_it_by_default_needs_tax_codes() {
        let answer = TestClient::of(&["checkout-managed-payments-refused"]).post(SESSIONS, FORM).await;
        assert_eq!(answer.status, 400);
        assert!(answer.message().starts_with("Invalid line_items[0]: the product tax code is missing."));
    }

    #[tokio::test]
    async fn a_session_can_turn_it_off() {
        let form = format!("{FORM}&managed_payments%5Benabled%5D=false");
        let session = TestClient::of(&["checkout-managed-payments-refused"]).post(SESSIONS, &form).await.body;
        assert_eq!(session["managed_payments"]["enabled"], false, "{session}");
    }

    #[tokio::test]
    async fn the_error_names_the_parameter_that_it_excludes() {
        let form = format!("{FORM}&payment_method_configuration=pmc_1");
        let answer = TestClient::of(&["checkout-managed-payments"]).post(SESSIONS, &form).await;
        let message = "payment_method_configuration cannot be used with Managed Payments, which is enabled by default";
        assert!(answer.message().starts_with(message), "{}", answer.message());
    }
}

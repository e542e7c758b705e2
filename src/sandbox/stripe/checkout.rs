//! Checkout Sessions: what the Worker creates, what can be read of one, and how one ends.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::StripeError;
use super::hosted_checkout::set_amounts;
use super::managed_payments;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::list;
use super::store::Store;
use super::subscription_data::SubscriptionData;
use super::writes::{Shape, set_fields, set_metadata};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/v1/checkout/sessions", "rak_checkout_session_write", create).takes(TAKEN).expands(&["line_items"]),
    Route::list("/v1/checkout/sessions", "rak_checkout_session_read", ObjectKind::CheckoutSession, list)
        .filters(&["customer", "customer_details", "payment_intent", "payment_link", "status", "subscription"])
        .takes(&["created"]),
    Route::retrieve("/v1/checkout/sessions/{id}", "rak_checkout_session_read", ObjectKind::CheckoutSession, one)
        .expands(&["customer", "line_items", "line_items.data.price.product", "subscription"]),
    Route::get("/v1/checkout/sessions/{id}/line_items", "rak_checkout_session_read", list_line_items)
        .takes(&["limit", "starting_after", "ending_before"])
        .expands(&["data.price.product"]),
    Route::post("/v1/checkout/sessions/{id}/expire", "rak_checkout_session_write", expire).expands(&["line_items"]),
];

/// The parameters of a new session.
const TAKEN: &[&str] = &[
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "automatic_tax",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "consent_collection",
    "currency",
    "custom_fields",
    "custom_text",
    "customer",
    "customer_email",
    "customer_update",
    "discounts",
    "expires_at",
    "line_items",
    "locale",
    "managed_payments",
    "metadata",
    "mode",
    "payment_method_collection",
    "payment_method_configuration",
    "payment_method_options",
    "payment_method_types",
    "phone_number_collection",
    "return_url",
    "saved_payment_method_options",
    "submit_type",
    "subscription_data",
    "success_url",
    "tax_id_collection",
    "ui_mode",
];

fn create(call: &Call) -> StripeResult {
    let parameters = &call.parameters;
    // Replaced in this version.
    if parameters.any_under("payment_method_types") && call.version >= "2026-09-30" {
        return Err(StripeError::unknown_parameter("payment_method_types"));
    }
    let mode = parameters.required("mode")?;
    let success_url = parameters.required("success_url")?;
    for name in ["success_url", "cancel_url"] {
        if parameters.get(name).is_some_and(|url| url::Url::parse(url).is_err()) {
            return Err(StripeError::bad("Not a valid URL").coded("url_invalid").about(name));
        }
    }
    if call.caller.livemode && call.account()?["charges_enabled"] != true {
        return Err(StripeError::bad("Your account cannot currently make live charges."));
    }
    let taxed = parameters.get("automatic_tax[enabled]") == Some("true");
    if taxed && call.stripe.tax_settings["status"] != "active" {
        return Err(no_head_office(call));
    }
    if parameters.any_under("allow_promotion_codes") && parameters.any_under("discounts") {
        let message = "You may only specify one of these parameters: allow_promotion_codes, discounts.";
        return Err(StripeError::bad(message).about("allow_promotion_codes"));
    }
    let mut transaction = call.begin();
    let customer = parameters.get("customer");
    if let Some(customer) = customer {
        transaction.customer(customer, "customer")?;
    }
    let items = line_items(call, &transaction.store, mode)?;
    let managed = managed_payments::is_managed(call)?;
    if managed {
        managed_payments::check(call, &transaction.store, &items)?;
    }
    let redemption = transaction.wanted_discount(parameters, customer)?;
    let data = SubscriptionData::read(parameters)?;
    transaction.trial_end(&data.0)?;
    set_metadata(&data.0, &mut json!({ "metadata": {} }))?;
    let now = Timestamp::now().as_second();
    let id = format!("cs_{}_a1Sandbox{:049}", call.caller.mode(), call.stripe.next_serial());
    let fields = json!({
        "id": id,
        "allow_promotion_codes": parameters.boolean("allow_promotion_codes")?,
        "automatic_tax": { "enabled": taxed || managed, "status": (taxed || managed).then_some("requires_location_inputs") },
        "cancel_url": parameters.get("cancel_url"),
        "client_reference_id": parameters.get("client_reference_id"),
        "created": now,
        "currency": items[0]["currency"],
        "customer": customer,
        "customer_creation": (mode != "subscription").then_some("if_required"),
        "customer_email": parameters.get("customer_email"),
        "expires_at": parameters.integer("expires_at")?.unwrap_or(now + LIFETIME),
        "livemode": call.caller.livemode,
        "managed_payments": (managed || parameters.any_under("managed_payments")).then(|| json!({ "enabled": managed })),
        "metadata": parameters.map("metadata"),
        "mode": mode,
        "success_url": success_url,
        "url": format!("https://checkout.stripe.com/c/pay/{id}"),
    });
    let mut session = call.complete("checkout.session", &fields)?;
    session["line_items"] = json!({
        "object": "list", "data": items, "has_more": false, "url": format!("/v1/checkout/sessions/{id}/line_items"),
    });
    let collection = ("payment_method_collection", Shape::OneOf(&["always", "if_required"]));
    set_fields(parameters, &[collection], &mut session)?;
    let mut methods = parameters.all("allowed_payment_method_types");
    methods.extend(parameters.all("payment_method_types"));
    if !methods.is_empty() {
        session["payment_method_types"] = json!(methods);
    }
    set_amounts(&mut session, redemption.as_ref(), data.has_trial());
    call.stripe.subscription_data().insert(id, data);
    transaction.keep(ObjectKind::CheckoutSession, &session, None)?;
    Ok(call.shown(&transaction.store, ObjectKind::CheckoutSession, session))
}

/// How long a session is open, in seconds.
const LIFETIME: i64 = 24 * 3600;

fn no_head_office(call: &Call) -> StripeError {
    let (mode, path) = (call.caller.mode(), call.caller.dashboard_path());
    StripeError::bad(format!(
        "You must have a valid head office address to enable automatic tax calculation in {mode} mode. Visit \
         https://dashboard.stripe.com/{path}settings/tax to update it."
    ))
}

/// The items to buy, each checked as Stripe checks it.
fn line_items(call: &Call, store: &Store, mode: &str) -> Result<Vec<Value>, StripeError> {
    let mut items = Vec::new();
    for index in 0.. {
        let name = format!("line_items[{index}][price]");
        let Some(id) = call.parameters.get(&name) else { break };
        let price = store.find(ObjectKind::Price, id, &call.caller).map_err(|error| error.in_parameter(&name))?;
        if price.body["active"] != true {
            return Err(StripeError::bad("The price specified is inactive. This field only accepts active prices.")
                .about(&name));
        }
        let quantity = call.parameters.integer(&format!("line_items[{index}][quantity]"))?;
        items.push(line_item(call, &price.body, quantity.unwrap_or(1), index)?);
    }
    if items.is_empty() {
        return Err(StripeError::missing_parameter("line_items"));
    }
    let recurring = items.iter().any(|item| item["price"]["type"] == "recurring");
    match mode {
        "subscription" if !recurring => Err(StripeError::bad(
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        )),
        "payment" if recurring => Err(StripeError::bad(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only \
             one-time prices.",
        )),
        "subscription" | "payment" => Ok(items),
        other => {
            Err(StripeError::bad(format!("Invalid mode: must be one of payment, setup, or subscription, not {other}"))
                .about("mode"))
        }
    }
}

fn line_item(call: &Call, price: &Value, quantity: i64, index: usize) -> StripeResult {
    let amount = price["unit_amount"].as_i64().unwrap_or_default() * quantity;
    let fields = json!({
        "id": format!("li_1Rlivecme7Launch{index:08}"), "amount_subtotal": amount, "amount_total": amount,
        "currency": price["currency"], "quantity": quantity,
    });
    let mut item = call.complete("item", &fields)?;
    item["price"] = price.clone();
    Ok(item)
}

fn one(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let session = store.find(ObjectKind::CheckoutSession, call.id, &call.caller)?.body.clone();
    let price = session["line_items"]["data"][0]["price"]["id"].as_str();
    if price.is_some() && price == call.stripe.unreadable_sessions_of.as_deref() {
        return Err(StripeError::invalid(StatusCode::INTERNAL_SERVER_ERROR, "An unknown error occurred"));
    }
    Ok(call.shown(&store, ObjectKind::CheckoutSession, session))
}

fn list_line_items(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let mut items = store.find(ObjectKind::CheckoutSession, call.id, &call.caller)?.body["line_items"].clone();
    for path in call.parameters.all("expand") {
        call.expand(&store, &mut items, path);
    }
    Ok(items)
}

fn expire(call: &Call) -> StripeResult {
    let mut transaction = call.begin();
    let mut session = transaction.store.find(ObjectKind::CheckoutSession, call.id, &call.caller)?.body.clone();
    if session["status"] != "open" {
        let status = session["status"].as_str().unwrap_or_default();
        return Err(StripeError::bad(format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{status}`."
        )));
    }
    session["status"] = "expired".into();
    session["url"] = Value::Null;
    transaction.put(ObjectKind::CheckoutSession, &session)?;
    call.stripe.effects.record("stripe.checkout_session.expired");
    transaction.emit("checkout.session.expired", &session, None)?;
    Ok(call.shown(&transaction.store, ObjectKind::CheckoutSession, session))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const SESSIONS: &str = "/v1/checkout/sessions";
    const FORM: &str = "mode=subscription&line_items%5B0%5D%5Bprice%5D=price_1Rlivecme7LaunchProMonth&\
                        line_items%5B0%5D%5Bquantity%5D=1&success_url=https%3A%2F%2Fapp.acme.com%2Fsuccess&\
                        client_reference_id=user_1&metadata%5Btier%5D=pro";

    async fn error(scenarios: &[&str], form: &str) -> (u16, String) {
        let answer = TestClient::of(scenarios).post(SESSIONS, form).await;
        (answer.status, answer.message().to_owned())
    }

    #[tokio::test]
    async fn a_session_has_the_mode_of_the_key() {
        let client = TestClient::of(&[]);
        let session = client.post(SESSIONS, FORM).await.body;
        assert!(session["id"].as_str().unwrap().starts_with("cs_live_"));
        assert_eq!((&session["livemode"], &session["status"]), (&true.into(), &"open".into()));
        assert_eq!(client.count("stripe.checkout_session.created"), 1);
    }

    #[tokio::test]
    async fn line_items_are_shown_only_if_expanded() {
        let client = TestClient::of(&[]);
        let id = client.post(SESSIONS, FORM).await.body["id"].as_str().unwrap().to_owned();
        assert!(client.get(&format!("{SESSIONS}/{id}")).await.body["line_items"].is_null());
        let expanded = client.get(&format!("{SESSIONS}/{id}?expand%5B%5D=line_items")).await.body;
        assert_eq!(expanded["line_items"]["data"][0]["price"]["id"], "price_1Rlivecme7LaunchProMonth");
        assert_eq!(
            (&expanded["client_reference_id"], &expanded["metadata"]["tier"]),
            (&"user_1".into(), &"pro".into())
        );
    }

    #[tokio::test]
    async fn a_session_can_be_expired_once() {
        let client = TestClient::of(&[]);
        let id = client.post(SESSIONS, FORM).await.body["id"].as_str().unwrap().to_owned();
        let expired = client.post(&format!("{SESSIONS}/{id}/expire"), "").await.body;
        assert_eq!((&expired["status"], &expired["url"]), (&"expired".into(), &serde_json::Value::Null));
        assert_eq!(client.post(&format!("{SESSIONS}/{id}/expire"), "").await.status, 400);
        assert_eq!(client.count("stripe.checkout_session.expired"), 1);
    }

    #[tokio::test]
    async fn the_other_mode_does_not_find_it() {
        let client = TestClient::of(&[]);
        let id = client.post(SESSIONS, FORM).await.body["id"].as_str().unwrap().to_owned();
        let answer = client.get_in_test_mode(&format!("{SESSIONS}/{id}")).await;
        assert!(answer.message().contains("a similar object exists in live mode"), "{}", answer.message());
    }

    #[tokio::test]
    async fn the_error_for_a_price_of_the_other_mode_names_the_parameter() {
        let form = FORM.replace("price_1Rlive", "price_1Rtest");
        let answer = TestClient::of(&[]).post(SESSIONS, &form).await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"line_items[0][price]".into()));
        assert!(answer.message().contains("a similar object exists in test mode"), "{}", answer.message());
    }

    #[tokio::test]
    async fn an_archived_price_is_rejected() {
        let (_, message) = error(&["price-archived"], FORM).await;
        assert_eq!(message, "The price specified is inactive. This field only accepts active prices.");
    }

    #[tokio::test]
    async fn a_one_time_price_is_rejected_for_a_subscription() {
        let (_, message) = error(&["price-one-time"], FORM).await;
        assert_eq!(message, "You must provide at least one recurring price in `subscription` mode when using prices.");
    }

    #[tokio::test]
    async fn an_account_that_cannot_charge_cannot_create_sessions() {
        let (_, message) = error(&["stripe-account-inactive"], FORM).await;
        assert_eq!(message, "Your account cannot currently make live charges.");
    }

    #[tokio::test]
    async fn a_parameter_that_the_api_version_removed_is_unknown() {
        let (status, message) = error(&[], &format!("{FORM}&payment_method_types%5B0%5D=card")).await;
        assert_eq!((status, message.as_str()), (400, "Received unknown parameter: payment_method_types"));
    }
}

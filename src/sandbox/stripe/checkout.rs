//! Checkout Sessions: what the Worker makes, what can be read of one, and its end.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalog::{created_in, expand_product, put};
use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::session::{LIFETIME, item_body, session_body};
use super::store::{Kind, Store, StoredObject, page};

pub(super) const ROUTES: &[Route] = &[
    Route::post("/v1/checkout/sessions", "rak_checkout_session_write", create).takes(TAKEN).expands(&["line_items"]),
    Route::list("/v1/checkout/sessions", "rak_checkout_session_read", list).takes(&[
        "created",
        "customer",
        "customer_details",
        "payment_intent",
        "payment_link",
        "status",
        "subscription",
    ]),
    Route::get("/v1/checkout/sessions/{id}", "rak_checkout_session_read", one).expands(&[
        "customer",
        "line_items",
        "line_items.data.price.product",
        "subscription",
    ]),
    Route::list("/v1/checkout/sessions/{id}/line_items", "rak_checkout_session_read", list_line_items)
        .expands(&["data.price.product"]),
    Route::post("/v1/checkout/sessions/{id}/expire", "rak_checkout_session_write", expire).expands(&["line_items"]),
];

/// What a session can be made with.
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
    "metadata",
    "mode",
    "payment_method_collection",
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
    let account = call.account()?;
    if call.caller.livemode && !account.charges_enabled {
        return Err(StripeError::bad("Your account cannot currently make live charges."));
    }
    let taxed = parameters.get("automatic_tax[enabled]") == Some("true");
    if taxed && account.tax_status != "active" {
        return Err(no_head_office(call));
    }
    if parameters.any_under("allow_promotion_codes") && parameters.any_under("discounts") {
        let message = "You may only specify one of these parameters: allow_promotion_codes, discounts.";
        return Err(StripeError::bad(message).about("allow_promotion_codes"));
    }
    let mut store = call.stripe.store();
    if let Some(customer) = parameters.get("customer") {
        store.find(Kind::Customer, customer, &call.caller).map_err(|error| error.in_parameter("customer"))?;
    }
    let items = line_items(call, &store, mode)?;
    let serial = call.stripe.next_serial();
    let now = Timestamp::now().as_second();
    let id = format!("cs_{}_a1Sandbox{serial:049}", call.mode());
    let total: i64 = items.iter().filter_map(|item| item["amount_total"].as_i64()).sum();
    let mut body = session_body(&id, mode, call.caller.livemode, now);
    let tax_status = taxed.then_some("requires_location_inputs");
    for (field, value) in [
        ("allow_promotion_codes", json!(parameters.boolean("allow_promotion_codes")?)),
        ("amount_subtotal", json!(total)),
        ("amount_total", json!(total)),
        ("automatic_tax", json!({ "enabled": taxed, "liability": null, "provider": null, "status": tax_status })),
        ("cancel_url", json!(parameters.get("cancel_url"))),
        ("client_reference_id", json!(parameters.get("client_reference_id"))),
        ("currency", items.first().map_or(Value::Null, |item| item["currency"].clone())),
        ("customer", json!(parameters.get("customer"))),
        ("customer_email", json!(parameters.get("customer_email"))),
        ("expires_at", json!(parameters.integer("expires_at")?.unwrap_or(now + LIFETIME))),
        ("line_items", items.into_iter().collect()),
        ("metadata", Value::Object(parameters.map("metadata"))),
        ("success_url", json!(success_url)),
        ("url", json!(format!("https://checkout.stripe.com/c/pay/{id}"))),
    ] {
        body[field] = value;
    }
    put(&mut store, Kind::CheckoutSession, &call.caller.account, call.caller.livemode, body.clone());
    call.stripe.effects.record("stripe.checkout_session.created");
    Ok(shown(body, call, &store))
}

fn no_head_office(call: &Call) -> StripeError {
    let (mode, path) = if call.caller.livemode { ("live", "") } else { ("test", "test/") };
    StripeError::bad(format!(
        "You must have a valid head office address to enable automatic tax calculation in {mode} mode. Visit \
         https://dashboard.stripe.com/{path}settings/tax to update it."
    ))
}

/// The items that are to be bought, each checked as Stripe checks it.
fn line_items(call: &Call, store: &Store, mode: &str) -> Result<Vec<Value>, StripeError> {
    let mut items = Vec::new();
    for index in 0.. {
        let name = format!("line_items[{index}][price]");
        let Some(id) = call.parameters.get(&name) else { break };
        let price = store.find(Kind::Price, id, &call.caller).map_err(|error| error.in_parameter(&name))?;
        if price.body["active"] != true {
            return Err(StripeError::bad("The price specified is inactive. This field only accepts active prices.")
                .about(&name));
        }
        let quantity = call.parameters.integer(&format!("line_items[{index}][quantity]"))?;
        items.push(item_body(&price.body, quantity.unwrap_or(1), index));
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

/// A session as it is answered: the items only where they were call for.
fn shown(mut body: Value, call: &Call, store: &Store) -> Value {
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    let mut items = body.as_object_mut().and_then(|body| body.remove("line_items")).unwrap_or_default();
    let expand = call.parameters.all("expand");
    if expand.contains(&"line_items.data.price.product") {
        for item in items.as_array_mut().into_iter().flatten() {
            expand_product(store, call, &mut item["price"]);
        }
    }
    if expand.iter().any(|expand| expand.starts_with("line_items")) {
        let url = format!("/v1/checkout/sessions/{id}/line_items");
        body["line_items"] = json!({ "object": "list", "data": items, "has_more": false, "url": url });
    }
    for (name, kind) in [("customer", Kind::Customer), ("subscription", Kind::Subscription)] {
        let found = body[name].as_str().and_then(|id| store.find(kind, id, &call.caller).ok());
        if let Some(found) = found.filter(|_| expand.contains(&name)) {
            body[name] = found.body.clone();
        }
    }
    body
}

fn list(call: &Call) -> StripeResult {
    let created = created_in(&call.parameters)?;
    let is = |session: &StoredObject, name: &str| {
        call.parameters.get(name).is_none_or(|wanted| session.body[name].as_str() == Some(wanted))
    };
    let store = call.stripe.store();
    let wanted = store.of(Kind::CheckoutSession, &call.caller).filter(|session| {
        created(session) && is(session, "customer") && is(session, "status") && is(session, "subscription")
    });
    let mut list = page(wanted, "/v1/checkout/sessions", "checkout.session", &call.parameters)?;
    for session in list["data"].as_array_mut().into_iter().flatten() {
        *session = shown(session.take(), call, &store);
    }
    Ok(list)
}

fn one(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let session = store.find(Kind::CheckoutSession, call.id, &call.caller)?.body.clone();
    let breaks_over = call.account()?.breaks_over_sessions_of.as_deref();
    if breaks_over.is_some_and(|price| session["line_items"][0]["price"]["id"] == price) {
        return Err(StripeError::invalid(StatusCode::INTERNAL_SERVER_ERROR, "An unknown error occurred"));
    }
    Ok(shown(session, call, &store))
}

fn list_line_items(call: &Call) -> StripeResult {
    let store = call.stripe.store();
    let mut items = store.find(Kind::CheckoutSession, call.id, &call.caller)?.body["line_items"].clone();
    if !call.parameters.all("expand").is_empty() {
        for item in items.as_array_mut().into_iter().flatten() {
            expand_product(&store, call, &mut item["price"]);
        }
    }
    Ok(json!({ "object": "list", "data": items, "has_more": false, "url": call.path }))
}

fn expire(call: &Call) -> StripeResult {
    let mut store = call.stripe.store();
    let session = store.find_mut(Kind::CheckoutSession, call.id, &call.caller)?;
    if session.body["status"] != "open" {
        let status = session.body["status"].as_str().unwrap_or_default();
        return Err(StripeError::invalid(
            StatusCode::BAD_REQUEST,
            format!(
                "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{status}`."
            ),
        ));
    }
    session.body["status"] = "expired".into();
    session.body["url"] = Value::Null;
    let body = session.body.clone();
    call.stripe.effects.record("stripe.checkout_session.expired");
    Ok(shown(body, call, &store))
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
    async fn a_session_is_of_the_mode_of_the_key() {
        let client = TestClient::of(&[]);
        let session = client.post(SESSIONS, FORM).await.body;
        assert!(session["id"].as_str().unwrap().starts_with("cs_live_"));
        assert_eq!((&session["livemode"], &session["status"]), (&true.into(), &"open".into()));
        assert_eq!(client.count("stripe.checkout_session.created"), 1);
    }

    #[tokio::test]
    async fn the_items_are_shown_to_who_asks_for_them() {
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
    async fn a_price_of_the_other_mode_is_refused_under_its_parameter() {
        let form = FORM.replace("price_1Rlive", "price_1Rtest");
        let answer = TestClient::of(&[]).post(SESSIONS, &form).await;
        assert_eq!((answer.status, &answer.body["error"]["param"]), (400, &"line_items[0][price]".into()));
        assert!(answer.message().contains("a similar object exists in test mode"), "{}", answer.message());
    }

    #[tokio::test]
    async fn an_archived_price_is_refused() {
        let (_, message) = error(&["price-archived"], FORM).await;
        assert_eq!(message, "The price specified is inactive. This field only accepts active prices.");
    }

    #[tokio::test]
    async fn a_price_that_is_paid_once_makes_no_subscription() {
        let (_, message) = error(&["price-one-time"], FORM).await;
        assert_eq!(message, "You must provide at least one recurring price in `subscription` mode when using prices.");
    }

    #[tokio::test]
    async fn an_account_that_cannot_charge_sells_nothing() {
        let (_, message) = error(&["stripe-account-inactive"], FORM).await;
        assert_eq!(message, "Your account cannot currently make live charges.");
    }

    #[tokio::test]
    async fn a_parameter_that_the_version_no_longer_has_is_unknown() {
        let (status, message) = error(&[], &format!("{FORM}&payment_method_types%5B0%5D=card")).await;
        assert_eq!((status, message.as_str()), (400, "Received unknown parameter: payment_method_types"));
    }
}

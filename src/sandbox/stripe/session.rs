//! What a Checkout Session looks like.

use serde_json::{Value, json};

use super::state::{State, Subscription};
use super::{Error, joined, named};

/// A session lives for a day, in seconds.
pub(super) const LIFETIME: i64 = 24 * 3600;

/// One line of what is bought.
pub(super) fn item_body(price: &Value, quantity: i64, index: usize) -> Value {
    let amount = price["unit_amount"].as_i64().unwrap_or_default() * quantity;
    json!({
        "id": format!("li_1Rlivecme7Launch{index:08}"),
        "object": "item",
        "adjustable_quantity": null,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": "acme",
        "metadata": {},
        "price": price,
        "quantity": quantity,
    })
}

/// A session of which nothing is known but this.
pub(super) fn session_body(id: &str, mode: &str, livemode: bool, created: i64) -> Value {
    let first = json!({
        "id": id,
        "object": "checkout.session",
        "adaptive_pricing": null,
        "after_expiration": null,
        "allow_promotion_codes": null,
        "allowed_payment_method_types": null,
        "amount_subtotal": null,
        "amount_total": null,
        "automatic_tax": { "enabled": false, "liability": null, "provider": null, "status": null },
        "billing_address_collection": null,
        "cancel_url": null,
        "client_reference_id": null,
        "client_secret": null,
        "collected_information": null,
        "consent": null,
        "consent_collection": null,
        "created": created,
        "currency": null,
        "currency_conversion": null,
        "custom_fields": [],
        "custom_text": {
            "after_submit": null, "shipping_address": null, "submit": null, "terms_of_service_acceptance": null,
        },
        "customer": null,
        "customer_account": null,
        "customer_creation": if mode == "subscription" { Value::Null } else { json!("if_required") },
        "customer_details": null,
        "customer_email": null,
        "discounts": null,
        "expires_at": created + LIFETIME,
        "integration_identifier": null,
        "invoice": null,
        "invoice_creation": null,
        "livemode": livemode,
        "locale": null,
        "managed_payments": null,
    });
    let rest = json!({
        "metadata": {},
        "mode": mode,
        "origin_context": null,
        "payment_intent": null,
        "payment_link": null,
        "payment_method_collection": "always",
        "payment_method_configuration_details": null,
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "permissions": null,
        "phone_number_collection": { "enabled": false },
        "recovered_from": null,
        "saved_payment_method_options": null,
        "setup_intent": null,
        "shipping_address_collection": null,
        "shipping_cost": null,
        "shipping_options": [],
        "status": "open",
        "submit_type": null,
        "subscription": null,
        "success_url": null,
        "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
        "ui_mode": "hosted_page",
        "url": null,
        "wallet_options": null,
    });
    joined(first, rest)
}

/// The session that a subscription came of, as `checkout.session.completed` carries it.
pub(super) fn completed_body(state: &State, subscription: &Subscription, created: i64) -> Result<Value, Error> {
    let customer = named(&state.customers, "customer", &subscription.customer)?;
    let mode = if subscription.livemode { "live" } else { "test" };
    let end: String = subscription.id.chars().filter(char::is_ascii_alphanumeric).collect();
    let mut body = session_body(&format!("cs_{mode}_a1{end}"), "subscription", subscription.livemode, created);
    let amount = named(&state.prices, "price", &subscription.price)?.unit_amount;
    for (field, value) in [
        ("amount_subtotal", json!(amount)),
        ("amount_total", json!(amount)),
        ("client_reference_id", json!(subscription.metadata.get("userId"))),
        ("customer", json!(customer.id)),
        (
            "customer_details",
            json!({ "address": null, "email": customer.email, "name": customer.name, "phone": null, "tax_exempt": "none", "tax_ids": [] }),
        ),
        ("metadata", json!(subscription.metadata)),
        ("payment_status", json!("paid")),
        ("status", json!("complete")),
        ("subscription", json!(subscription.id)),
        ("success_url", json!("https://app.acme.com/success")),
    ] {
        body[field] = value;
    }
    Ok(body)
}

//! The account: what it may do, its balance, its tax settings.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::StripeError;
use super::request::{Call, Route, StripeResult};
use super::state::Account;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/v1/account", "rak_accounts_kyc_basic_read", account),
    Route::get("/v1/balance", "rak_balance_read", balance),
    Route::get("/v1/tax/settings", "rak_tax_settings_read", tax_settings),
];

impl Call<'_> {
    /// The caller's account.
    pub(super) fn account(&self) -> Result<&Account, StripeError> {
        let gone = || StripeError::invalid(StatusCode::UNAUTHORIZED, "This account no longer exists.");
        self.stripe.account(&self.caller.account).ok_or_else(gone)
    }
}

fn account(call: &Call) -> StripeResult {
    let account = call.account()?;
    let capability = if account.charges_enabled { "active" } else { "inactive" };
    Ok(json!({
        "id": account.id,
        "object": "account",
        "business_profile": business_profile(account),
        "business_type": "company",
        "capabilities": { "card_payments": capability, "transfers": capability },
        "charges_enabled": account.charges_enabled,
        "controller": { "type": "account" },
        "country": account.country,
        "created": 1_700_000_000,
        "default_currency": account.default_currency,
        "details_submitted": account.details_submitted,
        "email": account.email,
        "external_accounts": {
            "object": "list", "data": [], "has_more": false, "url": format!("/v1/accounts/{}/external_accounts", account.id),
        },
        "future_requirements": requirements(&[], &[], None, None),
        "metadata": {},
        "payouts_enabled": account.payouts_enabled,
        "requirements": requirements(
            &account.currently_due,
            &account.past_due,
            account.disabled_reason.as_deref(),
            account.current_deadline.map(|deadline| deadline.before(Timestamp::now())),
        ),
        "settings": settings(account),
        "tos_acceptance": { "date": null, "ip": null, "user_agent": null },
        "type": "standard",
    }))
}

fn business_profile(account: &Account) -> Value {
    json!({
        "annual_revenue": null,
        "estimated_worker_count": null,
        "mcc": "5734",
        "name": account.name,
        "product_description": null,
        "support_address": null,
        "support_email": account.email,
        "support_phone": null,
        "support_url": null,
        "url": "https://app.acme.com",
        "minority_owned_business_designation": null,
    })
}

fn requirements(
    currently_due: &[String],
    past_due: &[String],
    disabled_reason: Option<&str>,
    current_deadline: Option<i64>,
) -> Value {
    json!({
        "alternatives": [],
        "current_deadline": current_deadline,
        "currently_due": currently_due,
        "disabled_reason": disabled_reason,
        "errors": [],
        "eventually_due": currently_due,
        "past_due": past_due,
        "pending_verification": [],
    })
}

fn settings(account: &Account) -> Value {
    json!({
        "bacs_debit_payments": { "display_name": null, "service_user_number": null },
        "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
        "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
        "card_payments": {
            "decline_on": { "avs_failure": true, "cvc_failure": true },
            "statement_descriptor_prefix": null,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
        "dashboard": { "display_name": account.name, "timezone": "Etc/UTC" },
        "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": "offer" },
        "payments": {
            "statement_descriptor": account.name.to_uppercase(),
            "statement_descriptor_kana": null,
            "statement_descriptor_kanji": null,
            "statement_descriptor_prefix_kana": null,
            "statement_descriptor_prefix_kanji": null,
        },
        "payouts": {
            "debit_negative_balances": true,
            "schedule": { "delay_days": 2, "interval": "daily" },
            "statement_descriptor": null,
        },
        "sepa_debit_payments": {},
    })
}

#[expect(clippy::unnecessary_wraps, reason = "a route's answer may be a error, though not this one's")]
fn balance(call: &Call) -> StripeResult {
    let funds = |amount: u64| json!([{ "amount": amount, "currency": "usd", "source_types": { "card": amount } }]);
    Ok(json!({
        "object": "balance",
        "available": funds(12_345),
        "connect_reserved": [{ "amount": 0, "currency": "usd" }],
        "livemode": call.caller.livemode,
        "pending": funds(2_900),
    }))
}

fn tax_settings(call: &Call) -> StripeResult {
    let active = call.account()?.tax_status == "active";
    let address =
        json!({ "city": null, "country": "US", "line1": null, "line2": null, "postal_code": null, "state": "CA" });
    Ok(json!({
        "object": "tax.settings",
        "defaults": { "provider": "stripe", "tax_behavior": null, "tax_code": "txcd_10000000" },
        "head_office": if active { json!({ "address": address }) } else { Value::Null },
        "livemode": call.caller.livemode,
        "status": if active { "active" } else { "pending" },
        "status_details": if active {
            json!({ "active": {} })
        } else {
            json!({ "pending": { "missing_fields": ["head_office"] } })
        },
    }))
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    #[tokio::test]
    async fn the_account_may_charge_and_pay_out() {
        let account = TestClient::of(&[]).get("/v1/account").await.body;
        assert_eq!((&account["charges_enabled"], &account["payouts_enabled"]), (&true.into(), &true.into()));
    }

    #[tokio::test]
    async fn the_balance_tells_the_mode_of_the_key() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/balance").await.body["livemode"], true);
        assert_eq!(client.get_in_test_mode("/v1/balance").await.body["livemode"], false);
    }

    #[tokio::test]
    async fn a_deadline_is_in_the_future() {
        let account = TestClient::of(&["stripe-account-due-soon"]).get("/v1/account").await.body;
        let deadline = account["requirements"]["current_deadline"].as_i64().unwrap();
        assert!(deadline > jiff::Timestamp::now().as_second());
    }
}

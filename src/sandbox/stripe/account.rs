//! The account: what it may do, its balance, its tax settings and registrations.

use axum::http::StatusCode;
use serde_json::Value;

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::request::{Call, Route, StripeResult};
use super::resources::list;

pub(super) const ROUTES: &[Route] = &[
    Route::get("/v1/account", "rak_accounts_kyc_basic_read", account),
    Route::get("/v1/balance", "rak_balance_read", balance),
    Route::get("/v1/tax/settings", "rak_tax_settings_read", tax_settings),
    Route::list("/v1/tax/registrations", "rak_tax_settings_read", ObjectKind::TaxRegistration, list)
        .filters(&["status"]),
];

impl Call<'_> {
    /// The caller's account.
    pub(super) fn account(&self) -> Result<&Value, StripeError> {
        let gone = || StripeError::invalid(StatusCode::UNAUTHORIZED, "This account no longer exists.");
        self.stripe.accounts.get(&self.caller.account).ok_or_else(gone)
    }
}

fn account(call: &Call) -> StripeResult {
    call.account().cloned()
}

fn balance(call: &Call) -> StripeResult {
    call.complete("balance", &serde_json::json!({ "livemode": call.caller.livemode }))
}

#[expect(clippy::unnecessary_wraps, reason = "every handler has the same signature")]
fn tax_settings(call: &Call) -> StripeResult {
    let mut settings = call.stripe.tax_settings.clone();
    settings["livemode"] = call.caller.livemode.into();
    Ok(settings)
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
    async fn the_balance_has_the_mode_of_the_key() {
        let client = TestClient::of(&[]);
        assert_eq!(client.get("/v1/balance").await.body["livemode"], true);
        assert_eq!(client.get_in_test_mode("/v1/balance").await.body["livemode"], false);
    }

    #[tokio::test]
    async fn registrations_are_listed_by_status() {
        let client = TestClient::of(&[]);
        let of = async |status: &str| {
            let listed = client.get(&format!("/v1/tax/registrations?status={status}")).await.body;
            listed["data"].as_array().unwrap().len()
        };
        assert_eq!((of("active").await, of("expired").await), (1, 0));
    }

    #[tokio::test]
    async fn a_deadline_is_in_the_future() {
        let account = TestClient::of(&["stripe-account-due-soon"]).get("/v1/account").await.body;
        let deadline = account["requirements"]["current_deadline"].as_i64().unwrap();
        assert!(deadline > jiff::Timestamp::now().as_second());
    }
}

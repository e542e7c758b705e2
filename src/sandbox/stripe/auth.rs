//! The keys that Stripe accepts, and what each may do.

use axum::http::{HeaderMap, StatusCode, header};

use super::error::StripeError;
use super::settings::Key;
use super::state::Stripe;
use crate::world::PERMISSIONS;

impl Stripe {
    /// The key of a request, if Stripe accepts it.
    pub(super) fn key(&self, headers: &HeaderMap) -> Result<&Key, StripeError> {
        let unauthorized = |message: String| StripeError::invalid(StatusCode::UNAUTHORIZED, message);
        let header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let Some(value) = header.strip_prefix("Bearer ").filter(|value| !value.is_empty()) else {
            return Err(unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
                 auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for \
                 details, or we can help at https://support.stripe.com/."
                    .to_owned(),
            ));
        };
        if value.starts_with("pk_") {
            let message = "This API call cannot be made with a publishable API key. Please use a secret API key. You can find \
                           a list of your API keys at https://dashboard.stripe.com/account/apikeys.";
            return Err(unauthorized(message.to_owned()).coded("secret_key_required"));
        }
        let known = self.keys.iter().find(|key| key.value == value);
        let key = known.ok_or_else(|| unauthorized(format!("Invalid API Key provided: {}", masked(value))))?;
        if key.expired {
            return Err(unauthorized(format!("Expired API Key provided: {}", masked(value))).coded("api_key_expired"));
        }
        Ok(key)
    }
}

/// A key as Stripe repeats it: its prefix and its last four characters.
fn masked(key: &str) -> String {
    let prefix = key.match_indices('_').nth(1).map_or(0, |(place, _)| place + 1);
    let (prefix, body) = key.split_at(prefix);
    let shown: String = body.chars().skip(body.chars().count().saturating_sub(4)).collect();
    let hidden = body.chars().count().saturating_sub(4);
    format!("{prefix}{}{shown}", "*".repeat(hidden))
}

/// Refuses a restricted key without the permission.
pub(super) fn check_permission(stripe: &Stripe, key: &Key, permission: &str) -> Result<(), StripeError> {
    let Some(lacks) = &key.lacks else { return Ok(()) };
    let has = |name: &str| !lacks.contains(name) && PERMISSIONS.iter().any(|granted| granted.name == name);
    // A permission to write includes the one to read.
    if has(permission) || has(&permission.replace("_read", "_write")) {
        return Ok(());
    }
    let account = stripe.accounts.get(&key.account).and_then(|account| account["id"].as_str()).unwrap_or_default();
    let message = format!(
        "The provided key '{}' does not have the required permissions for this endpoint on account '{account}'. Having \
         the '{}' permission would allow this request to continue.",
        masked(&key.value),
        permission,
    );
    Err(StripeError::invalid(StatusCode::FORBIDDEN, message))
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::super::test_client::{TestClient, TestResponse};
    use super::*;

    async fn with_key(scenarios: &[&str], key: &str, path: &str) -> TestResponse {
        TestClient::of(scenarios).ask(Method::GET, path, &[("authorization", &format!("Bearer {key}"))], "").await
    }

    #[test]
    fn a_masked_key_keeps_its_prefix_and_its_end() {
        assert_eq!(masked("sk_live_abcdefgh"), "sk_live_****efgh");
        assert_eq!(masked("abc"), "abc");
    }

    #[tokio::test]
    async fn a_request_without_a_key_is_rejected() {
        let answer = TestClient::of(&[]).ask(Method::GET, "/v1/account", &[], "").await;
        assert_eq!(answer.status, 401);
        assert!(answer.message().starts_with("You did not provide an API key."), "{}", answer.message());
    }

    #[tokio::test]
    async fn an_unknown_key_is_invalid_and_masked() {
        let answer = with_key(&[], "sk_live_nobodyhasthiskey", "/v1/account").await;
        assert_eq!((answer.status, answer.message()), (401, "Invalid API Key provided: sk_live_************skey"));
    }

    #[tokio::test]
    async fn an_expired_key_says_so() {
        let answer = TestClient::of(&["stripe-key-revoked"]).get("/v1/account").await;
        assert_eq!((answer.status, &answer.body["error"]["code"]), (401, &"api_key_expired".into()));
    }

    #[tokio::test]
    async fn a_publishable_key_is_rejected() {
        let answer = with_key(&[], "pk_live_51QpanAcme7Launch", "/v1/account").await;
        assert_eq!(answer.body["error"]["code"], "secret_key_required");
    }

    #[tokio::test]
    async fn the_error_for_a_restricted_key_names_the_missing_permission() {
        let answer = TestClient::of(&["stripe-key-restricted"]).get("/v1/webhook_endpoints").await;
        assert_eq!(answer.status, 403);
        assert!(answer.message().contains("Having the 'rak_webhook_read' permission"), "{}", answer.message());
    }

    #[test]
    fn every_permission_that_preflight_asks_for_is_one_that_a_request_needs() {
        let needed: Vec<&str> = super::super::routes().map(|route| route.permission).collect();
        let unneeded = PERMISSIONS.iter().filter(|permission| !needed.contains(&permission.name));
        assert_eq!(unneeded.map(|permission| permission.name).collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_write_permission_includes_reading() {
        let client = TestClient::of(&["healthy-restricted-key"]);
        assert_eq!(client.get("/v1/checkout/sessions").await.status, 200);
    }
}

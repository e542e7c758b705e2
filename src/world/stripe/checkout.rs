//! Checkout Sessions, and what a sale depends on besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use stripe_checkout::checkout_session::{ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_shared::CheckoutSessionStatus;

use super::super::id::{ApiPath, CheckoutSessionId, CustomerId, PathId};
use super::super::step::Step;
use super::super::transport::{Answer, Credential, Party};
use super::account::get;
use super::{Found, NoAnswer, Page, Price, Refusal, Seen, Stripe, version_header};

/// A Checkout Session, as far as a sale depends on it (facts.md, A2 and A6).
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_live_…`.
    pub id: String,
    /// When it was made: Unix seconds.
    pub created: i64,
    /// Whom the Worker says that it is for.
    pub client_reference_id: Option<String>,
    /// `cus_…`, where one is named.
    pub customer: Option<String>,
    /// Its metadata: not the subscription's, which cannot be read before there is one.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Where a payer returns to.
    pub success_url: Option<String>,
    /// Where somebody returns to who does not pay.
    pub cancel_url: Option<String>,
    /// Where both return to, of a form inside the frontend's own page.
    pub return_url: Option<String>,
    /// Whether taxes are computed.
    pub automatic_tax: Option<AutomaticTax>,
    /// What is sold; only there where it was asked for.
    pub line_items: Option<LineItems>,
}

/// Whether a session computes taxes.
#[derive(Debug, Clone, Deserialize)]
pub struct AutomaticTax {
    /// Whether it does.
    pub enabled: bool,
}

/// What a session sells.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItems {
    /// Each item.
    pub data: Vec<LineItem>,
}

/// One item of a session.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItem {
    /// At which price.
    pub price: Option<Price>,
    /// How often.
    pub quantity: Option<u64>,
}

impl CheckoutSession {
    /// A value of its metadata that is not empty.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.as_ref()?.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Every address that a browser is sent to from it, with the field's name.
    #[must_use]
    pub fn addresses(&self) -> Vec<(&'static str, &str)> {
        let fields =
            [("success_url", &self.success_url), ("cancel_url", &self.cancel_url), ("return_url", &self.return_url)];
        fields.into_iter().filter_map(|(name, url)| Some((name, url.as_deref()?))).collect()
    }
}

/// `GET /v1/tax/settings`.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxSettings {
    /// `active` or `pending`.
    pub status: String,
    status_details: Option<TaxStatusDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct TaxStatusDetails {
    pending: Option<TaxPending>,
}

#[derive(Debug, Clone, Deserialize)]
struct TaxPending {
    missing_fields: Option<Vec<String>>,
}

impl TaxSettings {
    /// Whether taxes can be computed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// What Stripe still wants to know before.
    #[must_use]
    pub fn missing_fields(&self) -> Vec<String> {
        let pending = self.status_details.as_ref().and_then(|details| details.pending.as_ref());
        pending.and_then(|pending| pending.missing_fields.clone()).unwrap_or_default()
    }
}

impl Stripe<'_> {
    /// A Checkout Session with what it sells.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn checkout_session(self, id: &CheckoutSessionId) -> Result<Found<CheckoutSession>, NoAnswer> {
        self.ask(&RetrieveCheckoutSession::new(id.segment()).expand(["line_items".to_owned()]).build()).await
    }

    /// Whether taxes can be computed at all.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn tax_settings(self) -> Result<Seen<TaxSettings>, NoAnswer> {
        self.there(&get(&ApiPath::new("/tax/settings"))).await
    }

    /// Whether a customer has a subscription that is not over.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn has_subscription(self, customer: &CustomerId) -> Result<bool, NoAnswer> {
        Ok(match self.subscriptions_of(customer).await? {
            Found::Here(found) => found.value.iter().any(|subscription| !subscription.is_over()),
            Found::Missing(_) => false,
        })
    }

    pub(super) async fn there<T: serde::de::DeserializeOwned>(
        self,
        request: &RequestBuilder,
    ) -> Result<Seen<T>, NoAnswer> {
        match self.ask(request).await? {
            Found::Here(seen) => Ok(seen),
            Found::Missing(refusal) => Err(refusal.unknown()),
        }
    }

    /// The sessions that are open, were made since the run began, and are for the user. Asked past the memo: it is what a
    /// run that ended early looks for.
    pub(in crate::world) async fn open_sessions(self, user: &str) -> Result<Vec<CheckoutSessionId>, NoAnswer> {
        let request = ListCheckoutSession::new().status(CheckoutSessionStatus::Open).limit(100).build();
        let key = super::key_of_mode(self.key, self.mode)?;
        let (url, headers) = self.address(&request);
        let credential = Some(Credential::new(key, &self.world.config.stripe.api_base));
        let asked = self.world.reads().get_unremembered(Party::Stripe, url, headers, credential).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if !answer.is_success() {
            return Err(Refusal::read(&answer)?.unknown());
        }
        let page: Page<CheckoutSession> = answer.json()?;
        let since = self.world.began_by(&answer).as_second();
        let is_ours = |session: &CheckoutSession| {
            let metadata = session.metadata.iter().flat_map(BTreeMap::values);
            let is_for_user =
                session.client_reference_id.as_deref() == Some(user) || metadata.into_iter().any(|value| value == user);
            is_for_user && session.created >= since
        };
        let ours = page.data.iter().filter(|session| is_ours(session));
        ours.map(|session| CheckoutSessionId::parse(&session.id))
            .collect::<Result<_, _>>()
            .map_err(|malformed| malformed.in_answer(&answer))
    }

    /// Sees to it that a Checkout Session of ours is not open any more.
    pub(in crate::world) async fn expire(self, id: &CheckoutSessionId) -> Result<(), NoAnswer> {
        let key = super::key_of_mode(self.key, self.mode)?;
        let mut headers = version_header();
        if let Ok(key) = HeaderValue::from_str(&format!("preflight-expire-{id}")) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let credential = Some(Credential::new(key, &self.world.config.stripe.api_base));
        let asked = self.world.leave_no_trace()?.take(Step::Expiry(id), headers, credential).await?;
        let answer: Arc<Answer> = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if answer.is_success() {
            return Ok(());
        }
        let refusal = Refusal::read(&answer)?;
        // Not ours, or over already: in either case nothing is left that we could end.
        if refusal.is_missing() || (refusal.status == 400 && !refusal.is_passing()) {
            return Ok(());
        }
        Err(refusal.unknown())
    }
}

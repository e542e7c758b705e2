//! Checkout Sessions, and what a sale depends on besides.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use stripe_checkout::checkout_session::{ExpireCheckoutSession, ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_shared::CheckoutSessionStatus;

use super::super::doors::{Body, Post, Step};
use super::super::field::{Field, Metadata};
use super::super::transport::{Answer, Credential, Party};
use super::account::get;
use super::{Found, NoAnswer, Page, Price, Refusal, Seen, Stripe, segment};
use crate::finding::Answered;

/// A Checkout Session, as far as a sale depends on it (facts.md, A2 and A6).
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_live_…`.
    pub id: String,
    /// When it was made: Unix seconds.
    #[serde(default)]
    pub created: Field<i64>,
    /// Whom the Worker says that it is for.
    #[serde(default)]
    pub client_reference_id: Field<String>,
    /// `cus_…`, where one is named.
    #[serde(default)]
    pub customer: Field<String>,
    /// The same for accounts that have customers as accounts; only there where one is named.
    #[serde(default)]
    pub customer_account: Field<String>,
    /// Its metadata: not the subscription's, which cannot be read before there is one.
    #[serde(default)]
    pub metadata: Metadata,
    /// Where a payer returns to.
    #[serde(default)]
    pub success_url: Field<String>,
    /// Where customers return to who do not pay.
    #[serde(default)]
    pub cancel_url: Field<String>,
    /// Where both return to, of a form inside the frontend's own page.
    #[serde(default)]
    pub return_url: Field<String>,
    /// Whether taxes are computed.
    #[serde(default)]
    pub automatic_tax: Field<AutomaticTax>,
    /// What is sold; only there where it was asked for.
    #[serde(default)]
    pub line_items: Field<LineItems>,
}

/// Whether a session computes taxes.
#[derive(Debug, Clone, Deserialize)]
pub struct AutomaticTax {
    /// Whether it does.
    #[serde(default)]
    pub enabled: Field<bool>,
}

/// What a session sells.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItems {
    /// Each item.
    #[serde(default)]
    pub data: Field<Vec<LineItem>>,
}

/// One item of a session.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItem {
    /// At which price.
    #[serde(default)]
    pub price: Field<Price>,
    /// How often.
    #[serde(default)]
    pub quantity: Field<u64>,
}

impl CheckoutSession {
    /// The addresses that browsers are sent to from it, each with its field's name.
    #[must_use]
    pub const fn addresses(&self) -> [(&'static str, &Field<String>); 3] {
        [("success_url", &self.success_url), ("cancel_url", &self.cancel_url), ("return_url", &self.return_url)]
    }
}

/// `GET /v1/tax/settings`.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxSettings {
    /// `active` or `pending`.
    #[serde(default)]
    pub status: Field<String>,
    #[serde(default)]
    status_details: Field<TaxStatusDetails>,
}

#[derive(Debug, Clone, Deserialize)]
struct TaxStatusDetails {
    #[serde(default)]
    pending: Field<TaxPending>,
}

#[derive(Debug, Clone, Deserialize)]
struct TaxPending {
    #[serde(default)]
    missing_fields: Field<Vec<String>>,
}

impl TaxSettings {
    /// Whether taxes can be computed.
    ///
    /// # Errors
    /// Where Stripe does not say so.
    pub fn is_active(&self) -> Answered<bool> {
        Ok(self.status.known("status of GET /v1/tax/settings")? == "active")
    }

    /// What Stripe still wants to know before, as far as it says.
    #[must_use]
    pub fn missing_fields(&self) -> Vec<String> {
        let pending = self.status_details.value().and_then(|details| details.pending.value());
        pending.and_then(|pending| pending.missing_fields.value().cloned()).unwrap_or_default()
    }
}

impl Stripe<'_> {
    /// A Checkout Session with what it sells.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn checkout_session(self, id: &str) -> Result<Found<CheckoutSession>, NoAnswer> {
        self.ask(&RetrieveCheckoutSession::new(segment(id)).expand(["line_items".to_owned()]).build()).await
    }

    /// Whether taxes can be computed at all.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn tax_settings(self) -> Result<Seen<TaxSettings>, NoAnswer> {
        self.there(&get("/tax/settings")).await
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

    /// The sessions that are open, were made since `since`, and are for the user. Asked past the memo: it
    /// is what a run that ended early looks for.
    pub(in crate::world) async fn open_sessions(self, user: &str, since: Timestamp) -> Result<Vec<String>, NoAnswer> {
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
        let is_ours = |session: &CheckoutSession| {
            let is_for_user = session.client_reference_id.text() == Some(user)
                || session.metadata.texts().any(|(_, text)| text == user);
            is_for_user && session.created.value().is_some_and(|created| *created >= since.as_second())
        };
        Ok(page.data.into_iter().filter(is_ours).map(|session| session.id).collect())
    }

    /// Sees to it that a Checkout Session of ours is not open any more.
    pub(in crate::world) async fn expire(self, id: &str) -> Result<(), NoAnswer> {
        let request = ExpireCheckoutSession::new(segment(id)).build();
        let key = super::key_of_mode(self.key, self.mode)?;
        let (url, mut headers) = self.address(&request);
        if let Ok(key) = HeaderValue::from_str(&format!("preflight-expire-{id}")) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let credential = Some(Credential::new(key, &self.world.config.stripe.api_base));
        let door = self.world.leave_no_trace()?;
        let body = Body::Form(Vec::new());
        let asked = door.post(Step::Expiry, id, Post { party: Party::Stripe, url, headers, credential, body }).await?;
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

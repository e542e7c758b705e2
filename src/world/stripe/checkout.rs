//! Checkout Sessions, and what a sale depends on besides.

use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use stripe_checkout::checkout_session::{ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_shared::CheckoutSessionStatus;

use super::super::id::{ApiPath, CheckoutSessionId, PathId};
use super::super::step::Step;
use super::super::transport::{Answer, Credential, Party};
use super::account::get;
use super::{Found, NoAnswer, Page, Price, Refusal, Seen, Stripe, version_header};
use crate::finding::Answered;
use crate::world::field::{Field, Metadata};

/// A Checkout Session, as far as a sale depends on it (facts.md, A2 and A6).
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_live_…`.
    pub id: String,
    /// When it was made: Unix seconds.
    #[serde(default)]
    pub created: Field<i64>,
    /// The Worker's own reference for the buyer.
    #[serde(default)]
    pub client_reference_id: Field<String>,
    /// `cus_…`, where one is named.
    #[serde(default)]
    pub customer: Field<String>,
    /// What newer accounts have in place of a customer.
    #[serde(default)]
    pub customer_account: Field<String>,
    /// Its metadata: not the subscription's, which cannot be read before there is one.
    #[serde(default)]
    pub metadata: Metadata,
    /// Where a customer returns to after paying.
    #[serde(default)]
    pub success_url: Field<String>,
    /// Where a customer returns to without paying.
    #[serde(default)]
    pub cancel_url: Field<String>,
    /// Where both return to from an embedded form.
    #[serde(default)]
    pub return_url: Field<String>,
    /// Whether Stripe Tax computes taxes.
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

/// A session that was to end.
#[derive(Deserialize)]
struct Ended {
    status: String,
}

impl CheckoutSession {
    /// Every address that a browser is sent to from it, with the field's name.
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
    /// Unknown where Stripe does not say.
    pub fn is_active(&self) -> Answered<bool> {
        Ok(self.status.known("status of GET /v1/tax/settings")? == "active")
    }

    /// What Stripe still needs before that, for a sentence.
    #[must_use]
    pub fn missing_fields(&self) -> Vec<String> {
        let pending = self.status_details.value().and_then(|details| details.pending.value());
        pending.and_then(|pending| pending.missing_fields.value()).cloned().unwrap_or_default()
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
        let (sessions, unread, has_more) = answer.json::<Page<CheckoutSession>>()?.read(&answer.request)?;
        if let Some(why) = unread.into_iter().next() {
            return Err(why);
        }
        let since = self.world.began_by(&answer).as_second();
        let is_ours = |session: &CheckoutSession| {
            let is_for_user = session.client_reference_id.text() == Some(user)
                || session.metadata.texts().any(|(_, value)| value == user);
            is_for_user && session.created.value().is_none_or(|created| *created >= since)
        };
        // The newest come first.
        let is_before = |session: &CheckoutSession| session.created.value().is_some_and(|created| *created < since);
        if has_more && !sessions.last().is_some_and(is_before) {
            return Err(NoAnswer::unknown(
                "more than 100 Checkout Sessions are open that were made since the run began",
            ));
        }
        let ours = sessions.iter().filter(|session| is_ours(session));
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
            // Only Stripe's word that it is open no more is the end of it.
            let Ended { status } = answer.json()?;
            let is_open = || NoAnswer::unknown(format!("Stripe was asked to expire {id}, and says that it is open"));
            return if status == "open" { Err(is_open()) } else { Ok(()) };
        }
        let refusal = Refusal::read(&answer)?;
        // Not ours, or over already: in either case nothing is left that we could end.
        if refusal.is_missing() || (refusal.status == 400 && !refusal.is_passing()) {
            return Ok(());
        }
        Err(refusal.unknown())
    }
}

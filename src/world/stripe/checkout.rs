//! Checkout Sessions and Stripe Tax.

use std::sync::Arc;

use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use stripe_checkout::checkout_session::{ListCheckoutSession, RetrieveCheckoutSession};
use stripe_client_core::StripeRequest;
use stripe_shared::CheckoutSessionStatus;

use super::client::{ListPage, Permission, Stripe, get, version_header};
use super::error::{Found, StripeError};
use super::price::Price;
use crate::finding::{Answered, NoAnswer};
use crate::world::field::{Field, Metadata};
use crate::world::id::{ApiPath, CheckoutSessionId, PathId};
use crate::world::key_of_mode;
use crate::world::seen::{List, Seen};
use crate::world::step::Step;
use crate::world::transport::{Answer, Credential, Party};

pub(super) const SESSIONS: Permission = Permission {
    name: "rak_checkout_session_write",
    purpose: "read and expire the Checkout Sessions that the Worker creates for the canary",
    shown_by: |_| None,
};

pub(super) const TAX_SETTINGS: Permission = Permission {
    name: "rak_tax_settings_read",
    purpose: "read the tax settings and registrations",
    shown_by: |_| None,
};

/// A Checkout Session, as far as a sale depends on it (docs/providers.md, "Stripe API objects" and "Stripe event
/// payloads").
#[derive(Debug, Clone, Deserialize)]
pub struct CheckoutSession {
    /// `cs_live_…`.
    pub id: String,
    /// When it was created, in Unix seconds.
    #[serde(default)]
    pub created: Field<i64>,
    /// The Worker's reference for the user.
    #[serde(default)]
    pub client_reference_id: Field<String>,
    /// `cus_…`, if there is one.
    #[serde(default)]
    pub customer: Field<String>,
    /// The address that Checkout is opened with.
    #[serde(default)]
    pub customer_email: Field<String>,
    /// What newer accounts use instead of a customer.
    #[serde(default)]
    pub customer_account: Field<String>,
    /// Its metadata. The subscription's own metadata cannot be read before the subscription exists.
    #[serde(default)]
    pub metadata: Metadata,
    /// Where customers return to after paying.
    #[serde(default)]
    pub success_url: Field<String>,
    /// Where customers return to without paying.
    #[serde(default)]
    pub cancel_url: Field<String>,
    /// Where customers return to from an embedded form.
    #[serde(default)]
    pub return_url: Field<String>,
    /// The page where it is paid.
    #[serde(default)]
    pub url: Field<String>,
    #[serde(default)]
    allow_promotion_codes: Field<bool>,
    #[serde(default)]
    discounts: Field<Vec<SessionDiscount>>,
    #[serde(default)]
    amount_total: Field<i64>,
    #[serde(default)]
    total_details: Field<TotalDetails>,
    #[serde(default)]
    managed_payments: Field<ManagedPayments>,
    #[serde(default)]
    payment_method_types: Field<Vec<String>>,
    #[serde(default)]
    payment_method_collection: Field<String>,
    /// Whether Stripe Tax calculates taxes.
    #[serde(default)]
    pub automatic_tax: Field<AutomaticTax>,
    /// What is sold; only present if the request expands it.
    #[serde(default)]
    pub line_items: Field<LineItems>,
}

/// A discount that is applied before the customer enters anything: a coupon, or a promotion code.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct SessionDiscount {
    coupon: Field<String>,
    promotion_code: Field<String>,
}

/// What is taken off a session's amount.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct TotalDetails {
    amount_discount: Field<i64>,
}

/// Whether a session calculates taxes.
#[derive(Debug, Clone, Deserialize)]
pub struct AutomaticTax {
    /// Whether it does.
    #[serde(default)]
    pub enabled: Field<bool>,
}

/// Whether Stripe is the merchant of record of a session.
#[derive(Debug, Clone, Deserialize)]
struct ManagedPayments {
    #[serde(default)]
    enabled: Field<bool>,
}

/// What a session sells.
#[derive(Debug, Clone, Deserialize)]
pub struct LineItems {
    #[serde(default)]
    pub data: Field<Vec<LineItem>>,
}

/// One item of a session.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct LineItem {
    pub price: Field<Price>,
    /// How many are sold.
    pub quantity: Field<u64>,
}

/// The response to a request to expire a session.
#[derive(Deserialize)]
struct ExpiredSession {
    status: String,
}

impl CheckoutSession {
    /// Every address that it sends a browser to, with the field's name.
    pub const fn addresses(&self) -> [(&'static str, &Field<String>); 3] {
        [("success_url", &self.success_url), ("cancel_url", &self.cancel_url), ("return_url", &self.return_url)]
    }

    /// Whether customers enter a card only if something is due.
    pub fn collects_card_only_if_required(&self) -> Answered<bool> {
        let place = format_args!("payment_method_collection of {}", self.id);
        let collection = self.payment_method_collection.nullable(place)?;
        Ok(collection.is_some_and(|collection| collection == "if_required"))
    }

    /// Whether customers can enter a promotion code.
    pub fn allows_promotion_codes(&self) -> Answered<bool> {
        let allowed = self.allow_promotion_codes.nullable(format_args!("allow_promotion_codes of {}", self.id))?;
        Ok(allowed == Some(&true))
    }

    /// The coupon or promotion code that every customer gets, if there is one.
    pub fn discount(&self) -> Answered<Option<&str>> {
        let place = format_args!("discounts of {}", self.id);
        let first = self.discounts.nullable(place)?.and_then(|discounts| discounts.first());
        Ok(first.map(|discount| {
            let name = discount.promotion_code.value().or_else(|| discount.coupon.value());
            name.map_or("without a name", String::as_str)
        }))
    }

    /// Whether a discount leaves nothing to pay today.
    pub fn is_free_by_discount(&self) -> Answered<bool> {
        let total = self.amount_total.known(format_args!("amount_total of {}", self.id))?;
        let details = self.total_details.known(format_args!("total_details of {}", self.id))?;
        let off = details.amount_discount.known(format_args!("total_details.amount_discount of {}", self.id))?;
        // In a trial nothing is due either, and nothing is taken off.
        Ok(*total == 0 && *off > 0)
    }

    /// The payment methods that customers can choose.
    pub fn payment_methods(&self) -> Answered<&[String]> {
        self.payment_method_types.known(format_args!("payment_method_types of {}", self.id)).map(Vec::as_slice)
    }

    /// Whether the account computes taxes with Stripe Tax. With Managed Payments, Stripe does.
    pub fn computes_taxes(&self) -> Answered<bool> {
        let automatic = self.automatic_tax.known(format_args!("automatic_tax of {}", self.id))?;
        let enabled = *automatic.enabled.known(format_args!("automatic_tax.enabled of {}", self.id))?;
        Ok(enabled && !self.is_managed()?)
    }

    /// Whether Stripe sells in place of the account (Managed Payments).
    pub fn is_managed(&self) -> Answered<bool> {
        let Some(managed) = self.managed_payments.nullable(format_args!("managed_payments of {}", self.id))? else {
            return Ok(false);
        };
        managed.enabled.known(format_args!("managed_payments.enabled of {}", self.id)).copied()
    }
}

/// `GET /v1/tax/settings`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct TaxSettings {
    /// `active` or `pending`.
    pub status: Field<String>,
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
    /// Whether Stripe Tax can calculate taxes.
    pub fn is_active(&self) -> Answered<bool> {
        Ok(self.status.known("status of GET /v1/tax/settings")? == "active")
    }

    /// What Stripe Tax still needs, for a sentence.
    pub fn missing_fields(&self) -> Vec<String> {
        let pending = self.status_details.value().and_then(|details| details.pending.value());
        pending.and_then(|pending| pending.missing_fields.value()).cloned().unwrap_or_default()
    }
}

/// A place where the account collects taxes: `GET /v1/tax/registrations`.
#[derive(Debug, Clone, Deserialize)]
pub struct TaxRegistration {
    /// `taxreg_…`.
    pub id: String,
    /// The country, as two letters.
    #[serde(default)]
    pub country: Field<String>,
}

impl Stripe<'_> {
    /// Where the account collects taxes.
    pub async fn tax_registrations(self) -> Answered<List<TaxRegistration>> {
        let path = ApiPath::new("/tax/registrations").query("status", "active").query("limit", 100);
        self.list(get(&path), |registration: &TaxRegistration| &registration.id).await
    }

    /// A Checkout Session with its line items.
    pub async fn checkout_session(self, id: &CheckoutSessionId) -> Answered<Found<CheckoutSession>> {
        self.ask(&RetrieveCheckoutSession::new(id.segment()).expand(["line_items".to_owned()]).build()).await
    }

    /// The account's tax settings.
    pub async fn tax_settings(self) -> Answered<Seen<TaxSettings>> {
        self.ask_existing(&get(&ApiPath::new("/tax/settings"))).await
    }

    /// The open sessions for the canary or its organization that were created after the run began. Bypasses the memo: a run that was cut short
    /// asks this again.
    pub(in crate::world) async fn open_sessions_of_canary(self) -> Answered<Vec<CheckoutSessionId>> {
        let request = ListCheckoutSession::new().status(CheckoutSessionStatus::Open).limit(100).build();
        let key = key_of_mode(self.key, self.mode)?;
        let (url, headers) = self.address(&request);
        let credential = Some(Credential::new(key, &self.world.config.stripe.api_base));
        let asked = self.world.reads().get_unremembered(Party::Stripe, url, headers, credential).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if !answer.is_success() {
            return Err(StripeError::read(&answer)?.unknown());
        }
        let (sessions, unread, has_more) = answer.json::<ListPage<CheckoutSession>>()?.read(&answer.request)?;
        if let Some(why) = unread.into_iter().next() {
            return Err(why);
        }
        let since = self.world.began_by(&answer).as_second();
        let canary: Vec<&str> = self.world.config.clerk.canary_ids().collect();
        let is_ours = |session: &CheckoutSession| {
            let texts = session.metadata.texts().map(|(_, text)| text).chain(session.client_reference_id.text());
            texts.into_iter().any(|text| canary.contains(&text))
                && session.created.value().is_none_or(|created| *created >= since)
        };
        // The newest come first.
        let is_before = |session: &CheckoutSession| session.created.value().is_some_and(|created| *created < since);
        if has_more && !sessions.last().is_some_and(is_before) {
            return Err(NoAnswer::unknown("more than 100 open Checkout Sessions were created since the run began"));
        }
        let ours = sessions.iter().filter(|session| is_ours(session));
        ours.map(|session| CheckoutSessionId::parse(&session.id))
            .collect::<Result<_, _>>()
            .map_err(|malformed| malformed.in_answer(&answer))
    }

    /// Expires a Checkout Session that the Worker created for the canary.
    pub(in crate::world) async fn expire(self, id: &CheckoutSessionId) -> Answered {
        let key = key_of_mode(self.key, self.mode)?;
        let mut headers = version_header();
        if let Ok(key) = HeaderValue::from_str(&format!("preflight-expire-{id}")) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let credential = Some(Credential::new(key, &self.world.config.stripe.api_base));
        let asked = self.world.leave_no_trace()?.take(Step::Expiry(id), headers, credential).await?;
        let answer: Arc<Answer> = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if answer.is_success() {
            // It is only closed once Stripe says so.
            let ExpiredSession { status } = answer.json()?;
            let is_open =
                || NoAnswer::unknown(format!("Stripe was asked to expire {id} but says that it is still open"));
            return if status == "open" { Err(is_open()) } else { Ok(()) };
        }
        let error = StripeError::read(&answer)?;
        // Another account's, or closed already: there is nothing left that our key could expire.
        if error.is_missing() || (error.status == 400 && !error.is_temporary()) {
            return Ok(());
        }
        Err(error.unknown())
    }
}

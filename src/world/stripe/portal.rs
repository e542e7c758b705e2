//! The customer portal's configurations.

use serde::Deserialize;
use stripe_billing::billing_portal_configuration::{
    ListBillingPortalConfiguration, RetrieveBillingPortalConfiguration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::super::id::{PathId, PortalConfigurationId, configured};
use super::{Found, Listed, NoAnswer, Seen, Stripe};
use crate::finding::{Answered, Cause};
use crate::world::field::Field;

/// A portal configuration (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct PortalConfiguration {
    /// `bpc_…`.
    pub id: String,
    /// Whether sessions can use it.
    #[serde(default)]
    pub active: Field<bool>,
    #[serde(default)]
    features: Field<PortalFeatures>,
}

/// What customers may do in the portal.
#[derive(Debug, Clone, Deserialize)]
pub struct PortalFeatures {
    /// See their invoices.
    #[serde(default)]
    pub invoice_history: Field<Switch>,
    /// Change the card.
    #[serde(default)]
    pub payment_method_update: Field<Switch>,
    /// Cancel.
    #[serde(default)]
    pub subscription_cancel: Field<Switch>,
    /// Change the plan.
    #[serde(default)]
    pub subscription_update: Field<PlanChange>,
}

/// Whether a feature is on.
#[derive(Debug, Clone, Deserialize)]
pub struct Switch {
    /// Whether it is on.
    #[serde(default)]
    pub enabled: Field<bool>,
}

/// Where a configuration names the products that customers may switch between.
const PRODUCTS: &str = "features.subscription_update.products";

/// What customers may change of a subscription.
#[derive(Debug, Clone, Deserialize)]
pub struct PlanChange {
    /// Whether it is on.
    #[serde(default)]
    pub enabled: Field<bool>,
    /// `price`, `quantity`, `promotion_code`.
    #[serde(default)]
    pub default_allowed_updates: Field<Vec<String>>,
    /// The products that they may switch between; null is none.
    #[serde(default)]
    pub products: Field<Vec<Switchable>>,
}

/// A product that customers may switch to.
#[derive(Debug, Clone, Deserialize)]
pub struct Switchable {
    /// The prices of it that are offered.
    pub prices: Vec<String>,
}

impl PortalConfiguration {
    /// What customers may do.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn features(&self) -> Answered<&PortalFeatures> {
        self.features.known(format_args!("features of {}", self.id))
    }

    /// What customers may change of a subscription.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn plan_change(&self) -> Answered<&PlanChange> {
        self.features()?.subscription_update.known(format_args!("features.subscription_update of {}", self.id))
    }
}

impl PlanChange {
    /// Whether customers can switch to another price.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn allows_switch(&self) -> Answered<bool> {
        Ok(*self.enabled.known("features.subscription_update.enabled")?
            && self
                .default_allowed_updates
                .known("features.subscription_update.default_allowed_updates")?
                .iter()
                .any(|update| update == "price"))
    }

    /// The prices that customers can switch between.
    ///
    /// # Errors
    /// Unknown where Stripe does not say.
    pub fn switchable(&self) -> Answered<Vec<&str>> {
        let products = self.products.nullable("features.subscription_update.products")?;
        Ok(products.into_iter().flatten().flat_map(|product| &product.prices).map(String::as_str).collect())
    }
}

fn default_page(cursor: Option<String>) -> RequestBuilder {
    let request = ListBillingPortalConfiguration::new().is_default(true).limit(100);
    // Stripe leaves the products out unless they are asked for.
    let request = request.expand([format!("data.{PRODUCTS}")]);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

/// The first request for the portal, with the ID that was named or without.
pub(super) fn first_request(named: Option<&PortalConfigurationId>) -> RequestBuilder {
    match named {
        Some(id) => RetrieveBillingPortalConfiguration::new(id.segment()).expand([PRODUCTS.to_owned()]).build(),
        None => default_page(None),
    }
}

impl Stripe<'_> {
    /// The configuration that `stripe.portal_configuration` names; asked by `portal/configuration`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn named_portal(self) -> Result<Found<PortalConfiguration>, NoAnswer> {
        let id = configured(&self.world.config.stripe.portal_configuration, PortalConfigurationId::parse)?;
        self.ask(&first_request(Some(&id))).await
    }

    /// The default configurations: one, or none where the portal was never saved in this mode.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn default_portals(self) -> Result<Listed<PortalConfiguration>, NoAnswer> {
        self.list(default_page, |portal: &PortalConfiguration| &portal.id).await
    }

    /// The configuration that the portal opens with.
    ///
    /// # Errors
    /// Blocked by `portal/configuration` where there is none that can be used.
    pub async fn portal(self) -> Result<Seen<PortalConfiguration>, NoAnswer> {
        let found = if self.world.config.stripe.portal_configuration.is_set() {
            match self.named_portal().await? {
                Found::Here(portal) => Some(portal),
                Found::Missing(_) => None,
            }
        } else {
            let Listed { items, unread, answer } = self.default_portals().await?;
            let first = items.into_iter().next();
            match unread.into_iter().next().filter(|_| first.is_none()) {
                Some(why) => return Err(why),
                None => first.map(|value| Seen { value, answer }),
            }
        };
        let portal = found.ok_or(NoAnswer::Because(Cause::PortalUnavailable))?;
        let is_active = *portal.value.active.known(format_args!("active of {}", portal.value.id))?;
        if is_active { Ok(portal) } else { Err(NoAnswer::Because(Cause::PortalUnavailable)) }
    }
}

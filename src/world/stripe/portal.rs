//! The customer portal's configurations.

use serde::Deserialize;
use stripe_billing::billing_portal_configuration::{
    ListBillingPortalConfiguration, RetrieveBillingPortalConfiguration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::super::id::{PathId, PortalConfigurationId, configured};
use super::super::subjects::offers;
use super::assortment::claim;
use super::{Found, Listed, NoAnswer, Price, Seen, Stripe};
use crate::finding::Cause;

/// A portal configuration (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct PortalConfiguration {
    /// `bpc_…`.
    pub id: String,
    /// Whether sessions can use it.
    pub active: bool,
    /// Whether it is the one of the dashboard.
    pub is_default: bool,
    /// What customers may do.
    pub features: PortalFeatures,
}

/// What customers may do in the portal.
#[derive(Debug, Clone, Deserialize)]
pub struct PortalFeatures {
    /// See their invoices.
    pub invoice_history: Switch,
    /// Change the card.
    pub payment_method_update: Switch,
    /// Cancel.
    pub subscription_cancel: Switch,
    /// Change the plan.
    pub subscription_update: PlanChange,
}

/// Whether a feature is on.
#[derive(Debug, Clone, Deserialize)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

/// Where a configuration names the products that customers may switch between.
const PRODUCTS: &str = "features.subscription_update.products";

/// What customers may change of a subscription.
#[derive(Debug, Clone, Deserialize)]
pub struct PlanChange {
    /// Whether it is on.
    pub enabled: bool,
    /// `price`, `quantity`, `promotion_code`.
    #[serde(default)]
    pub default_allowed_updates: Vec<String>,
    /// The products that they may switch between, where Stripe names them.
    #[serde(default)]
    pub products: Option<Vec<Switchable>>,
}

/// A product that customers may switch to.
#[derive(Debug, Clone, Deserialize)]
pub struct Switchable {
    /// `prod_…`.
    pub product: String,
    /// The prices of it that are offered.
    pub prices: Vec<String>,
}

impl PlanChange {
    /// Whether customers can switch to another price.
    #[must_use]
    pub fn allows_switch(&self) -> bool {
        self.enabled && self.default_allowed_updates.iter().any(|update| update == "price")
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
            let Listed { items, answer } = self.default_portals().await?;
            items.into_iter().next().map(|value| Seen { value, answer })
        };
        found.filter(|portal| portal.value.active).ok_or(NoAnswer::Because(Cause::PortalUnavailable))
    }

    /// The prices that customers can switch to in the portal and that are no tier's: whoever does loses the tier.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn switches_without_tier(self, change: &PlanChange) -> Result<Vec<Price>, NoAnswer> {
        let offered: Vec<&String> = change.products.iter().flatten().flat_map(|product| &product.prices).collect();
        if offered.is_empty() {
            return Ok(Vec::new());
        }
        let config = &self.world.config;
        let is_configured = |price: &Price| offers(self.world).iter().any(|offer| offer.id() == price.id);
        let has_tier = |price: &Price| {
            let claim = claim(price, price.product(), config);
            claim.is_some_and(|claim| config.tiers.iter().any(|tier| tier.metadata == claim))
        };
        let mut prices = self.recurring_prices().await?.items;
        prices.retain(|price| offered.contains(&&price.id) && !is_configured(price) && !has_tier(price));
        Ok(prices)
    }
}

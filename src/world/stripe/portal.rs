//! The customer portal's configurations.

use serde::Deserialize;
use stripe_billing::billing_portal_configuration::{
    ListBillingPortalConfiguration, RetrieveBillingPortalConfiguration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::super::sound;
use super::{Found, Listed, NoAnswer, Seen, Stripe, segment};

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
    pub subscription_update: Switch,
}

/// Whether a feature is on.
#[derive(Debug, Clone, Deserialize)]
pub struct Switch {
    /// Whether it is on.
    pub enabled: bool,
}

fn default_page(cursor: Option<String>) -> RequestBuilder {
    let request = ListBillingPortalConfiguration::new().is_default(true).limit(100);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

/// The first request for the portal, with the ID that was named or without.
pub(super) fn first_request(named: Option<&str>) -> RequestBuilder {
    match named {
        Some(id) => RetrieveBillingPortalConfiguration::new(segment(id)).build(),
        None => default_page(None),
    }
}

impl Stripe<'_> {
    /// The configuration that `stripe.portal_configuration` names; asked by `portal/configuration`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn named_portal(self) -> Result<Found<PortalConfiguration>, NoAnswer> {
        let id = sound(&self.world.config.stripe.portal_configuration)?;
        self.ask(&first_request(Some(id))).await
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
        found.filter(|portal| portal.value.active).ok_or_else(|| NoAnswer::blocked("portal/configuration"))
    }
}

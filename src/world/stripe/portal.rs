//! The customer portal's configurations.

use serde::Deserialize;
use stripe_billing::billing_portal_configuration::{
    ListBillingPortalConfiguration, RetrieveBillingPortalConfiguration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::client::Stripe;
use super::error::Found;
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::field::Field;
use crate::world::id::{PathId, PortalConfigurationId, configured};
use crate::world::seen::{List, Seen};

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

/// What customers can do in the portal.
#[derive(Debug, Clone, Deserialize)]
pub struct PortalFeatures {
    /// See invoices.
    #[serde(default)]
    pub invoice_history: Field<PortalSwitch>,
    /// Change the payment method.
    #[serde(default)]
    pub payment_method_update: Field<PortalSwitch>,
    /// Cancel.
    #[serde(default)]
    pub subscription_cancel: Field<PortalSwitch>,
    /// Change the subscription.
    #[serde(default)]
    pub subscription_update: Field<SubscriptionUpdate>,
}

/// A feature that can be turned on and off.
#[derive(Debug, Clone, Deserialize)]
pub struct PortalSwitch {
    /// Whether it is on.
    #[serde(default)]
    pub enabled: Field<bool>,
}

/// The field that lists the products that customers can switch between.
const PRODUCTS: &str = "features.subscription_update.products";

/// What customers can change about a subscription.
#[derive(Debug, Clone, Deserialize)]
pub struct SubscriptionUpdate {
    /// Whether it is on.
    #[serde(default)]
    pub enabled: Field<bool>,
    /// `price`, `quantity`, `promotion_code`.
    #[serde(default)]
    pub default_allowed_updates: Field<Vec<String>>,
    /// The products that they can switch between; null means none.
    #[serde(default)]
    pub products: Field<Vec<SwitchableProduct>>,
}

/// A product that customers can switch to.
#[derive(Debug, Clone, Deserialize)]
pub struct SwitchableProduct {
    /// The prices that the portal offers.
    pub prices: Vec<String>,
}

impl PortalConfiguration {
    /// What customers can do.
    ///
    /// # Errors
    /// `Unknown` if Stripe does not say.
    pub fn features(&self) -> Answered<&PortalFeatures> {
        self.features.known(format_args!("features of {}", self.id))
    }

    /// What customers can change about a subscription.
    ///
    /// # Errors
    /// `Unknown` if Stripe does not say.
    pub fn subscription_update(&self) -> Answered<&SubscriptionUpdate> {
        self.features()?.subscription_update.known(format_args!("features.subscription_update of {}", self.id))
    }
}

impl SubscriptionUpdate {
    /// Whether customers can switch to another price.
    ///
    /// # Errors
    /// `Unknown` if Stripe does not say.
    pub fn allows_switching(&self) -> Answered<bool> {
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
    /// `Unknown` if Stripe does not say.
    pub fn switchable_prices(&self) -> Answered<Vec<&str>> {
        let products = self.products.nullable(PRODUCTS)?;
        Ok(products.into_iter().flatten().flat_map(|product| &product.prices).map(String::as_str).collect())
    }
}

fn default_page(cursor: Option<String>) -> RequestBuilder {
    let request = ListBillingPortalConfiguration::new().is_default(true).limit(100);
    // Stripe omits the products unless they are expanded.
    let request = request.expand([format!("data.{PRODUCTS}")]);
    match cursor {
        Some(cursor) => request.starting_after(cursor).build(),
        None => request.build(),
    }
}

/// The first request for the portal: the configuration with this ID, or the default one.
pub(super) fn first_request(named: Option<&PortalConfigurationId>) -> RequestBuilder {
    match named {
        Some(id) => RetrieveBillingPortalConfiguration::new(id.segment()).expand([PRODUCTS.to_owned()]).build(),
        None => default_page(None),
    }
}

impl Stripe<'_> {
    /// The configuration in `stripe.portal_configuration`; `portal/configuration` judges it.
    ///
    /// # Errors
    /// `Unknown` if Stripe does not answer.
    pub async fn configured_portal(self) -> Answered<Found<PortalConfiguration>> {
        let id = configured(&self.world.config.stripe.portal_configuration, PortalConfigurationId::parse)?;
        self.ask(&first_request(Some(&id))).await
    }

    /// The default configuration, as a list: empty if the portal was never saved in this mode.
    ///
    /// # Errors
    /// `Unknown` if Stripe does not answer.
    pub async fn default_portals(self) -> Answered<List<PortalConfiguration>> {
        self.list(default_page, |portal: &PortalConfiguration| &portal.id).await
    }

    /// The active configuration that the portal opens with.
    ///
    /// # Errors
    /// Blocked by `portal/configuration` if there is none.
    pub async fn portal(self) -> Answered<Seen<PortalConfiguration>> {
        let found = if self.world.config.stripe.portal_configuration.is_set() {
            match self.configured_portal().await? {
                Found::Here(portal) => Some(portal),
                Found::Missing(_) => None,
            }
        } else {
            let List { items, unread, answer } = self.default_portals().await?;
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

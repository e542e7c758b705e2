//! The customer portal's configurations.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use stripe_billing::billing_portal_configuration::{
    ListBillingPortalConfiguration, RetrieveBillingPortalConfiguration,
};
use stripe_client_core::{RequestBuilder, StripeRequest};

use super::client::{Permission, Stripe};
use super::error::Found;
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::field::Field;
use crate::world::id::{PathId, PortalConfigurationId, configured};
use crate::world::seen::{List, Seen};

pub(super) const PORTAL: Permission = Permission {
    name: "rak_customer_portal_read",
    purpose: "read the portal configuration",
    shown_by: |stripe| {
        let named = stripe.world.config.stripe.portal_configuration.value.as_deref();
        Some(portal_request(named.and_then(|id| PortalConfigurationId::parse(id).ok()).as_ref()))
    },
};

/// A portal configuration (docs/providers.md, "Stripe API objects").
#[derive(Debug, Clone, Deserialize)]
pub struct PortalConfiguration {
    /// `bpc_…`.
    pub id: String,
    /// Whether sessions can use it.
    #[serde(default)]
    pub active: Field<bool>,
    /// Where customers return to, unless a session says otherwise.
    #[serde(default)]
    pub default_return_url: Field<String>,
    #[serde(default)]
    features: Field<PortalFeatures>,
}

#[derive(Debug, Clone, Deserialize)]
struct PortalProfile {
    #[serde(default)]
    privacy_policy_url: Field<String>,
    #[serde(default)]
    terms_of_service_url: Field<String>,
}

/// A page that the portal links to: its name in a sentence, its field, and its address if it is set.
pub type PolicyLink<'p> = (&'static str, &'static str, Option<&'p str>);

/// The part of a portal configuration that links to the business's policies. A broken field elsewhere does not hide it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PortalPolicies {
    id: Field<String>,
    active: Field<bool>,
    business_profile: Field<PortalProfile>,
}

impl PortalPolicies {
    /// The policies that the portal links to.
    pub fn links(&self) -> Answered<[PolicyLink<'_>; 2]> {
        let of = |field: &str| format!("business_profile{field} of the portal's configuration");
        let profile = self.business_profile.known(of(""))?;
        let privacy = profile.privacy_policy_url.nullable(of(".privacy_policy_url"))?;
        let terms = profile.terms_of_service_url.nullable(of(".terms_of_service_url"))?;
        Ok([
            ("privacy policy", "privacy_policy_url", privacy.map(String::as_str)),
            ("terms of service", "terms_of_service_url", terms.map(String::as_str)),
        ])
    }
}

/// What customers can do in the portal.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PortalFeatures {
    /// See invoices.
    pub invoice_history: Field<PortalSwitch>,
    /// Change the payment method.
    pub payment_method_update: Field<PortalSwitch>,
    /// Cancel.
    pub subscription_cancel: Field<PortalSwitch>,
    /// Change the subscription.
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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct SubscriptionUpdate {
    /// Whether it is on.
    pub enabled: Field<bool>,
    /// `price`, `quantity`, `promotion_code`.
    pub default_allowed_updates: Field<Vec<String>>,
    /// The products that they can switch between; null means none.
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
    pub fn features(&self) -> Answered<&PortalFeatures> {
        self.features.known(format_args!("features of {}", self.id))
    }

    /// What customers can change about a subscription.
    pub fn subscription_update(&self) -> Answered<&SubscriptionUpdate> {
        self.features()?.subscription_update.known(format_args!("features.subscription_update of {}", self.id))
    }
}

impl SubscriptionUpdate {
    /// Whether customers can switch to another price.
    pub fn allows_switching(&self) -> Answered<bool> {
        self.allows("price")
    }

    /// Whether customers can enter a promotion code.
    pub fn allows_promotion_codes(&self) -> Answered<bool> {
        self.allows("promotion_code")
    }

    fn allows(&self, wanted: &str) -> Answered<bool> {
        Ok(*self.enabled.known("features.subscription_update.enabled")?
            && self
                .default_allowed_updates
                .known("features.subscription_update.default_allowed_updates")?
                .iter()
                .any(|update| update == wanted))
    }

    /// The prices that customers can switch between.
    pub fn switchable_prices(&self) -> Answered<Vec<&str>> {
        let products = self.products.nullable(PRODUCTS)?;
        Ok(products.into_iter().flatten().flat_map(|product| &product.prices).map(String::as_str).collect())
    }
}

/// The configuration with this ID, or the default one. Stripe omits the products unless they are expanded.
fn portal_request(id: Option<&PortalConfigurationId>) -> RequestBuilder {
    if let Some(id) = id {
        return RetrieveBillingPortalConfiguration::new(id.segment()).expand([PRODUCTS.to_owned()]).build();
    }
    let request = ListBillingPortalConfiguration::new().is_default(true).limit(100);
    request.expand([format!("data.{PRODUCTS}")]).build()
}

impl Stripe<'_> {
    /// The configuration in `stripe.portal_configuration`; `portal/configuration` judges it.
    pub async fn configured_portal(self) -> Answered<Found<PortalConfiguration>> {
        let id = configured(&self.world.config.stripe.portal_configuration, PortalConfigurationId::parse)?;
        self.ask(&portal_request(Some(&id))).await
    }

    /// The default configuration, as a list: empty if the portal was never saved in this mode.
    pub async fn default_portals(self) -> Answered<List<PortalConfiguration>> {
        self.list(portal_request(None), |portal: &PortalConfiguration| &portal.id).await
    }

    /// The active configuration that the portal opens with.
    /// Blocked by `portal/configuration` if there is none.
    pub async fn portal(self) -> Answered<Seen<PortalConfiguration>> {
        let portal = self.opened_portal(|portal: &PortalConfiguration| &portal.id).await?;
        let is_active = *portal.value.active.known(format_args!("active of {}", portal.value.id))?;
        if is_active { Ok(portal) } else { Err(NoAnswer::Because(Cause::PortalUnavailable)) }
    }

    /// The policies of the configuration that the portal opens with.
    /// Blocked by `portal/configuration` if there is none.
    pub async fn portal_policies(self) -> Answered<Seen<PortalPolicies>> {
        let portal = self.opened_portal(|portal: &PortalPolicies| portal.id.value().map_or("", String::as_str)).await?;
        // Without the field, the links can still be judged: only the checks of the portal need to know.
        if portal.value.active.value() == Some(&false) {
            return Err(NoAnswer::Because(Cause::PortalUnavailable));
        }
        Ok(portal)
    }

    /// The configuration that the portal opens with, read as far as the question needs it.
    async fn opened_portal<T: DeserializeOwned>(self, id: impl Fn(&T) -> &str) -> Answered<Seen<T>> {
        let named = &self.world.config.stripe.portal_configuration;
        let found = if named.is_set() {
            match self.ask(&portal_request(Some(&configured(named, PortalConfigurationId::parse)?))).await? {
                Found::Here(portal) => Some(portal),
                Found::Missing(_) => None,
            }
        } else {
            let List { items, unread, answer } = self.list(portal_request(None), id).await?;
            let first = items.into_iter().next();
            match unread.into_iter().next().filter(|_| first.is_none()) {
                Some(why) => return Err(why),
                None => first.map(|value| Seen { value, answer }),
            }
        };
        found.ok_or(NoAnswer::Because(Cause::PortalUnavailable))
    }
}

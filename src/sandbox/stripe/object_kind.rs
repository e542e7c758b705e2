//! The kinds of objects that Stripe has.

use serde::Deserialize;

/// A kind of object, by its name in the document. An object may refer to one of an earlier kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) enum ObjectKind {
    #[serde(rename = "products")]
    Product,
    #[serde(rename = "prices")]
    Price,
    #[serde(rename = "coupons")]
    Coupon,
    #[serde(rename = "promotion_codes")]
    PromotionCode,
    #[serde(rename = "webhook_endpoints")]
    WebhookEndpoint,
    #[serde(rename = "event_destinations")]
    EventDestination,
    #[serde(rename = "portal_configurations")]
    PortalConfiguration,
    #[serde(rename = "customers")]
    Customer,
    #[serde(rename = "subscriptions")]
    Subscription,
    #[serde(rename = "events")]
    Event,
    #[serde(rename = "checkout_sessions")]
    CheckoutSession,
}

impl ObjectKind {
    /// Its `object`.
    pub(super) const fn object(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Price => "price",
            Self::Coupon => "coupon",
            Self::PromotionCode => "promotion_code",
            Self::WebhookEndpoint => "webhook_endpoint",
            Self::EventDestination => "v2.core.event_destination",
            Self::PortalConfiguration => "billing_portal.configuration",
            Self::Customer => "customer",
            Self::Subscription => "subscription",
            Self::Event => "event",
            Self::CheckoutSession => "checkout.session",
        }
    }

    /// Its name in the document.
    pub(super) const fn plural(self) -> &'static str {
        match self {
            Self::Product => "products",
            Self::Price => "prices",
            Self::Coupon => "coupons",
            Self::PromotionCode => "promotion_codes",
            Self::WebhookEndpoint => "webhook_endpoints",
            Self::EventDestination => "event_destinations",
            Self::PortalConfiguration => "portal_configurations",
            Self::Customer => "customers",
            Self::Subscription => "subscriptions",
            Self::Event => "events",
            Self::CheckoutSession => "checkout_sessions",
        }
    }

    /// What an error calls it.
    pub(super) const fn noun(self) -> &'static str {
        match self {
            Self::PromotionCode => "promotion code",
            Self::WebhookEndpoint => "webhook endpoint",
            Self::EventDestination => "event destination",
            Self::PortalConfiguration => "configuration",
            other => other.object(),
        }
    }

    /// The parameter that an error about a missing one names.
    pub(super) const fn parameter(self) -> &'static str {
        if matches!(self, Self::PortalConfiguration) { "configuration" } else { "id" }
    }

    /// The kind that a field with this name holds the ID of.
    pub(super) fn of_field(name: &str) -> Option<Self> {
        match name {
            "product" => Some(Self::Product),
            "price" | "default_price" => Some(Self::Price),
            "coupon" => Some(Self::Coupon),
            "customer" => Some(Self::Customer),
            "subscription" => Some(Self::Subscription),
            _ => None,
        }
    }
}

//! The kinds of objects that Stripe has.

use serde::Deserialize;

/// Declares each kind with its name in the document and its `object`.
macro_rules! kinds {
    ($($kind:ident: $plural:literal, $object:literal;)*) => {
        /// A kind of object. An object may refer to one of an earlier kind.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        pub(super) enum ObjectKind {
            $(#[serde(rename = $plural)] $kind,)*
        }

        impl ObjectKind {
            const ALL: &[Self] = &[$(Self::$kind),*];

            /// Its name in the document.
            pub(super) const fn plural(self) -> &'static str {
                match self { $(Self::$kind => $plural,)* }
            }

            /// Its `object`.
            pub(super) const fn object(self) -> &'static str {
                match self { $(Self::$kind => $object,)* }
            }
        }
    };
}

kinds! {
    Product: "products", "product";
    Price: "prices", "price";
    TaxRegistration: "tax_registrations", "tax.registration";
    Coupon: "coupons", "coupon";
    PromotionCode: "promotion_codes", "promotion_code";
    WebhookEndpoint: "webhook_endpoints", "webhook_endpoint";
    EventDestination: "event_destinations", "v2.core.event_destination";
    PortalConfiguration: "portal_configurations", "billing_portal.configuration";
    TestClock: "test_clocks", "test_helpers.test_clock";
    Customer: "customers", "customer";
    PaymentMethod: "payment_methods", "payment_method";
    Subscription: "subscriptions", "subscription";
    Discount: "discounts", "discount";
    Invoice: "invoices", "invoice";
    Event: "events", "event";
    CheckoutSession: "checkout_sessions", "checkout.session";
}

impl ObjectKind {
    /// What the sandbox's effects call it.
    pub(super) fn effect(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }

    /// What an error calls it.
    pub(super) fn noun(self) -> String {
        match self {
            Self::CheckoutSession => self.object().to_owned(),
            Self::PortalConfiguration => "configuration".to_owned(),
            Self::PaymentMethod => "PaymentMethod".to_owned(),
            other => other.effect().replace('_', " "),
        }
    }

    /// The parameter that an error about a missing one names.
    pub(super) const fn parameter(self) -> &'static str {
        if matches!(self, Self::PortalConfiguration) { "configuration" } else { "id" }
    }

    /// The kind that a field with this name holds the ID of.
    pub(super) fn of_field(name: &str) -> Option<Self> {
        let name = match name {
            "default_price" => "price",
            "default_payment_method" => "payment_method",
            "latest_invoice" => "invoice",
            "discounts" => "discount",
            "test_clock" => "test_helpers.test_clock",
            other => other,
        };
        Self::ALL.iter().copied().find(|kind| kind.object() == name)
    }

    /// The field that is left out unless it is expanded or included: the object that has it, and its name.
    pub(super) const fn left_out(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::PortalConfiguration => Some(("/features/subscription_update", "products")),
            Self::EventDestination => Some(("/webhook_endpoint", "url")),
            Self::CheckoutSession => Some(("", "line_items")),
            Self::Price => Some(("", "currency_options")),
            Self::Coupon => Some(("", "applies_to")),
            _ => None,
        }
    }
}

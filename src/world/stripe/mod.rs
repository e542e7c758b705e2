//! Stripe: what can be asked about its objects, read into narrow types of our own that hold what a check looks at and
//! nothing else.

mod account;
mod catalogue;
mod checkout;
mod client;
mod customers;
mod endpoints;
mod error;
mod events;
mod history;
mod key;
mod portal;
mod price;
mod promotion_codes;
mod subscriptions;

pub use account::{Account, Requirements};
pub use checkout::{CheckoutSession, LineItem};
pub(in crate::world) use client::version_header;
pub use client::{Permission, Stripe};
pub use customers::Customer;
pub use endpoints::{Endpoint, EndpointKind};
pub use error::{Found, StripeError};
pub use events::{Event, age};
pub use history::{EVENTS_KEPT, EventRecord, Purchase};
pub use key::KeyStatus;
pub use portal::{PortalConfiguration, PortalPolicies, PortalSwitch};
pub use price::{Price, Product, Recurring};
pub use promotion_codes::PromotionCode;
pub use subscriptions::{Newest, Subscription, SubscriptionPage, SubscriptionSpan};

/// What a restricted key needs for `preflight run`, by name.
pub const PERMISSIONS: &[Permission] = &[
    client::ACCOUNT,
    client::BALANCE,
    checkout::SESSIONS,
    portal::PORTAL,
    customers::CUSTOMERS,
    endpoints::DESTINATIONS,
    events::EVENTS,
    catalogue::PRICES,
    catalogue::PRODUCTS,
    promotion_codes::PROMOTION_CODES,
    subscriptions::SUBSCRIPTIONS,
    checkout::TAX_SETTINGS,
    endpoints::ENDPOINTS,
];

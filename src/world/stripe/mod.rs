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
mod key;
mod portal;
mod price;
mod subscriptions;
mod version;

pub use account::{Account, Requirements};
pub use checkout::{CheckoutSession, LineItem, TaxSettings};
pub use client::Stripe;
pub use customers::Customer;
pub use endpoints::{Endpoint, EndpointKind};
pub use error::{Found, StripeError};
pub use events::{DeliveryLog, Event};
pub use key::KeyStatus;
pub use portal::{PortalConfiguration, PortalFeatures, PortalSwitch, SubscriptionUpdate};
pub use price::{Price, PriceProduct, Product, Recurring};
pub use subscriptions::{Newest, Subscription};
pub use version::{ShapeGap, shape_gap};

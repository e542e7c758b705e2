//! Stripe's API, as strict as the real one, with Stripe's own error messages.

mod account;
mod auth;
mod billing;
mod caller;
mod catalog;
mod checkout;
mod clock_run;
mod coupons;
mod customers;
mod deliveries;
mod derived;
mod discounts;
mod endpoint_writes;
mod error;
mod event_log;
mod events;
mod hosted_checkout;
mod hosted_page;
mod invoices;
mod managed_payments;
mod many_subscriptions;
mod object_kind;
mod outbox;
mod parameters;
mod payment_methods;
mod periods;
mod portal;
mod portal_writes;
mod price_writes;
mod product_writes;
mod promotion_codes;
mod purchase;
mod rendering;
mod request;
mod resources;
mod settings;
mod state;
mod store;
mod subscription_data;
mod subscription_writes;
mod subscriptions;
#[cfg(test)]
mod test_client;
mod test_clocks;
mod transaction;
mod webhooks;
mod writes;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawPathParams, RawQuery};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{MethodFilter, on};

use request::{Request, Route, Verb};

pub(in crate::sandbox) use deliveries::{Courier, Hosts};
pub(in crate::sandbox) use hosted_checkout::complete_page;
pub use outbox::{DeliveryAttempt, Outgoing};
pub use settings::StripeSettings;
pub use state::Stripe;

fn routes() -> impl Iterator<Item = &'static Route> {
    [
        account::ROUTES,
        catalog::ROUTES,
        checkout::ROUTES,
        coupons::ROUTES,
        customers::ROUTES,
        endpoint_writes::ROUTES,
        events::ROUTES,
        invoices::ROUTES,
        payment_methods::ROUTES,
        portal::ROUTES,
        portal_writes::ROUTES,
        price_writes::ROUTES,
        product_writes::ROUTES,
        promotion_codes::ROUTES,
        subscription_writes::ROUTES,
        subscriptions::ROUTES,
        test_clocks::ROUTES,
        webhooks::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// Stripe's API, and the pages that Checkout shows to customers.
pub fn router(stripe: &Arc<Stripe>) -> Router {
    let fallback = Arc::clone(stripe);
    let unrecognized = async move |method: Method, uri: Uri| request::unrecognized(&fallback, &method, uri.path());
    let mut router = Router::new().fallback(unrecognized.clone()).method_not_allowed_fallback(unrecognized);
    router = router.merge(hosted_checkout::pages(stripe));
    for route in routes() {
        let stripe = Arc::clone(stripe);
        let respond =
            async move |uri: Uri, path: RawPathParams, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes| {
                let id = path.iter().next().map(|(_, id)| id).unwrap_or_default();
                let query = query.as_deref().unwrap_or_default();
                let request = Request { path: uri.path(), id, query, headers: &headers, body: &body };
                request::respond(&stripe, route, &request)
            };
        let method = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
            Verb::Delete => MethodFilter::DELETE,
        };
        router = router.route(route.path, on(method, respond));
    }
    router
}

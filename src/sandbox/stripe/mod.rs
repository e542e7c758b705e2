//! Stripe's API, as strict as the real one, with Stripe's own error messages.

mod account;
mod auth;
mod catalog;
mod checkout;
mod customers;
mod error;
mod events;
mod parameters;
mod portal;
mod request;
mod resources;
mod settings;
mod store;
mod subscriptions;
#[cfg(test)]
mod test_client;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawPathParams, RawQuery};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{MethodFilter, on};
use serde_json::Value;

use super::recorded::{Recorded, TimeFormat};
use super::{Effects, Error};
use request::{Replay, Request, Route, Verb};
use settings::Key;
use store::Store;

pub use settings::StripeSettings;

const RECORDED: &str = include_str!("../healthy/stripe.json");

/// Stripe with its objects.
pub struct Stripe {
    accounts: BTreeMap<String, Value>,
    tax_settings: Value,
    keys: Vec<Key>,
    default_api_version: String,
    unreadable_sessions_of: Option<String>,
    recorded: Recorded,
    effects: Arc<Effects>,
    store: Mutex<Store>,
    replays: Mutex<HashMap<String, Replay>>,
    serial: AtomicU64,
}

fn routes() -> impl Iterator<Item = &'static Route> {
    [
        account::ROUTES,
        catalog::ROUTES,
        checkout::ROUTES,
        customers::ROUTES,
        events::ROUTES,
        portal::ROUTES,
        subscriptions::ROUTES,
        webhooks::ROUTES,
    ]
    .into_iter()
    .flatten()
}

/// Stripe's API.
pub fn router(stripe: &Arc<Stripe>) -> Router {
    let fallback = Arc::clone(stripe);
    let unrecognized = async move |method: Method, uri: Uri| request::unrecognized(&fallback, &method, uri.path());
    let mut router = Router::new().fallback(unrecognized.clone()).method_not_allowed_fallback(unrecognized);
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
        };
        router = router.route(route.path, on(method, respond));
    }
    router
}

impl Stripe {
    /// Stripe as the document describes it.
    ///
    /// # Errors
    ///
    /// If an object has a field that Stripe's objects of its kind do not have, or refers to one that does not exist.
    pub fn new(settings: &StripeSettings, effects: Arc<Effects>) -> Result<Arc<Self>, Error> {
        let recorded = Recorded::read(RECORDED, TimeFormat::Seconds)?;
        let accounts = settings.accounts.iter();
        let accounts = accounts.map(|(name, fields)| Ok((name.clone(), recorded.complete("account", fields)?)));
        Ok(Arc::new(Self {
            accounts: accounts.collect::<Result<_, Error>>()?,
            tax_settings: recorded.complete("tax.settings", &settings.tax_settings)?,
            keys: settings.keys.values().cloned().collect(),
            default_api_version: settings.default_api_version.clone(),
            unreadable_sessions_of: settings.unreadable_sessions_of.clone(),
            effects,
            store: Mutex::new(Store::load(settings, &recorded)?),
            recorded,
            replays: Mutex::default(),
            serial: AtomicU64::new(1),
        }))
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replays(&self) -> MutexGuard<'_, HashMap<String, Replay>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number, for IDs.
    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn next_request_id(&self) -> String {
        format!("req_Sandbox{:07}", self.next_serial())
    }
}

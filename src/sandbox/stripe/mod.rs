//! Stripe's API, as strict as the real one: what is call wrongly is refused in Stripe's words.

mod account;
mod catalog;
mod checkout;
mod customers;
mod error;
mod parameters;
mod portal;
mod request;
mod session;
mod state;
mod store;
#[cfg(test)]
mod test_client;
mod webhooks;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{RawPathParams, RawQuery};
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::{MethodFilter, on};
use jiff::Timestamp;
use serde_json::Value;

use super::{Effects, Error};
use request::{Replay, Request, Route, Verb};
use state::{Account, Key};
use store::Store;

pub use state::State;

/// Stripe, with what is in it.
pub struct Stripe {
    accounts: std::collections::BTreeMap<String, Account>,
    keys: Vec<Key>,
    effects: Arc<Effects>,
    store: Mutex<Store>,
    replays: Mutex<HashMap<String, Replay>>,
    serial: AtomicU64,
}

/// Everything that can be call.
fn routes() -> impl Iterator<Item = &'static Route> {
    [account::ROUTES, catalog::ROUTES, checkout::ROUTES, customers::ROUTES, portal::ROUTES, webhooks::ROUTES]
        .into_iter()
        .flatten()
}

/// Stripe's API.
pub fn router(stripe: &Arc<Stripe>) -> Router {
    let fallback = Arc::clone(stripe);
    let unrecognised = async move |method: Method, uri: Uri| request::unrecognised(&fallback, &method, uri.path());
    let mut router = Router::new().fallback(unrecognised.clone()).method_not_allowed_fallback(unrecognised);
    for route in routes() {
        let stripe = Arc::clone(stripe);
        let answer =
            async move |uri: Uri, path: RawPathParams, RawQuery(query): RawQuery, headers: HeaderMap, body: Bytes| {
                let id = path.iter().next().map(|(_, id)| id).unwrap_or_default();
                let query = query.as_deref().unwrap_or_default();
                request::pass(&stripe, route, &Request { path: uri.path(), id, query, headers: &headers, body: &body })
            };
        let method = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        router = router.route(route.path, on(method, answer));
    }
    router
}

impl Stripe {
    /// Stripe as the document says, from now on.
    ///
    /// # Errors
    ///
    /// Where something refers to a object that is not in the document.
    pub fn new(state: &State, effects: Arc<Effects>) -> Result<Arc<Self>, Error> {
        let mut store = Store::default();
        let now = Timestamp::now();
        catalog::load(state, now, &mut store)?;
        customers::load(state, now, &mut store)?;
        portal::load(state, now, &mut store)?;
        webhooks::load(state, now, &mut store)?;
        Ok(Arc::new(Self {
            accounts: state.accounts.clone(),
            keys: state.keys.values().cloned().collect(),
            effects,
            store: Mutex::new(store),
            replays: Mutex::default(),
            serial: AtomicU64::new(1),
        }))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }

    fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn replays(&self) -> MutexGuard<'_, HashMap<String, Replay>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that was not given out before.
    fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    fn next_request_id(&self) -> String {
        format!("req_Sandbox{:07}", self.next_serial())
    }

    /// The version of a caller's account; of any, for a caller that is not known.
    fn default_version(&self, headers: &HeaderMap) -> String {
        let account = self.key(headers).ok().and_then(|key| self.account(&key.account));
        account
            .or_else(|| self.accounts.values().next())
            .map_or_else(String::new, |account| account.api_version.clone())
    }
}

/// What a short name in the document refers to.
fn named<'a, T>(objects: &'a std::collections::BTreeMap<String, T>, kind: &str, name: &str) -> Result<&'a T, Error> {
    objects.get(name).ok_or_else(|| Error::Document(format!("stripe: there is no {kind} `{name}`")))
}

/// An amount as Stripe writes its decimal twin.
fn decimal(amount: i64) -> Value {
    Value::String(amount.to_string())
}

/// One object of two, for bodies that are longer than the macro which makes them can take.
fn joined(mut first: Value, rest: Value) -> Value {
    if let (Value::Object(first), Value::Object(rest)) = (&mut first, rest) {
        first.extend(rest);
    }
    first
}

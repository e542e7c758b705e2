//! Stripe with its objects.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::StatusCode;
use serde_json::Value;

use super::many_subscriptions::ManySubscriptions;
use super::outbox::{DeliveryLog, Outbox, Outgoing, outbox};
use super::settings::{Key, StripeSettings};
use super::store::Store;
use super::subscription_data::SubscriptionData;
use crate::sandbox::recorded::{Recorded, TimeFormat};
use crate::sandbox::{Effects, Error};

const RECORDED: &str = include_str!("../healthy/stripe.json");

/// Stripe with its objects.
pub struct Stripe {
    pub(super) accounts: BTreeMap<String, Value>,
    pub(super) tax_settings: Value,
    pub(super) keys: Vec<Key>,
    pub(super) default_api_version: String,
    pub(super) managed_payments: bool,
    pub(super) unreadable_sessions_of: Option<String>,
    pub(super) recorded: Recorded,
    pub(super) effects: Arc<Effects>,
    /// Where what happens is sent from.
    pub(super) outbox: Outbox,
    /// What only the subscription of a Checkout Session gets to see, by the ID of the session.
    subscription_data: Mutex<HashMap<String, SubscriptionData>>,
    /// Subscriptions and customers by formula.
    pub(super) many: ManySubscriptions,
    store: Mutex<Store>,
    replays: Mutex<HashMap<String, Replay>>,
    serial: AtomicU64,
}

/// The first request with an idempotency key, and its answer.
pub(super) struct Replay {
    pub(super) request: String,
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Stripe {
    /// Stripe as the document describes it, and what it wants to deliver.
    ///
    /// # Errors
    ///
    /// If an object has a field that Stripe's objects of its kind do not have, or refers to one that does not exist.
    pub fn new(settings: &StripeSettings, effects: Arc<Effects>) -> Result<(Arc<Self>, Outgoing), Error> {
        let (outbox, outgoing) = outbox();
        let recorded = Recorded::read(RECORDED, TimeFormat::Seconds)?;
        let accounts = settings.accounts.iter();
        let accounts = accounts.map(|(name, fields)| Ok((name.clone(), recorded.complete("account", fields)?)));
        let store = Store::load(settings, &recorded)?;
        let stripe = Self {
            accounts: accounts.collect::<Result<_, Error>>()?,
            tax_settings: recorded.complete("tax.settings", &settings.tax_settings)?,
            keys: settings.keys.values().cloned().collect(),
            default_api_version: settings.default_api_version.clone(),
            managed_payments: settings.managed_payments,
            unreadable_sessions_of: settings.unreadable_sessions_of.clone(),
            effects,
            outbox,
            subscription_data: Mutex::default(),
            many: ManySubscriptions::new(settings.many_accounts, &store, &recorded)?,
            store: Mutex::new(store),
            recorded,
            replays: Mutex::default(),
            serial: AtomicU64::new(1),
        };
        Ok((Arc::new(stripe), outgoing))
    }

    /// What became of the deliveries.
    #[must_use]
    pub fn delivery_log(&self) -> Arc<DeliveryLog> {
        self.outbox.log()
    }

    /// Every object by its kind and ID, and the signing secrets.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.store().to_json()
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn subscription_data(&self) -> MutexGuard<'_, HashMap<String, SubscriptionData>> {
        self.subscription_data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn replays(&self) -> MutexGuard<'_, HashMap<String, Replay>> {
        self.replays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number, for IDs.
    pub(super) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn next_request_id(&self) -> String {
        format!("req_Sandbox{:07}", self.next_serial())
    }
}

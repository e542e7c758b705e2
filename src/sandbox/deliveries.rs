//! Stripe's deliveries within the sandbox: to which servers, and when they are over.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};

use super::Sandbox;
use super::network::{Network, PerServer};
use super::proxy::SwappableRouter;
use super::stripe::{Courier, DeliveryAttempt, Hosts, Outgoing, Stripe};

impl Sandbox {
    /// Waits until Stripe has delivered every event so far, or given up on it.
    pub async fn delivered(&self) {
        let log = self.providers().stripe.delivery_log();
        log.finished().await;
    }

    /// Every attempt of Stripe to deliver an event, in order.
    #[must_use]
    pub fn deliveries(&self) -> Vec<DeliveryAttempt> {
        self.providers().stripe.delivery_log().attempts()
    }

    /// Delivers for this Stripe from now on, and no longer for the one before.
    pub(super) fn deliver(&self, outgoing: Outgoing, stripe: &Arc<Stripe>) {
        let courier = Courier::start(&self.runtime, outgoing, stripe, &self.hosts);
        *self.courier.lock().unwrap_or_else(PoisonError::into_inner) = courier;
    }
}

/// The servers that deliveries can reach. Faults that only some requests get do not affect deliveries.
pub(super) fn hosts(network: &Network, routers: &PerServer<SwappableRouter>, plain: &PerServer<SocketAddr>) -> Hosts {
    let mut hosts = Hosts::new();
    for (provider, settings) in network.servers() {
        if let Some(router) = routers.get(provider.name()).filter(|_| settings.receives_deliveries()) {
            hosts.extend(settings.names.iter().map(|name| (name.clone(), router.clone())));
            let address = plain.get(provider.name()).map(|address| (address.to_string(), router.clone()));
            hosts.extend(address);
        }
    }
    hosts
}

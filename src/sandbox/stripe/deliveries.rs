//! Deliveries: signed as Stripe signs them, sent in the background, and retried.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::body::Body;
use axum::http::{Request, header};
use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt;
use url::Url;

use super::object_kind::ObjectKind;
use super::outbox::{Delivery, DeliveryAttempt, Open, Outgoing};
use super::state::Stripe;
use crate::sandbox::proxy::SwappableRouter;

/// How long an endpoint has to answer. Stripe publishes no time.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the first retry waits. Stripe's wait for minutes and hours.
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How often a delivery is retried.
const RETRIES: usize = 3;

/// The servers of the sandbox that receive deliveries, by host, or by address for plain HTTP.
pub(in crate::sandbox) type Hosts = BTreeMap<String, SwappableRouter>;

/// An endpoint did not accept an event.
struct NotAccepted;

/// Delivers for one Stripe until it is dropped.
pub(in crate::sandbox) struct Courier(JoinHandle<()>);

impl Courier {
    /// Begins to deliver what is in the outbox.
    pub(in crate::sandbox) fn start(
        runtime: &Handle,
        outgoing: Outgoing,
        stripe: &Arc<Stripe>,
        hosts: &Arc<Hosts>,
    ) -> Self {
        Self(runtime.spawn(deliver(outgoing, Arc::downgrade(stripe), Arc::clone(hosts))))
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn deliver(mut outgoing: Outgoing, stripe: Weak<Stripe>, hosts: Arc<Hosts>) {
    // Dropped with this task, which ends the retries.
    let mut retries = JoinSet::new();
    while let Some(open) = outgoing.next().await {
        while retries.try_join_next().is_some() {}
        // One after the other, so that an endpoint sees a first attempt of each event in order.
        if attempt(&open, &stripe, &hosts).await.is_err() {
            retries.spawn(retry(open, stripe.clone(), Arc::clone(&hosts)));
        }
    }
}

async fn retry(open: Open, stripe: Weak<Stripe>, hosts: Arc<Hosts>) {
    let backoff = ExponentialBuilder::default().with_min_delay(2 * FIRST_WAIT).with_max_times(RETRIES - 1);
    let attempt = || attempt(&open, &stripe, &hosts);
    tokio::time::sleep(FIRST_WAIT).await;
    if is_wanted(&open.delivery, &stripe) {
        drop(attempt.retry(backoff).when(|_| is_wanted(&open.delivery, &stripe)).await);
    }
}

/// Whether the endpoint still is there and enabled. Otherwise Stripe gives up.
fn is_wanted(delivery: &Delivery, stripe: &Weak<Stripe>) -> bool {
    let Some(stripe) = stripe.upgrade() else { return false };
    let store = stripe.store();
    [ObjectKind::WebhookEndpoint, ObjectKind::EventDestination].into_iter().any(|kind| {
        let mut endpoints = store.of(kind, &delivery.caller);
        endpoints.any(|endpoint| endpoint.id() == delivery.endpoint && endpoint.body["status"] == "enabled")
    })
}

/// Sends an event once. Only a 2xx is a success.
async fn attempt(open: &Open, stripe: &Weak<Stripe>, hosts: &Hosts) -> Result<(), NotAccepted> {
    let delivery = &open.delivery;
    let status = send(delivery, hosts).await;
    open.log.note(DeliveryAttempt {
        event: delivery.event.clone(),
        kind: delivery.kind.clone(),
        endpoint: delivery.endpoint.clone(),
        status,
    });
    if !status.is_some_and(|status| (200..300).contains(&status)) {
        return Err(NotAccepted);
    }
    if let Some(stripe) = stripe.upgrade() {
        let mut store = stripe.store();
        if let Ok(event) = store.find_mut(ObjectKind::Event, &delivery.event, &delivery.caller) {
            let pending = event["pending_webhooks"].as_i64().unwrap_or_default();
            event["pending_webhooks"] = (pending - 1).into();
        }
    }
    Ok(())
}

/// The status of the answer, if there is one.
async fn send(delivery: &Delivery, hosts: &Hosts) -> Option<u16> {
    let url = Url::parse(&delivery.url).ok()?;
    let router = hosts.get(&place(&url)?)?.router();
    let signature = signature(&delivery.body, &delivery.secret, Timestamp::now().as_second());
    let request = Request::post(url.as_str())
        .header(header::HOST, url.host_str()?)
        .header(header::USER_AGENT, "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
        .header("stripe-signature", signature)
        .body(Body::from(delivery.body.clone()));
    let Ok(answer) = tokio::time::timeout(PATIENCE, router.oneshot(request.ok()?)).await.ok()?;
    Some(answer.status().as_u16())
}

/// The key of a URL among the hosts: its name for HTTPS at the usual port, otherwise its address.
fn place(url: &Url) -> Option<String> {
    match (url.scheme(), url.port()) {
        ("https", None) => url.host_str().map(str::to_owned),
        ("http", Some(port)) => url.host_str().map(|host| format!("{host}:{port}")),
        _ => None,
    }
}

/// The header `Stripe-Signature` (docs/providers.md, "Stripe webhook delivery").
fn signature(body: &str, secret: &str, at: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{at}.{body}").as_bytes());
    let mut signature = format!("t={at},v1=");
    for byte in tag.as_ref() {
        signature.push_str(&format!("{byte:02x}"));
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_on_another_port_is_another_place() {
        let place = |url: &str| place(&Url::parse(url).unwrap());
        assert_eq!(place("https://api.acme.com/hook").as_deref(), Some("api.acme.com"));
        assert_eq!(place("http://127.0.0.1:9/hook").as_deref(), Some("127.0.0.1:9"));
        assert_eq!((place("http://api.acme.com/hook"), place("https://api.acme.com:9/hook")), (None, None));
    }
}

//! The secret key: whether Stripe accepts it, and what it may read.

use serde::Deserialize;

use super::client::{Stripe, balance, get};
use super::error::StripeError;
use super::{catalogue, customers, endpoints, portal, subscriptions};
use crate::config::Secret;
use crate::finding::Answered;
use crate::world::field::Field;
use crate::world::id::{ApiPath, PortalConfigurationId, PriceId};
use crate::world::seen::Seen;
use crate::world::subjects;
use crate::world::transport::optional;

/// `GET /v1/balance`: the one object that always shows the key's mode.
#[derive(Debug, Clone, Deserialize)]
struct Balance {
    #[serde(default)]
    livemode: Field<bool>,
}

/// Whether Stripe accepts a key.
#[derive(Debug, Clone)]
pub enum KeyStatus {
    /// It does. The balance's `livemode`, if the key may read the balance.
    Accepted(Option<Seen<Field<bool>>>),
    /// It does not.
    Rejected(StripeError),
}

impl Stripe<'_> {
    /// Whether Stripe accepts the key; `stripe/secret-key` judges it.
    pub async fn key_status(self) -> Answered<KeyStatus> {
        match self.raw(&balance()).await? {
            Ok(answer) => {
                let Balance { livemode } = answer.json()?;
                Ok(KeyStatus::Accepted(Some(Seen { value: livemode, answer })))
            }
            Err(error) if error.status == 401 => Ok(KeyStatus::Rejected(error)),
            // A key without this permission is still a valid key.
            Err(error) if error.status == 403 => Ok(KeyStatus::Accepted(None)),
            Err(error) => Err(error.unknown()),
        }
    }

    /// The key's account, if the ID of a missing price shows that another account created it. The ID contains ten
    /// characters of its account's ID (docs/providers.md, "Stripe keys and IDs"). Stripe does not promise that, so only
    /// ask this after Stripe has said that the price does not exist.
    pub async fn foreign_account(self, id: &str) -> Option<String> {
        let account = optional(self.account()).await?.value.id;
        let creator = id.split_once("_1")?.1.get(5..15)?;
        let ours = account.get(account.len().checked_sub(10)?..)?;
        (id.starts_with("price_1") && creator != ours).then_some(account)
    }

    /// For each list that the required checks read, the permission that a restricted key lacks for it, if any. Empty for an
    /// unrestricted key.
    pub async fn missing_permissions(self) -> Vec<Answered<Option<String>>> {
        if !self.key.value.as_ref().is_some_and(Secret::is_restricted) {
            return Vec::new();
        }
        let config = &self.world.config;
        let named = config.stripe.portal_configuration.value.as_deref();
        let portal = portal::portal_request(named.and_then(|id| PortalConfigurationId::parse(id).ok()).as_ref());
        let mut needed = vec![
            balance(),
            get(&ApiPath::new("/account")),
            catalogue::active_products(),
            endpoints::classic_endpoints(),
            self.undelivered_events(),
            subscriptions::newest(),
            portal,
        ];
        if config.worker.checkout.is_some() && config.clerk.canary_user.value.is_some() {
            // Checkout is only requested once Stripe has confirmed that the canary has no subscription. No customer has
            // this address.
            needed.push(customers::with_email("no-customer@preflight.invalid"));
        }
        let offer = subjects::offers(self.world).into_iter().find(|offer| !offer.id().is_empty());
        let price = offer.and_then(|offer| PriceId::parse(offer.id()).ok());
        needed.extend(price.map(|price| catalogue::retrieve_price(&price)));
        let asked = needed.iter().map(|request| async move {
            let error = self.raw(request).await?.err();
            Ok(error.and_then(|error| error.permission()))
        });
        futures::future::join_all(asked).await
    }
}

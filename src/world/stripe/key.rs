//! The secret key: whether Stripe accepts it, and what it may read.

use serde::Deserialize;

use super::client::{Stripe, balance};
use super::error::StripeError;
use crate::config::{Secret, account_of};
use crate::finding::Answered;
use crate::world::field::Field;
use crate::world::seen::Seen;
use crate::world::subjects::offers;
use crate::world::transport::optional;
use crate::world::usable;

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

/// Whether the ID of a price shows that this account created it. `None` if it does not show any.
fn creates(account: &str, price: &str) -> Option<bool> {
    let creator = price.strip_prefix("price_1")?.get(5..15)?;
    Some(account.get(account.len().checked_sub(10)?..)? == creator)
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

    /// Whether the key is not a restricted one.
    pub fn has_full_access(self) -> bool {
        self.key.value.as_ref().is_some_and(|key| !key.is_restricted())
    }

    /// The key's account, if the ID of a missing price shows that another account created it. The ID contains ten
    /// characters of its account's ID (docs/providers.md, "Stripe keys and IDs"). Stripe does not promise that, so only
    /// ask this after Stripe has said that the price does not exist.
    pub async fn foreign_account(self, id: &str) -> Option<String> {
        let account = optional(self.account()).await?.value.id;
        (!creates(&account, id)?).then_some(account)
    }

    /// The account that the secret key should belong to: the configured one, or the one that the publishable key and every
    /// price ID agree on. Of these, the secret key is the odd one out.
    pub(crate) fn intended_account(self) -> Option<String> {
        let config = &self.world.config;
        if let Some(configured) = &config.stripe.account {
            return Some(configured.clone());
        }
        let named = account_of(usable(&config.stripe.publishable_key).ok()?)?;
        let offers = offers(self.world);
        let agree = !offers.is_empty() && offers.iter().all(|offer| creates(&named, offer.id()) == Some(true));
        agree.then_some(named)
    }

    /// For each list that the required checks read, the permission that a restricted key lacks for it, if any. Empty for an
    /// unrestricted key.
    pub async fn missing_permissions(self) -> Vec<Answered<Option<String>>> {
        if !self.key.value.as_ref().is_some_and(Secret::is_restricted) {
            return Vec::new();
        }
        let asked = super::PERMISSIONS.iter().filter_map(|permission| {
            let request = (permission.shown_by)(self)?;
            Some(async move {
                let error = self.raw(&request).await?.err();
                Ok(error.and_then(|error| error.permission()))
            })
        });
        futures::future::join_all(asked).await
    }
}

//! Whose key it is.

use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::balance::RetrieveForMyAccountBalance;

use super::super::id::{ApiPath, PortalConfigurationId, PriceId};
use super::super::subjects;
use super::{NoAnswer, Refusal, Seen, Stripe, catalogue, endpoints, portal, subscriptions};
use crate::config::Secret;
use crate::finding::Cause;

/// `GET /v1/account`, as far as a launch depends on it (facts.md, A2).
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
    /// Whether it can take money.
    pub charges_enabled: bool,
    /// Whether the money reaches the bank.
    pub payouts_enabled: bool,
    /// What Stripe still wants to know.
    pub requirements: Option<Requirements>,
    /// The name that the dashboard shows.
    pub settings: Option<Settings>,
}

/// What Stripe still wants to know of an account.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Requirements {
    /// What is overdue.
    #[serde(default)]
    pub past_due: Vec<String>,
    /// What is wanted by the deadline.
    #[serde(default)]
    pub currently_due: Vec<String>,
    /// Why the account is restricted.
    pub disabled_reason: Option<String>,
}

/// An account's settings.
#[derive(Debug, Clone, Deserialize)]
pub struct Settings {
    /// The dashboard's part of them.
    pub dashboard: Option<Dashboard>,
}

/// How the dashboard shows an account.
#[derive(Debug, Clone, Deserialize)]
pub struct Dashboard {
    /// The account's name.
    pub display_name: Option<String>,
}

impl Account {
    /// The account's name and ID, for a sentence.
    #[must_use]
    pub fn name(&self) -> String {
        let settings = self.settings.as_ref().and_then(|settings| settings.dashboard.as_ref());
        match settings.and_then(|dashboard| dashboard.display_name.as_deref()) {
            Some(name) => format!("{} (\"{name}\")", self.id),
            None => self.id.clone(),
        }
    }
}

/// `GET /v1/balance`: the one object that always tells the key's mode.
#[derive(Debug, Clone, Deserialize)]
struct Balance {
    livemode: bool,
}

/// What Stripe makes of a key.
#[derive(Debug, Clone)]
pub enum Acceptance {
    /// It is a key; in which mode, where the key may read the balance.
    Accepted(Option<Seen<bool>>),
    /// It is none.
    Rejected(Refusal),
}

/// A request that no builder is at hand for; its path stands below `/v1`, as theirs do.
pub(super) fn get(path: &ApiPath) -> RequestBuilder {
    let mut request = RequestBuilder::new(StripeMethod::Get, path.as_str());
    request.query = path.parameters().map(str::to_owned);
    request
}

/// The cheapest question that tells whether a key is accepted, and its mode.
pub(super) fn balance() -> RequestBuilder {
    RetrieveForMyAccountBalance::new().build()
}

impl Stripe<'_> {
    /// What Stripe makes of the key; asked by `stripe/secret-key`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn acceptance(self) -> Result<Acceptance, NoAnswer> {
        match self.raw(&balance()).await? {
            Ok(answer) => {
                let Balance { livemode } = answer.json()?;
                Ok(Acceptance::Accepted(Some(Seen { value: livemode, answer })))
            }
            Err(refusal) if refusal.status == 401 => Ok(Acceptance::Rejected(refusal)),
            // A key that lacks a permission is a key.
            Err(refusal) if refusal.status == 403 => Ok(Acceptance::Accepted(None)),
            Err(refusal) => Err(refusal.unknown()),
        }
    }

    /// The account that the key belongs to; asked by `stripe/account`.
    ///
    /// # Errors
    /// Where nobody can tell, or Stripe rejects the key.
    pub async fn account(self) -> Result<Seen<Account>, NoAnswer> {
        // The builders' crate for accounts is large, and this request has no parameter.
        match self.raw(&get(&ApiPath::new("/account"))).await? {
            Ok(answer) => Ok(Seen { value: answer.json()?, answer }),
            Err(refusal) if refusal.status == 401 => Err(NoAnswer::Because(Cause::StripeKeyRejected)),
            Err(refusal) => Err(refusal.unknown()),
        }
    }

    /// The account that was meant.
    ///
    /// # Errors
    /// Blocked by `stripe/account` where the key belongs to another one.
    pub async fn right_account(self) -> Result<Seen<Account>, NoAnswer> {
        self.is_right_account().await?;
        self.account().await
    }

    /// The account of the key, where the ID of an object shows that another one has made it. The ID carries ten characters
    /// of its account's ID (facts.md, A1): a habit of Stripe's and no promise, so it is only read once Stripe has said that
    /// there is no such object.
    pub async fn foreign_account(self, id: &str) -> Option<String> {
        let account = self.account().await.ok()?.value.id;
        let made_by = id.split_once("_1")?.1.get(5..15)?;
        let ours = account.get(account.len().checked_sub(10)?..)?;
        (id.starts_with("price_1") && made_by != ours).then_some(account)
    }

    /// The permissions that a restricted key lacks of those that the checks need; empty for a key without restrictions.
    pub async fn missing_permissions(self) -> Vec<String> {
        if !self.key.value.as_ref().is_some_and(Secret::is_restricted) {
            return Vec::new();
        }
        let named = self.world.config.stripe.portal_configuration.value.as_deref();
        let portal = portal::first_request(named.and_then(|id| PortalConfigurationId::parse(id).ok()).as_ref());
        let mut needed = vec![
            balance(),
            get(&ApiPath::new("/account")),
            catalogue::products_page(None),
            endpoints::classic_page(None),
            self.events_page(),
            subscriptions::newest_page(),
            portal,
        ];
        let offer = subjects::offers(self.world).into_iter().next();
        let price = offer.and_then(|offer| PriceId::parse(offer.id()).ok());
        needed.extend(price.map(|price| catalogue::retrieve_price(&price)));
        let asked = futures::future::join_all(needed.iter().map(|request| self.raw(request))).await;
        let mut missing: Vec<String> = asked
            .into_iter()
            .filter_map(|asked| asked.ok()?.err())
            .filter_map(|refusal| refusal.permission())
            .collect();
        missing.sort();
        missing.dedup();
        missing
    }

    /// Whether what is asked is asked of the account that was meant: with a key of another one, every object would be
    /// missing, and for one cause.
    pub(super) async fn is_right_account(self) -> Result<(), NoAnswer> {
        // A sandbox, whose keys cannot be told from those of test mode, is an account of its own (facts.md, A1).
        let Some(wanted) = self.world.config.stripe.account.as_ref().filter(|_| !self.is_twin()) else { return Ok(()) };
        match self.account().await {
            Ok(account) if account.value.id != *wanted => Err(NoAnswer::Because(Cause::StripeAccountDiffers)),
            // Whoever cannot be told of the account finds out at their own question.
            _ => Ok(()),
        }
    }
}

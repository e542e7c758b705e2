//! Whose key it is.

use serde::Deserialize;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::balance::RetrieveForMyAccountBalance;

use super::super::id::{ApiPath, PortalConfigurationId, PriceId};
use super::super::subjects;
use super::{NoAnswer, Refusal, Seen, Stripe, catalogue, customers, endpoints, portal, subscriptions};
use crate::config::{Mode, Secret};
use crate::finding::{Answered, Cause};
use crate::world::field::Field;
use crate::world::transport::optional;

/// `GET /v1/account`, as far as a launch depends on it (facts.md, A2). Stripe promises the ID alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
    /// Whether it can take payments.
    #[serde(default)]
    pub charges_enabled: Field<bool>,
    /// Whether it is paid out.
    #[serde(default)]
    pub payouts_enabled: Field<bool>,
    /// The information that Stripe still needs.
    #[serde(default)]
    pub requirements: Field<Requirements>,
    #[serde(default)]
    settings: Field<Settings>,
}

/// The information that Stripe still needs about an account.
#[derive(Debug, Clone, Deserialize)]
pub struct Requirements {
    /// What is overdue; null is nothing.
    #[serde(default)]
    pub past_due: Field<Vec<String>>,
    /// What is due by the deadline; null is nothing.
    #[serde(default)]
    pub currently_due: Field<Vec<String>>,
    /// Why the account is restricted.
    #[serde(default)]
    pub disabled_reason: Field<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Settings {
    #[serde(default)]
    dashboard: Field<Dashboard>,
}

#[derive(Debug, Clone, Deserialize)]
struct Dashboard {
    #[serde(default)]
    display_name: Field<String>,
}

impl Account {
    /// The account's name and ID, for a sentence.
    #[must_use]
    pub fn name(&self) -> String {
        let dashboard = self.settings.value().and_then(|settings| settings.dashboard.value());
        match dashboard.and_then(|dashboard| dashboard.display_name.text()) {
            Some(name) => format!("{} (\"{name}\")", self.id),
            None => self.id.clone(),
        }
    }
}

/// `GET /v1/balance`: the one object that always tells the key's mode.
#[derive(Debug, Clone, Deserialize)]
struct Balance {
    #[serde(default)]
    livemode: Field<bool>,
}

/// What Stripe makes of a key.
#[derive(Debug, Clone)]
pub enum Acceptance {
    /// It is a key; in which mode, where the key may read the balance.
    Accepted(Option<Seen<Field<bool>>>),
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
        let account = optional(self.account()).await?.value.id;
        let made_by = id.split_once("_1")?.1.get(5..15)?;
        let ours = account.get(account.len().checked_sub(10)?..)?;
        (id.starts_with("price_1") && made_by != ours).then_some(account)
    }

    /// For each list that the checks read, the permission that a restricted key lacks for it, if it lacks one. Empty for a
    /// key without restrictions.
    pub async fn missing_permissions(self) -> Vec<Answered<Option<String>>> {
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
        if self.world.config.worker.checkout.is_some() && self.world.config.clerk.canary_user.value.is_some() {
            // To sell to the canary takes Stripe's word that it has no subscription. Nobody has this address.
            needed.push(customers::page_with("nobody@preflight.invalid"));
        }
        let offer = subjects::offers(self.world).into_iter().find(|offer| !offer.id().is_empty());
        let price = offer.and_then(|offer| PriceId::parse(offer.id()).ok());
        needed.extend(price.map(|price| catalogue::retrieve_price(&price)));
        let asked = needed.iter().map(|request| async move {
            let refusal = self.raw(request).await?.err();
            Ok(refusal.and_then(|refusal| refusal.permission()))
        });
        futures::future::join_all(asked).await
    }

    /// Whether what is asked is asked of the account that was meant: with a key of another one, every object would be
    /// missing, and for one cause.
    pub(super) async fn is_right_account(self) -> Result<(), NoAnswer> {
        // A sandbox is an account of its own, and its keys cannot be told from those of test mode (facts.md, A1).
        if self.mode == Mode::Test {
            return Ok(());
        }
        let Some(wanted) = self.world.config.stripe.account.as_ref() else { return Ok(()) };
        // A request whose own answer shows nothing of the account is not less answered without this one.
        match optional(self.account()).await {
            Some(account) if account.value.id != *wanted => Err(NoAnswer::Because(Cause::StripeAccountDiffers)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Account;
    use crate::world::field::Field;

    #[test]
    fn stripe_promises_nothing_of_an_account_but_its_id() {
        let account: Account = serde_json::from_value(json!({ "id": "acct_1", "object": "account" })).unwrap();
        assert_eq!(account.name(), "acct_1");
        assert!(account.charges_enabled.known("charges_enabled").is_err());
        assert!(account.requirements.known("requirements").is_err());
    }

    #[test]
    fn a_list_of_requirements_that_is_null_is_empty_and_one_that_is_absent_is_unknown() {
        let account: Account =
            serde_json::from_value(json!({ "id": "acct_1", "requirements": { "past_due": null } })).unwrap();
        let Field::Is(requirements) = account.requirements else { panic!("{account:?}") };
        assert_eq!(requirements.past_due.nullable("past_due"), Ok(None));
        assert!(requirements.currently_due.nullable("currently_due").is_err());
    }
}

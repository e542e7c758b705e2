//! Subscriptions and customers by formula: see [`ManyAccounts`]. They are all older than the others, and nothing changes them.

use serde_json::{Value, json};

use super::caller::Caller;
use super::derived;
use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::store::{Created, Store, StoredObject, limit, list_of};
use crate::sandbox::Error;
use crate::sandbox::many_accounts::{ManyAccounts, PaidTier};
use crate::sandbox::recorded::Recorded;

/// The prices of the two tiers.
const PRO: &str = "price_1Rlivecme7LaunchProMonth";
const ENTERPRISE: &str = "price_1Rlivecme7LaunchEntMonth";
/// How long a canceled subscription lasted, in seconds.
const LASTED: i64 = 3 * 24 * 3600;

/// Subscriptions and customers by formula.
#[derive(Debug, Default)]
pub(super) struct ManySubscriptions {
    accounts: ManyAccounts,
    /// What every subscription to either tier looks like.
    pro: Value,
    enterprise: Value,
    customer: Value,
}

/// One object of a list.
enum Listed<'a> {
    Stored(&'a StoredObject),
    Formula(u64),
}

impl ManySubscriptions {
    /// As many as the document says.
    pub(super) fn new(accounts: ManyAccounts, store: &Store, recorded: &Recorded) -> Result<Self, Error> {
        if accounts.count == 0 {
            return Ok(Self::default());
        }
        let template = |price: &str| {
            let fields = json!({ "id": "sub_1", "items": { "data": [{ "price": price }] } });
            let mut body = recorded.complete("subscription", &fields)?;
            derived::subscription(&mut body, vec![store.body(ObjectKind::Price, &price.into())?], recorded)?;
            Ok::<_, Error>(body)
        };
        let (pro, enterprise) = (template(PRO)?, template(ENTERPRISE)?);
        Ok(Self { accounts, pro, enterprise, customer: recorded.complete("customer", &json!({}))? })
    }

    /// Whether there are any for this caller.
    pub(super) fn are_for(&self, caller: &Caller) -> bool {
        self.accounts.count > 0 && caller.livemode && caller.account == "acme"
    }

    /// Whether this is the ID of one of the customers.
    pub(super) fn has_customer(&self, id: &str) -> bool {
        self.accounts.of_customer(id).is_some()
    }

    /// The customer or the subscription with this ID.
    pub(super) fn find(&self, kind: ObjectKind, id: &str) -> Option<Value> {
        match kind {
            ObjectKind::Subscription => self.accounts.of_subscription(id).map(|number| self.subscription(number)),
            ObjectKind::Customer => self.accounts.of_customer(id).map(|number| {
                let mut customer = self.customer.clone();
                customer["id"] = id.into();
                customer["created"] = self.accounts.account(number).created().into();
                customer["email"] = format!("customer{number}@example.com").into();
                customer
            }),
            _ => None,
        }
    }

    fn subscription(&self, number: u64) -> Value {
        let account = self.accounts.account(number);
        let mut body = match account.tier() {
            PaidTier::Pro => self.pro.clone(),
            PaidTier::Enterprise => self.enterprise.clone(),
        };
        let (id, created) = (account.subscription(), account.created());
        body["items"]["data"][0]["subscription"] = id.as_str().into();
        body["items"]["data"][0]["created"] = created.into();
        for field in ["billing_cycle_anchor", "created", "start_date"] {
            body[field] = created.into();
        }
        body["customer"] = account.customer().into();
        body["status"] = account.status().into();
        if account.status() == "canceled" {
            body["canceled_at"] = (created + LASTED).into();
            body["ended_at"] = (created + LASTED).into();
        }
        if let Some(user) = account.named_user() {
            body["metadata"] = json!({ "userId": user, "tier": account.tier().value() });
        }
        body["id"] = id.into();
        body
    }

    /// The subscriptions that the parameters ask for, newest first, without making them if all are asked for.
    fn numbers(&self, parameters: &Parameters, created: &Created) -> Box<dyn DoubleEndedIterator<Item = u64> + '_> {
        let range = self.accounts.created_before(created.from())..self.accounts.created_before(created.until());
        let (customer, price) = (parameters.get("customer"), parameters.get("price").or(parameters.get("plan")));
        let status = parameters.get("status").map(str::to_owned);
        if let Some(number) = customer.map(|id| self.accounts.of_customer(id)) {
            // A customer has its own, and at most the next one's.
            let candidates = number.map_or(0..0, |number| number..(number + 2).min(self.accounts.count));
            let (customer, accounts) = (customer.map(str::to_owned), self.accounts);
            let theirs = candidates.filter(move |number| {
                let account = accounts.account(*number);
                range.contains(number)
                    && customer == Some(account.customer())
                    && has_status(status.as_deref(), account.status())
            });
            return Box::new(theirs.rev());
        }
        if status.as_deref() == Some("all") && price.is_none() {
            return Box::new(range.rev());
        }
        let (accounts, price) = (self.accounts, price.map(str::to_owned));
        Box::new(range.rev().filter(move |number| {
            let account = accounts.account(*number);
            let id = if account.tier() == PaidTier::Pro { PRO } else { ENTERPRISE };
            has_status(status.as_deref(), account.status()) && price.as_ref().is_none_or(|price| price == id)
        }))
    }

    /// A page of the list of subscriptions: the stored ones, and those by formula after them.
    pub(super) fn page(
        &self,
        parameters: &Parameters,
        stored: &[&StoredObject],
        created: &Created,
    ) -> Result<Value, StripeError> {
        let limit = limit(parameters)?;
        let all = || {
            let formula = self.numbers(parameters, created).map(Listed::Formula);
            stored.iter().map(|object| Listed::Stored(object)).chain(formula)
        };
        if parameters.get("ending_before").is_some() {
            return Err(StripeError::bad("The sandbox reads these subscriptions forward only.").about("ending_before"));
        }
        let after = parameters.get("starting_after");
        let after_formula = after.and_then(|id| self.accounts.of_subscription(id));
        let mut page: Vec<Listed<'_>> = match (after, after_formula) {
            (None, _) => all().take(limit + 1).collect(),
            (Some(_), Some(after)) => {
                let older = created.before(self.accounts.account(after).created() + 1);
                let rest = self.numbers(parameters, &older).skip_while(|number| *number >= after);
                rest.take(limit + 1).map(Listed::Formula).collect()
            }
            (Some(id), None) if stored.iter().any(|object| object.id() == id) => {
                let is_it = |listed: &Listed<'_>| matches!(listed, Listed::Stored(object) if object.id() == id);
                all().skip_while(|listed| !is_it(listed)).skip(1).take(limit + 1).collect()
            }
            (Some(id), None) => {
                let missing = StripeError::missing(&ObjectKind::Subscription.noun(), id, None);
                return Err(missing.in_parameter("starting_after"));
            }
        };
        let has_more = page.len() > limit;
        page.truncate(limit);
        let bodies = page.into_iter().map(|listed| match listed {
            Listed::Stored(object) => object.body.clone(),
            Listed::Formula(number) => self.subscription(number),
        });
        Ok(list_of(bodies.collect(), has_more, "/v1/subscriptions"))
    }
}

fn has_status(wanted: Option<&str>, status: &str) -> bool {
    match wanted {
        None => status != "canceled",
        Some("all") => true,
        Some("ended") => status == "canceled",
        Some(wanted) => wanted == status,
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_client::TestClient;

    const LIST: &str = "/v1/subscriptions?status=all";

    fn client() -> TestClient {
        TestClient::of(&["healthy-many-subscriptions"])
    }

    #[tokio::test]
    async fn all_pages_have_every_subscription_once_newest_first() {
        let client = client();
        let (mut ids, mut after) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("{LIST}&limit=100{after}")).await;
            ids.extend(page.ids().iter().map(ToString::to_string));
            if page.body["has_more"] == false {
                break;
            }
            after = format!("&starting_after={}", ids.last().unwrap());
        }
        assert_eq!((ids.len(), ids[2].as_str()), (3003, "sub_1Rlivecme7LaunchAda00001"));
        let formula: Vec<&String> = ids[3..].iter().rev().collect();
        assert!(formula.is_sorted() && formula[0] == "sub_1Rlivecme7Acct0000000000");
    }

    #[tokio::test]
    async fn a_span_of_time_has_the_subscriptions_created_in_it() {
        let client = client();
        let first = client.get(&format!("{LIST}&limit=100&created[lt]=1672700000")).await;
        let created = |body: &serde_json::Value| body["created"].as_i64().unwrap();
        let data = first.body["data"].as_array().unwrap();
        assert!(!data.is_empty() && data.iter().all(|body| created(body) < 1_672_700_000));
        let at = created(&data[0]);
        let same = client.get(&format!("{LIST}&created={at}")).await;
        assert!(same.ids().len() == 3 && same.body["data"].as_array().unwrap().iter().all(|body| created(body) == at));
        let none = client.get(&format!("{LIST}&created[lt]=1672531200")).await;
        assert!(none.ids().is_empty());
    }

    #[tokio::test]
    async fn a_customer_has_its_own_subscription() {
        let client = client();
        let theirs = client.get(&format!("{LIST}&customer=cus_Qacct000000042")).await;
        assert_eq!(theirs.ids(), ["sub_1Rlivecme7Acct0000000042"]);
        let one = client.get("/v1/subscriptions/sub_1Rlivecme7Acct0000000042").await;
        assert_eq!(one.body["customer"], "cus_Qacct000000042");
        assert_eq!(client.get("/v1/customers/cus_Qacct000000042").await.body["object"], "customer");
        assert_eq!(client.get("/v1/customers/cus_Qacct000003000").await.body["error"]["code"], "resource_missing");
    }
}

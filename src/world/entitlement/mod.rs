//! Who pays for what, and who has what: a sample of both sides.

mod person;
mod sold;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::clerk::User;
use super::id::{CustomerId, SubscriptionId};
use super::stripe::{Found, Refusal, Seen, Subscription};
use super::transport::Answer;
use super::{NoAnswer, World};
use crate::config::Mode;
use crate::finding::Cause;

use person::{Judged, Person};
use sold::Shop;

/// What the newest subscriptions and the newest users say of each other.
#[derive(Debug)]
pub struct Sample {
    /// Where the two sides disagree.
    pub cases: Vec<Case>,
    /// Why somebody could not be judged, where that was so.
    pub doubt: Option<NoAnswer>,
    /// How many subscriptions were read.
    pub subscriptions: usize,
    /// How many users were read.
    pub users: usize,
    /// How many users pay and have what they pay for.
    pub agree: usize,
    /// How many subscriptions grant a tier to nobody that could be found.
    pub unplaced: usize,
    /// How many users have something to look up that was not looked up.
    pub left: usize,
    /// The answer that holds the subscriptions.
    pub subscriptions_answer: Arc<Answer>,
    /// The answer that holds the newest users.
    pub users_answer: Arc<Answer>,
}

/// A user whose two sides disagree.
#[derive(Debug, Clone)]
pub struct Case {
    /// `user_…`.
    pub user: String,
    /// The plan in Clerk, where there is one.
    pub plan: Option<String>,
    /// The subscription that it is about, where there is one.
    pub subscription: Option<String>,
    /// How they disagree.
    pub mismatch: Mismatch,
}

/// How what is paid for and what is had disagree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// A tier is paid for, and none is had.
    PaidButFree {
        /// The tier's value.
        tier: String,
    },
    /// A tier is had, and nothing is paid for.
    FreeButEntitled,
    /// Another tier is had than is paid for.
    WrongTier {
        /// The value of the tier that is paid for.
        tier: String,
    },
    /// Somebody pays who is no user.
    GhostUser {
        /// The tier's value, where it is known.
        tier: Option<String>,
    },
    /// A tier is had although the subscription's status grants none.
    PastDueEntitled {
        /// The status.
        status: String,
    },
    /// What is paid for is no tier.
    NoTier {
        /// `price_…`.
        price: String,
    },
    /// Clerk holds the ID of a customer that Stripe does not know.
    NoSuchCustomer {
        /// `cus_…`.
        id: String,
        /// The mode that knows it, where Stripe says so.
        known_in: Option<Mode>,
    },
    /// Clerk holds the ID of a subscription that Stripe does not know.
    NoSuchSubscription {
        /// `sub_…`.
        id: String,
        /// The mode that knows it, where Stripe says so.
        known_in: Option<Mode>,
    },
}

/// Where users' IDs at Stripe stand.
const METADATA: &str = "a user's public metadata";
/// So many users at most are looked up at Stripe one by one; `reconcile` looks at all.
const LOOKED_UP: usize = 40;

impl World {
    /// The newest subscriptions and the newest users, held against each other.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn entitlement_sample(&self) -> Result<Sample, NoAnswer> {
        let (newest, page) = futures::join!(self.stripe().newest_subscriptions(), self.clerk().newest_users());
        let (newest, page) = (newest?, page?);
        let users = &page.value.users;
        let subscriptions = &newest.value.subscriptions;
        let by_user = self.users_of(subscriptions, users);
        let elsewhere = by_user.keys().filter(|id| !users.iter().any(|user| user.id == **id)).cloned().collect();
        let others = self.clerk().users_by_id(elsewhere).await?;
        let users: Vec<&User> = users.iter().chain(&others.users).filter(|user| !self.is_exempt(&user.id)).collect();
        let mut looked_up = self.look_up(&users, subscriptions, &by_user).await;
        let of_user = |user: &User| -> Vec<&Subscription> {
            let sampled = subscriptions.iter().filter(|subscription| {
                by_user.get(&user.id).is_some_and(|ids| ids.contains(&subscription.id))
                    || self.holds(user, subscription)
            });
            sampled.chain(looked_up.found.get(&user.id).into_iter().flatten()).collect()
        };
        let people: Vec<Person<'_>> = users.iter().map(|user| Person { user, subscriptions: of_user(user) }).collect();
        let shop = Shop::open(self, people.iter().flat_map(|person| &person.subscriptions).copied()).await;
        let mut sample = Sample {
            cases: std::mem::take(&mut looked_up.missing),
            doubt: looked_up.doubt.take(),
            subscriptions: subscriptions.len(),
            users: users.len(),
            agree: 0,
            unplaced: 0,
            left: 0,
            subscriptions_answer: newest.answer,
            users_answer: page.answer,
        };
        for person in &people {
            // Of whom Clerk holds something that is not there, that is said already.
            if sample.cases.iter().any(|case| case.user == person.user.id) {
                continue;
            }
            let is_left =
                looked_up.left.contains(&person.user.id) || self.may_pay_elsewhere(person, newest.value.are_all);
            if is_left && person.subscriptions.is_empty() {
                sample.left += 1;
                continue;
            }
            match shop.judge(person) {
                Judged::Fine => {}
                Judged::Agrees => sample.agree += 1,
                Judged::Case(case) => sample.cases.push(case),
                Judged::Doubt(why) => sample.doubt = Some(why),
            }
        }
        self.add_ghosts(&mut sample, &shop, subscriptions, &by_user, &users).await;
        Ok(sample)
    }

    /// Whose each subscription is: the IDs of subscriptions by user.
    fn users_of(&self, subscriptions: &[Subscription], users: &[User]) -> BTreeMap<String, BTreeSet<String>> {
        let mut by_user: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in subscriptions {
            let named = subscription.metadata.get(&self.config.entitlement.user_key).filter(|id| !id.is_empty());
            let holder = || users.iter().find(|user| self.holds(user, subscription)).map(|user| user.id.clone());
            if let Some(user) = named.cloned().or_else(holder) {
                by_user.entry(user).or_default().insert(subscription.id.clone());
            }
        }
        by_user.retain(|user, _| !self.is_exempt(user));
        by_user
    }

    /// Whether Clerk says that a subscription is this user's.
    fn holds(&self, user: &User, subscription: &Subscription) -> bool {
        self.customer_of(user) == Some(&subscription.customer) || self.subscription_of(user) == Some(&subscription.id)
    }

    fn customer_of<'u>(&self, user: &'u User) -> Option<&'u str> {
        user.public_metadata().ok()?.get(&self.config.clerk.customer_key)?.as_str().filter(|id| !id.is_empty())
    }

    fn subscription_of<'u>(&self, user: &'u User) -> Option<&'u str> {
        user.public_metadata().ok()?.get(&self.config.clerk.subscription_key)?.as_str().filter(|id| !id.is_empty())
    }

    /// Who has a tier without paying, and is meant to.
    fn is_exempt(&self, user: &str) -> bool {
        self.config.clerk.canary_user.value.as_deref() == Some(user)
            || self.config.entitlement.comped.iter().any(|comped| comped == user)
    }

    /// Whether a subscription that is older than the sample could be this user's, without Clerk saying which.
    fn may_pay_elsewhere(&self, person: &Person<'_>, are_all: bool) -> bool {
        let names_nothing = self.customer_of(person.user).is_none() && self.subscription_of(person.user).is_none();
        !are_all && names_nothing && self.paid_plan(person.user).is_some()
    }

    /// Asks Stripe for what Clerk holds of users beyond the sample: those with a tier first.
    async fn look_up(
        &self,
        users: &[&User],
        sampled: &[Subscription],
        by_user: &BTreeMap<String, BTreeSet<String>>,
    ) -> LookedUp {
        let is_known = |id: &str| sampled.iter().any(|known| known.id == id || known.customer == id);
        let mut wanting: Vec<(&User, Option<&str>, Option<&str>)> = users
            .iter()
            .map(|user| {
                let customer = self.customer_of(user).filter(|id| !is_known(id));
                (*user, customer, self.subscription_of(user).filter(|id| !is_known(id)))
            })
            .filter(|(_, customer, subscription)| customer.is_some() || subscription.is_some())
            .collect();
        wanting.sort_by_key(|(user, ..)| (self.paid_plan(user).is_none(), by_user.contains_key(&user.id)));
        let mut looked_up = LookedUp::default();
        looked_up.left.extend(wanting.iter().skip(LOOKED_UP).map(|(user, ..)| user.id.clone()));
        wanting.truncate(LOOKED_UP);
        let asked = wanting.iter().map(|(_, customer, subscription)| self.held_ids(*customer, *subscription));
        for ((user, ..), asked) in wanting.iter().zip(futures::future::join_all(asked).await) {
            match asked {
                Ok((found, missing)) => {
                    let case = |mismatch| Case {
                        user: user.id.clone(),
                        plan: self.plan_text(user),
                        subscription: self.subscription_of(user).map(str::to_owned),
                        mismatch,
                    };
                    looked_up.missing.extend(missing.map(case));
                    looked_up.found.insert(user.id.clone(), found);
                }
                Err(why) => {
                    looked_up.left.insert(user.id.clone());
                    looked_up.doubt = Some(why);
                }
            }
        }
        looked_up
    }

    /// What Stripe has under the IDs that Clerk holds, and which of them it does not know.
    async fn held_ids(
        &self,
        customer: Option<&str>,
        subscription: Option<&str>,
    ) -> Result<(Vec<Subscription>, Option<Mismatch>), NoAnswer> {
        let (mut found, mut missing) = (Vec::new(), None);
        let known_in = |refusal: &Refusal| refusal.other_mode();
        if let Some(id) = customer {
            let asked = CustomerId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
            match self.stripe().subscriptions_of(&asked).await? {
                Found::Here(Seen { value, .. }) => found = value,
                Found::Missing(refusal) => {
                    missing = Some(Mismatch::NoSuchCustomer { id: id.to_owned(), known_in: known_in(&refusal) });
                }
            }
        }
        if let Some(id) = subscription.filter(|id| !found.iter().any(|found| found.id == **id)) {
            let asked = SubscriptionId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
            match self.stripe().subscription(&asked).await? {
                Found::Here(Seen { value, .. }) => found.push(value),
                Found::Missing(refusal) => {
                    let no_such = Mismatch::NoSuchSubscription { id: id.to_owned(), known_in: known_in(&refusal) };
                    missing.get_or_insert(no_such);
                }
            }
        }
        Ok((found, missing))
    }

    /// Who pays and is no user, and how many pay of whom nobody says who they are.
    async fn add_ghosts(
        &self,
        sample: &mut Sample,
        shop: &Shop<'_>,
        subscriptions: &[Subscription],
        by_user: &BTreeMap<String, BTreeSet<String>>,
        users: &[&User],
    ) {
        let owner: HashMap<&str, &str> =
            by_user.iter().flat_map(|(user, ids)| ids.iter().map(|id| (id.as_str(), user.as_str()))).collect();
        let mut ghosts = Vec::new();
        // Another business on the same account has users of its own.
        let sold = subscriptions.iter().filter(|subscription| shop.entitles(subscription) && shop.sells(subscription));
        for subscription in sold {
            match owner.get(subscription.id.as_str()) {
                Some(user) if users.iter().any(|known| known.id == **user) || shop.is_fresh(subscription) => {}
                Some(user) => ghosts.push(Case {
                    user: (*user).to_owned(),
                    plan: None,
                    subscription: Some(subscription.id.clone()),
                    mismatch: Mismatch::GhostUser { tier: shop.tier_of(subscription) },
                }),
                None => {
                    let named = subscription.metadata.get(&self.config.entitlement.user_key);
                    sample.unplaced += usize::from(!named.is_some_and(|user| self.is_exempt(user)));
                }
            }
        }
        if !ghosts.is_empty() {
            // At another instance nobody is known.
            match self.clerk().shared_keys().await.map(|keys| keys.value.are_shared) {
                Ok(false) => sample.doubt = Some(NoAnswer::Because(Cause::ClerkInstancesDiffer)),
                _ => sample.cases.extend(ghosts),
            }
        }
    }
}

/// What Stripe has of the users whom the sample does not show.
#[derive(Debug, Default)]
struct LookedUp {
    found: HashMap<String, Vec<Subscription>>,
    missing: Vec<Case>,
    left: BTreeSet<String>,
    doubt: Option<NoAnswer>,
}

//! Who pays for what, and who has what: a sample of both sides.

mod person;
mod sold;
mod twice;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::clerk::User;
use super::id::{CustomerId, SubscriptionId};
use super::seen::Seen;
use super::stripe::{Found, Newest, StripeError, Subscription};
use super::transport::{Answer, optional};
use super::{NoAnswer, World};
use crate::config::Mode;
use crate::finding::{Answered, Cause};

use person::{Judged, Person};
use sold::{Shop, Sold};

/// What the newest subscriptions and the newest users say of each other.
#[derive(Debug)]
pub struct Sample {
    /// What came of each user and each subscription.
    pub parts: Vec<Part>,
    /// How many subscriptions were read.
    pub subscriptions: usize,
    /// How many users were read.
    pub users: usize,
    /// Whether these are all users.
    pub are_all_users: bool,
    /// The response that holds the subscriptions.
    pub subscriptions_answer: Arc<Answer>,
    /// The response that holds the newest users.
    pub users_answer: Arc<Answer>,
}

/// What came of one user or one subscription.
#[derive(Debug, Clone)]
pub enum Part {
    /// A user pays and has the tier.
    Agrees,
    /// A user pays for one thing and has another.
    Case(Case),
    /// A customer pays twice.
    ChargedTwice {
        /// `cus_…`.
        customer: String,
        /// `sub_…`, the oldest first.
        subscriptions: Vec<String>,
    },
    /// A subscription to a tier that cannot be matched to a user: `sub_…`.
    Unmapped(String),
    /// A user who may have a subscription beyond the sample, which was not looked up.
    NotLookedUp,
    /// It could not be told.
    Unanswered(NoAnswer),
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
/// Clerk gives so many users at once: with fewer on the first page, these are all.
const USERS_AT_ONCE: usize = 500;

impl World {
    /// The newest subscriptions and the newest users, held against each other.
    ///
    /// # Errors
    /// Unknown where Stripe or Clerk gives no answer.
    pub async fn entitlement_sample(&self) -> Answered<Sample> {
        let (newest, page) = futures::join!(self.stripe().newest_subscriptions(), self.clerk().newest_users());
        let (Newest { listed, are_all }, page) = (newest?, page?);
        let (newest_users, users_answer) = (page.value, page.answer);
        let subscriptions = &listed.items;
        let mut parts: Vec<Part> =
            listed.unread.into_iter().chain(newest_users.unread.clone()).map(Part::Unanswered).collect();
        let by_user = self.users_of(subscriptions, &newest_users.users);
        let is_listed = |id: &String| newest_users.users.iter().any(|user| user.id == *id);
        let elsewhere = by_user.keys().filter(|id| !is_listed(id)).cloned().collect();
        let others = self.clerk().users_by_id(elsewhere).await;
        let (others, unread_users) = match others {
            // With no user at all, the answer says nothing of those who pay.
            Ok(_) if newest_users.is_empty() && !by_user.is_empty() => {
                (Vec::new(), Some(NoAnswer::unknown("Clerk lists no users, although subscriptions name some")))
            }
            Ok(others) => (others.users, others.unread.into_iter().chain(newest_users.unread.clone()).next()),
            Err(why) => (Vec::new(), Some(why)),
        };
        parts.extend(unread_users.iter().cloned().map(Part::Unanswered));
        let users: Vec<&User> =
            newest_users.users.iter().chain(&others).filter(|user| !self.is_exempt(&user.id)).collect();
        let mut looked_up = self.look_up(&users, subscriptions, &by_user).await;
        parts.append(&mut looked_up.parts);
        let of_user = |user: &User| -> Vec<&Subscription> {
            let sampled = subscriptions.iter().filter(|subscription| {
                by_user.get(&user.id).is_some_and(|ids| ids.contains(&subscription.id))
                    || self.holds(user, subscription)
            });
            sampled.chain(looked_up.found.get(&user.id).into_iter().flatten()).collect()
        };
        let people: Vec<Person<'_>> = users.iter().map(|user| Person { user, subscriptions: of_user(user) }).collect();
        let looked_up_subscriptions = looked_up.found.values().flatten();
        let shop = Shop::open(self, subscriptions.iter().chain(looked_up_subscriptions)).await;
        for person in &people {
            // If Clerk holds an ID of this user that does not exist, that is said already.
            let is_case = |part: &Part| matches!(part, Part::Case(case) if case.user == person.user.id);
            if parts.iter().any(is_case) {
                continue;
            }
            if let Err(why) = person.user.public_metadata() {
                parts.push(Part::Unanswered(why));
                continue;
            }
            let is_left = looked_up.left.contains(&person.user.id) || self.may_pay_elsewhere(person, are_all);
            if is_left && person.subscriptions.is_empty() {
                parts.push(Part::NotLookedUp);
                continue;
            }
            match shop.judge(person) {
                Judged::Fine => {}
                Judged::Agrees => parts.push(Part::Agrees),
                Judged::Case(case) => parts.push(Part::Case(case)),
                Judged::Doubt(why) => parts.push(Part::Unanswered(why)),
            }
        }
        let known: BTreeSet<&str> = users.iter().map(|user| user.id.as_str()).collect();
        parts.extend(self.unmatched(&shop, subscriptions, &by_user, &known, unread_users.is_none()).await);
        parts.extend(shop.charged_twice(subscriptions.iter().chain(looked_up.found.values().flatten())));
        Ok(Sample {
            parts,
            subscriptions: subscriptions.len(),
            users: users.len(),
            are_all_users: !newest_users.is_empty() && newest_users.len() < USERS_AT_ONCE,
            subscriptions_answer: listed.answer,
            users_answer,
        })
    }

    /// Whose each subscription is: the IDs of subscriptions by user.
    fn users_of(&self, subscriptions: &[Subscription], users: &[User]) -> BTreeMap<String, BTreeSet<String>> {
        let mut by_user: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for subscription in subscriptions {
            let named = subscription.metadata.text(&self.config.entitlement.user_key).filter(|id| !id.is_empty());
            let holder = || users.iter().find(|user| self.holds(user, subscription)).map(|user| user.id.as_str());
            if let Some(user) = named.or_else(holder) {
                by_user.entry(user.to_owned()).or_default().insert(subscription.id.clone());
            }
        }
        by_user.retain(|user, _| !self.is_exempt(user));
        by_user
    }

    /// Whether Clerk says that a subscription is this user's.
    fn holds(&self, user: &User, subscription: &Subscription) -> bool {
        (subscription.customer.text().is_some() && self.customer_of(user) == subscription.customer.text())
            || self.subscription_of(user) == Some(&subscription.id)
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
        let is_known = |id: &str| sampled.iter().any(|known| known.id == id || known.customer.text() == Some(id));
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
                Ok(Held { found, missing, unread }) => {
                    looked_up.parts.extend(unread.into_iter().map(Part::Unanswered));
                    let case = |mismatch| Case {
                        user: user.id.clone(),
                        plan: self.plan_text(user),
                        subscription: self.subscription_of(user).map(str::to_owned),
                        mismatch,
                    };
                    looked_up.parts.extend(missing.map(case).map(Part::Case));
                    looked_up.found.insert(user.id.clone(), found);
                }
                Err(why) => {
                    looked_up.left.insert(user.id.clone());
                    looked_up.parts.push(Part::Unanswered(why));
                }
            }
        }
        looked_up
    }

    /// What Stripe has under the IDs that Clerk holds, and which of them it does not know.
    async fn held_ids(&self, customer: Option<&str>, subscription: Option<&str>) -> Answered<Held> {
        let mut held = Held::default();
        let known_in = |refusal: &StripeError| refusal.other_mode();
        if let Some(id) = customer {
            let asked = CustomerId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
            match self.stripe().subscriptions_of(&asked).await? {
                Found::Here(Seen { value: (found, unread), .. }) => (held.found, held.unread) = (found, unread),
                Found::Missing(refusal) => {
                    held.missing = Some(Mismatch::NoSuchCustomer { id: id.to_owned(), known_in: known_in(&refusal) });
                }
            }
        }
        if let Some(id) = subscription.filter(|id| !held.found.iter().any(|found| found.id == **id)) {
            let asked = SubscriptionId::parse(id).map_err(|malformed| malformed.in_place(METADATA))?;
            match self.stripe().subscription(&asked).await? {
                Found::Here(Seen { value, .. }) => held.found.push(value),
                Found::Missing(refusal) => {
                    let no_such = Mismatch::NoSuchSubscription { id: id.to_owned(), known_in: known_in(&refusal) };
                    held.missing.get_or_insert(no_such);
                }
            }
        }
        Ok(held)
    }

    /// The paid subscriptions whose user does not exist, or is not named anywhere.
    async fn unmatched(
        &self,
        shop: &Shop<'_>,
        subscriptions: &[Subscription],
        by_user: &BTreeMap<String, BTreeSet<String>>,
        known: &BTreeSet<&str>,
        are_users_read: bool,
    ) -> Vec<Part> {
        let owner: HashMap<&str, &str> =
            by_user.iter().flat_map(|(user, ids)| ids.iter().map(|id| (id.as_str(), user.as_str()))).collect();
        let (mut parts, mut ghosts) = (Vec::new(), Vec::new());
        for subscription in subscriptions.iter().filter(|subscription| shop.entitles(subscription)) {
            let owner = owner.get(subscription.id.as_str()).copied();
            if owner.is_some_and(|user| known.contains(user)) {
                continue;
            }
            let tier = match shop.sold(subscription) {
                // Another business on the same account has users of its own.
                Sold::Nothing => continue,
                Sold::Tier(tier) => Some(tier.metadata.clone()),
                Sold::Doubtful(tiers, why) if tiers.is_empty() => {
                    parts.push(Part::Unanswered(why));
                    continue;
                }
                Sold::Doubtful(..) => None,
            };
            match shop.is_fresh(subscription) {
                Ok(true) => continue,
                Ok(false) => {}
                Err(why) => {
                    parts.push(Part::Unanswered(why));
                    continue;
                }
            }
            let key = &self.config.entitlement.user_key;
            match (owner, subscription.metadata.get(key, &subscription.id)) {
                (Some(user), _) if are_users_read => ghosts.push(Part::Case(Case {
                    user: user.to_owned(),
                    plan: None,
                    subscription: Some(subscription.id.clone()),
                    mismatch: Mismatch::GhostUser { tier },
                })),
                // That the users could not be read is said already.
                (Some(_), _) => {}
                (None, Ok(Some(user))) if self.is_exempt(user) => {}
                (None, Ok(_)) => parts.push(Part::Unmapped(subscription.id.clone())),
                (None, Err(why)) => parts.push(Part::Unanswered(why)),
            }
        }
        if !ghosts.is_empty() {
            // In another instance no user is known. Without an answer, that the users were not found stands for itself.
            match optional(self.clerk().shared_keys()).await.map(|keys| keys.value.are_shared) {
                Some(false) => parts.push(Part::Unanswered(NoAnswer::Because(Cause::ClerkInstancesDiffer))),
                _ => parts.extend(ghosts),
            }
        }
        parts
    }
}

/// What Stripe has of the users whom the sample does not show.
#[derive(Debug, Default)]
struct LookedUp {
    found: HashMap<String, Vec<Subscription>>,
    parts: Vec<Part>,
    left: BTreeSet<String>,
}

/// What Stripe has under the IDs that Clerk holds of one user.
#[derive(Debug, Default)]
struct Held {
    found: Vec<Subscription>,
    missing: Option<Mismatch>,
    unread: Vec<NoAnswer>,
}

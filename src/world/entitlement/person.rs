//! One user: what is paid for, and what is had.

use super::super::clerk::User;
use super::super::stripe::Subscription;
use super::super::{NoAnswer, World, plan_text};
use super::sold::{Shop, Sold};
use super::{Case, Mismatch};
use crate::config::Tier;
use crate::finding::{Answered, Cause};

/// A user, and the subscriptions that are known to be theirs.
#[derive(Debug)]
pub(super) struct Person<'s> {
    pub user: &'s User,
    pub subscriptions: Vec<&'s Subscription>,
}

/// What comes of a user.
#[derive(Debug)]
pub(super) enum Judged {
    /// Nothing is paid for and nothing is had, or it is too early to tell.
    Fine,
    /// What is paid for is had.
    Agrees,
    /// The two disagree.
    Case(Case),
    /// It cannot be told.
    Doubt(NoAnswer),
}

/// A webhook takes moments and is repeated for minutes: what happened since may not have arrived. In seconds.
const GRACE: i64 = 10 * 60;
/// A user who was written just now may have been written by a subscription that was read too early. In seconds.
const JUST_WRITTEN: i64 = 2 * 60;

impl World {
    /// The plan of a user as Clerk has it; JSON where it is no text.
    pub(super) fn plan_text(&self, user: &User) -> Option<String> {
        user.public_metadata().ok()?.get(&self.config.clerk.metadata_key).and_then(plan_text)
    }

    /// The paid tier that a user has.
    pub(super) fn paid_plan(&self, user: &User) -> Option<&Tier> {
        self.plan(user).ok().flatten().filter(|tier| !tier.prices.is_empty())
    }

    /// The tier that a user has, or that the plan is no tier's value.
    fn plan(&self, user: &User) -> Result<Option<&Tier>, String> {
        let Some(plan) = self.plan_text(user) else { return Ok(None) };
        self.config.tiers.iter().find(|tier| tier.metadata == plan).map(Some).ok_or(plan)
    }
}

impl<'w> Shop<'w> {
    /// Whether a subscription's status grants its tier.
    pub fn entitles(&self, subscription: &Subscription) -> bool {
        self.world.config.entitlement.entitling_statuses.contains(&subscription.status)
    }

    /// Whether something happened to it that may not have arrived yet.
    pub fn is_fresh(&self, subscription: &Subscription) -> Answered<bool> {
        Ok(self.world.now.as_second() - subscription.changed()? < GRACE)
    }

    /// Holds what a user pays for against what the user has.
    pub fn judge(&self, person: &Person<'_>) -> Judged {
        let mut unknown_age = None;
        for subscription in &person.subscriptions {
            match self.is_fresh(subscription) {
                Ok(true) => return Judged::Fine,
                Ok(false) => {}
                Err(why) => unknown_age = Some(why),
            }
        }
        match (self.judge_settled(person), unknown_age) {
            // What disagrees may just not have arrived yet.
            (Judged::Case(_), Some(why)) => Judged::Doubt(why),
            (judged, _) => judged,
        }
    }

    fn judge_settled(&self, person: &Person<'_>) -> Judged {
        let entitling: Vec<&Subscription> =
            person.subscriptions.iter().copied().filter(|subscription| self.entitles(subscription)).collect();
        match (self.world.plan(person.user), entitling.is_empty()) {
            // A user who pays nothing and has no tier is not a case, whatever the plan says.
            (Err(_), true) => Judged::Fine,
            (Err(_), false) => Judged::Doubt(NoAnswer::Because(Cause::PlanUnknown)),
            (Ok(plan), true) => self.without_payment(person, plan.filter(|tier| !tier.prices.is_empty())),
            (Ok(plan), false) => self.with_payment(person, plan, &entitling),
        }
    }

    fn with_payment(&self, person: &Person<'_>, plan: Option<&'w Tier>, entitling: &[&Subscription]) -> Judged {
        let (mut paid, mut doubt) = (Vec::new(), None);
        for subscription in entitling {
            match self.sold(subscription) {
                Sold::Tier(tier) => paid.push((tier, *subscription)),
                Sold::Doubtful(tiers, why) => {
                    doubt = Some(why);
                    paid.extend(tiers.into_iter().map(|tier| (tier, *subscription)));
                }
                Sold::Nothing => {}
            }
        }
        let has = |tier: &Tier| plan.is_some_and(|plan| plan.name == tier.name);
        if paid.iter().any(|(tier, _)| has(tier)) {
            return Judged::Agrees;
        }
        if let Some(why) = doubt.or_else(|| if paid.is_empty() { self.unsettled.clone() } else { None }) {
            return Judged::Doubt(why);
        }
        let Some((tier, subscription)) = paid.first() else {
            let price = entitling.iter().filter_map(|subscription| subscription.prices().ok()).flatten().next();
            let price = price.map_or_else(String::new, |price| price.id.clone());
            return self.case(person, entitling.first().copied(), Mismatch::NoTier { price });
        };
        let tier_value = tier.metadata.clone();
        let mismatch = match plan.filter(|plan| !plan.prices.is_empty()) {
            None if tier.prices.is_empty() => return Judged::Fine,
            None => Mismatch::PaidButFree { tier: tier_value },
            Some(_) => Mismatch::WrongTier { tier: tier_value },
        };
        self.case(person, Some(subscription), mismatch)
    }

    fn without_payment(&self, person: &Person<'_>, plan: Option<&Tier>) -> Judged {
        let Some(plan) = plan else { return Judged::Fine };
        let lapsed = person.subscriptions.iter().copied().find(|subscription| !subscription.is_over());
        if let Some(subscription) = lapsed {
            // A tier other than the one that is due is not a grace period.
            let is_its = match self.sold(subscription) {
                Sold::Tier(tier) => tier.name == plan.name,
                Sold::Doubtful(..) | Sold::Nothing => true,
            };
            let status = subscription.status.clone();
            let mismatch = if is_its { Mismatch::PastDueEntitled { status } } else { Mismatch::FreeButEntitled };
            return self.case(person, Some(subscription), mismatch);
        }
        match person.user.updated_at() {
            Ok(written) if self.world.now.as_millisecond() - written < JUST_WRITTEN * 1000 => return Judged::Fine,
            Ok(_) => {}
            Err(why) => return Judged::Doubt(why),
        }
        // The canary has a tier and no subscription, and may be this user.
        if person.subscriptions.is_empty()
            && let Err(why) = self.world.known_canary_id()
        {
            return Judged::Doubt(match why {
                NoAnswer::Unknown(reason) => {
                    let user = &person.user.id;
                    NoAnswer::Unknown(format!("{user} has a tier and no subscription, and may be the canary: {reason}"))
                }
                because => because,
            });
        }
        let last = person.subscriptions.iter().copied().max_by_key(|subscription| subscription.created);
        self.case(person, last, Mismatch::FreeButEntitled)
    }

    fn case(&self, person: &Person<'_>, subscription: Option<&Subscription>, mismatch: Mismatch) -> Judged {
        Judged::Case(Case {
            user: person.user.id.clone(),
            plan: self.world.plan_text(person.user),
            subscription: subscription.map(|subscription| format!("{} ({})", subscription.id, subscription.status)),
            mismatch,
        })
    }
}

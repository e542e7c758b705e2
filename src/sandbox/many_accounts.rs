//! Accounts by formula: each has a user at Clerk and a subscription at Stripe, which are made when they are requested.

use serde::Deserialize;

/// How many accounts there are, all older than every named object.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManyAccounts {
    /// How many.
    pub count: u64,
    /// Whether one of each kind of drift is among the oldest.
    #[serde(default)]
    pub drift: bool,
}

/// What is wrong with an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drift {
    /// The user pays and has no plan.
    PaidButFree,
    /// The subscription ended, and the user still has its plan.
    FreeButEntitled,
    /// The user pays for Pro and has Enterprise.
    WrongTier,
    /// The last payment failed, and the user still has the plan.
    PastDue,
    /// The subscription names a user who does not exist.
    GhostUser,
    /// The user's metadata names a customer who does not exist.
    GhostCustomer,
    /// The user's metadata names a subscription that does not exist.
    GhostSubscription,
    /// Neither side names the other.
    Unmappable,
    /// The customer also has the next account's subscription.
    TwoSubscriptions,
}

impl Drift {
    /// Every kind, in the order of their accounts.
    pub const ALL: [Self; 9] = [
        Self::PaidButFree,
        Self::FreeButEntitled,
        Self::WrongTier,
        Self::PastDue,
        Self::GhostUser,
        Self::GhostCustomer,
        Self::GhostSubscription,
        Self::Unmappable,
        Self::TwoSubscriptions,
    ];

    /// The number of the account that has it.
    #[must_use]
    pub fn account(self) -> u64 {
        let place = Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default();
        FIRST_DRIFT + DRIFT_INTERVAL * place as u64
    }
}

/// The account with the first kind of drift, and how many accounts follow until the next kind. None of them is canceled.
const FIRST_DRIFT: u64 = 11;
const DRIFT_INTERVAL: u64 = 20;
/// When the first account was created, in Unix seconds.
const EPOCH: i64 = 1_672_531_200;
/// What makes the millionth account two years younger than the first: more and more sign up.
const GROWTH: u64 = 3_600_000_000;
/// So many accounts are created in the same second.
const AT_ONCE: u64 = 3;
/// What the IDs begin with.
const USER: &str = "user_2acct";
const CUSTOMER: &str = "cus_Qacct";
const SUBSCRIPTION: &str = "sub_1Rlivecme7Acct";

/// The tier that an account pays for, or paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PaidTier {
    Pro,
    Enterprise,
}

impl PaidTier {
    /// Its value in metadata.
    pub(super) const fn value(self) -> &'static str {
        match self {
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }
}

/// An account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    number: u64,
    drift: Option<Drift>,
    /// Whether the account before has this one's subscription too.
    lends: bool,
}

impl ManyAccounts {
    /// The account with this number, counted from the oldest.
    pub(super) fn account(self, number: u64) -> Account {
        let drift = Drift::ALL.into_iter().find(|kind| self.drift && kind.account() == number);
        let lends = self.drift && number == Drift::TwoSubscriptions.account() + 1;
        Account { number, drift, lends }
    }

    /// How many accounts were created before this second.
    pub(super) fn created_before(self, second: i64) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.account(middle).created() < second { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// The number of the account whose user has this ID.
    pub(super) fn of_user(self, id: &str) -> Option<u64> {
        self.number(id, USER)
    }

    /// The number of the account whose customer has this ID.
    pub(super) fn of_customer(self, id: &str) -> Option<u64> {
        self.number(id, CUSTOMER)
    }

    /// The number of the account whose subscription has this ID.
    pub(super) fn of_subscription(self, id: &str) -> Option<u64> {
        self.number(id, SUBSCRIPTION)
    }

    fn number(self, id: &str, prefix: &str) -> Option<u64> {
        id.strip_prefix(prefix)?.parse().ok().filter(|number| *number < self.count)
    }
}

impl Account {
    /// The ID of its user, who exists.
    pub(super) fn user(self) -> String {
        user(self.number)
    }

    /// The ID of its subscription.
    pub(super) fn subscription(self) -> String {
        format!("{SUBSCRIPTION}{:010}", self.number)
    }

    /// The ID of the customer who has its subscription.
    pub(super) fn customer(self) -> String {
        customer(self.holder())
    }

    /// The number of the account whose customer has its subscription.
    fn holder(self) -> u64 {
        if self.lends { self.number - 1 } else { self.number }
    }

    /// When it was created, in Unix seconds.
    pub(super) fn created(self) -> i64 {
        let age = (self.number / AT_ONCE * AT_ONCE).saturating_mul(GROWTH).isqrt();
        EPOCH.saturating_add(i64::try_from(age).unwrap_or(i64::MAX))
    }

    /// The tier that its subscription is for.
    pub(super) const fn tier(self) -> PaidTier {
        if self.number.is_multiple_of(5) { PaidTier::Enterprise } else { PaidTier::Pro }
    }

    /// The status of its subscription.
    pub(super) const fn status(self) -> &'static str {
        match (self.drift, self.number % 10) {
            (Some(Drift::FreeButEntitled), _) | (None, 9) => "canceled",
            (Some(Drift::PastDue), _) => "past_due",
            (None, 8) => "trialing",
            _ => "active",
        }
    }

    /// The user whom its subscription names.
    pub(super) fn named_user(self) -> Option<String> {
        match self.drift {
            Some(Drift::Unmappable) => None,
            Some(Drift::GhostUser) => Some(format!("user_2gone{:022}", self.number)),
            _ => Some(user(self.holder())),
        }
    }

    /// The plan, the customer and the subscription in its user's public metadata.
    pub(super) fn metadata(self) -> (Option<&'static str>, Option<String>, Option<String>) {
        let (plan, customer, subscription) = (self.tier().value(), self.customer(), self.subscription());
        match self.drift {
            Some(Drift::PaidButFree | Drift::GhostUser | Drift::Unmappable) => (None, None, None),
            Some(Drift::WrongTier) => (Some("enterprise"), Some(customer), Some(subscription)),
            Some(Drift::GhostCustomer) => (Some(plan), Some("cus_QgoneCustomer1".to_owned()), Some(subscription)),
            Some(Drift::GhostSubscription) => {
                (Some(plan), Some(customer), Some("sub_1Rlivecme7LaunchNowhere0".to_owned()))
            }
            _ if self.lends => (None, None, None),
            None if self.status() == "canceled" => (Some("free"), None, None),
            _ => (Some(plan), Some(customer), Some(subscription)),
        }
    }
}

fn user(number: u64) -> String {
    format!("{USER}{number:022}")
}

fn customer(number: u64) -> String {
    format!("{CUSTOMER}{number:09}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accounts_created_before_a_second_are_counted() {
        let many = ManyAccounts { count: 5000, drift: false };
        assert_eq!((many.created_before(EPOCH), many.created_before(i64::MAX)), (0, 5000));
        for number in [0, 1, 7, 2500, 4999] {
            let before = many.created_before(many.account(number).created());
            assert_eq!(before, number / AT_ONCE * AT_ONCE, "{number}");
        }
    }

    #[test]
    fn accounts_with_drift_pay_for_pro_and_are_not_canceled_otherwise() {
        for kind in Drift::ALL {
            let healthy = ManyAccounts { count: 1000, drift: false }.account(kind.account());
            assert_eq!((healthy.tier(), healthy.status()), (PaidTier::Pro, "active"), "{kind:?}");
        }
    }

    #[test]
    fn ids_have_the_usual_length() {
        let account = ManyAccounts { count: 1, drift: false }.account(0);
        assert_eq!([account.user(), account.customer(), account.subscription()].map(|id| id.len()), [32, 18, 28]);
    }
}

//! What can differ between Stripe and Clerk.

use std::cmp::Ordering;

use schemars::JsonSchema;
use serde::Serialize;

use super::monthly::Monthly;

/// How an account differs, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Bucket {
    /// A user or an organization pays for a tier and has none.
    PaidButFree,
    /// A user or an organization has a tier and does not pay for it.
    FreeButEntitled,
    /// A user or an organization has another tier than the one paid for.
    WrongTier,
    /// A user or an organization has the tier of a subscription whose status does not grant it.
    PastDueEntitled,
    /// An ID that does not exist: a user or an organization in a subscription's metadata, a customer or a subscription in
    /// theirs.
    Ghost,
    /// A paid subscription that names no user or organization, and that none names: canceling it would never take the tier away.
    Unmappable,
    /// A customer is charged for several subscriptions.
    TwoSubscriptions,
    /// A user or an organization pays for a price that does not belong to any tier. For information.
    NoTier,
    /// A user or an organization has a tier without paying, as the configuration says. For information.
    Comped,
}

impl Bucket {
    /// All of them, the worst first.
    pub const ALL: [Self; 9] = [
        Self::PaidButFree,
        Self::FreeButEntitled,
        Self::WrongTier,
        Self::PastDueEntitled,
        Self::Ghost,
        Self::Unmappable,
        Self::TwoSubscriptions,
        Self::NoTier,
        Self::Comped,
    ];

    /// Its name, which is stable.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PaidButFree => "paid-but-free",
            Self::FreeButEntitled => "free-but-entitled",
            Self::WrongTier => "wrong-tier",
            Self::PastDueEntitled => "past-due-entitled",
            Self::Ghost => "ghost",
            Self::Unmappable => "unmappable",
            Self::TwoSubscriptions => "two-subscriptions",
            Self::NoTier => "no-tier",
            Self::Comped => "comped",
        }
    }

    /// What it means, without a period.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::PaidButFree => "pays, but has no tier",
            Self::FreeButEntitled => "has a tier, but does not pay",
            Self::WrongTier => "pays for another tier",
            Self::PastDueEntitled => "has the tier of an unpaid subscription",
            Self::Ghost => "an ID that does not exist in this mode",
            Self::Unmappable => "the Worker cannot tell whose the paid subscription is",
            Self::TwoSubscriptions => "charged for several subscriptions",
            Self::NoTier => "pays for a price without a tier",
            Self::Comped => "has a tier for free, as configured",
        }
    }

    /// Whether it is drift, and not only information.
    #[must_use]
    pub const fn is_drift(self) -> bool {
        !matches!(self, Self::NoTier | Self::Comped)
    }
}

/// An account that differs.
#[derive(Debug, Clone)]
pub struct DriftedAccount {
    /// How.
    pub bucket: Bucket,
    /// The ID of the user, or of the organization, if one is known.
    pub holder: Option<String>,
    /// The customer's ID, if one is known.
    pub customer: Option<String>,
    /// The IDs of the subscriptions that it is about.
    pub subscriptions: Vec<String>,
    /// The status of the first one.
    pub status: Option<String>,
    /// The plan in the holder's public metadata.
    pub plan: Option<String>,
    /// The value of the tier that is paid for, if it is one.
    pub pays_for: Option<String>,
    /// The money at risk in a month.
    pub monthly: Monthly,
    /// What is wrong, in a sentence.
    pub message: String,
    /// How to fix it.
    pub fix: String,
}

impl DriftedAccount {
    /// By bucket, then the most money first, then by ID.
    pub(super) fn worst_first(&self, other: &Self) -> Ordering {
        let key = |account: &Self| (account.holder.clone(), account.subscriptions.clone());
        let money = other.monthly.largest().cmp(&self.monthly.largest());
        self.bucket.cmp(&other.bucket).then(money).then_with(|| key(self).cmp(&key(other)))
    }
}

/// What could not be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompared {
    /// Why.
    pub reason: String,
    /// How many accounts are concerned; zero if that is unknown.
    pub accounts: u64,
}

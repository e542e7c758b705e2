//! What is kept of a subscription and of a holder until both sides were read: less than 100 bytes each.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::checks::entitlements::catalog::{Catalog, Payment, PaysFor};
use crate::checks::entitlements::judgement::{is_exempt, missing_key};
use crate::config::Tier;
use crate::finding::{Answered, NoAnswer};
use crate::world::{Subscription, World};

/// An ID as a number, for comparing. Zero is no ID.
pub(super) type Key = u64;

/// Makes keys of IDs. Each comparison has its own, so that two IDs with the same key cannot be prepared.
#[derive(Debug, Default)]
pub(super) struct Keys(RandomState);

impl Keys {
    pub fn of(&self, id: Option<&str>) -> Key {
        id.filter(|id| !id.is_empty()).map_or(0, |id| self.0.hash_one(id).max(1))
    }
}

/// Texts one after the other. Each has a place, at most 4 GiB in all.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<u8>);

/// Where a text is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    start: u32,
    length: u8,
}

impl Texts {
    /// Keeps a text; `None` if it is too long for an ID.
    pub fn keep(&mut self, text: &str) -> Option<Place> {
        let place = Place { start: u32::try_from(self.0.len()).ok()?, length: u8::try_from(text.len()).ok()? };
        self.0.extend_from_slice(text.as_bytes());
        Some(place)
    }

    pub fn get(&self, Place { start, length }: Place) -> &str {
        let (start, length) = (start as usize, usize::from(length));
        // It was text when it was kept.
        std::str::from_utf8(&self.0[start..start + length]).unwrap_or_default()
    }
}

/// One bit of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bits(u8);

impl Bits {
    pub const NONE: Self = Self(0);
    /// Of a subscription: its status grants its tier. Of a holder: there is a plan.
    pub const GRANTS: Self = Self(1);
    pub const HAS_PLAN: Self = Self(1);
    /// Of a subscription: it ended for good. Of a holder: it has a tier without paying, as intended.
    pub const IS_OVER: Self = Self(2);
    pub const IS_EXEMPT: Self = Self(2);
    /// It changed a moment ago.
    pub const IS_FRESH: Self = Self(4);
    /// Whether it changed a moment ago is unknown.
    pub const AGE_UNKNOWN: Self = Self(8);
    /// It changed within the time that is asked for.
    pub const IS_RECENT: Self = Self(16);
    /// Of a subscription: its customer may be charged for it again. Of a holder: the metadata could not be read.
    pub const MAY_CHARGE: Self = Self(32);
    pub const UNREADABLE: Self = Self(32);
    /// Of a subscription: its metadata lacks a key that the Worker reads there.
    pub const LACKS_KEY: Self = Self(64);

    pub const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }

    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of a row that was read a while ago, so that it is no longer fresh. Whatever it is now shows when it is read again.
    const fn from_saved(saved: u8) -> Self {
        Self(saved & !(Self::IS_FRESH.0 | Self::AGE_UNKNOWN.0))
    }

    /// The bits of an age that may be unknown.
    pub const fn of_age(is_fresh: &Answered<bool>) -> Self {
        match is_fresh {
            Ok(is_fresh) => Self::IS_FRESH.when(*is_fresh),
            Err(_) => Self::AGE_UNKNOWN,
        }
    }

    /// Whether it changed a moment ago. Why that is unknown shows when it is read again.
    pub fn is_fresh(self) -> Answered<bool> {
        if self.has(Self::AGE_UNKNOWN) {
            return Err(NoAnswer::unknown("the time of the last change could not be read"));
        }
        Ok(self.has(Self::IS_FRESH))
    }
}

/// A subscription.
#[derive(Debug, Clone, Copy)]
pub(super) struct SubscriptionRow {
    pub id: Key,
    pub customer: Key,
    /// The holder that its metadata names.
    pub holder: Key,
    pub text: Place,
    created: u32,
    pays_for: u16,
    pub bits: Bits,
}

/// A holder.
#[derive(Debug, Clone, Copy)]
pub(super) struct HolderRow {
    pub id: Key,
    /// The customer and the subscription in the public metadata.
    pub customer: Key,
    pub subscription: Key,
    pub text: Place,
    /// The index of the tier whose value the plan is.
    tier: u16,
    pub bits: Bits,
}

const NO_TIER: u16 = u16::MAX;

impl HolderRow {
    pub fn tier(self, tiers: &[Tier]) -> Option<&Tier> {
        tiers.get(usize::from(self.tier))
    }
}

/// What a subscription pays for, each kept once.
#[derive(Debug, Default)]
pub(super) struct Payables<'w> {
    kinds: Vec<PaysFor<'w>>,
    places: HashMap<String, u16>,
}

impl<'w> Payables<'w> {
    fn keep(&mut self, pays_for: PaysFor<'w>) -> u16 {
        let name = saved_payable(&pays_for);
        *self.places.entry(name).or_insert_with(|| {
            self.kinds.push(pays_for);
            // There are at most as many kinds as sets of tiers that occur.
            u16::try_from(self.kinds.len() - 1).unwrap_or_default()
        })
    }
}

/// What a subscription pays for, as text: `=pro`, `-`, `?pro,team`.
fn saved_payable(pays_for: &PaysFor<'_>) -> String {
    match pays_for {
        PaysFor::Tier(tier) => format!("={}", tier.name),
        PaysFor::NoTier => "-".to_owned(),
        // The reason may name the subscription, and is found again when that is read again.
        PaysFor::Unclear(tiers, _) => {
            format!("?{}", tiers.iter().map(|tier| tier.name.as_str()).collect::<Vec<_>>().join(","))
        }
    }
}

fn payable_from_saved<'w>(saved: &str, tiers: &'w [Tier]) -> PaysFor<'w> {
    let named = |name: &str| tiers.iter().find(|tier| tier.name == name);
    match saved.split_at_checked(1) {
        Some(("=", name)) if let Some(tier) = named(name) => PaysFor::Tier(tier),
        Some(("-", _)) => PaysFor::NoTier,
        _ => {
            let tiers = saved.trim_start_matches('?').split(',').filter_map(named);
            PaysFor::Unclear(tiers.collect(), NoAnswer::unknown("it was unclear when it was read"))
        }
    }
}

/// A subscription in a file: its ID, customer, holder, creation, what it pays for, and its bits.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedSubscription(String, Option<String>, Option<String>, i64, String, u8);

/// A holder in a file: its ID, customer, subscription, plan, and bits.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SavedHolder(String, Option<String>, Option<String>, Option<String>, u8);

impl SavedHolder {
    /// `user_…` or `org_…`.
    pub fn id(&self) -> &str {
        &self.0
    }

    pub fn new(id: &str, ids: (Option<&str>, Option<&str>), plan: Option<&str>, bits: Bits) -> Self {
        Self(id.to_owned(), ids.0.map(str::to_owned), ids.1.map(str::to_owned), plan.map(str::to_owned), bits.0)
    }
}

/// All subscriptions.
#[derive(Debug, Default)]
pub(super) struct Subscriptions<'w> {
    pub rows: Vec<SubscriptionRow>,
    pub texts: Texts,
    payables: Payables<'w>,
}

impl<'w> Subscriptions<'w> {
    /// Keeps a subscription. `false` if its ID is too long to be one.
    pub fn keep(
        &mut self,
        keys: &Keys,
        catalog: &Catalog<'w>,
        subscription: &Subscription,
        holder_key: &str,
        since: Option<i64>,
    ) -> bool {
        let payment = catalog.payment(subscription);
        let may_charge = subscription.status == "active" && catalog.is_charged(subscription) != Ok(false);
        // Why it could not be read shows when it is read again.
        let lacks_key = missing_key(catalog.world, subscription) != Ok(None);
        let is_recent = since.is_none_or(|since| subscription.changed().map_or(true, |changed| changed >= since));
        let bits = Bits::GRANTS
            .when(payment.grants)
            .and(Bits::IS_OVER.when(payment.is_over))
            .and(Bits::of_age(&payment.is_fresh))
            .and(Bits::MAY_CHARGE.when(may_charge))
            .and(Bits::LACKS_KEY.when(lacks_key))
            .and(Bits::IS_RECENT.when(is_recent));
        let Some(text) = self.texts.keep(&subscription.id) else { return false };
        self.rows.push(SubscriptionRow {
            id: keys.of(Some(&subscription.id)),
            customer: keys.of(subscription.customer.text()),
            holder: keys.of(subscription.metadata.text(holder_key)),
            text,
            created: u32::try_from(subscription.created).unwrap_or_default(),
            pays_for: self.payables.keep(payment.pays_for),
            bits,
        });
        true
    }

    /// The last one as it is kept in a file.
    pub fn saved(&self, subscription: &Subscription, holder_key: &str) -> Option<SavedSubscription> {
        let row = self.rows.last()?;
        let text = |text: Option<&str>| text.map(str::to_owned);
        Some(SavedSubscription(
            subscription.id.clone(),
            text(subscription.customer.text()),
            text(subscription.metadata.text(holder_key)),
            subscription.created,
            saved_payable(&self.payables.kinds[usize::from(row.pays_for)]),
            row.bits.0,
        ))
    }

    /// Keeps one that is in a file.
    pub fn restore(&mut self, keys: &Keys, world: &'w World, saved: SavedSubscription) {
        let SavedSubscription(id, customer, holder, created, pays_for, bits) = saved;
        let Some(text) = self.texts.keep(&id) else { return };
        self.rows.push(SubscriptionRow {
            id: keys.of(Some(&id)),
            customer: keys.of(customer.as_deref()),
            holder: keys.of(holder.as_deref()),
            text,
            created: u32::try_from(created).unwrap_or_default(),
            pays_for: self.payables.keep(payable_from_saved(&pays_for, &world.config().tiers)),
            bits: Bits::from_saved(bits),
        });
    }

    /// What matters of a subscription.
    pub fn payment(&self, row: &SubscriptionRow) -> Payment<'w> {
        Payment {
            pays_for: self.payables.kinds[usize::from(row.pays_for)].clone(),
            grants: row.bits.has(Bits::GRANTS),
            is_over: row.bits.has(Bits::IS_OVER),
            created: i64::from(row.created),
            is_fresh: row.bits.is_fresh(),
            is_for_another: false,
        }
    }

    pub fn id(&self, row: &SubscriptionRow) -> &str {
        self.texts.get(row.text)
    }
}

/// All holders.
#[derive(Debug, Default)]
pub(super) struct Holders {
    pub rows: Vec<HolderRow>,
    pub texts: Texts,
}

impl Holders {
    /// Keeps a holder. `false` if the ID is too long to be one.
    pub fn keep(&mut self, id: &str, row: impl FnOnce(Place) -> HolderRow) -> bool {
        let Some(text) = self.texts.keep(id) else { return false };
        self.rows.push(row(text));
        true
    }

    /// Each page begins with the last holder of the one before.
    pub fn keep_each_once(&mut self) {
        self.rows.sort_unstable_by_key(|row| row.id);
        self.rows.dedup_by_key(|row| row.id);
    }

    /// Keeps one that is in a file.
    pub fn restore(&mut self, keys: &Keys, world: &World, saved: SavedHolder) {
        let SavedHolder(id, customer, subscription, plan, bits) = saved;
        let bits = Bits::from_saved(bits).and(Bits::IS_EXEMPT.when(is_exempt(world, &id)));
        let ids = (keys.of(customer.as_deref()), keys.of(subscription.as_deref()));
        let tier = tier_index(&world.config().tiers, plan.as_deref());
        self.keep(&id, |text| HolderRow::new(keys.of(Some(&id)), ids, text, tier, bits));
    }

    pub fn id(&self, row: &HolderRow) -> &str {
        self.texts.get(row.text)
    }
}

/// The first and the last holder of each page, by its place.
pub(super) type Edges = BTreeMap<usize, (String, String)>;

/// The edge of a page with these holders.
pub(super) fn edge<'u>(
    offset: usize,
    mut holders: impl DoubleEndedIterator<Item = &'u str>,
) -> Option<(usize, (String, String))> {
    let first = holders.next()?;
    let last = holders.next_back().unwrap_or(first);
    Some((offset, (first.to_owned(), last.to_owned())))
}

/// The index of a tier, for a row.
pub(super) fn tier_index(tiers: &[Tier], plan: Option<&str>) -> u16 {
    let place = plan.and_then(|plan| tiers.iter().position(|tier| tier.metadata == plan));
    place.and_then(|place| u16::try_from(place).ok()).unwrap_or(NO_TIER)
}

impl HolderRow {
    /// A row.
    pub fn new(id: Key, ids: (Key, Key), text: Place, tier: u16, bits: Bits) -> Self {
        Self { id, customer: ids.0, subscription: ids.1, text, tier, bits }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_and_its_indexes_need_less_than_a_hundred_bytes() {
        // The ID beside the row, and three indexes of a subscription or one of a holder.
        assert!(size_of::<SubscriptionRow>() + 28 + 3 * 4 < 100);
        assert!(size_of::<HolderRow>() + 32 + 4 < 100);
    }

    #[test]
    fn equal_ids_have_equal_keys_and_no_id_has_none() {
        let keys = Keys::default();
        assert_eq!(keys.of(Some("sub_1")), keys.of(Some("sub_1")));
        assert_ne!(keys.of(Some("sub_1")), keys.of(Some("sub_2")));
        assert_eq!((keys.of(None), keys.of(Some(""))), (0, 0));
    }
}

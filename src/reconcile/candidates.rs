//! Which accounts may have drifted, by their rows.

use std::collections::BTreeMap;

use super::SharedTally;
use super::read::Accounts;
use super::rows::{Bits, HolderRow, Key, SubscriptionRow};
use crate::checks::entitlements::catalog::{Catalog, Payment};
use crate::checks::entitlements::judgement::{Comparison, Entitled, compare, needs_holder};
use crate::config::{Tier, UserFrom};
use crate::finding::NoAnswer;
use crate::holder::HolderKind;

/// What must be read again, by the places of rows.
#[derive(Debug)]
pub(super) enum Candidate {
    /// A holder, with the subscriptions that name them or that they name.
    Holder(u32, Vec<u32>),
    /// A subscription without a holder that exists.
    Unmatched(u32),
    /// A customer, by one of several subscriptions.
    ChargedTwice(u32),
    /// A holder that has a tier for free, as configured.
    Comped(u32),
}

/// Most accounts that are read one by one because a page that they may be on is missing.
const LOOKED_UP: usize = 500;

/// Rows by one of their keys.
struct Index(Vec<u32>);

impl Index {
    fn of<R>(rows: &[R], key: impl Fn(&R) -> Key) -> Self {
        let mut places: Vec<u32> = (0..u32::try_from(rows.len()).unwrap_or(u32::MAX)).collect();
        places.retain(|place| key(&rows[*place as usize]) != 0);
        places.sort_unstable_by_key(|place| key(&rows[*place as usize]));
        Self(places)
    }

    fn find<'i, R>(
        &'i self,
        rows: &'i [R],
        key: impl Fn(&R) -> Key + 'i,
        wanted: Key,
    ) -> impl Iterator<Item = u32> + 'i {
        let start = self.0.partition_point(|place| key(&rows[*place as usize]) < wanted);
        self.0[start..].iter().copied().take_while(move |place| wanted != 0 && key(&rows[*place as usize]) == wanted)
    }
}

/// Finds the accounts whose rows differ. Those that no further reading can decide are left open.
pub(super) fn find(catalog: &Catalog<'_>, accounts: &Accounts<'_>, tally: &SharedTally) -> Vec<Candidate> {
    let rows = &accounts.subscriptions.rows;
    let by_id = Index::of(rows, |row| row.id);
    let by_customer = Index::of(rows, |row| row.customer);
    let mut join =
        Join { catalog, accounts, held: vec![false; rows.len()], open: BTreeMap::new(), agree: 0, looked_up: 0 };
    let mut candidates = Vec::new();
    // Nothing differs from a side that could not be read at all.
    let is_dark = (rows.is_empty() && !accounts.are_all_subscriptions)
        || (accounts.holders.rows.is_empty() && !accounts.are_all_holders);
    if is_dark {
        return candidates;
    }
    {
        let by_holder = Index::of(rows, |row| row.holder);
        for (place, holder) in (0..).zip(&accounts.holders.rows) {
            let named = by_holder.find(rows, |row| row.holder, holder.id);
            let customers = by_customer.find(rows, |row| row.customer, holder.customer);
            let mut theirs: Vec<u32> =
                named.chain(customers).chain(by_id.find(rows, |row| row.id, holder.subscription)).collect();
            theirs.sort_unstable();
            theirs.dedup();
            candidates.extend(join.holder(place, holder, theirs));
        }
    }
    let holders = Index::of(&accounts.holders.rows, |row| row.id);
    for (place, row) in (0..).zip(rows) {
        let is_named = holders.find(&accounts.holders.rows, |row| row.id, row.holder).next().is_some();
        candidates.extend(join.subscription(place, row, is_named));
    }
    candidates.extend(join.charged_twice(&by_customer));
    tally.add_agreeing(join.agree);
    for (why, count) in join.open.into_values() {
        tally.leave_open(&why, count);
    }
    candidates
}

struct Join<'j, 'w> {
    catalog: &'j Catalog<'w>,
    accounts: &'j Accounts<'w>,
    /// Whether a holder names the subscription or its customer.
    held: Vec<bool>,
    /// What cannot be decided, with how many accounts, by reason.
    open: BTreeMap<String, (NoAnswer, u64)>,
    agree: u64,
    looked_up: usize,
}

impl Join<'_, '_> {
    fn leave_open(&mut self, why: NoAnswer) {
        self.open.entry(why.to_string()).or_insert((why, 0)).1 += 1;
    }

    /// Whether another account may be read one by one because a page that it may be on is missing.
    fn may_look_up(&mut self) -> bool {
        self.looked_up += 1;
        self.looked_up <= LOOKED_UP
    }

    /// Whether one of the rows changed within the time that is asked for.
    fn is_recent(&self, subscriptions: &[u32]) -> bool {
        let row = |place: &u32| &self.accounts.subscriptions.rows[*place as usize];
        subscriptions.iter().any(|place| row(place).bits.has(Bits::IS_RECENT))
    }

    fn holder(&mut self, place: u32, holder: &HolderRow, theirs: Vec<u32>) -> Option<Candidate> {
        let rows = &self.accounts.subscriptions.rows;
        let row = |place: &u32| &rows[*place as usize];
        for place in &theirs {
            let named = row(place);
            let holds = (holder.customer != 0 && holder.customer == named.customer) || holder.subscription == named.id;
            self.held[*place as usize] |= holds;
        }
        if holder.bits.has(Bits::UNREADABLE) {
            return None;
        }
        let is_recent = holder.bits.has(Bits::IS_RECENT) || self.is_recent(&theirs);
        let tiers = &self.catalog.world.config().tiers;
        if holder.bits.has(Bits::IS_EXEMPT) {
            let has_paid_tier = holder.tier(tiers).is_some_and(Tier::is_paid);
            let pays = theirs.iter().any(|place| row(place).bits.has(Bits::GRANTS));
            return (has_paid_tier && !pays && is_recent).then_some(Candidate::Comped(place));
        }
        let is_known = |wanted: Key, key: fn(&SubscriptionRow) -> Key| {
            wanted == 0 || theirs.iter().any(|place| key(row(place)) == wanted)
        };
        let are_ids_known =
            is_known(holder.customer, |row| row.customer) && is_known(holder.subscription, |row| row.id);
        let is_by_metadata = self.catalog.world.config().entitlement.user_from == UserFrom::Metadata;
        let payment = |place: &u32| {
            let named = row(place).holder;
            let is_for_another = is_by_metadata && named != 0 && named != holder.id;
            Payment { is_for_another, ..self.accounts.subscriptions.payment(row(place)) }
        };
        let payments: Vec<_> = theirs.iter().map(payment).collect();
        let entitled = Entitled {
            id: self.accounts.holders.id(holder),
            tier: holder.tier(tiers),
            has_plan: holder.bits.has(Bits::HAS_PLAN),
            was_just_updated: holder.bits.is_fresh(),
        };
        let compared = compare(self.catalog, &entitled, &payments);
        let theirs_known = theirs.len();
        let candidate = is_recent.then_some(Candidate::Holder(place, theirs));
        let is_theirs_unread = !self.accounts.are_all_subscriptions && (theirs_known == 0 || !are_ids_known);
        match compared {
            Ok(Comparison::Nothing) if are_ids_known => None,
            _ if is_theirs_unread && candidate.is_some() && !self.may_look_up() => {
                let one = self.kind().one();
                self.leave_open(NoAnswer::Unknown(format!(
                    "the subscription of {one} may be among those that were not read"
                )));
                None
            }
            _ if !are_ids_known => candidate,
            Ok(Comparison::Agrees) => {
                self.agree += 1;
                None
            }
            Ok(_) => candidate,
            Err(why) => {
                if candidate.is_some() {
                    self.leave_open(why);
                }
                None
            }
        }
    }

    fn kind(&self) -> HolderKind {
        self.catalog.world.config().entitlement.holder
    }

    fn subscription(&mut self, place: u32, row: &SubscriptionRow, is_holder_known: bool) -> Option<Candidate> {
        let has_holder = if row.holder == 0 { self.held[place as usize] } else { is_holder_known };
        let lacks_key = row.bits.has(Bits::LACKS_KEY);
        if (has_holder && !lacks_key) || !self.is_recent(&[place]) {
            return None;
        }
        match needs_holder(&self.accounts.subscriptions.payment(row)) {
            Ok(true) if !lacks_key && !self.accounts.are_all_holders && !self.may_look_up() => {
                let word = self.kind().word();
                self.leave_open(NoAnswer::Unknown(format!(
                    "a subscription's {word} may be among those that were not read"
                )));
                None
            }
            Ok(needs_holder) => needs_holder.then_some(Candidate::Unmatched(place)),
            Err(why) => {
                self.leave_open(why);
                None
            }
        }
    }

    fn charged_twice(&self, by_customer: &Index) -> Vec<Candidate> {
        let rows = &self.accounts.subscriptions.rows;
        let row = |place: &u32| &rows[*place as usize];
        let groups = by_customer.0.chunk_by(|left, right| row(left).customer == row(right).customer);
        let groups = groups.filter(|group| {
            let may_charge = group.iter().filter(|place| row(place).bits.has(Bits::MAY_CHARGE));
            may_charge.count() > 1 && self.is_recent(group)
        });
        groups.map(|group| Candidate::ChargedTwice(group[0])).collect()
    }
}

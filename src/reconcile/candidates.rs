//! Which accounts may have drifted, by their rows.

use std::collections::BTreeMap;

use super::SharedTally;
use super::read::Accounts;
use super::rows::{Bits, Key, SubscriptionRow, UserRow};
use crate::checks::entitlements::catalog::Catalog;
use crate::checks::entitlements::judgement::{Comparison, Holder, compare, needs_user};
use crate::config::Tier;
use crate::finding::NoAnswer;

/// What must be read again, by the places of rows.
#[derive(Debug)]
pub(super) enum Candidate {
    /// A user, with the subscriptions that name them or that they name.
    User(u32, Vec<u32>),
    /// A subscription without a user who exists.
    Unmatched(u32),
    /// A customer, by one of several subscriptions.
    ChargedTwice(u32),
    /// A user who has a tier for free, as configured.
    Comped(u32),
}

/// Most accounts that are read one by one because a page that they may be on is missing.
const LOOKED_UP: usize = 500;
const SUBSCRIPTION_UNREAD: &str = "a user's subscription may be among those that were not read";
const USER_UNREAD: &str = "a subscription's user may be among those who were not read";

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
        || (accounts.users.rows.is_empty() && !accounts.are_all_users);
    if is_dark {
        return candidates;
    }
    {
        let by_user = Index::of(rows, |row| row.user);
        for (place, user) in (0..).zip(&accounts.users.rows) {
            let named = by_user.find(rows, |row| row.user, user.id);
            let customers = by_customer.find(rows, |row| row.customer, user.customer);
            let mut theirs: Vec<u32> =
                named.chain(customers).chain(by_id.find(rows, |row| row.id, user.subscription)).collect();
            theirs.sort_unstable();
            theirs.dedup();
            candidates.extend(join.user(place, user, theirs));
        }
    }
    let users = Index::of(&accounts.users.rows, |row| row.id);
    for (place, row) in (0..).zip(rows) {
        let is_named = users.find(&accounts.users.rows, |row| row.id, row.user).next().is_some();
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
    /// Whether a user names the subscription or its customer.
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

    fn user(&mut self, place: u32, user: &UserRow, theirs: Vec<u32>) -> Option<Candidate> {
        let rows = &self.accounts.subscriptions.rows;
        let row = |place: &u32| &rows[*place as usize];
        for place in &theirs {
            let named = row(place);
            let holds = (user.customer != 0 && user.customer == named.customer) || user.subscription == named.id;
            self.held[*place as usize] |= holds;
        }
        if user.bits.has(Bits::UNREADABLE) {
            return None;
        }
        let is_recent = user.bits.has(Bits::IS_RECENT) || self.is_recent(&theirs);
        let tiers = &self.catalog.world.config().tiers;
        if user.bits.has(Bits::IS_EXEMPT) {
            let has_paid_tier = user.tier(tiers).is_some_and(Tier::is_paid);
            let pays = theirs.iter().any(|place| row(place).bits.has(Bits::GRANTS));
            return (has_paid_tier && !pays && is_recent).then_some(Candidate::Comped(place));
        }
        let is_known = |wanted: Key, key: fn(&SubscriptionRow) -> Key| {
            wanted == 0 || theirs.iter().any(|place| key(row(place)) == wanted)
        };
        let are_ids_known = is_known(user.customer, |row| row.customer) && is_known(user.subscription, |row| row.id);
        let payments: Vec<_> = theirs.iter().map(|place| self.accounts.subscriptions.payment(row(place))).collect();
        let holder = Holder {
            id: self.accounts.users.id(user),
            tier: user.tier(tiers),
            has_plan: user.bits.has(Bits::HAS_PLAN),
            was_just_updated: user.bits.is_fresh(),
        };
        let compared = compare(self.catalog, &holder, &payments);
        let theirs_known = theirs.len();
        let candidate = is_recent.then_some(Candidate::User(place, theirs));
        let is_theirs_unread = !self.accounts.are_all_subscriptions && (theirs_known == 0 || !are_ids_known);
        match compared {
            Ok(Comparison::Nothing) if are_ids_known => None,
            _ if is_theirs_unread && candidate.is_some() && !self.may_look_up() => {
                self.leave_open(NoAnswer::unknown(SUBSCRIPTION_UNREAD));
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

    fn subscription(&mut self, place: u32, row: &SubscriptionRow, is_user_known: bool) -> Option<Candidate> {
        let has_user = if row.user == 0 { self.held[place as usize] } else { is_user_known };
        let lacks_key = row.bits.has(Bits::LACKS_KEY);
        if (has_user && !lacks_key) || !self.is_recent(&[place]) {
            return None;
        }
        match needs_user(&self.accounts.subscriptions.payment(row)) {
            Ok(true) if !lacks_key && !self.accounts.are_all_users && !self.may_look_up() => {
                self.leave_open(NoAnswer::unknown(USER_UNREAD));
                None
            }
            Ok(needs_user) => needs_user.then_some(Candidate::Unmatched(place)),
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

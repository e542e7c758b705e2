//! Compares every subscription at Stripe with every user at Clerk, or every organization: with every holder of a plan.
//!
//! Both sides are read at the same time and kept as rows of a few bytes. Rows that differ are candidates: they are read again in
//! full, and only what still differs then is drift. Both times `checks::entitlements` judges.

mod candidates;
mod confirm;
mod describe;
mod drift;
mod monthly;
mod partial;
mod progress;
mod read;
mod rows;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use jiff::Timestamp;

use crate::checks::entitlements::catalog::Catalog;
use crate::config::Mode;
use crate::finding::NoAnswer;
use crate::holder::HolderKind;
use crate::world::World;

pub use drift::{Bucket, DriftedAccount, NotCompared};
pub use monthly::Monthly;
pub use progress::{Progress, Stage};

use confirm::Confirming;
use partial::{Kept, Partial};
use read::{Accounts, Reading};
use rows::Keys;

/// What to compare, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// How long to wait before a candidate is read again. Webhooks need a moment.
    pub pause: Duration,
    /// Only accounts whose subscription or holder changed since then.
    pub since: Option<Timestamp>,
    /// The file that keeps what was read, so that an interrupted comparison can go on. `None` keeps nothing.
    pub partial: Option<PathBuf>,
}

/// What a comparison found before it was interrupted, and goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resumed {
    /// When reading began.
    pub began: Timestamp,
    /// How many subscriptions had been read.
    pub subscriptions: u64,
    /// How many holders had been read.
    pub holders: u64,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Reconciliation {
    /// The project's name.
    pub project: String,
    /// The mode that was compared.
    pub mode: Mode,
    /// When it started.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Only accounts that changed since then were compared.
    pub since: Option<Timestamp>,
    /// How many subscriptions were read.
    pub subscriptions: u64,
    /// What has plans.
    pub kind: HolderKind,
    /// How many of them were read.
    pub holders: u64,
    /// How many pay for the tier that they have.
    pub agree: u64,
    /// What differs, the worst bucket first.
    pub accounts: Vec<DriftedAccount>,
    /// What could not be compared, each with its reason.
    pub not_compared: Vec<NotCompared>,
    /// Whether it was stopped before it was done.
    pub is_interrupted: bool,
    /// What it went on from.
    pub resumed: Option<Resumed>,
    /// Whether the same comparison goes on from here, if it is made again soon.
    pub can_go_on: bool,
}

impl Reconciliation {
    /// How many accounts have drifted.
    #[must_use]
    pub fn drifted(&self) -> usize {
        self.accounts.iter().filter(|account| account.bucket.is_drift()).count()
    }

    /// Whether everything was compared.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.not_compared.is_empty() && !self.is_interrupted
    }

    /// The accounts in a bucket.
    pub fn of(&self, bucket: Bucket) -> impl Iterator<Item = &DriftedAccount> {
        self.accounts.iter().filter(move |account| account.bucket == bucket)
    }

    /// The exit status: 0 no drift, 1 drift, 2 no drift was seen, but something could not be compared.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.drifted(), self.is_complete()) {
            (0, true) => 0,
            (0, false) => 2,
            _ => 1,
        }
    }
}

/// How long requests in flight may take after an interruption.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// What is known so far, also if the comparison is stopped.
#[derive(Debug, Default)]
struct Tally {
    agree: u64,
    accounts: Vec<DriftedAccount>,
    not_compared: Vec<NotCompared>,
}

/// The result so far, which several tasks add to.
#[derive(Debug, Default)]
struct SharedTally(Mutex<Tally>);

impl SharedTally {
    fn add_agreeing(&self, holders: u64) {
        self.tally().agree += holders;
    }

    fn find(&self, account: DriftedAccount) {
        self.tally().accounts.push(account);
    }

    /// Notes what could not be compared; `accounts` is zero if it is unknown how many are concerned.
    fn leave_open(&self, why: &NoAnswer, accounts: u64) {
        let reason = match why {
            NoAnswer::Because(_) => INCONSISTENT.to_owned(),
            // It may quote a response.
            other => describe::without_addresses(&other.to_string()),
        };
        let open = &mut self.tally().not_compared;
        if let Some(known) = open.iter_mut().find(|known| known.reason == reason) {
            known.accounts += accounts;
        } else if open.len() < MOST_REASONS {
            open.push(NotCompared { reason, accounts });
        } else if let Some(last) = open.last_mut() {
            last.accounts += accounts;
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reasons beyond these are only counted.
const MOST_REASONS: usize = 50;
/// What another finding of a run is the reason for.
const INCONSISTENT: &str =
    "a key, the catalog in Stripe, the JWT template or a value is wrong: `preflight run` names the cause";

/// Compares all accounts, until it is done or `stop` ends it.
pub async fn reconcile(
    world: &World,
    options: Options,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Reconciliation {
    let (started_at, began, tally) = (Timestamp::now(), Instant::now(), SharedTally::default());
    let (keys, since, now) = (Keys::default(), options.since, started_at.as_second());
    let (partial, kept) = match &options.partial {
        Some(path) => Partial::open(path, &partial::identity(world, since), world, &keys, now),
        None => (Partial::none(), Kept::default()),
    };
    let resumed = kept.began.and_then(|began| {
        let (subscriptions, holders) = (kept.subscriptions.rows.len() as u64, kept.holders.rows.len() as u64);
        Some(Resumed { began: Timestamp::from_second(began).ok()?, subscriptions, holders })
    });
    let reading = Reading { world, keys: &keys, since, progress, tally: &tally, partial: &partial };
    let work = Box::pin(compare(reading, options.pause, kept, now));
    let is_interrupted = match select(work, Box::pin(stop)).await {
        Either::Left(_) => false,
        Either::Right(((), work)) => {
            world.stop();
            // What was answered in time still counts.
            let _ = tokio::time::timeout(LAST_MOMENT, work).await;
            true
        }
    };
    let Tally { agree, mut accounts, not_compared } = tally.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    accounts.sort_by(DriftedAccount::worst_first);
    let (subscriptions, holders) = progress.read();
    let project = &world.config().project;
    Reconciliation {
        project: project.name.clone(),
        mode: project.mode,
        started_at,
        took: began.elapsed(),
        since,
        subscriptions,
        kind: world.config().entitlement.holder,
        holders,
        agree,
        accounts,
        not_compared,
        is_interrupted,
        resumed,
        can_go_on: partial.is_kept(),
    }
}

async fn compare<'w>(reading: Reading<'_, 'w>, pause: Duration, kept: Kept<'w>, now: i64) {
    let Reading { world, progress, tally, partial, .. } = reading;
    // With the plans of the other kind of holder, every account would differ.
    if let Err(why) = world.clerk().holder_fits().await {
        return tally.leave_open(&why, 0);
    }
    let mut catalog = Catalog::read(world).await;
    let accounts = Accounts::read(reading, &mut catalog, kept, now).await;
    let candidates = candidates::find(&catalog, &accounts, tally);
    if !candidates.is_empty() {
        progress.pause(candidates.len());
        tokio::time::sleep(pause).await;
        Confirming { world, catalog: &catalog, accounts: &accounts, progress, tally }.all(&candidates).await;
    }
    // Pages that got no answer are all that is read next time.
    if accounts.are_all_subscriptions && accounts.are_all_holders {
        partial.discard();
    }
}

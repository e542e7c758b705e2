//! Compares every subscription at Stripe with every user at Clerk.
//!
//! Both sides are read at the same time and kept as rows of a few bytes. Rows that differ are candidates: they are read again in
//! full, and only what still differs then is drift. Both times `checks::entitlements` judges.

mod candidates;
mod confirm;
mod drift;
mod monthly;
mod progress;
mod read;
mod rows;
mod words;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{Either, select};
use jiff::Timestamp;

use crate::checks::entitlements::catalog::Catalog;
use crate::world::World;

pub use drift::{Bucket, DriftedAccount};
pub use monthly::Monthly;
pub use progress::{Progress, Stage};

use confirm::Confirming;
use read::Accounts;

/// What to compare, and how.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long to wait before a candidate is read again. Webhooks need a moment.
    pub pause: Duration,
    /// Only accounts whose subscription or user changed since then.
    pub since: Option<Timestamp>,
}

/// What a comparison found.
#[derive(Debug)]
pub struct Reconciliation {
    /// When it started.
    pub started_at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Only accounts that changed since then were compared.
    pub since: Option<Timestamp>,
    /// How many subscriptions were read.
    pub subscriptions: u64,
    /// How many users were read.
    pub users: u64,
    /// How many users pay for the tier that they have.
    pub agree: u64,
    /// What differs, the worst bucket first.
    pub accounts: Vec<DriftedAccount>,
    /// What could not be compared, each with its reason.
    pub not_compared: Vec<String>,
    /// Whether it was stopped before it was done.
    pub is_interrupted: bool,
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
    not_compared: Vec<String>,
}

/// Reasons beyond these are only counted.
const MOST_REASONS: usize = 50;

impl Tally {
    fn leave_open(&mut self, reason: String) {
        if self.not_compared.len() < MOST_REASONS && !self.not_compared.contains(&reason) {
            self.not_compared.push(reason);
        }
    }
}

/// Compares all accounts, until it is done or `stop` ends it.
pub async fn reconcile(
    world: &World,
    options: Options,
    progress: &Progress,
    stop: impl Future<Output = ()>,
) -> Reconciliation {
    let (started_at, began, tally) = (Timestamp::now(), Instant::now(), Mutex::new(Tally::default()));
    let work = Box::pin(compare(world, options, progress, &tally));
    let is_interrupted = match select(work, Box::pin(stop)).await {
        Either::Left(_) => false,
        Either::Right(((), work)) => {
            world.stop();
            // What was answered in time still counts.
            let _ = tokio::time::timeout(LAST_MOMENT, work).await;
            true
        }
    };
    let Tally { agree, mut accounts, not_compared } = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    accounts.sort_by(DriftedAccount::worst_first);
    let (subscriptions, users) = progress.read();
    Reconciliation {
        started_at,
        took: began.elapsed(),
        since: options.since,
        subscriptions,
        users,
        agree,
        accounts,
        not_compared,
        is_interrupted,
    }
}

async fn compare(world: &World, options: Options, progress: &Progress, tally: &Mutex<Tally>) {
    let mut catalog = Catalog::read(world).await;
    let accounts = Accounts::read(world, &mut catalog, options.since, progress, tally).await;
    let candidates = candidates::find(world, &catalog, &accounts, tally);
    if candidates.is_empty() {
        return;
    }
    progress.pause(candidates.len());
    tokio::time::sleep(options.pause).await;
    Confirming { world, catalog: &mut catalog, accounts: &accounts, progress, tally }.all(candidates).await;
}

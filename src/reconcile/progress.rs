//! How far a comparison is.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// How far a comparison is. Counters only, so that it can be read at any time.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    subscriptions: AtomicU64,
    expected_subscriptions: AtomicU64,
    holders: AtomicU64,
    expected_holders: AtomicU64,
    candidates: AtomicU64,
    confirmed: AtomicU64,
}

/// What a comparison does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It reads both sides.
    Reading,
    /// It waits before it reads candidates again.
    Waiting,
    /// It reads candidates again.
    Confirming,
}

impl Progress {
    /// What it does at the moment.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Reading,
            1 => Stage::Waiting,
            _ => Stage::Confirming,
        }
    }

    /// How many subscriptions and holders were read.
    #[must_use]
    pub fn read(&self) -> (u64, u64) {
        (self.subscriptions.load(Ordering::Relaxed), self.holders.load(Ordering::Relaxed))
    }

    /// About how many subscriptions and holders there are.
    #[must_use]
    pub fn expected(&self) -> (u64, u64) {
        let expected =
            (self.expected_subscriptions.load(Ordering::Relaxed), self.expected_holders.load(Ordering::Relaxed));
        let (subscriptions, holders) = self.read();
        (expected.0.max(subscriptions), expected.1.max(holders))
    }

    /// How many candidates were read again, and how many there are.
    #[must_use]
    pub fn confirmed(&self) -> (u64, u64) {
        (self.confirmed.load(Ordering::Relaxed), self.candidates.load(Ordering::Relaxed))
    }

    pub(super) fn add_subscriptions(&self, read: usize, expected_more: f64) {
        let read = self.subscriptions.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is an estimate above zero")]
        self.expected_subscriptions.store(read + expected_more.max(0.0) as u64, Ordering::Relaxed);
    }

    pub(super) fn add_holders(&self, read: usize) {
        self.holders.fetch_add(read as u64, Ordering::Relaxed);
    }

    /// The number of holders after all pages, which overlap.
    pub(super) fn set_holders(&self, read: usize) {
        self.holders.store(read as u64, Ordering::Relaxed);
    }

    pub(super) fn expect_holders(&self, count: usize) {
        self.expected_holders.store(count as u64, Ordering::Relaxed);
    }

    pub(super) fn pause(&self, candidates: usize) {
        self.candidates.store(candidates as u64, Ordering::Relaxed);
        self.stage.store(1, Ordering::Relaxed);
    }

    pub(super) fn add_confirmed(&self, read: usize) {
        self.stage.store(2, Ordering::Relaxed);
        self.confirmed.fetch_add(read as u64, Ordering::Relaxed);
    }
}

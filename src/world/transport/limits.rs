//! How fast each party may be asked: below its own limits, with room left for the production traffic that shares them.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Party;
use crate::config::Mode;

/// The limits of one run.
#[derive(Debug)]
pub(super) struct Limits {
    stripe: DefaultDirectRateLimiter,
    stripe_test: DefaultDirectRateLimiter,
    clerk: DefaultDirectRateLimiter,
    clerk_domain: DefaultDirectRateLimiter,
    cloudflare: DefaultDirectRateLimiter,
    worker: DefaultDirectRateLimiter,
    frontend: DefaultDirectRateLimiter,
    elsewhere: DefaultDirectRateLimiter,
    under_way: Semaphore,
}

fn limiter(per_second: u32, burst: u32) -> DefaultDirectRateLimiter {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst)))
}

impl Limits {
    /// The providers' published limits are in facts.md, A4, B1 and C1: Stripe 100 requests a second in live mode and 25 in
    /// test mode, Clerk 1,000 in ten seconds in production and 100 in development, Cloudflare 1,200 in five minutes.
    pub fn new(mode: Mode, concurrency: usize) -> Self {
        let (stripe, clerk) = match mode {
            Mode::Live => (limiter(40, 20), limiter(50, 20)),
            Mode::Test => (limiter(12, 10), limiter(5, 20)),
        };
        Self {
            stripe,
            stripe_test: limiter(12, 10),
            clerk,
            clerk_domain: limiter(5, 10),
            cloudflare: limiter(2, 20),
            worker: limiter(20, 40),
            // Files that a browser loads all at once.
            frontend: limiter(100, 100),
            elsewhere: limiter(5, 10),
            under_way: Semaphore::new(concurrency.max(1)),
        }
    }

    /// Waits until `party` may be asked; the permit is held while the request is under way.
    pub async fn admit(&self, party: Party) -> Option<SemaphorePermit<'_>> {
        let limiter = match party {
            Party::Stripe => &self.stripe,
            Party::StripeTest => &self.stripe_test,
            Party::Clerk => &self.clerk,
            Party::ClerkDomain => &self.clerk_domain,
            Party::Cloudflare => &self.cloudflare,
            Party::Worker => &self.worker,
            Party::Frontend => &self.frontend,
            Party::Elsewhere => &self.elsewhere,
        };
        limiter.until_ready().await;
        self.under_way.acquire().await.ok()
    }
}

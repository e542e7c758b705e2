//! Rate limits for each provider: below its own limits, to leave room for production traffic.

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
    in_flight: Semaphore,
}

/// A few requests at once do not exceed a limit that is counted by the second.
const SMALL_BURST: u32 = 4;

fn limiter(per_second: u32, burst: u32) -> DefaultDirectRateLimiter {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    RateLimiter::direct(Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst)))
}

impl Limits {
    /// The providers' published limits are in docs/providers.md, "Stripe rate limits", "Clerk keys and API conventions" and
    /// "Cloudflare API".
    pub fn new(mode: Mode, stripe_rate: Option<NonZeroU32>, concurrency: usize) -> Self {
        let (usual, clerk) = match mode {
            Mode::Live => (limiter(40, 20), limiter(50, 20)),
            Mode::Test => (limiter(12, 10), limiter(5, 20)),
        };
        // A rate that someone chose is kept in every second.
        let stripe = stripe_rate.map_or(usual, |rate| limiter(rate.get(), SMALL_BURST));
        Self {
            stripe,
            stripe_test: limiter(12, 10),
            clerk,
            clerk_domain: limiter(5, 10),
            cloudflare: limiter(2, 20),
            worker: limiter(20, 40),
            // A browser loads these all at once.
            frontend: limiter(100, 100),
            elsewhere: limiter(5, 10),
            in_flight: Semaphore::new(concurrency.max(1)),
        }
    }

    /// Waits until a request to `party` may be sent. Hold the permit until it is done.
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
        self.in_flight.acquire().await.ok()
    }
}

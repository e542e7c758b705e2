//! `config/modes`.

use crate::check::prelude::*;
use crate::config::{Described, Mode};

check! {
    /// All keys are for the right mode.
    ///
    /// ## Why it matters
    /// Stripe and Clerk keep test and live data apart, and their keys look alike. With one test key among the live ones,
    /// customers pay and get nothing, or get a tier without paying.
    ///
    /// ## How it is verified
    /// By the prefixes of the keys in your environment: `sk_live_` or `sk_test_`, and so on. Nothing is sent. The IDs of prices
    /// and portal configurations do not show their mode; `stripe/price-mode` and `portal/configuration` ask Stripe.
    ///
    /// ## How to fix it
    /// Copy the key for the right mode from the dashboard page in the finding. To check the test-mode system instead, run
    /// `preflight run --mode test`.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [KeyOfOtherMode],
        subjects: deployment,
        run
    };
}

codes! {
    /// The Stripe secret key is for the other mode.
    STRIPE_SECRET_KEY: Failure(Money),
    /// The Stripe publishable key is for the other mode.
    STRIPE_PUBLISHABLE_KEY: Failure(Money),
    /// The Stripe test key is a live key.
    STRIPE_TEST_SECRET_KEY: Failure(Other),
    /// The Clerk secret key is for the other mode.
    CLERK_SECRET_KEY: Failure,
    /// The Clerk publishable key is for the other mode.
    CLERK_PUBLISHABLE_KEY: Failure,
}

#[expect(clippy::unused_async, reason = "every check has the same signature, and this one waits for nothing")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let config = world.config();
    let (stripe, clerk, wanted) = (&config.stripe, &config.clerk, config.project.mode);
    let keys = [
        (STRIPE_SECRET_KEY, stripe.secret_key.described(), wanted),
        (STRIPE_PUBLISHABLE_KEY, stripe.publishable_key.described(), wanted),
        (STRIPE_TEST_SECRET_KEY, stripe.test_secret_key.described(), Mode::Test),
        (CLERK_SECRET_KEY, clerk.secret_key.described(), wanted),
        (CLERK_PUBLISHABLE_KEY, clerk.publishable_key.described(), wanted),
    ];
    for (code, key, wanted) in &keys {
        match key.mode {
            // The mode of a damaged value is not reliable, and an optional one that is not set has none.
            _ if !key.is_usable() => outcome.leave_open(NoAnswer::Because(Cause::ValueUnusable)),
            Some(mode) if mode != *wanted => outcome.find(finding(*code, key, mode, *wanted)),
            Some(mode) => outcome.pass(format!("{} is a {}-mode key", key.name, mode.word())),
            None => {}
        }
    }
    Ok(())
}

fn finding(code: Code, key: &Described<'_>, mode: Mode, wanted: Mode) -> Finding {
    let shown = key.shown.clone().unwrap_or_default();
    Finding {
        code,
        message: format!("{} is a {}-mode key, but it must be a {}-mode key.", key.name, mode.word(), wanted.word()),
        expected: format!("a {}-mode key", wanted.word()),
        actual: shown.clone(),
        evidence: vec![Evidence {
            request: key.origin.to_string(),
            status: None,
            request_id: None,
            field: key.name.to_owned(),
            seen: shown,
        }],
        fix: Fix::new(format!("Set {} to the {}-mode key.", key.name, wanted.word())).link(key.kind.page()),
    }
}

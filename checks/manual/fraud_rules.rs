//! `manual/fraud-rules`.

use crate::check::prelude::*;

check! {
    /// Stripe's fraud rules fit what you sell.
    ///
    /// ## Why it matters
    /// Stripe's default rules block what looks like fraud. With a product that is bought from anywhere and used at once, you may
    /// want to ask for 3D Secure, or to block what is disputed most.
    ///
    /// ## How it is verified
    /// By your sign-off: no API shows it. Without a `[[manual]]` with this ID in the configuration, the check is unknown and the
    /// verdict does not require it.
    ///
    /// ## How to fix it
    /// Open <https://dashboard.stripe.com/settings/radar/rules>, and decide for each rule.
    /// Then add a `[[manual]]` with the ID `fraud-rules`, a title, `signed_off_by` and `on` to `preflight.toml`.
    pub const CHECK = Check { need: Need::Configured("a [[manual]] with the id fraud-rules"), sends: "", subjects: deployment, run };
}

// A manual check is passed or unknown.
codes! {}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    super::signed_off(
        world,
        &CHECK,
        "no API shows Stripe's fraud rules: check https://dashboard.stripe.com/settings/radar/rules",
        outcome,
    )
}

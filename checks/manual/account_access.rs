//! `manual/account-access`.

use crate::check::prelude::*;

check! {
    /// Everyone with access to Stripe, Clerk and Cloudflare needs it, and uses two-factor authentication.
    ///
    /// ## Why it matters
    /// A team account that someone forgot can refund every payment, read every customer or deploy another Worker.
    ///
    /// ## How it is verified
    /// By your sign-off: no API shows it. Without a `[[manual]]` with this ID in the configuration, the check is unknown and the
    /// verdict does not require it.
    ///
    /// ## How to fix it
    /// Open the team pages of Stripe (<https://dashboard.stripe.com/settings/team>), Clerk and Cloudflare. Remove who no longer
    /// needs access, and require two-factor authentication.
    /// Then add a `[[manual]]` with the ID `account-access`, a title, `signed_off_by` and `on` to `preflight.toml`.
    pub const CHECK = Check { need: Need::Configured("a [[manual]] with the id account-access"), sends: "", subjects: deployment, run };
}

// A manual check is passed or unknown.
codes! {}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    super::signed_off(
        world,
        &CHECK,
        "no API shows who has access and how they sign in: check the team pages of Stripe, Clerk and Cloudflare",
        outcome,
    )
}

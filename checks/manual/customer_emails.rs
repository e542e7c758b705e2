//! `manual/customer-emails`.

use crate::check::prelude::*;

check! {
    /// The emails that Stripe and Clerk send to customers are the ones that you want.
    ///
    /// ## Why it matters
    /// Customers get receipts, failed payment notices and sign-in codes from Stripe and Clerk. With the defaults, some are never
    /// sent, and others carry no logo and the wrong name.
    ///
    /// ## How it is verified
    /// By your sign-off: no API shows it. Without a `[[manual]]` with this ID in the configuration, the check is unknown and the
    /// verdict does not require it.
    ///
    /// ## How to fix it
    /// Open <https://dashboard.stripe.com/settings/emails> and <https://dashboard.stripe.com/settings/billing/automatic>, and the
    /// email templates in the Clerk Dashboard. Send yourself one of each.
    /// Then add a `[[manual]]` with the ID `customer-emails`, a title, `signed_off_by` and `on` to `preflight.toml`.
    pub const CHECK = Check { need: Need::Configured("a [[manual]] with the id customer-emails"), sends: "", subjects: deployment, run };
}

// A manual check is passed or unknown.
codes! {}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    super::signed_off(
        world,
        &CHECK,
        "preflight cannot see which emails customers get: check https://dashboard.stripe.com/settings/emails and Clerk's email templates",
        outcome,
    )
}

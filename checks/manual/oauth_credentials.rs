//! `manual/oauth-credentials`.

use crate::check::prelude::*;

check! {
    /// Social sign-in uses your own OAuth credentials.
    ///
    /// ## Why it matters
    /// With credentials that Clerk shares between development instances, customers see a stranger's name when they sign in with
    /// Google or GitHub.
    ///
    /// ## How it is verified
    /// By your sign-off: no API shows it. Without a `[[manual]]` with this ID in the configuration, the check is unknown and the
    /// verdict does not require it.
    ///
    /// ## How to fix it
    /// Open each connection under <https://dashboard.clerk.com/~/user-authentication/sso-connections>, and use credentials that you
    /// created at the provider.
    /// Then add a `[[manual]]` with the ID `oauth-credentials`, a title, `signed_off_by` and `on` to `preflight.toml`.
    pub const CHECK = Check { need: Need::Configured("a [[manual]] with the id oauth-credentials"), sends: "", subjects: deployment, run };
}

// A manual check is passed or unknown.
codes! {}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one sends no request")]
async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    super::signed_off(
        world,
        &CHECK,
        "preflight cannot tell your OAuth credentials from others: check https://dashboard.clerk.com/~/user-authentication/sso-connections",
        outcome,
    )
}

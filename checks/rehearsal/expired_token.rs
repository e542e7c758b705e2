//! `rehearsal/expired-token`.

use crate::check::prelude::*;
use crate::world::{ExpiredToken, ForgeryResponse, Route};

check! {
    /// The Worker rejects an expired token.
    ///
    /// ## Why it matters
    /// Clerk's tokens last a minute, so that a stolen one is soon worthless. A Worker that does not look at `exp` lets it work
    /// forever, with the tier that its owner once had.
    ///
    /// ## How it is verified
    /// A token of the canary is kept until it has expired, and a little longer than Clerk's SDK allows for clocks that differ. Then
    /// the usage route must reject it. If the
    /// token lasts longer than `--token-wait`, the check is unknown.
    ///
    /// ## How to fix it
    /// Verify tokens with Clerk's SDK, which looks at `exp`.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 request that must be rejected",
        subjects: deployment,
        run
    };
}

codes! {
    /// An expired token is accepted.
    ACCEPTED: Failure(Exposure),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    if let Some(lacking) = world.worker().lacks(Route::Usage) {
        return outcome.not_applicable(lacking);
    }
    let rehearsal = world.rehearsal().await?;
    let tried = rehearsal.expired_token.clone();
    match tried.unwrap_or_else(|| Err(NoAnswer::unknown("no expired token was sent")))? {
        ExpiredToken::NotTried(why) => return outcome.not_applicable(why),
        ExpiredToken::Tried(ForgeryResponse::Rejected(answer)) => {
            outcome.pass(format!("an expired token is rejected ({})", answer.status));
        }
        ExpiredToken::Tried(ForgeryResponse::Failed(failure)) => return Err(NoAnswer::Unknown(failure.words())),
        ExpiredToken::Tried(ForgeryResponse::Accepted(answer)) => outcome.find(Finding {
            code: ACCEPTED,
            message: "The Worker accepts an expired token, so a stolen one works forever.".to_owned(),
            expected: "401".to_owned(),
            actual: format!("{} {}", answer.status, answer.excerpt()),
            evidence: vec![answer.evidence("answer", answer.excerpt())],
            fix: Fix::new("Verify tokens with `verifyToken` from @clerk/backend, which rejects expired ones.")
                .code(format!(
                    "const claims = await verifyToken(token, {{ secretKey: env.{} }});",
                    world.config().clerk.secret_key.name
                ))
                .then(world.deployment()),
        }),
    }
    Ok(())
}

//! `rehearsal/access`.

use crate::check::prelude::*;
use crate::checks::grant::{Codes, granted};
use crate::world::RehearsalStep;

check! {
    /// A new token carries the new tier, and the Worker grants it.
    ///
    /// ## Why it matters
    /// The tier in Clerk is not yet access: the token must carry it, and the Worker must read it from there. A Worker that caches
    /// plans, or reads them from somewhere else, serves the old tier after an upgrade and after a cancellation.
    ///
    /// ## How it is verified
    /// After the purchase, after a change of plan and after the subscription was deleted, a new token of the canary must carry
    /// the plan that its metadata has, and the usage route must report that plan and that tier's limit. Session tokens without a
    /// JWT template may lag behind, so an old claim in one is unknown and not a failure.
    ///
    /// ## How to fix it
    /// Read the plan from the claim of each request's token, and the limit from one table of tiers.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what rehearsal/purchase sends, and 2 more events; 3 tokens of the canary",
        subjects: deployment,
        run
    };
}

codes! {
    /// A new token has another plan than the user's metadata.
    CLAIM: Failure,
    /// The Worker grants another plan than the token has.
    PLAN: Failure,
    /// The Worker grants another limit than the tier has.
    LIMIT: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let rehearsal = world.rehearsal().await?;
    rehearsal.step(RehearsalStep::Created)?;
    for seen in rehearsal.steps() {
        if let Some(grant) = &seen.grant {
            granted(world, seen, grant, &Codes { claim: CLAIM, plan: PLAN, limit: LIMIT }, outcome);
        }
    }
    // The last of them: without it, the rehearsal ended early.
    outcome.ask(rehearsal.step(RehearsalStep::Deleted));
    Ok(())
}

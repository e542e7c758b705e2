//! `billing/access`.

use crate::check::prelude::*;
use crate::checks::grant::{Codes, granted};
use crate::world::RehearsalStep;

check! {
    /// A new token carries the new tier, and the Worker grants it.
    ///
    /// ## Why it matters
    /// The tier in Clerk is not yet access: the token must carry it, and the Worker must read it from there.
    ///
    /// ## How it is verified
    /// After the purchase, after the change of plan and after the end of the subscription, a new token of the canary must carry the
    /// plan that its metadata has, and the usage route must report that plan and that tier's limit.
    ///
    /// ## How to fix it
    /// Read the plan from the claim of each request's token, and the limit from one table of tiers.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "what billing/purchase sends; 3 tokens of the canary",
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
    let billing = world.billing().await?;
    billing.step(RehearsalStep::Bought)?;
    for billed in billing.steps() {
        if let Some(grant) = &billed.seen.grant {
            granted(world, &billed.seen, grant, &Codes { claim: CLAIM, plan: PLAN, limit: LIMIT }, outcome);
        }
    }
    // The last of them: without it, the rehearsal ended early.
    outcome.ask(billing.step(RehearsalStep::Deleted));
    Ok(())
}

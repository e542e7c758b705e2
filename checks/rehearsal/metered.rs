//! `rehearsal/metered`.

use crate::check::prelude::*;
use crate::checks::effect::finding;
use crate::world::{GrantedUsage, Metered, RehearsalStep, Route, UsageAnswer};

check! {
    /// One use counts as one.
    ///
    /// ## Why it matters
    /// A limit that nothing counts toward is no limit: every free user has the product that others pay for.
    ///
    /// ## How it is verified
    /// After the purchase, the metered route (`worker.metered`) is called once with the canary's token. The number of uses that the
    /// usage route reports is read before, and again after the last event, and must have moved by one. The use stays counted.
    ///
    /// ## How to fix it
    /// Count each call where it is served, before the answer is sent.
    pub const CHECK = Check {
        need: Need::Configured("worker.metered"),
        sends: "1 call of the metered route, which counts as one use of the canary",
        subjects: deployment,
        run
    };
}

codes! {
    /// A call does not count.
    NOT_COUNTED: Failure(Money),
    /// A call counts more than once.
    COUNTED_TWICE: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    for route in [Route::Metered, Route::Usage] {
        if let Some(lacking) = worker.lacks(route) {
            return outcome.not_applicable(lacking);
        }
    }
    let rehearsal = world.rehearsal().await?;
    let seen = rehearsal.step(RehearsalStep::Created)?;
    let metered = rehearsal.metered.clone();
    let Metered { answer, after } =
        metered.unwrap_or_else(|| Err(NoAnswer::unknown("the metered route was not called")))?;
    match answer.status {
        200..=299 => {}
        404 | 405 => {
            return outcome.not_applicable(format!(
                "{} answered {}. Set worker.metered to a route that counts one use, to have it tried",
                answer.request, answer.status
            ));
        }
        status => {
            return Err(NoAnswer::unknown(format!("{} answered {status}: {}", answer.request, answer.excerpt())));
        }
    }
    let before = usage(seen.grant.as_ref().and_then(|grant| grant.usage.clone()))?;
    let after = usage(after)?;
    let (Some(before), Some(used)) = (before.used, after.used) else {
        return outcome.not_applicable("the usage route does not say how many uses there were");
    };
    let Some(moved) = used.checked_sub(before) else {
        return Err(NoAnswer::unknown(format!("the uses went from {before} to {used}: they may have been reset")));
    };
    if moved == 1 {
        outcome.pass(format!("one call moves the uses from {before} to {used}"));
        return Ok(());
    }
    let (code, message) = if moved == 0 {
        (NOT_COUNTED, format!("A call of {} is not counted, so no customer ever reaches a limit.", path(world)))
    } else {
        (COUNTED_TWICE, format!("One call of {} counts as {moved}, so customers reach their limit early.", path(world)))
    };
    let fix = Fix::new("Count each call once, where it is served, and read the same counter in the usage route.");
    let finding = finding(world, seen, code, message, format!("{} uses", before + 1), fix);
    let evidence = vec![after.answer.evidence("uses", used.to_string())];
    outcome.find(Finding { actual: format!("{used} uses"), evidence, ..finding });
    Ok(())
}

fn path(world: &World) -> &str {
    world.config().worker.metered.as_deref().unwrap_or_default()
}

/// What the usage route reported.
fn usage(answer: Option<Answered<UsageAnswer>>) -> Answered<GrantedUsage> {
    match answer.unwrap_or_else(|| Err(NoAnswer::unknown("the usage route was not asked")))? {
        UsageAnswer::Granted(usage) => Ok(usage),
        UsageAnswer::Rejected { .. } => Err(NoAnswer::Because(Cause::TokenRejectedByWorker)),
        UsageAnswer::Failed(failure) => Err(NoAnswer::Unknown(failure.words())),
    }
}

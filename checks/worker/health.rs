//! `worker/health`.

use super::fixes;
use crate::check::prelude::*;
use crate::world::{MissingNames, Route, RouteFailure};

check! {
    /// The Worker's health route answers 200.
    ///
    /// ## Why it matters
    /// Your monitoring watches this route after the launch. If it is missing or reports a missing variable, fix that first.
    ///
    /// ## How it is verified
    /// The health route is read once and must answer 200. An HTML page does not count, because a site may answer every address
    /// with it. What the Worker checks before it answers cannot be seen.
    ///
    /// ## How to fix it
    /// Set what is missing and deploy. Or set `worker.health` to the right path, or to `false` if this Worker has no health
    /// route.
    pub const CHECK = Check {
        need: Need::Configured("worker.health"),
        sends: "",
        owns: [WorkerDown, WorkerMissesBindings],
        subjects: deployment,
        run
    };
}

codes! {
    /// The Worker lists names that are not set on it. Other checks do not report what follows from that.
    MISSING_BINDINGS: Failure,
    /// It answers with another status.
    STATUS: Failure(Other),
    /// It does not answer, although the webhook does.
    SILENT: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Health) {
        return outcome.not_applicable(lacking);
    }
    let failure = match worker.health().await? {
        Ok(answer) if answer.status == 200 && answer.is_page() => {
            Err(NoAnswer::Unknown(format!("a page answered {}, and may answer every address", answer.request)))?
        }
        Ok(answer) if answer.status == 200 => {
            outcome.pass(format!("{} returned 200 {}", answer.request, answer.excerpt()));
            return Ok(());
        }
        Ok(answer) => RouteFailure::of(Route::Health, &answer),
        Err(failure) => failure,
    };
    if failure.answer.is_some()
        && let Some(missing) = worker.missing_names().await?
    {
        outcome.find(missing_bindings(world, &missing));
        return Ok(());
    }
    let code = if failure.answer.is_some() { STATUS } else { SILENT };
    outcome.find(fixes::broken(world, code, failure, "200"));
    Ok(())
}

fn missing_bindings(world: &World, MissingNames { names, answer }: &MissingNames) -> Finding {
    let listed = names.join(", ");
    let them = if names.len() == 1 { "it" } else { "them" };
    Finding {
        code: MISSING_BINDINGS,
        message: format!("The Worker answers {} and lists {listed} as missing. No route works without {them}.", answer.status),
        expected: "200".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("missing", listed.clone())],
        fix: Fix::new(format!(
            "Set {listed} on the Worker: a secret with `wrangler secret put`, a binding or a variable in the Wrangler file."
        ))
        .then(world.deployment()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_missing_variable_that_breaks_every_route_is_one_finding() {
        let run = scenario("worker-variable-empty").await;
        run.finds(CHECK, "missing-bindings");
        assert!(run.message(CHECK).contains("STRIPE_PRICE_ID_PRO"), "{}", run.summary());
    }
}

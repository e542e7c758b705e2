//! `worker/health`.

use crate::check::prelude::*;
use crate::world::{Missing, Route};

check! {
    /// The Worker's health route answers 200.
    ///
    /// ## Why it matters
    /// This is what a monitor watches after the launch. A health route that is missing, or that reports a missing variable,
    /// is the first thing to fix.
    ///
    /// ## How it is verified
    /// The health route is read once and must answer 200. What the Worker checks before it answers cannot be seen. An HTML
    /// page does not count: a site may answer every address with it.
    ///
    /// ## How to fix it
    /// Set what is missing and deploy; or set `worker.health` to the right path, or to `false` if this Worker has no health
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
    /// The Worker lists names that are not set on it. No other check reports what follows from that.
    MISSING_BINDINGS: Failure,
    /// It answers with another status.
    STATUS: Failure,
    /// It does not answer, although the webhook does.
    SILENT: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Health) {
        outcome.not_applicable(lacking);
        return Ok(());
    }
    let breakdown = match worker.health().await? {
        Ok(answer) if answer.status == 200 && answer.is_page() => {
            Err(NoAnswer::Unknown(format!("a page answers {}, which may answer every address", answer.request)))?
        }
        Ok(answer) if answer.status == 200 => {
            outcome.pass(format!("{} is answered 200 {}", answer.request, answer.excerpt()));
            return Ok(());
        }
        Ok(answer) => answer.into(),
        Err(breakdown) => breakdown,
    };
    if breakdown.answer.is_some()
        && let Some(missing) = worker.missing_bindings().await?
    {
        outcome.find(missing_bindings(&missing));
        return Ok(());
    }
    let code = if breakdown.answer.is_some() { STATUS } else { SILENT };
    outcome.find(breakdown.finding(code, "200"));
    Ok(())
}

fn missing_bindings(Missing { names, answer }: &Missing) -> Finding {
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
        .command("wrangler deploy"),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_worker_that_breaks_everywhere_is_one_finding() {
        let run = scenario("worker-variable-empty").await;
        run.finds(CHECK, "missing-bindings");
        assert!(run.message(CHECK).contains("STRIPE_PRICE_ID_PRO"), "{}", run.told());
        scenario("worker-lists-missing").await.finds(CHECK, "missing-bindings");
        scenario("secret-price-not-set").await.finds(crate::checks::worker::secrets::CHECK, "missing");
    }

    #[tokio::test]
    async fn does_not_apply_where_the_worker_has_no_such_route() {
        scenario("healthy-fewer-routes").await.does_not_apply(CHECK);
    }
}

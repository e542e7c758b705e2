//! `worker/health`.

use crate::check::prelude::*;
use crate::world::Route;

check! {
    /// The Worker says that it is up.
    ///
    /// ## Why it matters
    /// This is what a monitor watches after the launch. A health route that is not there, or that tells of a missing
    /// variable, is the first thing to mend.
    ///
    /// ## How it is verified
    /// The health route is read once and must be answered 200. What the Worker looks at before it says so cannot be seen. A
    /// page is no answer of a health route: it may be the site's for every address.
    ///
    /// ## Findings
    /// - `status`: it is answered otherwise.
    /// - `silent`: it gets no answer, and the webhook does.
    ///
    /// ## How to mend it
    /// Deploy the route, name the right one as `worker.health`, or set that to `false` where this Worker has none.
    pub const CHECK = Check {
        need: Need::Configured("worker.health"),
        sends: "",
        owns: [WorkerDown],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Health) {
        return Ok(Verdict::NotApplicable(lacking));
    }
    let expected = "200";
    let breakdown = match worker.health().await? {
        Ok(answer) if answer.status == 200 && answer.is_page() => {
            return Err(NoAnswer::unknown(format!("a page answers {}, which may answer everything", answer.request)));
        }
        Ok(answer) if answer.status == 200 => {
            return Ok(Verdict::Pass(format!("{} is answered 200 {}", answer.request, answer.excerpt())));
        }
        Ok(answer) => answer.into(),
        Err(breakdown) => breakdown,
    };
    let code = if breakdown.answer.is_some() { "status" } else { "silent" };
    Ok(breakdown.finding(code, expected).into())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_worker_whose_health_route_is_not_there() {
        scenario("health-missing").await.finds(CHECK, "status");
    }

    #[tokio::test]
    async fn finds_a_worker_on_another_host_that_gives_no_answer() {
        scenario("worker-host-dark").await.finds(CHECK, "silent");
    }

    #[tokio::test]
    async fn a_worker_that_breaks_everywhere_is_one_finding() {
        scenario("worker-variable-empty").await.finds(crate::checks::webhook::accepts_signed::CHECK, "server-error");
        scenario("secret-price-not-set").await.finds(crate::checks::worker::secrets::CHECK, "missing");
    }

    #[tokio::test]
    async fn does_not_apply_where_the_worker_has_no_such_route() {
        scenario("healthy-fewer-routes").await.does_not_apply(CHECK);
    }
}

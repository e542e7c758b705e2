//! `frontend/api`.

use crate::check::prelude::*;
use crate::world::{Destination, Place, listed};

check! {
    /// The served scripts look for this Worker.
    ///
    /// ## Why it matters
    /// A frontend that was built with the developer's settings asks a Worker on the visitor's own machine, and one that was
    /// built long ago a Worker that nobody keeps up. Both look right until somebody pays.
    ///
    /// ## How it is verified
    /// The page's scripts, those that they load later included, are looked through for the Worker's host and for the hosts of
    /// `webhook.hosts`. Where they name none of them, the Worker's own answer is asked for under the page's origin, where a
    /// proxy may lead to it. Only then does another address count: a Worker's, one that is asked for the Worker's routes, or
    /// one on the visitor's machine in a script that knows these routes. A library that mentions `localhost` is none of this.
    /// An address that is put together when the page runs, or is fetched, cannot be seen: where none is found, the check is
    /// unknown.
    ///
    /// ## How to fix it
    /// Build the frontend with this Worker's URL, and deploy it.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

codes! {
    /// The scripts ask the visitor's own machine.
    LOCALHOST: Failure,
    /// The scripts ask another host.
    OTHER_HOST: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        outcome.not_applicable("[frontend] is not configured");
        return Ok(());
    };
    let worker = world.config().worker.url.origin().ascii_serialization();
    match site.destination().await? {
        Destination::Worker(places) => outcome.pass(format!("the scripts name {worker}: {}", listed(&places))),
        Destination::OwnOrigin(route) => {
            let how = if route.is_empty() { String::new() } else { format!(", as GET {route} shows") };
            outcome.pass(format!("the page's own origin leads to the Worker{how}"));
        }
        Destination::Nowhere => {
            let missing = site.served().await?.missing().map_or_else(String::new, |missing| format!("; {missing}"));
            return Err(NoAnswer::unknown(format!(
                "no script of the page names {worker}, or another address that could be a Worker's{missing}"
            )));
        }
        Destination::Local(address, places) => {
            outcome.find(finding(LOCALHOST, "the visitor's own machine", &worker, &address, &places));
        }
        Destination::Other(host, places) => {
            outcome.find(finding(OTHER_HOST, "another host", &worker, &host, &places));
        }
    }
    Ok(())
}

fn finding(code: Code, what: &str, worker: &str, address: &str, places: &[Place]) -> Finding {
    let evidence = places.iter().take(3).map(|place| Evidence {
        request: format!("GET {}", place.file),
        status: Some(200),
        request_id: None,
        field: place.to_string(),
        seen: address.to_owned(),
    });
    Finding {
        code,
        message: format!(
            "The page's scripts send requests to {what}, {address}, and never to {worker}: {}.",
            listed(places)
        ),
        expected: worker.to_owned(),
        actual: address.to_owned(),
        evidence: evidence.collect(),
        fix: Fix::new(format!("Set the Worker's URL to {worker} in the frontend's build, and deploy the frontend.")),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn finds_what_is_named_instead_of_the_worker() {
        scenario("frontend-localhost").await.finds(CHECK, "localhost");
        scenario("frontend-old-worker").await.finds(CHECK, "other-host");
    }

    #[tokio::test]
    async fn a_library_may_mention_localhost() {
        scenario("healthy-libraries-say-localhost").await.passes(CHECK);
    }

    #[tokio::test]
    async fn a_proxy_on_the_pages_own_origin_needs_no_host() {
        let run = scenario("healthy-frontend-proxy").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("own origin"), "{}", run.seen(CHECK));
    }

    #[tokio::test]
    async fn scripts_that_name_nobody_are_unknown() {
        let run = scenario("frontend-hostless").await;
        assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
    }
}

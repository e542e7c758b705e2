//! `frontend/api`.

use std::collections::BTreeMap;

use super::scan::{evidence, listed, missing};
use crate::check::prelude::*;
use crate::world::Place;

check! {
    /// The served scripts send their requests to this Worker.
    ///
    /// ## Why it matters
    /// A frontend built with development settings sends requests to a Worker on the visitor's own machine. One built long ago
    /// may use a Worker that is no longer maintained. Both look right until a customer pays.
    ///
    /// ## How it is verified
    /// The page's scripts, and those that they load, are searched for the Worker's host and for the hosts of `webhook.hosts`.
    /// If they name none, a route of the Worker is requested under the page's origin, where a proxy may lead to the Worker.
    /// Only then does another address count: a Worker's, one with the Worker's routes, or one on the visitor's machine in a
    /// script that uses these routes. A library that mentions `localhost` does not count. An address that a script builds or
    /// fetches when the page runs cannot be seen: if no address is found, the check is unknown.
    ///
    /// ## How to fix it
    /// Build the frontend with this Worker's URL, and deploy it.
    pub const CHECK = Check { need: Need::Configured("frontend"), sends: "", subjects: deployment, run };
}

codes! {
    /// The scripts send requests to the visitor's own machine.
    LOCALHOST: Failure,
    /// The scripts send requests to another host.
    OTHER_HOST: Failure,
    /// The scripts send requests to the Worker without TLS, which browsers block.
    NOT_HTTPS: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let Some(site) = world.site() else {
        return outcome.not_applicable("[frontend] is not configured");
    };
    let config = world.config();
    let worker = config.worker.url.origin().ascii_serialization();
    let scan = site.scan().await?;
    let addresses = &scan.addresses;
    let has_tls = config.worker.url.scheme() == "https";
    if !addresses.worker.is_empty() || (!addresses.insecure.is_empty() && !has_tls) {
        outcome.pass(format!(
            "the scripts name {worker}: {}",
            listed(if addresses.worker.is_empty() { &addresses.insecure } else { &addresses.worker })
        ));
        return Ok(());
    }
    if config.frontend.as_ref().is_some_and(|frontend| frontend.url.origin() == config.worker.url.origin()) {
        outcome.pass("the page's own origin is the Worker's");
        return Ok(());
    }
    if let Some(route) = config.worker.tiers.as_ref().or(config.worker.health.as_ref())
        && site.proxies(route).await?
    {
        outcome.pass(format!("the page's own origin leads to the Worker, as GET {route} shows"));
        return Ok(());
    }
    let without_tls = worker.replacen("https", "http", 1);
    let (code, whose, (address, places)) = if !addresses.insecure.is_empty() {
        (NOT_HTTPS, "the Worker without TLS, which browsers block", (&without_tls, &addresses.insecure))
    } else if let Some(other) = most_named(&addresses.others) {
        (OTHER_HOST, "another host", other)
    } else if let Some(local) = most_named(&addresses.local) {
        (LOCALHOST, "the visitor's own machine", local)
    } else {
        let missing = missing(scan).map_or_else(String::new, |missing| format!("; {missing}"));
        return Err(NoAnswer::unknown(format!(
            "no script of the page names {worker} or another address that could be a Worker's{missing}"
        )));
    };
    outcome.find(Finding {
        code,
        message: format!(
            "The page's scripts send requests to {whose}, {address}, and never to {worker}: {}.",
            listed(places)
        ),
        expected: worker.clone(),
        actual: address.clone(),
        evidence: evidence(places, address),
        fix: Fix::new(format!("Set the Worker's URL to {worker} in the frontend's build, and deploy the frontend."))
            .code(format!("const API = \"{worker}\";")),
    });
    Ok(())
}

/// The address that is named in the most places.
fn most_named(addresses: &BTreeMap<String, Vec<Place>>) -> Option<(&String, &Vec<Place>)> {
    addresses.iter().max_by_key(|(_, places)| places.len())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn a_proxy_on_the_pages_own_origin_needs_no_host() {
        let run = scenario("healthy-frontend-proxy").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("own origin"), "{}", run.seen(CHECK));
    }

    #[tokio::test]
    async fn scripts_without_an_address_are_unknown() {
        let run = scenario("frontend-hostless").await;
        assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
    }
}

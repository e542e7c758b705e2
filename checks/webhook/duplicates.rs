//! `webhook/duplicates`.

use crate::check::prelude::*;
use crate::world::{Endpoint, EndpointKind, is_out_of_reach};

check! {
    /// No event reaches the Worker twice, and none goes to an abandoned URL.
    ///
    /// ## Why it matters
    /// Two endpoints that lead to one Worker deliver every event twice, each signed with its own secret: the Worker either
    /// rejects one of the two forever, or handles everything twice. An endpoint left on a tunnel or on localhost sends your
    /// customers' data to a host that others can take over.
    ///
    /// ## How it is verified
    /// All enabled endpoints and event destinations of this mode are compared: with the same URL; with the same path on a
    /// host of `webhook.hosts` or on one that Cloudflare lists for this script; and by host names that are not public. A
    /// classic endpoint and an event destination with one URL may be one object that Stripe lists twice. Whether two other
    /// names lead to one Worker cannot be seen if Cloudflare is not configured.
    ///
    /// ## How to fix it
    /// Keep the endpoint whose signing secret the Worker has, and delete the other on its page in the dashboard.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Two enabled endpoints have the Worker's URL. A warning if they may be one object.
    SAME_URL: Failure,
    /// An endpoint on another host leads to the same Worker.
    SAME_WORKER: Failure,
    /// An enabled endpoint points at localhost, a private address or a tunnel.
    TUNNEL: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let ours = world.webhook().endpoint().await?.value;
    let (listed, complete) = world.stripe().endpoints().await?;
    outcome.ask(complete);
    let others: Vec<&Endpoint> = listed.items.iter().filter(|endpoint| endpoint.id != ours.id).collect();
    let others: Vec<&Endpoint> =
        others.into_iter().filter(|other| outcome.ask(other.enabled.clone()) == Some(true)).collect();
    let path = ours.url.as_ref().map_or("", url::Url::path);
    let is_on_path = |other: &Endpoint| other.url.as_ref().is_some_and(|url| url.path() == path);
    // Only where an endpoint of the same path is on another host does it matter which hosts lead to the Worker.
    let mut hosts = Vec::new();
    if others.iter().any(|other| is_on_path(other) && other.url != ours.url && shares_events(&ours, other) != Ok(false))
    {
        for part in world.webhook_hosts().await {
            hosts.extend(outcome.ask(part).into_iter().flatten());
        }
    }
    let finding = |code, message: String, other: &Endpoint| Finding {
        code,
        message,
        expected: format!("one enabled endpoint, {}", ours.url_text),
        actual: format!("{} at {}", other.name(), other.url_text),
        evidence: vec![listed.answer.evidence("data[].url", other.url_text.clone())],
        fix: Fix::new(format!(
            "Delete {} on its page. If the Worker has its signing secret, delete {}.",
            other.id, ours.id
        ))
        .link(world.stripe().dashboard(&format!("webhooks/{}", other.id))),
    };
    for other in &others {
        let Some(url) = &other.url else { continue };
        let Some(shares_events) = outcome.ask(shares_events(&ours, other)) else { continue };
        let is_worker = is_on_path(other) && url.host_str().is_some_and(|host| hosts.iter().any(|known| known == host));
        if other.url == ours.url && shares_events {
            let may_be_one = (other.kind == EndpointKind::Classic) != (ours.kind == EndpointKind::Classic);
            let (code, what) = if may_be_one {
                (
                    SAME_URL.as_warning(),
                    "have the same URL: either Stripe lists one object twice, or every event arrives twice",
                )
            } else {
                (SAME_URL, "have the same URL, so every event arrives twice")
            };
            outcome.find(finding(code, format!("{} and {} {what}.", ours.id, other.id), other));
        } else if is_worker && shares_events {
            let message = format!("{} and {} lead to one Worker, so every event arrives twice.", ours.id, other.id);
            outcome.find(finding(SAME_WORKER, message, other));
        } else if is_out_of_reach(url) {
            let mode = world.config().project.mode.word();
            let message = format!("{} sends {mode} events to {}, a development host.", other.id, other.url_text);
            outcome.find(finding(TUNNEL, message, other));
        }
    }
    let count = others.len() + 1;
    outcome.pass_if_clean(format!("of {count} enabled endpoints, only {} leads to this Worker", ours.id));
    Ok(())
}

/// Whether events of one type go to both.
fn shares_events(ours: &Endpoint, other: &Endpoint) -> Answered<bool> {
    let (ours, theirs) = (ours.events()?, other.events()?);
    let is_shared = |event: &String| event == "*" || theirs.contains(event);
    Ok(theirs.iter().any(|event| event == "*") || ours.iter().any(is_shared))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn sixteen_endpoints_of_other_products_are_no_duplicates() {
        scenario("healthy-many-pages").await.passes(CHECK);
    }
}

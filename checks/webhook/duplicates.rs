//! `webhook/duplicates`.

use crate::check::prelude::*;
use crate::world::{Endpoint, is_development_host};

check! {
    /// No event reaches the Worker twice, and none goes to an abandoned URL.
    ///
    /// ## Why it matters
    /// Two endpoints for one Worker deliver every event twice, each signed with its own secret. The Worker either rejects one
    /// of the two forever or handles everything twice. An endpoint that still points at a tunnel sends your customers' data
    /// to a host that others can take over.
    ///
    /// ## How it is verified
    /// All enabled endpoints and event destinations of this mode are compared: those with the same URL, those with the same
    /// path on a host of `webhook.hosts` or on a host that Cloudflare lists for this script, and those on a development host.
    /// A classic endpoint and an event destination with one URL may be a single object that Stripe lists twice. Without access
    /// to Cloudflare, two other host names for one Worker cannot be seen. The host of each endpoint is looked up in the DNS;
    /// whether the host still handles what it receives is not seen.
    ///
    /// ## How to fix it
    /// Keep the endpoint whose signing secret the Worker has, and disable the other on its page in the dashboard.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Two enabled endpoints have the Worker's URL. A warning if they may be one object.
    SAME_URL: Failure,
    /// An endpoint on another host leads to the same Worker.
    SAME_WORKER: Failure,
    /// An endpoint delivers the same events to another path of the same host.
    OTHER_PATH: Warning,
    /// An enabled endpoint points at localhost, a private address or a tunnel.
    TUNNEL: Warning,
    /// An enabled endpoint points at a host that the DNS does not know.
    ABANDONED: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let ours = world.webhook().endpoint().await?.value;
    let (listed, complete) = world.stripe().endpoints().await?;
    outcome.ask(complete);
    let others = listed.items.iter().filter(|endpoint| endpoint.id != ours.id);
    let others: Vec<&Endpoint> = others.filter(|other| outcome.ask(other.enabled.clone()) == Some(true)).collect();
    let path = ours.url.as_ref().map_or("", url::Url::path);
    let is_on_path = |other: &Endpoint| other.url.as_ref().is_some_and(|url| url.path() == path);
    // The Worker's other hosts only matter if an endpoint has the same path on another host.
    let mut hosts = Vec::new();
    if others.iter().any(|other| is_on_path(other) && other.url != ours.url && shares_events(&ours, other) != Ok(false))
    {
        for part in world.webhook_hosts().await {
            hosts.extend(outcome.ask(part).into_iter().flatten());
        }
    }
    let (mode, page) =
        (world.config().project.mode.word(), |id: &str| world.stripe().dashboard(&format!("webhooks/{id}")));
    let finding = |code, message: String, other: &Endpoint, summary: String| Finding {
        code,
        message,
        expected: format!("one enabled endpoint, {}", ours.url_text),
        actual: format!("{} at {}", other.name(), other.url_text),
        evidence: vec![listed.answer.evidence("data[].url", other.url_text.clone())],
        fix: Fix::new(summary).link(page(&other.id)),
    };
    let gone = futures::future::join_all(others.iter().map(|other| is_gone(world, other))).await;
    for (other, is_gone) in others.iter().zip(gone) {
        let Some(url) = &other.url else { continue };
        let Some(shares_events) = outcome.ask(shares_events(&ours, other)) else { continue };
        let is_worker = is_on_path(other) && url.host_str().is_some_and(|host| hosts.iter().any(|known| known == host));
        let (one, two) = (&ours.id, &other.id);
        if other.url == ours.url && shares_events && other.kind != ours.kind {
            let message =
                format!("{one} and {two} have the same URL. If they are two endpoints, every event arrives twice.");
            let summary = format!(
                "Open the webhooks page. If it shows only one endpoint for {}, there is nothing to fix. If it shows two, {}",
                ours.url_text,
                keep_one(world, &ours, other)
            );
            outcome.find(finding(SAME_URL.as_warning(), message, other, summary));
            continue;
        }
        if shares_events && (other.url == ours.url || is_worker) {
            let (code, how) = if other.url == ours.url {
                (SAME_URL, "have the same URL")
            } else {
                (SAME_WORKER, "lead to the same Worker")
            };
            let mut finding = finding(
                code,
                format!("{one} and {two} {how}, so every event arrives twice."),
                other,
                format!("On the pages of both endpoints, {}", keep_one(world, &ours, other)),
            );
            finding.fix = finding.fix.link(page(one));
            outcome.find(finding);
            continue;
        }
        let (code, message, why) = if is_development_host(url) {
            let to = format!("to {}, a development host", other.url_text);
            (
                TUNNEL,
                format!("{two} sends {mode} events, with your customers' data, {to}."),
                "you no longer use that host",
            )
        } else if shares_events && url.host_str() == ours.url.as_ref().and_then(url::Url::host_str) {
            let to = format!("to {}, another path of the Worker's host", other.url_text);
            (
                OTHER_PATH,
                format!("{two} delivers the same events {to}. If both are handled, each counts twice."),
                "nothing needs it",
            )
        } else if outcome.ask(is_gone) == Some(true) {
            let to = format!("to {}, whose host is not in the DNS", other.url_text);
            (ABANDONED, format!("{two} sends {mode} events, with your customers' data, {to}."), "nothing needs it")
        } else {
            continue;
        };
        let summary = format!("Disable {two} on its page if {why}. Leave {one}, the Worker's endpoint, enabled.");
        let mut finding = finding(code, message, other, summary.clone());
        finding.fix = Fix::new(summary).suggest(world.stripe().change_endpoint(other, "disabled", false, true));
        outcome.find(finding);
    }
    let count = others.len() + 1;
    outcome.pass_if_clean(format!("of {count} enabled endpoints, only {} leads to this Worker", ours.id));
    Ok(())
}

/// Whether the host of an endpoint no longer exists, so that the next owner of its domain gets the events.
async fn is_gone(world: &World, endpoint: &Endpoint) -> Answered<bool> {
    match endpoint.url.as_ref().and_then(url::Url::domain) {
        Some(host) => Ok(!world.is_in_dns(host).await?),
        None => Ok(false),
    }
}

/// Which of two endpoints to keep. Stripe does not return signing secrets, so only the dashboard shows which one the Worker has.
fn keep_one(world: &World, ours: &Endpoint, other: &Endpoint) -> String {
    format!(
        "reveal the signing secrets of {} and {}. Keep the endpoint whose secret is your {}, select the events of both on it, and disable the other.",
        ours.id,
        other.id,
        world.config().stripe.webhook_secret.name
    )
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
    async fn a_tunnel_never_costs_the_workers_own_endpoint() {
        let run = scenario("endpoint-tunnel").await;
        let summary = &run.fix(CHECK).summary;
        assert!(summary.contains("Disable we_1Rlivecme7LaunchSecond00"), "{summary}");
        assert!(summary.contains("the Worker's endpoint, enabled"), "{summary}");
    }

    #[tokio::test]
    async fn an_endpoint_that_stripe_may_list_twice_is_not_simply_disabled() {
        let run = scenario("endpoint-shown-twice").await;
        assert!(run.fix(CHECK).summary.contains("there is nothing to fix"), "{}", run.summary());
        assert_eq!(run.line(CHECK).findings.len(), 1, "{}", run.summary());
    }
}

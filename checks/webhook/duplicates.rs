//! `webhook/duplicates`.

use crate::check::prelude::*;
use crate::world::{Endpoint, EndpointKind, is_out_of_reach};

check! {
    /// No event reaches the Worker twice, and none goes to an abandoned place.
    ///
    /// ## Why it matters
    /// Two endpoints that lead to one Worker deliver every event twice, each signed with a secret of its own: one of the two
    /// is refused for ever, or everything is done twice. An endpoint left on a tunnel or on localhost hands customers' data
    /// to whoever answers there next.
    ///
    /// ## How it is verified
    /// All enabled endpoints and event destinations of this mode are compared: with the same URL; with the same path on a
    /// host of `webhook.hosts` or on one that Cloudflare says leads to this script; and by host names that nobody else can
    /// reach. A classic endpoint and an event destination with one URL may be one object that Stripe shows twice. That two
    /// other names lead to one Worker cannot be seen where Cloudflare is not configured.
    ///
    /// ## Findings
    /// - `same-url`: two enabled endpoints have the Worker's URL. A warning where they may be one object.
    /// - `same-worker`: an endpoint on another host leads to the same Worker.
    /// - `tunnel`: an enabled endpoint points at localhost, a private address or a tunnel; a warning.
    ///
    /// ## How to mend it
    /// Keep the endpoint whose signing secret the Worker has, and delete the other on its page in the dashboard.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let ours = world.webhook().endpoint().await?.value;
    let (listed, complete) = world.stripe().endpoints().await?;
    let hosts = world.webhook_hosts().await;
    let mut findings = Vec::new();
    let others = || listed.items.iter().filter(|endpoint| endpoint.enabled && endpoint.id != ours.id);
    let finding = |code, severity, message: String, other: &Endpoint| Finding {
        code,
        severity,
        message,
        expected: format!("one enabled endpoint, {}", ours.url_text),
        actual: format!("{} at {}", other.name(), other.url_text),
        evidence: vec![listed.answer.evidence("data[].url", other.url_text.clone())],
        fix: Fix::new(format!(
            "Delete {} on its page, unless the Worker has its signing secret; then delete the other.",
            other.id
        ))
        .link(world.stripe().dashboard(&format!("webhooks/{}", other.id))),
    };
    let our_events = ours.events()?;
    for other in others() {
        let Some(url) = &other.url else { continue };
        let theirs = other.events()?;
        let is_shared = |event: &String| event == "*" || theirs.iter().any(|their| their == event || their == "*");
        let shares_events = our_events.iter().any(is_shared) || theirs == ["*"];
        let is_worker = url.path() == ours.url.as_ref().map_or("", url::Url::path)
            && url.host_str().is_some_and(|host| hosts.iter().any(|known| known == host));
        if other.url == ours.url && shares_events {
            let may_be_one = (other.kind == EndpointKind::Classic) != (ours.kind == EndpointKind::Classic);
            let (severity, what) = if may_be_one {
                (
                    Severity::Warning,
                    "have the same URL: either Stripe shows one object twice, or every event arrives twice",
                )
            } else {
                (Severity::Failure, "have the same URL, so every event arrives twice")
            };
            findings.push(finding("same-url", severity, format!("{} and {} {what}.", ours.id, other.id), other));
        } else if is_worker && shares_events {
            let message = format!("{} and {} lead to one Worker, so every event arrives twice.", ours.id, other.id);
            findings.push(finding("same-worker", Severity::Failure, message, other));
        } else if is_out_of_reach(url) {
            let message = format!(
                "{} delivers live events to {}, which only a developer's machine answers.",
                other.id, other.url_text
            );
            findings.push(finding("tunnel", Severity::Warning, message, other));
        }
    }
    // Nothing was found among those that could be read; the others could not.
    if findings.is_empty() {
        complete?;
    }
    let count = others().count() + 1;
    Ok(Verdict::of(findings, format!("of {count} enabled endpoints, just {} leads to this Worker", ours.id)))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_two_endpoints_with_one_url() {
        scenario("endpoint-twice").await.finds(CHECK, "same-url");
    }

    #[tokio::test]
    async fn finds_two_hosts_of_one_worker() {
        scenario("endpoint-two-hosts").await.finds(CHECK, "same-worker");
    }

    #[tokio::test]
    async fn warns_of_an_endpoint_on_a_tunnel() {
        scenario("endpoint-tunnel").await.warns(CHECK, "tunnel");
    }

    #[tokio::test]
    async fn sixteen_endpoints_of_other_products_are_no_duplicates() {
        scenario("healthy-many-pages").await.passes(CHECK);
    }
}

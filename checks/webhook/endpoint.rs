//! `webhook/endpoint`.

use crate::check::prelude::*;
use crate::world::{Endpoint, Registration};

check! {
    /// Exactly the Worker's URL is registered at Stripe, enabled and in this mode.
    ///
    /// ## Why it matters
    /// Stripe delivers to the URL that is registered, to the letter, and follows no redirect. With a slash more, another
    /// path, or an endpoint that exists in test mode only, customers pay and the Worker hears nothing of it.
    ///
    /// ## How it is verified
    /// Stripe's classic webhook endpoints and its event destinations are both read to their last page and compared with
    /// `webhook.url` and with the same path on each of `webhook.hosts`. With a test key configured, the test-mode endpoints
    /// are looked at where the URL is not found. An endpoint that a Connect platform registers is not told from one of your
    /// own.
    ///
    /// ## Findings
    /// - `not-found`: no endpoint is anything like this URL.
    /// - `other-mode`: it is registered in the other mode only.
    /// - `disabled`: it is registered and switched off.
    /// - `thin-payload`: it is an event destination that delivers IDs instead of objects.
    /// - `trailing-slash`: a slash at the end is too many or missing.
    /// - `not-https`: it is registered with `http://`.
    /// - `path`: it is registered with another path.
    /// - `host`: the path is registered on another host.
    ///
    /// ## How to mend it
    /// Change the endpoint's URL on its page in the dashboard, or add an endpoint there and set its signing secret on the
    /// Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [EndpointNotRegistered],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let seen = world.webhook().registration().await?;
    let wanted = &world.config().webhook.url;
    let (code, endpoint, what, summary) = match &seen.value {
        Registration::Here(endpoint) => {
            return Ok(Verdict::Pass(format!("{} delivers to {}", endpoint.name(), endpoint.url_text)));
        }
        Registration::NotFound => ("not-found", None, "no endpoint is registered for".to_owned(), add(world)),
        Registration::OtherMode(endpoint) => (
            "other-mode",
            Some(endpoint),
            format!("{} is of test mode; no live one is registered for", endpoint.id),
            add(world),
        ),
        Registration::Disabled(endpoint) => (
            "disabled",
            Some(endpoint),
            format!("{} is switched off, so nothing is delivered to", endpoint.id),
            "Enable it on its page; Stripe switches an endpoint off that failed for days, so mend that first."
                .to_owned(),
        ),
        Registration::Thin(endpoint) => (
            "thin-payload",
            Some(endpoint),
            format!("{} delivers IDs instead of whole objects to", endpoint.id),
            "Add a destination with snapshot payloads for the same URL, and remove this one.".to_owned(),
        ),
        Registration::TrailingSlash(endpoint) => differs("trailing-slash", endpoint, "a slash at the end", wanted),
        Registration::NotHttps(endpoint) => differs("not-https", endpoint, "http instead of https", wanted),
        Registration::Path(endpoint) => differs("path", endpoint, "another path", wanted),
        Registration::Host(endpoint) => differs("host", endpoint, "another host", wanted),
    };
    let actual = endpoint.map_or_else(|| "no such endpoint".to_owned(), |endpoint| endpoint.url_text.clone());
    let page = endpoint.map_or_else(|| "webhooks".to_owned(), |endpoint| format!("webhooks/{}", endpoint.id));
    Ok(Finding {
        code,
        severity: Severity::Failure,
        message: format!("At Stripe, {what} {wanted}."),
        expected: format!("an enabled endpoint for {wanted}"),
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence("data[].url", actual)],
        fix: Fix::new(summary).link(world.stripe().dashboard(&page)),
    }
    .into())
}

fn differs<'e>(
    code: &'static str,
    endpoint: &'e Endpoint,
    how: &str,
    wanted: &impl std::fmt::Display,
) -> (&'static str, Option<&'e Endpoint>, String, String) {
    let what = format!("{} is registered for {} — {how} — and not for", endpoint.id, endpoint.url_text);
    (code, Some(endpoint), what, format!("Change the URL of {} to {wanted}.", endpoint.id))
}

fn add(world: &World) -> String {
    let config = world.config();
    format!(
        "Add an endpoint for {} with the events {}, and set its signing secret as {} on the Worker.",
        config.webhook.url,
        config.webhook.events.join(", "),
        config.stripe.webhook_secret.name
    )
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_the_registration_can_miss() {
        for (name, code) in [
            ("endpoint-none", "not-found"),
            ("endpoint-test-only", "other-mode"),
            ("endpoint-disabled", "disabled"),
            ("endpoint-path", "path"),
            ("endpoint-slash", "trailing-slash"),
            ("endpoint-http", "not-https"),
            ("endpoint-old-host", "host"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn an_event_destination_is_as_good_as_a_classic_endpoint() {
        scenario("healthy-event-destination").await.passes(CHECK);
    }
}

//! `webhook/endpoint`.

use crate::check::prelude::*;
use crate::world::{Endpoint, Registration};

check! {
    /// Exactly the Worker's URL is registered at Stripe, enabled and in this mode.
    ///
    /// ## Why it matters
    /// Stripe delivers to exactly the URL that is registered, and follows no redirect. With an extra slash, another path, or
    /// an endpoint that exists in test mode only, customers pay and the Worker never hears of it.
    ///
    /// ## How it is verified
    /// Stripe's classic webhook endpoints and its event destinations are both read to their last page and compared with
    /// `webhook.url` and with the same path on each of `webhook.hosts`. If you configured a test key, the test-mode endpoints
    /// are read if the URL is not found. An endpoint registered by a Connect platform looks like one of your own.
    ///
    /// ## How to fix it
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

codes! {
    /// No endpoint has this URL or a similar one.
    NOT_FOUND: Failure,
    /// It is registered in the other mode only.
    OTHER_MODE: Failure,
    /// It is registered and disabled.
    DISABLED: Failure,
    /// It is an event destination that delivers IDs instead of objects.
    THIN_PAYLOAD: Failure,
    /// There is an extra slash at the end, or one is missing.
    TRAILING_SLASH: Failure,
    /// It is registered with `http://`.
    NOT_HTTPS: Failure,
    /// It is registered with another path.
    PATH: Failure,
    /// The path is registered on another host.
    HOST: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let seen = world.webhook().registration().await?;
    let wanted = &world.config().webhook.url;
    let (code, endpoint, message, summary) = match &seen.value {
        Registration::Here(endpoint) => {
            outcome.pass(format!("{} delivers to {}", endpoint.name(), endpoint.url_text));
            return Ok(());
        }
        Registration::Unsure(_, why) => return Err(why.clone()),
        Registration::NotFound => (
            NOT_FOUND,
            None,
            format!("No endpoint is registered at Stripe for {wanted}, so the Worker gets no events."),
            add(world),
        ),
        Registration::OtherMode(endpoint) => (
            OTHER_MODE,
            Some(endpoint),
            format!("{} for {wanted} is a test-mode endpoint. The Worker gets no live events.", endpoint.id),
            add(world),
        ),
        Registration::Disabled(endpoint) => (
            DISABLED,
            Some(endpoint),
            format!("{} for {wanted} is disabled, so the Worker gets no events.", endpoint.id),
            "Enable the endpoint on its page. Stripe disables endpoints that failed for days: fix the cause first."
                .to_owned(),
        ),
        Registration::Thin(endpoint) => (
            THIN_PAYLOAD,
            Some(endpoint),
            format!("{} delivers thin payloads (IDs, not objects) to {wanted}.", endpoint.id),
            "Add a destination with snapshot payloads for the same URL, and delete this one.".to_owned(),
        ),
        Registration::TrailingSlash(endpoint) => differs(TRAILING_SLASH, endpoint, "the slash at the end", wanted),
        Registration::NotHttps(endpoint) => differs(NOT_HTTPS, endpoint, "http instead of https", wanted),
        Registration::Path(endpoint) => differs(PATH, endpoint, "another path", wanted),
        Registration::Host(endpoint) => differs(HOST, endpoint, "another host", wanted),
    };
    let actual = endpoint.map_or_else(|| "no such endpoint".to_owned(), |endpoint| endpoint.url_text.clone());
    let page = endpoint.map_or_else(|| "webhooks".to_owned(), |endpoint| format!("webhooks/{}", endpoint.id));
    outcome.find(Finding {
        code,
        message,
        expected: format!("an enabled endpoint for {wanted}"),
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence("data[].url", actual)],
        fix: Fix::new(summary).link(world.stripe().dashboard(&page)),
    });
    Ok(())
}

fn differs<'e>(
    code: Code,
    endpoint: &'e Endpoint,
    how: &str,
    wanted: &impl std::fmt::Display,
) -> (Code, Option<&'e Endpoint>, String, String) {
    let message = format!("{} is registered for {}, not for {wanted}: {how}.", endpoint.id, endpoint.url_text);
    (code, Some(endpoint), message, format!("Change the URL of {} to {wanted}.", endpoint.id))
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
    async fn an_event_destination_is_as_good_as_a_classic_endpoint() {
        scenario("healthy-event-destination").await.passes(CHECK);
    }
}

//! `webhook/endpoint`.

use url::Url;

use crate::check::prelude::*;
use crate::world::Endpoint;

check! {
    /// The Worker's exact URL is registered at Stripe, enabled and in this mode.
    ///
    /// ## Why it matters
    /// Stripe delivers to exactly the URL that is registered, and follows no redirects. If the registered URL has an extra
    /// slash or another path, or exists in test mode only, customers pay and the Worker never learns about it.
    ///
    /// ## How it is verified
    /// All of Stripe's classic webhook endpoints and event destinations are read and compared with `webhook.url` and with the
    /// same path on each of `webhook.hosts`. If none matches and you configured a test key, the test-mode endpoints are read,
    /// too. An endpoint registered by a Connect platform looks like one of your own.
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
    /// It is registered in test mode only.
    OTHER_MODE: Failure,
    /// It is registered but disabled.
    DISABLED: Failure,
    /// It is an event destination that delivers IDs instead of objects.
    THIN_PAYLOAD: Failure,
    /// There is an extra slash at the end, or one is missing.
    TRAILING_SLASH: Failure,
    /// It is registered with `http://`.
    NOT_HTTPS: Failure,
    /// It is registered with another path or query.
    PATH: Failure,
    /// The path is registered on another host or port.
    HOST: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    match world.webhook().endpoint().await {
        Ok(seen) => {
            let endpoint = seen.value;
            if outcome.ask(endpoint.enabled.clone()).is_some() {
                outcome.pass(format!("{} delivers to {}", endpoint.name(), endpoint.url_text));
            }
        }
        Err(NoAnswer::Because(Cause::EndpointNotRegistered)) => {
            let (listed, _) = world.stripe().endpoints().await?;
            let difference = match difference(world, &listed.items) {
                Some(difference) => difference,
                None => missing(world, test_mode_twin(world).await),
            };
            let Difference { code, endpoint, message, fix } = difference;
            let actual = endpoint.map_or_else(|| "no such endpoint".to_owned(), |endpoint| endpoint.url_text);
            outcome.find(Finding {
                code,
                message,
                expected: format!("an enabled endpoint for {}", world.config().webhook.url),
                actual: actual.clone(),
                evidence: vec![listed.answer.evidence("data[].url", actual)],
                fix,
            });
        }
        Err(why) => return Err(why),
    }
    Ok(())
}

type Differs = fn(&Url, &Url) -> bool;

/// How the endpoint that comes nearest to the webhook URL differs from it.
struct Difference {
    code: Code,
    endpoint: Option<Endpoint>,
    message: String,
    fix: Fix,
}

fn difference(world: &World, endpoints: &[Endpoint]) -> Option<Difference> {
    let (wanted, secret) = (&world.config().webhook.url, &world.config().stripe.webhook_secret.name);
    let page = |endpoint: &Endpoint| world.stripe().dashboard(&format!("webhooks/{}", endpoint.id));
    if let Some(endpoint) = endpoints.iter().find(|endpoint| world.webhook().is_destination(endpoint)) {
        let id = &endpoint.id;
        let (code, message, fix) = if endpoint.enabled == Ok(false) {
            (
                DISABLED,
                format!("{id} for {wanted} is disabled, so the Worker gets no events."),
                Fix::new(format!(
                    "Enable {id}. If Stripe disabled it after days of failed deliveries, fix their cause first."
                ))
                .then(world.stripe().change_endpoint(endpoint, "disabled", true, false)),
            )
        } else {
            (
                THIN_PAYLOAD,
                format!("{id} delivers thin payloads (IDs, not objects) to {wanted}. The Worker needs whole objects."),
                Fix::new(format!(
                    "Add an endpoint for {wanted}, and set its signing secret as {secret} in your environment and on the Worker. Then disable {id} if nothing else needs it."
                ))
                .by_hand(world.stripe().create_endpoint(None))
                .then(world.entered_secret(secret))
                .link(page(endpoint)),
            )
        };
        return Some(Difference { code, endpoint: Some(endpoint.clone()), message, fix });
    }
    let differences: [(Code, Differs, &str); 4] = [
        (TRAILING_SLASH, differs_in_slash, "the slash at the end"),
        (NOT_HTTPS, differs_in_scheme, "http instead of https"),
        (PATH, differs_in_path, "another path or query"),
        (HOST, differs_in_host, "another host or port"),
    ];
    differences.into_iter().find_map(|(code, differs, how)| {
        let is_near = |endpoint: &&Endpoint| endpoint.url.as_ref().is_some_and(|url| differs(url, wanted));
        let endpoint = endpoints.iter().find(is_near)?;
        let (id, url) = (&endpoint.id, &endpoint.url_text);
        let change = world.stripe().change_endpoint(endpoint, "url", endpoint.url_text.as_str(), wanted.as_str());
        let fix = match code {
            // It may be another product's endpoint, which works.
            PATH | HOST => Fix::new(format!(
                "If {id} is for this Worker, change its URL to {wanted}. If not, add {}",
                endpoint_to_add(world)
            ))
            .suggest(change),
            _ => Fix::new(format!("Change the URL of {id} to {wanted}.")).then(change),
        };
        let message = format!("{id} is registered for {url}, not for {wanted}: {how}.");
        Some(Difference { code, endpoint: Some(endpoint.clone()), message, fix })
    })
}

/// The endpoint for the webhook URL in test mode.
async fn test_mode_twin(world: &World) -> Option<Endpoint> {
    let (listed, _) = optional(world.stripe_test()?.endpoints()).await?;
    listed.items.into_iter().find(|endpoint| world.webhook().is_destination(endpoint))
}

fn missing(world: &World, twin: Option<Endpoint>) -> Difference {
    let wanted = &world.config().webhook.url;
    let (code, message) = match &twin {
        Some(twin) => {
            (OTHER_MODE, format!("{} for {wanted} is a test-mode endpoint. The Worker gets no live events.", twin.id))
        }
        None => (NOT_FOUND, format!("No endpoint is registered at Stripe for {wanted}, so the Worker gets no events.")),
    };
    let fix = Fix::new(format!("Add {}", endpoint_to_add(world)));
    let version = twin.as_ref().and_then(|twin| twin.api_version.value());
    let fix = add_endpoint(world, fix, version.map(String::as_str));
    Difference { code, endpoint: twin, message, fix }
}

/// Creates the endpoint, and gives its signing secret to the Worker. Stripe shows the secret only once, so without an env file
/// to keep it in, a person does that.
fn add_endpoint(world: &World, fix: Fix, version: Option<&str>) -> Fix {
    let (endpoint, variable) = (world.stripe().create_endpoint(version), &world.config().stripe.webhook_secret);
    let secret = NewValue::Created(endpoint.created("secret"));
    match world.local_secret_value(variable, secret.clone()) {
        Some(line) => fix.then(endpoint).then(line).then(world.new_secret(&variable.name, secret)),
        None => fix.by_hand(endpoint).then(world.entered_secret(&variable.name)),
    }
}

fn endpoint_to_add(world: &World) -> String {
    let config = world.config();
    format!(
        "an endpoint for {} with the events {}, and set its signing secret as {} in your environment and on the Worker.",
        config.webhook.url,
        config.webhook.events.join(", "),
        config.stripe.webhook_secret.name
    )
}

fn differs_in_slash(found: &Url, wanted: &Url) -> bool {
    let bare = |url: &Url| url.path().trim_end_matches('/').to_owned();
    found.path() != wanted.path()
        && found.origin() == wanted.origin()
        && found.query() == wanted.query()
        && bare(found) == bare(wanted)
}

fn differs_in_scheme(found: &Url, wanted: &Url) -> bool {
    found.scheme() == "http" && found.host() == wanted.host() && found.path() == wanted.path()
}

fn differs_in_path(found: &Url, wanted: &Url) -> bool {
    found.host() == wanted.host() && found.port() == wanted.port()
}

fn differs_in_host(found: &Url, wanted: &Url) -> bool {
    found.path() == wanted.path()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn an_endpoint_with_thin_payloads_is_not_deleted() {
        let run = scenario("endpoint-thin").await;
        assert!(!run.fix(CHECK).summary.contains("elete"), "{}", run.summary());
    }

    #[tokio::test]
    async fn an_endpoint_with_another_path_or_host_is_only_changed_if_it_is_for_this_worker() {
        for name in ["endpoint-path", "endpoint-old-host"] {
            let run = scenario(name).await;
            assert!(run.fix(CHECK).summary.starts_with("If we_"), "{}", run.summary());
        }
    }
}

//! `webhook/accepts-signed`.

use std::time::Duration;

use crate::check::prelude::*;
use crate::world::Reception;

check! {
    /// The Worker takes a correctly signed event.
    ///
    /// ## Why it matters
    /// This is the moment at which a payment becomes a tier. A Worker that has the signing secret of another endpoint, of
    /// test mode or of the Stripe CLI refuses every event, and every dashboard but this one stays green.
    ///
    /// ## How it is verified
    /// An event of a type that no Worker handles is signed with the secret that the environment holds, exactly as Stripe
    /// signs, and sent to the webhook URL. A 2xx with the expected body proves the URL, the route, the deployed secret and
    /// the clock at once. Whether a real event then changes a user cannot be seen from this one.
    ///
    /// ## Findings
    /// - `secret-mismatch`: it is refused just as a forged one is, so the Worker has another secret.
    /// - `secret-missing`: the Worker breaks down as soon as there is a signature to verify.
    /// - `sync-crypto`: it verifies synchronously, which cannot work on Workers.
    /// - `server-error`: it answers 5xx.
    /// - `timeout`: it does not answer in time.
    /// - `no-answer`: the connection breaks.
    /// - `not-the-handler`: a page or something else that answers everything answers this.
    /// - `unexpected-answer`: it answers, but not with what `webhook.expect` says.
    /// - `unhandled-type-refused`: it takes the signature and refuses the type. A warning, and a failure where the endpoint
    ///   selects events that the Worker does not handle.
    /// - `slow`: its own share of the time is above `webhook.max_response_ms`; a warning.
    ///
    /// ## How to mend it
    /// Set the signing secret of the registered endpoint on the Worker, or mend what the finding quotes from its answer.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event of a type that no Worker handles",
        owns: [SignedEventNotAccepted],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let (reception, delivered) = world.webhook().reception().await?;
    let limit = Duration::from_millis(world.config().webhook.max_response_ms);
    let evidence = match &delivered {
        Ok(answer) => answer.evidence("answer", answer.excerpt()),
        Err(failure) => Evidence {
            request: failure.request.clone(),
            status: None,
            request_id: None,
            field: "connection".to_owned(),
            seen: failure.trouble.to_string(),
        },
    };
    let actual = evidence.status.map_or_else(|| evidence.seen.clone(), |status| format!("{status} {}", evidence.seen));
    let (code, message, fix) = match &reception {
        Reception::Received { took } if *took <= limit => {
            return Ok(Verdict::Pass(format!("a signed event is answered {actual}")));
        }
        reception => told(world, reception),
    };
    let severity = match &reception {
        Reception::Received { .. } => Severity::Warning,
        Reception::TypeRefused if !selects_more(world).await => Severity::Warning,
        _ => Severity::Failure,
    };
    let expected = format!("2xx within {} ms, with {}", limit.as_millis(), expected(world));
    Ok(Finding { code, severity, message, expected, actual, evidence: vec![evidence], fix }.into())
}

/// The code, the sentence and the mend for a reception that is not as it should be.
fn told(world: &World, reception: &Reception) -> (&'static str, String, Fix) {
    let name = &world.config().stripe.webhook_secret.name;
    let url = &world.config().webhook.url;
    let logged = |summary: &str| Fix::new(summary).command("wrangler tail");
    match reception {
        Reception::Received { took } => (
            "slow",
            format!("The Worker took {} ms for an event that it only had to acknowledge.", took.as_millis()),
            Fix::new("Acknowledge first and work afterwards (ctx.waitUntil)."),
        ),
        Reception::TypeRefused => (
            "unhandled-type-refused",
            "The Worker takes the signature and refuses an event type that it does not handle.".to_owned(),
            Fix::new("Answer 200 to event types that are not handled: Stripe repeats what is refused for days."),
        ),
        Reception::SecretMismatch { white_space } => {
            let why = if *white_space { ": its copy holds white space" } else { "" };
            let summary = format!(
                "Reveal the signing secret of the endpoint for {url} and set it both as {name} on the Worker and in the environment."
            );
            (
                "secret-mismatch",
                format!("The Worker refuses an event that is signed with {name}, as it refuses a forged one{why}."),
                Fix::new(summary).command(world.secret_put(name)).link(world.stripe().dashboard("webhooks")),
            )
        }
        Reception::SecretMissing => (
            "secret-missing",
            format!("The Worker breaks down as soon as an event is signed: it has no {name} to verify with."),
            Fix::new(format!("Set {name} on the Worker.")).command(world.secret_put(name)),
        ),
        Reception::SyncCrypto => (
            "sync-crypto",
            "The Worker verifies signatures synchronously, which Workers cannot do.".to_owned(),
            Fix::new(
                "Use `await stripe.webhooks.constructEventAsync(…)` with `Stripe.createSubtleCryptoProvider()`, and deploy.",
            ),
        ),
        Reception::ServerError => (
            "server-error",
            "The Worker breaks down on a correctly signed event.".to_owned(),
            logged("See the exception in the Worker's log; its answer is quoted above."),
        ),
        Reception::TimedOut(after) => (
            "timeout",
            format!("The Worker gave no answer to a signed event within {:.0} s.", after.as_secs_f64()),
            logged("See what the handler waits for in the Worker's log."),
        ),
        Reception::Broken(words) => {
            ("no-answer", format!("The connection breaks on a signed event: {words}."), logged("See the Worker's log."))
        }
        Reception::NotTheHandler => (
            "not-the-handler",
            "Something other than the webhook handler answers, with success, whatever is sent.".to_owned(),
            Fix::new(format!("Route POST {} to the handler, ahead of the site's catch-all.", url.path())),
        ),
        Reception::UnexpectedAnswer => (
            "unexpected-answer",
            "The Worker answers a signed event with success, but not with what webhook.expect says.".to_owned(),
            Fix::new("If the answer is right, write it as webhook.expect in preflight.toml; else mend the handler."),
        ),
    }
}

fn expected(world: &World) -> String {
    let expect = &world.config().webhook.expect;
    if expect.is_empty() { "any body".to_owned() } else { serde_json::Value::Object(expect.clone()).to_string() }
}

/// Whether Stripe delivers events that the Worker refuses.
async fn selects_more(world: &World) -> bool {
    let Ok(endpoint) = world.webhook().endpoint().await else { return false };
    endpoint.value.events().unwrap_or_default().iter().any(|event| !world.config().webhook.events.contains(event))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_a_signed_event_is_not_taken() {
        for (name, code) in [
            ("worker-secret-wrong", "secret-mismatch"),
            ("worker-secret-missing", "secret-missing"),
            ("worker-sync-crypto", "sync-crypto"),
            ("worker-spa", "not-the-handler"),
            ("worker-500", "server-error"),
            ("worker-hangs", "timeout"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn warns_of_a_worker_that_refuses_types_it_does_not_handle() {
        scenario("worker-unhandled-type").await.warns(CHECK, "unhandled-type-refused");
    }

    #[tokio::test]
    async fn json_that_comes_as_plain_text_is_json() {
        scenario("healthy-plain-text-answer").await.passes(CHECK);
    }
}

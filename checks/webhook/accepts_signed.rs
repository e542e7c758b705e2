//! `webhook/accepts-signed`.

use std::time::Duration;

use crate::check::prelude::*;
use crate::world::{Answer, Reception, listed_as_missing};

check! {
    /// The Worker accepts a correctly signed event.
    ///
    /// ## Why it matters
    /// This is where a payment becomes a tier. A Worker that has the signing secret of another endpoint, of test mode or of
    /// the Stripe CLI rejects every event, and every dashboard stays green.
    ///
    /// ## How it is verified
    /// An event of a type that no Worker handles is signed with your signing secret, exactly as Stripe signs, and sent to the
    /// webhook URL. A 2xx with the expected body proves the URL, the route, the deployed secret and the clock. If the answer
    /// is late, the connection is timed without a request, and what the network adds is subtracted. Whether a real event then
    /// changes a user cannot be seen here: `preflight rehearse` tries it.
    ///
    /// ## How to fix it
    /// Set the signing secret of the registered endpoint on the Worker, or fix what the finding quotes from its answer.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event of a type that no Worker handles; the Worker may remember its ID",
        owns: [SignedEventNotAccepted],
        subjects: deployment,
        run
    };
}

codes! {
    /// The event is rejected just as a forged one is, so the Worker has another secret.
    SECRET_MISMATCH: Failure,
    /// The Worker fails as soon as there is a signature to verify.
    SECRET_MISSING: Failure,
    /// It verifies synchronously, which does not work in Workers.
    SYNC_CRYPTO: Failure,
    /// It answers 5xx.
    SERVER_ERROR: Failure,
    /// It does not answer in time.
    TIMEOUT: Failure,
    /// The connection breaks.
    NO_ANSWER: Failure,
    /// Something other than the handler rejects the event.
    REFUSED: Failure,
    /// A page, or something else that answers every path, answers the event.
    NOT_THE_HANDLER: Failure,
    /// It answers 2xx, but not with what `webhook.expect` says.
    UNEXPECTED_ANSWER: Failure,
    /// It accepts the signature and rejects the event type. A warning, and a failure if the endpoint selects events
    /// that the Worker does not handle.
    UNHANDLED_TYPE_REFUSED: Failure,
    /// The Worker takes longer than `webhook.max_response_ms`.
    SLOW: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (reception, delivered) = world.webhook().reception().await?;
    let (answer, evidence) = match &delivered {
        Ok(answer) => (Some(answer.as_ref()), answer.evidence("answer", answer.excerpt())),
        Err(failure) => (None, failure.evidence()),
    };
    let actual = evidence.status.map_or_else(|| evidence.seen.clone(), |status| format!("{status} {}", evidence.seen));
    let (code, message, fix) = match &reception {
        Reception::Received => {
            outcome.pass(format!("a signed event is answered {actual}"));
            match own_time(world, answer).await {
                Some(took) => slow(took),
                None => return Ok(()),
            }
        }
        Reception::TypeRefused => {
            // It is a failure only where Stripe delivers events that the Worker rejects.
            let endpoint = outcome.ask(world.webhook().endpoint().await);
            let handled = &world.config().webhook.events;
            let events = endpoint.and_then(|seen| seen.value.events.value().cloned());
            let selects_more = events.is_some_and(|events| events.iter().any(|event| !handled.contains(event)));
            type_refused(selects_more)
        }
        reception => told(world, reception, answer),
    };
    let limit = limit(world).as_millis();
    let expected = format!("2xx within {limit} ms, with {}", expected(world));
    outcome.find(Finding { code, message, expected, actual, evidence: vec![evidence], fix });
    Ok(())
}

/// The code, the message and the fix.
type Told = (Code, String, Fix);

fn limit(world: &World) -> Duration {
    Duration::from_millis(world.config().webhook.max_response_ms)
}

/// How long the Worker took for an event, where that is too long. If the network's share cannot be measured, only what is
/// twice too long is.
async fn own_time(world: &World, answer: Option<&Answer>) -> Option<Duration> {
    let (elapsed, limit) = (answer?.elapsed, limit(world));
    if elapsed <= limit {
        return None;
    }
    let (own, limit) = match world.webhook().network_share().await {
        Some(share) => (elapsed.saturating_sub(share), limit),
        None => (elapsed, limit * 2),
    };
    (own > limit).then_some(own)
}

fn slow(took: Duration) -> Told {
    (
        SLOW,
        format!("The Worker took {} ms to acknowledge an event that it does not handle.", took.as_millis()),
        Fix::new(
            "Answer first and do the rest with ctx.waitUntil(); check what middleware in front of the handler costs.",
        ),
    )
}

fn type_refused(selects_more: bool) -> Told {
    (
        if selects_more { UNHANDLED_TYPE_REFUSED } else { UNHANDLED_TYPE_REFUSED.as_warning() },
        "The Worker accepts the signature but rejects event types that it does not handle. Stripe retries such events for days."
            .to_owned(),
        Fix::new("Answer 200 to event types that the handler does not know."),
    )
}

fn told(world: &World, reception: &Reception, answer: Option<&Answer>) -> Told {
    let name = &world.config().stripe.webhook_secret.name;
    let url = &world.config().webhook.url;
    let logged = |summary: &str| Fix::new(summary).command("wrangler tail");
    match reception {
        Reception::SecretMismatch { white_space } => {
            let why = if *white_space { " Its copy contains white space." } else { "" };
            let summary = format!(
                "Reveal the signing secret of the endpoint for {url} and set it as {name}, both on the Worker and in your environment."
            );
            (
                SECRET_MISMATCH,
                format!(
                    "The Worker rejects an event signed with {name} as it rejects a forged one: it has another secret.{why}"
                ),
                Fix::new(summary).command(world.secret_put(name)).link(world.stripe().dashboard("webhooks")),
            )
        }
        Reception::SecretMissing => (
            SECRET_MISSING,
            format!("The Worker fails on every signed event: {name} is not set on it, or verification throws."),
            Fix::new(format!("Set {name} on the Worker.")).command(world.secret_put(name)),
        ),
        Reception::SyncCrypto => (
            SYNC_CRYPTO,
            "The Worker verifies signatures synchronously, which does not work in Workers. It rejects every event."
                .to_owned(),
            Fix::new(
                "Use `await stripe.webhooks.constructEventAsync(…)` with `Stripe.createSubtleCryptoProvider()`, and deploy.",
            ),
        ),
        Reception::TimedOut(after) => (
            TIMEOUT,
            format!(
                "The Worker did not answer a signed event within {:.0} s. Stripe counts that as failed.",
                after.as_secs_f64()
            ),
            logged("Find out in the Worker's log what the handler waits for."),
        ),
        Reception::Broken(words) => (
            NO_ANSWER,
            format!("The connection breaks on a signed event: {words}."),
            logged("Look for the exception in the Worker's log."),
        ),
        Reception::Refused => (
            REFUSED,
            format!(
                "A correctly signed event is answered {}, but not by the webhook handler. Stripe's events do not get through.",
                answer.map_or_else(String::new, |answer| answer.status.to_string())
            ),
            Fix::new(format!(
                "Exempt POST {} from the guard, middleware or firewall rule that answers, and route it to the handler.",
                url.path()
            )),
        ),
        Reception::NotTheHandler => (
            NOT_THE_HANDLER,
            "Something other than the webhook handler answers every request with 2xx, so events are lost.".to_owned(),
            Fix::new(format!("Route POST {} to the handler, ahead of the site's catch-all.", url.path())),
        ),
        Reception::UnexpectedAnswer => (
            UNEXPECTED_ANSWER,
            "The Worker answers a signed event with 2xx, but not with what webhook.expect says.".to_owned(),
            Fix::new("If the answer is right, set webhook.expect to it in preflight.toml; otherwise fix the handler."),
        ),
        // The two that are no failures have their own words.
        Reception::ServerError | Reception::Received | Reception::TypeRefused => server_error(answer),
    }
}

fn server_error(answer: Option<&Answer>) -> Told {
    let missing = answer.and_then(listed_as_missing).map(|names| names.join(", "));
    match missing {
        Some(names) => (
            SERVER_ERROR,
            format!("The Worker fails on a correctly signed event: it lists {names} as missing."),
            Fix::new(format!(
                "Set {names} on the Worker: a secret with `wrangler secret put`, a binding or a variable in the Wrangler file. Then deploy."
            )),
        ),
        None => (
            SERVER_ERROR,
            "The Worker fails on a correctly signed event, so payments do not change a tier.".to_owned(),
            Fix::new("Look for the exception in the Worker's log.").command("wrangler tail"),
        ),
    }
}

fn expected(world: &World) -> String {
    let expect = &world.config().webhook.expect;
    if expect.is_empty() { "any body".to_owned() } else { serde_json::Value::Object(expect.clone()).to_string() }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_rejection_like_that_of_a_forged_event_is_a_mismatch_whatever_its_status() {
        scenario("forged-and-signed-alike-500").await.finds(CHECK, "secret-mismatch");
    }

    #[tokio::test]
    async fn a_list_of_missing_names_is_quoted() {
        let run = scenario("worker-500").await;
        run.finds(CHECK, "server-error");
        assert!(run.message(CHECK).contains("STRIPE_PRICE_ID_PRO"), "{}", run.told());
    }

    #[tokio::test]
    async fn what_a_guard_answers_is_no_rejected_type() {
        scenario("signed-answered-403").await.finds(CHECK, "refused");
        scenario("signed-answered-like-nowhere").await.finds(CHECK, "refused");
        scenario("worker-unhandled-type-404").await.warns(CHECK, "unhandled-type-refused");
    }

    #[tokio::test]
    async fn the_time_of_middleware_counts_and_the_networks_does_not() {
        scenario("worker-slow-everywhere").await.warns(CHECK, "slow");
        let run = scenario("healthy-slow-link").await;
        run.passes(CHECK);
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.told());
    }

    #[tokio::test]
    async fn json_that_comes_as_plain_text_is_json() {
        scenario("healthy-plain-text-answer").await.passes(CHECK);
    }
}

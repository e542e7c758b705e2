//! `webhook/accepts-signed`.

use std::time::Duration;

use super::handler::{ANSWER, LATER, OTHER_TYPES, route, verification};
use crate::check::prelude::*;
use crate::world::{
    Answer, Delivered, Delivery, Failure, SignedResponse, Trouble, blames_missing_secret, listed_as_missing,
};

check! {
    /// The Worker accepts a correctly signed event.
    ///
    /// ## Why it matters
    /// This is where a payment becomes a tier. A Worker with the signing secret of another endpoint, of the test-mode endpoint
    /// or of the Stripe CLI rejects every event, and every dashboard stays green.
    ///
    /// ## How it is verified
    /// An event of a type that no Worker handles is signed with your signing secret, exactly as Stripe signs, and sent to the
    /// webhook URL. A 2xx with the expected body proves the URL, the route, the deployed secret and the clock. If it takes too
    /// long, the connection is timed without a request, and the network's share is subtracted. Whether a real event changes a
    /// user cannot be seen here: `preflight rehearse` tries it.
    ///
    /// ## How to fix it
    /// Set the signing secret of the registered endpoint on the Worker, or fix what the Worker's answer in the finding shows.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event of a type that no Worker handles, and another if the answer is slow; the Worker may remember their IDs",
        owns: [SignedEventNotAccepted],
        subjects: deployment,
        run
    };
}

codes! {
    /// The event is rejected like a forged one, so the Worker has another secret.
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
    /// It answers 2xx without the body in `webhook.expect`.
    UNEXPECTED_ANSWER: Failure,
    /// It accepts the signature and rejects the event type. A warning, and a failure if the endpoint selects events
    /// that the Worker does not handle.
    UNHANDLED_TYPE_REFUSED: Failure,
    /// The Worker takes longer than `webhook.max_response_ms`.
    SLOW: Warning,
}

/// The code, the message and the fix.
type Problem = (Code, String, Fix);

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let (response, delivered) = world.webhook().signed_response().await?;
    let evidence = match &delivered {
        Ok(answer) => answer.evidence("answer", answer.excerpt()),
        Err(failure) => failure.evidence(),
    };
    let actual = evidence.status.map_or_else(|| evidence.seen.clone(), |status| format!("{status} {}", evidence.seen));
    if response == SignedResponse::Accepted {
        outcome.pass(format!("the answer to a signed event is {actual}"));
    }
    if let Some((code, message, fix)) = problem(world, response, &delivered, outcome).await {
        let expect = &world.config().webhook.expect;
        let body = if expect.is_empty() { "any body".to_owned() } else { serde_json::json!(expect).to_string() };
        let expected = format!("2xx within {} ms, with {body}", world.config().webhook.max_response_ms);
        outcome.find(Finding { code, message, expected, actual, evidence: vec![evidence], fix });
    }
    Ok(())
}

async fn problem(
    world: &World,
    response: SignedResponse,
    delivered: &Delivered,
    outcome: &mut Outcome,
) -> Option<Problem> {
    let answer = match delivered {
        Ok(answer) => answer,
        Err(failure) => return Some(no_response(failure)),
    };
    let path = world.config().webhook.url.path();
    let (code, message, fix) = match response {
        SignedResponse::Accepted => return slow(world, answer).await,
        SignedResponse::TypeRejected => return Some(type_rejected(world, outcome).await),
        SignedResponse::SameAsForged => return Some(secret_mismatch(world, answer).await),
        SignedResponse::ServerError => return Some(server_error(world, answer).await),
        SignedResponse::SyncCrypto => (
            SYNC_CRYPTO,
            "The Worker verifies signatures synchronously, which does not work in Workers. It rejects every event."
                .to_owned(),
            Fix::new("Use `await stripe.webhooks.constructEventAsync(…)` in place of `constructEvent(…)`, and deploy.")
                .code(verification(world)),
        ),
        SignedResponse::CatchAll => (
            NOT_THE_HANDLER,
            "Something other than the webhook handler answers every request with 2xx, so events are lost.".to_owned(),
            Fix::new(format!("Route POST {path} to the handler, ahead of the site's catch-all.")).code(route(path)),
        ),
        SignedResponse::UnexpectedBody => (
            UNEXPECTED_ANSWER,
            "The Worker answers a signed event with 2xx, but without the body in webhook.expect.".to_owned(),
            Fix::new("If the answer is right, set webhook.expect to it in preflight.toml. Otherwise fix the handler.")
                .code(ANSWER),
        ),
        SignedResponse::NotFromHandler | SignedResponse::NoResponse => (
            REFUSED,
            format!(
                "Something other than the webhook handler answers {} to a signed event, so Stripe's events do not get through.",
                answer.status
            ),
            Fix::new(format!(
                "Exempt POST {path} from the guard, middleware or firewall rule that answers, and route it to the handler."
            ))
            .code(route(path)),
        ),
    };
    Some((code, message, fix.then(world.deployment())))
}

fn no_response(failure: &Failure) -> Problem {
    let (code, message, summary) = match &failure.trouble {
        Trouble::TimedOut(after) => (
            TIMEOUT,
            format!(
                "The Worker did not answer a signed event within {:.0} s. Stripe counts that as failed.",
                after.as_secs_f64()
            ),
            "Find out in the Worker's log what the handler waits for.",
        ),
        trouble => (
            NO_ANSWER,
            format!("The connection breaks on a signed event: {trouble}."),
            "Look for the exception in the Worker's log.",
        ),
    };
    (code, message, Fix::new(summary).command("npx wrangler tail"))
}

/// Whether the Worker takes too long. If the network's share cannot be measured, only twice the limit is too long.
async fn slow(world: &World, answer: &Answer) -> Option<Problem> {
    let (elapsed, limit) = (answer.elapsed, Duration::from_millis(world.config().webhook.max_response_ms));
    if elapsed <= limit {
        return None;
    }
    // A single delivery may have waited for this machine, so the faster of two counts.
    let another = optional(world.webhook().answer(Delivery::First)).await.filter(|another| another.is_success());
    let elapsed = another.map_or(elapsed, |another| elapsed.min(another.elapsed));
    let (took, limit) = match world.webhook().network_time().await {
        Some(network) => (elapsed.saturating_sub(network), limit),
        None => (elapsed, limit * 2),
    };
    (took > limit).then(|| {
        let message =
            format!("The Worker took {} ms to acknowledge an event that it does not handle.", took.as_millis());
        let fix =
            "Answer first and do the rest in ctx.waitUntil(). Check how long middleware in front of the handler takes.";
        (SLOW, message, Fix::new(fix).code(LATER).then(world.deployment()))
    })
}

/// A failure only if Stripe delivers events that the Worker rejects.
async fn type_rejected(world: &World, outcome: &mut Outcome) -> Problem {
    let endpoint = outcome.ask(world.webhook().endpoint().await);
    let handled = &world.config().webhook.events;
    let events = endpoint.and_then(|seen| seen.value.events.value().cloned());
    let selects_more = events.is_some_and(|events| events.iter().any(|event| !handled.contains(event)));
    let message = "The Worker accepts the signature but rejects event types that it does not handle. Stripe retries such events for days.";
    let fix = Fix::new("Answer 200 to event types that the handler does not know.")
        .code(OTHER_TYPES)
        .then(world.deployment());
    let code = if selects_more { UNHANDLED_TYPE_REFUSED } else { UNHANDLED_TYPE_REFUSED.as_warning() };
    (code, message.to_owned(), fix)
}

async fn secret_mismatch(world: &World, answer: &Answer) -> Problem {
    let (name, url) = (&world.config().stripe.webhook_secret.name, &world.config().webhook.url);
    // Stripe's SDK says so.
    let why = if answer.text().contains("contains whitespace") { " Its copy contains white space." } else { "" };
    // Stripe's deliveries show which of the two is wrong.
    let history = optional(world.webhook().delivery_history()).await;
    let page =
        history.as_ref().map_or_else(|| "webhooks".to_owned(), |history| format!("webhooks/{}", history.endpoint.id));
    let fix = match history {
        Some(history) if history.gets_through() => Fix::new(format!(
            "Reveal the signing secret of {} and set {name} in your environment to it. Stripe's deliveries succeed, so leave the Worker's as it is.",
            history.endpoint.id
        )),
        Some(history) if history.is_the_only_endpoint() && !history.undelivered.is_empty() => Fix::new(format!(
            "Set {name} on the Worker to the signing secret in your environment. Stripe's deliveries fail, so the Worker's is wrong.",
        ))
        .then(world.local_secret(name)),
        _ => Fix::new(format!(
            "Reveal the signing secret of the endpoint for {url} and set it as {name}, both on the Worker and in your environment."
        ))
        .then(world.entered_secret(name)),
    };
    (
        SECRET_MISMATCH,
        format!("The Worker rejects an event signed with {name} like a forged one: it has another secret.{why}"),
        fix.link(world.stripe().dashboard(&page)),
    )
}

/// What a 5xx means: the secret is not set, other names are not set, or the handler fails for a reason that only its log shows.
async fn server_error(world: &World, answer: &Answer) -> Problem {
    let webhook = world.webhook();
    let (forged, unsigned) = futures::join!(
        optional(webhook.answer(Delivery::WrongSignature)),
        optional(webhook.answer(Delivery::Unsigned))
    );
    // It rejects an event without a signature but fails on any signature: it has nothing to verify it with.
    let fails_on_signatures =
        forged.is_some_and(|forged| forged.status >= 500) && unsigned.is_some_and(|unsigned| unsigned.status < 500);
    let name = &world.config().stripe.webhook_secret.name;
    if blames_missing_secret(answer) || fails_on_signatures {
        let message =
            format!("The Worker fails on every signed event: {name} is not set on it, or verification throws.");
        return (
            SECRET_MISSING,
            message,
            Fix::new(format!("Set {name} on the Worker.")).then(world.local_secret(name)),
        );
    }
    let Some(missing) = listed_as_missing(answer) else {
        return (
            SERVER_ERROR,
            "The Worker fails on a correctly signed event, so payments do not change a tier.".to_owned(),
            Fix::new("Look for the exception in the Worker's log.").command("npx wrangler tail"),
        );
    };
    let names = missing.join(", ");
    (
        SERVER_ERROR,
        format!("The Worker fails on a correctly signed event: it lists {names} as missing."),
        Fix::new(format!(
            "Set {names} on the Worker: a secret with `wrangler secret put`, a binding or a variable in the Wrangler file. Then deploy."
        ))
        .then(world.deployment()),
    )
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_list_of_missing_names_is_quoted() {
        let run = scenario("worker-500").await;
        run.finds(CHECK, "server-error");
        assert!(run.message(CHECK).contains("STRIPE_PRICE_ID_PRO"), "{}", run.summary());
    }

    #[tokio::test]
    async fn a_slow_network_is_not_a_slow_worker() {
        let run = scenario("healthy-slow-link").await;
        run.passes(CHECK);
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.summary());
    }
}

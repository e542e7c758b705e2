//! `webhook/rejects-forged`.

use super::handler::verification;
use crate::check::prelude::*;
use crate::world::{Answer, Delivery, SignedResponse, alike, blames_signature};

check! {
    /// The Worker rejects events that Stripe did not sign.
    ///
    /// ## Why it matters
    /// The webhook URL is not a secret. If the Worker accepts forged events, anyone can give themselves the highest tier.
    ///
    /// ## How it is verified
    /// Two events of a type that no Worker handles are sent: without a signature, and signed with another secret. The handler
    /// must reject each with a 4xx. If the Worker has your signing secret, three more are sent: one signed an hour ago, one
    /// changed after signing, and one signed only under the retired scheme `v0`. A 2xx is a failure, whatever the body says. A
    /// 5xx counts as a rejection only if it gives the signature as the reason. After a 429, a redirect or a challenge, which
    /// say nothing about the handler, the result for that event is unknown.
    ///
    /// ## How to fix it
    /// Verify the raw body with Stripe's SDK (`constructEventAsync`) before anything else, with its default tolerance, and
    /// answer 400 if it throws.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "5 events that must be rejected; they count toward the Worker's rate limits",
        subjects: deployment,
        run
    };
}

codes! {
    /// An event without a signature is accepted.
    UNSIGNED: Failure(Exposure),
    /// An event signed with another secret is accepted.
    WRONG_SIGNATURE: Failure(Exposure),
    /// An event whose body was changed is accepted.
    TAMPERED: Failure(Exposure),
    /// An event signed only under the retired scheme `v0` is accepted.
    OLD_SCHEME: Failure(Exposure),
    /// An event that was signed an hour ago is accepted, so a captured event can be replayed.
    STALE: Failure(Exposure),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    // Sent together; judged one by one below.
    let (_, _, signed) = futures::join!(
        webhook.deliver(Delivery::Unsigned),
        webhook.deliver(Delivery::WrongSignature),
        webhook.signed_response()
    );
    let signed = signed.map(|(response, _)| response);
    match &signed {
        Ok(SignedResponse::CatchAll) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Err(NoAnswer::Because(Cause::WebhookUnreachable)) => return Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        // An accepted forged event is a failure whether or not the Worker has your secret.
        _ => {}
    }
    // A Worker that accepts one of these accepts the others, too.
    for (code, delivery) in [(UNSIGNED, Delivery::Unsigned), (WRONG_SIGNATURE, Delivery::WrongSignature)] {
        if let Some(Some(accepted)) = outcome.ask(judge(world, &signed, code, delivery).await) {
            outcome.find(accepted);
            return Ok(());
        }
    }
    if !signed.clone()?.proves_secret() {
        return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
    }
    let rest = [(TAMPERED, Delivery::Tampered), (OLD_SCHEME, Delivery::OldScheme), (STALE, Delivery::Stale)];
    let judged = rest.map(|(code, delivery)| judge(world, &signed, code, delivery));
    for judged in futures::future::join_all(judged).await {
        if let Some(Some(accepted)) = outcome.ask(judged) {
            outcome.find(accepted);
        }
    }
    outcome.pass_if_clean("unsigned, forged, stale and changed events are rejected");
    Ok(())
}

/// The finding for a forged event; `None` if the handler rejects it.
///
/// # Errors
/// Unknown if something else answers, and blocked by `webhook/accepts-signed` if that check reports why.
async fn judge(
    world: &World,
    signed: &Answered<SignedResponse>,
    code: Code,
    delivery: Delivery,
) -> Answered<Option<Finding>> {
    let webhook = world.webhook();
    let answer = match (webhook.handled(delivery).await, signed) {
        // If signed events get no response either, the cause is the same.
        (Err(NoAnswer::Unknown(_)), Ok(SignedResponse::NoResponse)) => {
            return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
        }
        (answer, _) => answer?,
    };
    let proves_secret = signed.as_ref().is_ok_and(|signed| signed.proves_secret());
    let not_rejected = || {
        let what = delivery.words();
        let seen = format!("{} {}", answer.status, answer.excerpt());
        NoAnswer::unknown(format!("the answer to {what} is {seen}, which does not give the signature as the reason"))
    };
    match answer.status {
        200..=299 => {
            if signed.is_err() && webhook.is_catch_all(&answer).await? {
                return Err(NoAnswer::unknown(format!("something that answers every path answers {}", answer.request)));
            }
            Ok(Some(accepted(world, code, delivery, &answer)))
        }
        400..=499 if proves_secret => Ok(None),
        401 | 403 | 404 | 405 | 410 => {
            let nowhere = webhook.answer(Delivery::Nowhere).await?;
            if alike(&nowhere, &answer) { Err(not_rejected()) } else { Ok(None) }
        }
        400..=499 => Ok(None),
        _ => match signed {
            Ok(signed) if signed.is_from_handler() && blames_signature(&answer) => Ok(None),
            Ok(_) if proves_secret => Err(not_rejected()),
            Ok(_) => Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
            Err(why) => Err(why.clone()),
        },
    }
}

fn accepted(world: &World, code: Code, delivery: Delivery, answer: &Answer) -> Finding {
    let harm = match code {
        STALE => "Anyone who captures a delivery can replay it at any time.",
        OLD_SCHEME => "Stripe's SDK ignores that scheme, so the Worker does not verify with the SDK.",
        TAMPERED => "Anyone who captures a delivery can turn it into a paid tier.",
        _ => "Anyone can give themselves a paid tier.",
    };
    Finding {
        code,
        message: format!("The Worker accepts {}. {harm}", delivery.words()),
        expected: "4xx".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(match code {
            STALE => "Set the tolerance of the SDK's verification to its default of 300 seconds.",
            TAMPERED => "Verify the raw request body with `constructEventAsync`, not a part or a copy of it.",
            UNSIGNED => "Reject a request without a Stripe-Signature header before its body is read.",
            _ => "Verify with `constructEventAsync` before anything else, and answer 400 if it throws.",
        })
        .code(verification(world))
        .then(world.deployment()),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn an_answer_that_is_not_from_the_handler_is_no_rejection() {
        for name in ["forged-answered-500", "forged-answered-302", "unsigned-answered-429"] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn an_accepted_stale_event_is_a_replay_and_not_a_free_tier() {
        let run = scenario("worker-accepts-stale").await;
        run.finds(CHECK, "stale");
        assert!(run.message(CHECK).contains("replay"), "{}", run.message(CHECK));
        assert!(!run.message(CHECK).contains("tier"), "{}", run.message(CHECK));
    }
}

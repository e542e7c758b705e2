//! `webhook/rejects-forged`.

use crate::check::prelude::*;
use crate::world::{Answer, Delivery, Received, Reception, Webhook, alike, blames_signature};

check! {
    /// The Worker rejects events that Stripe did not sign.
    ///
    /// ## Why it matters
    /// The webhook URL is not a secret. If the Worker accepts events that anyone can write, anyone can give themselves the
    /// highest tier.
    ///
    /// ## How it is verified
    /// Events without a signature, signed with another secret, and signed only under the scheme `v0` are sent, each of a type
    /// that no Worker handles, and each must be rejected with a 4xx of the handler. Once the deployed secret is proved, an
    /// event that was signed an hour ago and one whose body was changed after signing are sent as well. A 2xx is a failure,
    /// whatever the body says. A 5xx counts as a rejection only if it names the signature as the reason. A 429, a redirect or
    /// a challenge says nothing about the handler, so that event is reported as unknown.
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
    UNSIGNED: Failure,
    /// An event signed with another secret is accepted.
    WRONG_SIGNATURE: Failure,
    /// An event whose body was changed is accepted.
    TAMPERED: Failure,
    /// A signature of the scheme `v0` is accepted.
    OLD_SCHEME: Failure,
    /// An event that was signed an hour ago is accepted, so a captured event can be replayed.
    STALE: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    // Asked together, judged one by one below.
    let (_, _, reception) = futures::join!(
        webhook.deliver(Delivery::Unsigned),
        webhook.deliver(Delivery::WrongSignature),
        webhook.reception()
    );
    match &reception {
        Ok((Reception::NotTheHandler, _)) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Err(NoAnswer::Because(Cause::WebhookUnreachable)) => return Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        // Whether or not our own secret can be proved: a forged event that is accepted is accepted.
        _ => {}
    }
    // Each of these tells of the later ones too: a Worker that accepts an unsigned event accepts any.
    for (code, delivery) in [(UNSIGNED, Delivery::Unsigned), (WRONG_SIGNATURE, Delivery::WrongSignature)] {
        if let Some(Some(accepted)) = outcome.ask(judge(webhook, &reception, code, delivery).await) {
            outcome.find(accepted);
            return Ok(());
        }
    }
    let (reception_of_signed, _) = reception.as_ref().map_err(Clone::clone)?;
    if !reception_of_signed.proves_secret() {
        return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
    }
    let rest = [(TAMPERED, Delivery::Tampered), (OLD_SCHEME, Delivery::OldScheme), (STALE, Delivery::Stale)];
    let judged = rest.map(|(code, delivery)| judge(webhook, &reception, code, delivery));
    for judged in futures::future::join_all(judged).await {
        if let Some(Some(accepted)) = outcome.ask(judged) {
            outcome.find(accepted);
        }
    }
    outcome.pass_if_clean("events that are unsigned, forged, stale or changed are each rejected");
    Ok(())
}

/// The finding that the answer to a forged event is; `None` where the handler rejects it.
///
/// # Errors
/// Unknown where the answer is not the handler's, and blocked by `webhook/accepts-signed` where that reports the reason.
async fn judge(
    webhook: Webhook<'_>,
    reception: &Answered<Received>,
    code: Code,
    delivery: Delivery,
) -> Answered<Option<Finding>> {
    let answer = match (webhook.handled(delivery).await, reception) {
        // Silence at signed and forged events alike has one cause.
        (Err(NoAnswer::Unknown(_)), Ok((Reception::TimedOut(_) | Reception::Broken(_), _))) => {
            return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
        }
        (answer, _) => answer?,
    };
    let reception = reception.as_ref().map(|(reception, _)| reception);
    let not_rejected = || {
        let words = "which does not show that its signature is the reason";
        NoAnswer::unknown(format!("{} is answered {} {}, {words}", delivery.words(), answer.status, answer.excerpt()))
    };
    match answer.status {
        200..=299 => {
            if reception.is_err() && webhook.answers_everything(&answer).await? {
                return Err(NoAnswer::unknown(format!("something that answers every path answers {}", answer.request)));
            }
            Ok(Some(accepted(code, delivery, &answer)))
        }
        400..=499 if reception.is_ok_and(Reception::proves_secret) => Ok(None),
        401 | 403 | 404 | 405 | 410 => {
            let nowhere = webhook.answer(Delivery::Nowhere).await?;
            if alike(&nowhere, &answer) { Err(not_rejected()) } else { Ok(None) }
        }
        400..=499 => Ok(None),
        _ => match reception {
            Ok(reception) if reception.is_the_handlers() && blames_signature(&answer) => Ok(None),
            Ok(reception) if reception.proves_secret() => Err(not_rejected()),
            Ok(_) => Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
            Err(why) => Err(why.clone()),
        },
    }
}

fn accepted(code: Code, delivery: Delivery, answer: &Answer) -> Finding {
    let harm = match code {
        // The signature was right when it was made: this is replay, and no more.
        STALE => "Anyone who captures a delivery can replay it at any time.",
        OLD_SCHEME => "Stripe's SDK ignores that scheme, so verification is not the SDK's.",
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
            STALE => "Leave the tolerance of the SDK's verification at its default of 300 seconds.",
            TAMPERED => "Verify the whole raw request body, and nothing that was made from it.",
            UNSIGNED => "Reject a request without a Stripe-Signature header before its body is read.",
            _ => "Verify with `constructEventAsync` before anything else, and answer 400 if it throws.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;
    use crate::run::Status;

    #[tokio::test]
    async fn an_answer_that_is_not_the_handlers_rejects_nothing() {
        for name in ["forged-answered-500", "forged-answered-302", "unsigned-answered-429"] {
            let run = scenario(name).await;
            assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
            assert_eq!(run.line(CHECK).status, Status::Unknown, "{}", run.told());
        }
    }

    #[tokio::test]
    async fn a_500_that_names_the_signature_is_a_rejection() {
        scenario("healthy-forged-500").await.passes(CHECK);
    }

    #[tokio::test]
    async fn a_stale_event_is_a_replay_and_gives_nobody_a_tier() {
        let run = scenario("worker-accepts-stale").await;
        run.finds(CHECK, "stale");
        assert!(run.message(CHECK).contains("replay"), "{}", run.message(CHECK));
        assert!(!run.message(CHECK).contains("tier"), "{}", run.message(CHECK));
    }
}

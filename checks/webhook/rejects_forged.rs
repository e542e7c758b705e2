//! `webhook/rejects-forged`.

use crate::check::prelude::*;
use crate::world::{Answer, Delivered, Delivery, Reception};

check! {
    /// The Worker refuses events that Stripe did not sign.
    ///
    /// ## Why it matters
    /// The webhook URL is no secret. If the Worker takes an event that anybody can write, anybody can give themselves the
    /// highest tier.
    ///
    /// ## How it is verified
    /// Events without a signature, signed with another secret, and signed under the retired scheme `v0` alone are sent, each
    /// of a type that no Worker handles, and each must be refused. Once the deployed secret is proved, an event that was
    /// signed an hour ago and one whose body was changed after signing are sent as well. A 2xx is a failure whatever the body
    /// says.
    ///
    /// ## Findings
    /// - `unsigned`: an event without a signature is taken.
    /// - `wrong-signature`: an event signed with another secret is taken.
    /// - `tampered`: an event whose body was changed is taken.
    /// - `old-scheme`: a signature of the retired scheme is taken.
    /// - `stale`: an event that was signed an hour ago is taken.
    ///
    /// ## How to mend it
    /// Verify the raw body with Stripe's SDK (`constructEventAsync`) before anything else, with its default tolerance, and
    /// answer 400 where it throws.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "5 events that must be refused",
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let webhook = world.webhook();
    let (unsigned, wrong) =
        futures::join!(webhook.deliver(Delivery::Unsigned), webhook.deliver(Delivery::WrongSignature));
    let reception = webhook.reception().await;
    match &reception {
        Ok((Reception::NotTheHandler, _)) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
        Err(NoAnswer::Because(Cause::WebhookUnreachable)) => return Err(NoAnswer::Because(Cause::WebhookUnreachable)),
        // Whether or not our own secret can be proved: who takes a forged event takes it.
        _ => {}
    }
    // Each of these tells of the later ones too: who takes an unsigned event takes any.
    for (code, delivery, delivered) in
        [("unsigned", Delivery::Unsigned, unsigned?), ("wrong-signature", Delivery::WrongSignature, wrong?)]
    {
        if let Some(answer) = taken(&delivered)
            && !webhook.answers_everything(answer).await?
        {
            return Ok(finding(code, delivery, answer).into());
        }
    }
    let (reception, _) = reception?;
    if !reception.proves_secret() {
        return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
    }
    let (old_scheme, stale, tampered) = futures::join!(
        webhook.deliver(Delivery::OldScheme),
        webhook.deliver(Delivery::Stale),
        webhook.deliver(Delivery::Tampered)
    );
    let rest = [
        ("tampered", Delivery::Tampered, tampered?),
        ("old-scheme", Delivery::OldScheme, old_scheme?),
        ("stale", Delivery::Stale, stale?),
    ];
    let mut findings = Vec::new();
    for (code, delivery, delivered) in rest {
        match &delivered {
            Err(failure) => return Err(NoAnswer::unknown(failure.to_string())),
            Ok(_) => findings.extend(taken(&delivered).map(|answer| finding(code, delivery, answer))),
        }
    }
    Ok(Verdict::of(findings, "events that are unsigned, forged, stale or changed are each refused"))
}

fn taken(delivered: &Delivered) -> Option<&Answer> {
    delivered.as_ref().ok().map(AsRef::as_ref).filter(|answer| answer.is_success())
}

fn finding(code: &'static str, delivery: Delivery, answer: &Answer) -> Finding {
    Finding {
        code,
        severity: Severity::Failure,
        message: format!("The Worker takes {}: anybody can give themselves a tier.", delivery.words()),
        expected: "4xx".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(match code {
            "stale" => "Leave the tolerance of the SDK's verification at its default of 300 seconds.",
            "tampered" => "Verify the raw request body, whole, and nothing that was made from it.",
            "unsigned" => "Refuse a request without a Stripe-Signature header, before its body is looked at.",
            _ => "Verify with `constructEventAsync` before anything else, and answer 400 where it throws.",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_forgery_that_is_taken() {
        for (name, code) in [
            ("worker-accepts-unsigned", "unsigned"),
            ("worker-accepts-wrong", "wrong-signature"),
            ("worker-accepts-stale", "stale"),
            ("worker-accepts-tampered", "tampered"),
            ("worker-swallows", "wrong-signature"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }
}

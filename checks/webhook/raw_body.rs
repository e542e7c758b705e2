//! `webhook/raw-body`.

use super::handler::verification;
use crate::check::prelude::*;
use crate::world::{Delivery, alike};

check! {
    /// The Worker verifies the bytes that Stripe signed, against every signature.
    ///
    /// ## Why it matters
    /// A Worker that parses the body and verifies a re-serialized copy works until Stripe formats a number or a letter
    /// differently. A Worker that checks only one signature rejects every event while you roll the signing secret.
    ///
    /// ## How it is verified
    /// If the Worker accepts a compact event, one in unusual but valid JSON is sent: white space, another order of keys, letters
    /// with and without escapes, numbers such as `1.0`. Its header has three signatures, and the second is right, as while
    /// several secrets are valid. If it is rejected, it is sent again with only the right one. If the Worker verifies nothing
    /// at all, this check passes and `webhook/rejects-forged` fails.
    ///
    /// ## How to fix it
    /// Pass the text of the request unchanged to Stripe's SDK: `await request.text()` before anything parses it.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event in unusual JSON, and again if it is rejected; the Worker may remember its ID",
        subjects: deployment,
        run
    };
}

codes! {
    /// It is rejected like a forged event, so the Worker does not verify the bytes that were sent.
    RE_SERIALISED: Failure,
    /// It is accepted with one signature and rejected with several.
    ROTATION: Failure,
    /// It is rejected for another reason, which the finding shows.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    webhook.proved_secret().await?;
    let answer = webhook.handled(Delivery::Reformatted).await?;
    if webhook.is_answered_like_first(&answer).await? {
        let what = "an event in unusual JSON with three signatures";
        outcome.pass(format!("the answer to {what} is {} {}", answer.status, answer.excerpt()));
        return Ok(());
    }
    // It is rejected in any case: the other deliveries only help the diagnosis.
    let accepted_alone = optional(async {
        let alone = webhook.handled(Delivery::ReformattedAlone).await?;
        webhook.is_answered_like_first(&alone).await
    });
    let forged = optional(webhook.answer(Delivery::WrongSignature));
    let (accepted_alone, forged) = futures::join!(accepted_alone, forged);
    let (code, message, summary) = if accepted_alone == Some(true) {
        (
            ROTATION,
            "The Worker checks only one of several signatures, so it rejects every event while you roll the signing secret.",
            "Verify with Stripe's SDK (`constructEventAsync`), which tries every `v1` signature of the header.",
        )
    } else if accepted_alone == Some(false) && forged.is_some_and(|forged| alike(&forged, &answer)) {
        (
            RE_SERIALISED,
            "The Worker verifies a re-serialized copy of the body, so it rejects signed events whose JSON is formatted differently.",
            "Pass `await request.text()` to `constructEventAsync`, not `JSON.stringify(await request.json())`.",
        )
    } else {
        (
            REFUSED,
            "The Worker accepts a compact event but rejects the same event in unusual but valid JSON.",
            "Verify the raw text first, and then parse it with `JSON.parse`. The Worker's answer above says what it rejects.",
        )
    };
    outcome.find(Finding {
        code,
        message: message.to_owned(),
        expected: "the answer that a compact event gets".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(summary).code(verification(world)).then(world.deployment()),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn passes_if_the_event_type_is_rejected_in_any_format() {
        scenario("worker-unhandled-type").await.passes(CHECK);
    }
}

//! `webhook/raw-body`.

use crate::check::prelude::*;
use crate::world::{Delivery, alike};

check! {
    /// The Worker verifies the bytes that Stripe signed, against every signature.
    ///
    /// ## Why it matters
    /// A Worker that parses the body and verifies what it serializes again works until Stripe formats one number or letter
    /// differently. One that looks at a single signature rejects every event while the signing secret is rolled.
    ///
    /// ## How it is verified
    /// Once a compact event is accepted, one in unusual but valid JSON is sent: white space, another order of keys, letters
    /// with and without escapes, numbers such as `1.0`. Its header has three signatures of which the second is right, as while
    /// several secrets are valid; only if it is rejected is it sent again with the right one alone. If nothing is verified at
    /// all, this passes, and `webhook/rejects-forged` does not.
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
    /// It is rejected as a forged event is, so what is verified is not what was sent.
    RE_SERIALISED: Failure,
    /// It is accepted with one signature and rejected with several.
    ROTATION: Failure,
    /// It is rejected for another reason, which the finding quotes.
    REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    webhook.proved_secret().await?;
    let answer = webhook.handled(Delivery::Reformatted).await?;
    if webhook.is_taken(&answer).await? {
        let words = "an event in unusual JSON, with three signatures, is answered";
        outcome.pass(format!("{words} {} {}", answer.status, answer.excerpt()));
        return Ok(());
    }
    // It is rejected in any case: what follows only tells why.
    let accepted_alone = optional(async {
        let alone = webhook.handled(Delivery::ReformattedAlone).await?;
        webhook.is_taken(&alone).await
    });
    let forged = optional(webhook.answer(Delivery::WrongSignature));
    let (accepted_alone, forged) = futures::join!(accepted_alone, forged);
    let (code, message, summary) = if accepted_alone == Some(true) {
        (
            ROTATION,
            "The Worker checks only one of several signatures, so it rejects every event while the signing secret is rolled.",
            "Verify with Stripe's SDK (`constructEventAsync`), which tries every `v1` signature of the header.",
        )
    } else if accepted_alone == Some(false) && forged.is_some_and(|forged| alike(&forged, &answer)) {
        (
            RE_SERIALISED,
            "The Worker verifies a re-serialized copy of the body: it rejects a signed event as soon as its JSON is formatted differently.",
            "Pass `await request.text()` to `constructEventAsync`, and never `JSON.stringify(await request.json())`.",
        )
    } else {
        (
            REFUSED,
            "The Worker accepts a compact event but rejects the same event in unusual but valid JSON.",
            "Parse the event with `JSON.parse` after the raw text was verified; the Worker's answer is quoted above.",
        )
    };
    outcome.find(Finding {
        code,
        message: message.to_owned(),
        expected: "the answer that a compact event gets".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(summary),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_rejected_type_is_rejected_in_any_format() {
        scenario("worker-unhandled-type").await.passes(CHECK);
    }
}

//! `webhook/raw-body`.

use crate::check::prelude::*;
use crate::world::Exactness;

check! {
    /// The Worker verifies the bytes that Stripe signed, against every signature.
    ///
    /// ## Why it matters
    /// A Worker that parses the body and verifies what it writes anew works until Stripe formats one number or one letter
    /// otherwise. One that looks at a single signature refuses every event while the signing secret is rolled.
    ///
    /// ## How it is verified
    /// Once a compact event is accepted, one in unusual but valid JSON is sent: white space, another order of keys, letters
    /// with and without escapes, numbers such as `1.0`. Its header carries three signatures of which the second is right, as
    /// while several secrets are in force; only where it is refused is it sent again with the right one alone. Where nothing
    /// is verified at all, this passes, and `webhook/rejects-forged` does not.
    ///
    /// ## Findings
    /// - `re-serialised`: it is refused as a forged event is, so what is verified is not what came.
    /// - `rotation`: it is taken with one signature and refused with several.
    /// - `refused`: it is refused for another reason, which the finding quotes.
    ///
    /// ## How to mend it
    /// Hand the text of the request, as it came, to Stripe's SDK: `await request.text()` before anything parses it.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event in unusual JSON",
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let (exactness, answer) = world.webhook().exactness().await?;
    let (code, message, summary) = match exactness {
        Exactness::Exact => {
            return Ok(Verdict::Pass(format!(
                "an event in unusual JSON, with three signatures, is answered {} {}",
                answer.status,
                answer.excerpt()
            )));
        }
        Exactness::OneSignature => (
            "rotation",
            "The Worker looks at one signature of several, so it refuses every event while its secret is rolled.",
            "Verify with Stripe's SDK (`constructEventAsync`), which tries every `v1` signature of the header.",
        ),
        Exactness::ReSerialised => (
            "re-serialised",
            "The Worker refuses a correctly signed event as soon as its JSON is formatted unusually: it verifies a copy.",
            "Pass `await request.text()` to `constructEventAsync`, and never `JSON.stringify(await request.json())`.",
        ),
        Exactness::Refused => (
            "refused",
            "The Worker takes a compact event and refuses the same in unusual but valid JSON.",
            "Read the event with `JSON.parse`, after the raw text was verified; its answer is quoted above.",
        ),
    };
    Ok(Finding {
        code,
        severity: Severity::Failure,
        message: message.to_owned(),
        expected: "the answer that a compact event gets".to_owned(),
        actual: format!("{} {}", answer.status, answer.excerpt()),
        evidence: vec![answer.evidence("answer", answer.excerpt())],
        fix: Fix::new(summary),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_worker_that_verifies_a_copy() {
        scenario("worker-reserialises").await.finds(CHECK, "re-serialised");
    }

    #[tokio::test]
    async fn finds_a_worker_that_looks_at_one_signature_only() {
        scenario("worker-first-signature").await.finds(CHECK, "rotation");
    }

    #[tokio::test]
    async fn a_refused_type_is_refused_in_any_format() {
        scenario("worker-unhandled-type").await.passes(CHECK);
    }
}

//! `webhook/idempotent`.

use super::handler::ONCE;
use crate::check::prelude::*;
use crate::world::{Delivery, SignedResponse};

check! {
    /// The Worker accepts the same event twice.
    ///
    /// ## Why it matters
    /// Stripe delivers every event at least once, and again if an answer is lost. If the Worker fails on the second delivery,
    /// Stripe retries for days and may then disable the endpoint.
    ///
    /// ## How it is verified
    /// If the Worker accepts signed events, one with a new ID is sent twice, with a new signature the second time as Stripe
    /// does. Both answers must be 2xx. No Worker handles its type, so whether a handled event takes effect twice cannot be seen
    /// here: `preflight rehearse` tries it. If the Worker rejects event types that it does not handle, this check does not
    /// apply, because any other event would have an effect.
    ///
    /// ## How to fix it
    /// Look up the event's ID first, and answer 200 if it was already handled.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event, twice; the Worker may remember its ID",
        subjects: deployment,
        run
    };
}

codes! {
    /// The answer to the second delivery is not 2xx.
    SECOND_REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    match webhook.signed_response().await?.0 {
        SignedResponse::Accepted => {}
        SignedResponse::TypeRejected => {
            return outcome.not_applicable(
                "the Worker rejects event types that it does not handle, and any other event would have an effect",
            );
        }
        _ => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
    }
    let first = webhook.handled(Delivery::First).await?;
    if !webhook.is_answered_like_first(&first).await? {
        let seen = format!("{} {}", first.status, first.excerpt());
        return Err(NoAnswer::unknown(format!("the Worker accepted one signed event but not the next: {seen}")));
    }
    let again = webhook.handled(Delivery::Second).await?;
    if again.is_page() {
        return Err(NoAnswer::unknown(format!(
            "the answer to the second delivery of an event is {} and a page",
            again.status
        )));
    }
    if again.is_success() {
        outcome
            .pass(format!("the answers to an event that is delivered twice are {} and {}", first.status, again.status));
        return Ok(());
    }
    outcome.find(Finding {
        code: SECOND_REFUSED,
        message: "The Worker rejects the second delivery of an event that it accepted. Stripe will retry it for days."
            .to_owned(),
        expected: "2xx both times".to_owned(),
        actual: format!("{}, then {} {}", first.status, again.status, again.excerpt()),
        evidence: vec![
            first.evidence("first answer", first.excerpt()),
            again.evidence("second answer", again.excerpt()),
        ],
        fix: Fix::new("Answer 200 to an event whose ID was already handled, and do not handle it again.")
            .code(ONCE)
            .then(world.deployment()),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn does_not_apply_if_every_harmless_event_type_is_rejected() {
        scenario("worker-unhandled-type").await.does_not_apply(CHECK);
    }
}

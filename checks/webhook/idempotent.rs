//! `webhook/idempotent`.

use crate::check::prelude::*;
use crate::world::{Delivery, Reception};

check! {
    /// The Worker accepts the same event twice.
    ///
    /// ## Why it matters
    /// Stripe delivers at least once, and again if an answer is lost. If the Worker fails on the second delivery, Stripe
    /// retries for days and disables the endpoint in the end.
    ///
    /// ## How it is verified
    /// Once a signed event is accepted, one with its own ID is sent twice, signed anew the second time as Stripe does; both
    /// must be answered with 2xx. No Worker handles its type, so nothing is done even once: whether a handled event has its
    /// effect twice cannot be seen here, and `preflight rehearse` tries it. If the Worker rejects event types that it does not
    /// handle, this check does not apply: any other event would have an effect.
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
    /// The second delivery is not answered with 2xx.
    SECOND_REFUSED: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let webhook = world.webhook();
    match webhook.reception().await?.0 {
        Reception::Received => {}
        Reception::TypeRefused => {
            outcome.not_applicable(
                "the Worker rejects event types that it does not handle, and any other would have an effect",
            );
            return Ok(());
        }
        _ => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
    }
    let first = webhook.handled(Delivery::First).await?;
    if !webhook.is_taken(&first).await? {
        let seen = format!("{} {}", first.status, first.excerpt());
        return Err(NoAnswer::unknown(format!("a second signed event was not accepted as the first was: {seen}")));
    }
    let again = webhook.handled(Delivery::Second).await?;
    if again.is_page() {
        let seen = format!("{} with a page", again.status);
        return Err(NoAnswer::unknown(format!("the same event the second time is answered {seen}")));
    }
    if again.is_success() {
        outcome.pass(format!("the same event twice is answered {} and {}", first.status, again.status));
        return Ok(());
    }
    outcome.find(Finding {
        code: SECOND_REFUSED,
        message: "The Worker accepts an event once and rejects the same event the second time. Stripe will retry it for days."
            .to_owned(),
        expected: "2xx both times".to_owned(),
        actual: format!("{}, then {} {}", first.status, again.status, again.excerpt()),
        evidence: vec![
            first.evidence("first answer", first.excerpt()),
            again.evidence("second answer", again.excerpt()),
        ],
        fix: Fix::new("Answer 200 to an event whose ID was already handled, without handling it again.")
            .command("wrangler tail"),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn does_not_apply_where_every_harmless_type_is_rejected() {
        scenario("worker-unhandled-type").await.does_not_apply(CHECK);
    }
}

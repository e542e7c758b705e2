//! `webhook/idempotent`.

use crate::check::prelude::*;
use crate::world::{Delivery, Reception};

check! {
    /// The Worker takes the same event twice.
    ///
    /// ## Why it matters
    /// Stripe delivers at least once, and again whenever an answer got lost. A Worker that breaks on the second delivery
    /// makes Stripe repeat it for days, and disable the endpoint in the end.
    ///
    /// ## How it is verified
    /// Once a signed event is accepted, one with an ID of its own is sent twice, the second time signed anew as Stripe does;
    /// both must be answered with 2xx. Nobody handles its type, so that nothing is done even once: whether a handled event
    /// has its effect twice cannot be seen, and `preflight rehearse` tries it. A Worker that refuses types which it does not
    /// handle cannot be asked harmlessly at all.
    ///
    /// ## Findings
    /// - `second-refused`: the second delivery is not answered with 2xx.
    ///
    /// ## How to mend it
    /// Look up the event's ID before anything else, and answer 200 where it was dealt with already.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "1 signed event, twice",
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
    match webhook.reception().await?.0 {
        Reception::Received { .. } => {}
        Reception::TypeRefused => {
            let why = "the Worker refuses event types that it does not handle, and any other would have an effect";
            return Ok(Verdict::NotApplicable(why.to_owned()));
        }
        _ => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
    }
    let first = webhook.deliver(Delivery::First).await?.map_err(|failure| NoAnswer::unknown(failure.to_string()))?;
    if !webhook.is_taken(&first).await? {
        let seen = format!("{} {}", first.status, first.excerpt());
        return Err(NoAnswer::unknown(format!("a second signed event was not accepted as the first was: {seen}")));
    }
    let again = webhook.deliver(Delivery::Second).await?.map_err(|failure| NoAnswer::unknown(failure.to_string()))?;
    if again.is_success() {
        return Ok(Verdict::Pass(format!("the same event twice is answered {} and {}", first.status, again.status)));
    }
    Ok(Finding {
        code: "second-refused",
        severity: Severity::Failure,
        message: "The Worker takes an event once and refuses it when it comes again.".to_owned(),
        expected: "2xx both times".to_owned(),
        actual: format!("{}, then {} {}", first.status, again.status, again.excerpt()),
        evidence: vec![
            first.evidence("first answer", first.excerpt()),
            again.evidence("second answer", again.excerpt()),
        ],
        fix: Fix::new("Answer 200 to an event whose ID was dealt with already, without doing it again.")
            .command("wrangler tail"),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_worker_that_breaks_on_the_second_delivery() {
        scenario("worker-not-idempotent").await.finds(CHECK, "second-refused");
    }

    #[tokio::test]
    async fn does_not_apply_where_every_harmless_type_is_refused() {
        scenario("worker-unhandled-type").await.does_not_apply(CHECK);
    }
}

//! `webhook/deliveries`.

use crate::check::prelude::*;
use crate::world::{EndpointKind, Event, Record};

check! {
    /// Stripe's own deliveries get through.
    ///
    /// ## Why it matters
    /// Everything here is tried out with events of preflight's own; this is what really happened. It shows what nothing else
    /// can: that the Worker has the signing secret of another endpoint, or refuses Stripe's addresses, or breaks down on real
    /// events.
    ///
    /// ## How it is verified
    /// Stripe is asked for the events of the types that the Worker handles, since the endpoint was made and for the 30 days
    /// that Stripe keeps them: the newest that were delivered, and those that are undelivered after more than 10 minutes.
    /// Stripe does not say to which endpoint a delivery failed: where another enabled endpoint selects the same type, it
    /// cannot be told whose failure it is. What the Worker answered can only be seen in the dashboard.
    ///
    /// ## Findings
    /// - `failing`: the newest events are undelivered, and ours is the only endpoint for them.
    /// - `undelivered`: events are undelivered, and it cannot be told to which endpoint; a warning.
    /// - `recovered`: events of the last week are undelivered, but later ones got through; a warning.
    /// - `none-yet`: nothing was delivered to this endpoint yet; a warning.
    ///
    /// ## How to mend it
    /// The endpoint's page in the dashboard shows every failed delivery with the Worker's answer. Compare its signing secret
    /// with the Worker's, mend what the answers say, and send the events again.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let record = world.webhook().record().await?;
    let recent = record.undelivered.iter().filter(|event| event.is_within(7, world.now())).count();
    let Some(newest) = record.undelivered.first().filter(|_| !record.gets_through() || recent > 0) else {
        return Ok(match &record.delivered {
            Some(delivered) => Verdict::Pass(format!(
                "the newest, {} of {} ago, was delivered",
                delivered.kind,
                delivered.age(world.now())
            )),
            None => none_yet(world, &record).into(),
        });
    };
    let (age, endpoint) = (newest.age(world.now()), &record.endpoint.id);
    let what = format!("{} ({}, {age} old)", newest.kind, newest.id);
    if !record.is_ours_alone() {
        let whose = if record.others.is_empty() {
            "whether other endpoints get it too could not be read".to_owned()
        } else {
            format!("{} gets it too", record.others.join(", "))
        };
        let message = format!("{what} is undelivered, and it cannot be told to which endpoint: {whose}.");
        return Ok(finding(world, &record, "undelivered", Severity::Warning, message, newest).into());
    }
    if record.gets_through() {
        let message =
            format!("{} undelivered in the last week, the newest {what}; later ones got through.", count(recent));
        return Ok(finding(world, &record, "recovered", Severity::Warning, message, newest).into());
    }
    world.webhook().gives_no_reason().await?;
    let message = format!("Stripe cannot deliver to {endpoint}: {what} is undelivered, and nothing later got through.");
    Ok(finding(world, &record, "failing", Severity::Failure, message, newest).into())
}

fn count(events: usize) -> String {
    if events == 1 { "1 event is".to_owned() } else { format!("{events} events are") }
}

fn none_yet(world: &World, record: &Record) -> Finding {
    let endpoint = &record.endpoint;
    Finding {
        code: "none-yet",
        severity: Severity::Warning,
        message: format!(
            "Nothing was delivered to {} yet: no event of its types happened since it was made.",
            endpoint.id
        ),
        expected: "a delivered event".to_owned(),
        actual: "none".to_owned(),
        evidence: vec![record.answer.evidence("data", "[]")],
        fix: Fix::new("Buy a plan once, or run `preflight rehearse`, and run this again.")
            .link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id))),
    }
}

fn finding(
    world: &World,
    record: &Record,
    code: &'static str,
    severity: Severity,
    message: String,
    newest: &Event,
) -> Finding {
    let endpoint = &record.endpoint;
    let secret = &world.config().stripe.webhook_secret.name;
    let shown: Vec<String> =
        record.undelivered.iter().take(5).map(|event| format!("{} ({})", event.id, event.kind)).collect();
    let summary = match code {
        "failing" => format!(
            "See the failed deliveries on the page of {}, and compare its signing secret with {secret} on the Worker; then send the event again.",
            endpoint.id
        ),
        _ => {
            format!("See on the page of {} whether its deliveries failed, and send what is missing again.", endpoint.id)
        }
    };
    let fix = Fix::new(summary).link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id)));
    // The command line knows classic endpoints only.
    let resend = (endpoint.kind == EndpointKind::Classic)
        .then(|| world.stripe().command(&format!("events resend {} --webhook-endpoint {}", newest.id, endpoint.id)));
    let delivered = record.delivered.as_ref();
    Finding {
        code,
        severity,
        message,
        expected: "every event delivered within 10 minutes".to_owned(),
        actual: delivered.map_or_else(
            || "none was delivered to this endpoint".to_owned(),
            |event| format!("the last that was delivered is {} of {} ago", event.kind, event.age(world.now())),
        ),
        evidence: vec![record.answer.evidence("data[].pending_webhooks", shown.join(", "))],
        fix: resend.into_iter().fold(fix, Fix::command),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_deliveries_that_fail() {
        let run = scenario("deliveries-failing").await;
        run.finds(CHECK, "failing");
        assert!(run.fix(CHECK).commands[0].starts_with("stripe events resend evt_"), "{:?}", run.fix(CHECK));
    }

    #[tokio::test]
    async fn warns_where_the_failure_may_be_another_endpoints() {
        scenario("healthy-other-endpoint-failing").await.warns(CHECK, "undelivered");
    }

    #[tokio::test]
    async fn warns_where_the_trouble_is_over() {
        scenario("deliveries-recovered").await.warns(CHECK, "recovered");
    }

    #[tokio::test]
    async fn warns_where_nothing_was_delivered_yet() {
        scenario("healthy-new-endpoint").await.warns(CHECK, "none-yet");
    }

    #[tokio::test]
    async fn a_delivery_that_may_be_under_way_and_one_from_before_the_endpoint_are_no_failures() {
        scenario("healthy-delivery-under-way").await.passes(CHECK);
        scenario("healthy-endpoint-replaced").await.passes(CHECK);
    }

    #[tokio::test]
    async fn yields_to_what_explains_it() {
        for (name, by) in [
            ("worker-secret-wrong", "webhook/accepts-signed"),
            ("worker-404", "webhook/reachable"),
            ("endpoint-disabled", "webhook/endpoint"),
        ] {
            let run = scenario(&format!("{name},deliveries-failing")).await;
            assert_eq!(run.failures().len(), 1, "{}", run.told());
            assert!(run.reasons(CHECK).contains(by), "{}", run.told());
        }
    }
}

//! `webhook/deliveries`.

use crate::check::prelude::*;
use crate::world::{EndpointKind, Event, Record};

check! {
    /// Stripe's own deliveries get through.
    ///
    /// ## Why it matters
    /// Everything else is tested with events of preflight's own; this is what really happened. It shows what nothing else can:
    /// that the Worker has the signing secret of another endpoint, blocks Stripe's addresses, or fails on real events.
    ///
    /// ## How it is verified
    /// Stripe's events of the types that the Worker handles are read, since the endpoint was created and for the 30 days that
    /// Stripe keeps them: the newest that were delivered, and those that are undelivered after more than 10 minutes. Stripe
    /// does not say to which endpoint a delivery failed: if another enabled endpoint selects the same type, it cannot be told
    /// whose failure it is. What the Worker answered is shown only in the dashboard.
    ///
    /// ## How to fix it
    /// The endpoint's page in the dashboard shows every failed delivery with the Worker's answer. Compare its signing secret
    /// with the Worker's, fix what the answers say, and resend the events.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// The newest events are undelivered, and yours is the only endpoint for them.
    FAILING: Failure,
    /// Events are undelivered, and it cannot be told to which endpoint.
    UNDELIVERED: Warning,
    /// Events of the last week are undelivered, but later ones got through.
    RECOVERED: Warning,
    /// Nothing was delivered to this endpoint yet.
    NONE_YET: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let record = world.webhook().record().await?;
    let recent = record.undelivered.iter().filter(|event| event.is_within(7, world.now())).count();
    let Some(newest) = record.undelivered.first().filter(|_| !record.gets_through() || recent > 0) else {
        match &record.delivered {
            Some(delivered) => outcome.pass(format!(
                "the newest event, {} of {} ago, was delivered",
                delivered.kind,
                delivered.age(world.now())
            )),
            None => outcome.find(none_yet(world, &record)),
        }
        return Ok(());
    };
    let (age, endpoint) = (newest.age(world.now()), &record.endpoint.id);
    let what = format!("{} ({}, {age} old)", newest.kind, newest.id);
    let (code, message) = if !record.is_ours_alone() {
        let whose = if record.others.is_empty() {
            "not all endpoints could be read".to_owned()
        } else {
            format!("{} gets it, too", record.others.join(", "))
        };
        let message = format!("{what} is undelivered, but it cannot be told to which endpoint: {whose}.");
        // Whether it is a failure depends on the list that could not be read, unless there are others anyway.
        if record.others.is_empty() {
            outcome.ask(record.others_complete.clone());
        }
        (UNDELIVERED, message)
    } else if record.gets_through() {
        let message =
            format!("{} undelivered in the last week, the newest {what}. Later ones got through.", count(recent));
        (RECOVERED, message)
    } else {
        world.worker().blame_for_failed_deliveries().await?;
        let message =
            format!("Stripe's deliveries to {endpoint} fail: {what} is undelivered, and none got through since.");
        (FAILING, message)
    };
    outcome.find(finding(world, &record, code, message, newest));
    Ok(())
}

fn count(events: usize) -> String {
    if events == 1 { "1 event is".to_owned() } else { format!("{events} events are") }
}

fn none_yet(world: &World, record: &Record) -> Finding {
    let endpoint = &record.endpoint;
    Finding {
        code: NONE_YET,
        message: format!(
            "Nothing was delivered to {} yet: no event of its types happened since it was created.",
            endpoint.id
        ),
        expected: "a delivered event".to_owned(),
        actual: "none".to_owned(),
        evidence: vec![record.answer.evidence("data", "[]")],
        fix: Fix::new("Buy a plan once or run `preflight rehearse`, then run this check again.")
            .link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id))),
    }
}

fn finding(world: &World, record: &Record, code: Code, message: String, newest: &Event) -> Finding {
    let endpoint = &record.endpoint;
    let secret = &world.config().stripe.webhook_secret.name;
    let shown: Vec<String> =
        record.undelivered.iter().take(5).map(|event| format!("{} ({})", event.id, event.kind)).collect();
    let summary = match code {
        FAILING => format!(
            "Open the failed deliveries on the page of {}, compare its signing secret with {secret} on the Worker, and resend the event.",
            endpoint.id
        ),
        _ => {
            format!("Check on the page of {} whether its deliveries failed, and resend what is missing.", endpoint.id)
        }
    };
    let fix = Fix::new(summary).link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id)));
    // The command line knows classic endpoints only.
    let resend = (endpoint.kind == EndpointKind::Classic)
        .then(|| world.stripe().command(&format!("events resend {} --webhook-endpoint {}", newest.id, endpoint.id)));
    let delivered = record.delivered.as_ref();
    Finding {
        code,
        message,
        expected: "every event delivered within 10 minutes".to_owned(),
        actual: delivered.map_or_else(
            || "no event was delivered to this endpoint".to_owned(),
            |event| format!("the last one delivered is {} of {} ago", event.kind, event.age(world.now())),
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
    async fn a_delivery_that_may_be_under_way_and_one_from_before_the_endpoint_are_no_failures() {
        scenario("healthy-delivery-under-way").await.passes(CHECK);
        scenario("healthy-endpoint-replaced").await.passes(CHECK);
    }

    #[tokio::test]
    async fn deliveries_that_another_finding_explains_are_not_reported_again() {
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

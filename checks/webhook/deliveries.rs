//! `webhook/deliveries`.

use crate::check::prelude::*;
use crate::world::{DeliveryHistory, Endpoint, EndpointKind, Event};

check! {
    /// Stripe's own deliveries get through.
    ///
    /// ## Why it matters
    /// Other checks send their own test events. This one looks at Stripe's real deliveries, which show what nothing else can:
    /// that the Worker has another endpoint's signing secret, blocks Stripe's IP addresses, or fails on real events.
    ///
    /// ## How it is verified
    /// Stripe's events of the types that the Worker handles are read, back to when the endpoint was created, at most 30 days:
    /// the newest that were delivered, and those that are undelivered after 10 minutes. Stripe does not say which endpoint a
    /// delivery failed for: if another enabled endpoint selects the same type, either may have failed. Only the dashboard shows
    /// what the Worker answered.
    ///
    /// ## How to fix it
    /// Open the endpoint's page in the dashboard, which shows every failed delivery with the Worker's answer. Compare its
    /// signing secret with the Worker's, fix what the answers show, and resend the events.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// The newest events are undelivered, and this is the only endpoint for them.
    FAILING: Failure,
    /// Events are undelivered, and Stripe does not say to which endpoint.
    UNDELIVERED: Warning(Service),
    /// Events of the last week are undelivered, but later ones got through.
    RECOVERED: Warning,
    /// Nothing was delivered to this endpoint yet.
    NONE_YET: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let history = world.webhook().delivery_history().await?;
    let recent = history.undelivered.iter().filter(|event| event.is_within(7, world.now())).count();
    let Some(newest) = history.undelivered.first().filter(|_| !history.gets_through() || recent > 0) else {
        match &history.delivered {
            Some(delivered) => outcome.pass(format!(
                "the newest event, {} of {} ago, was delivered",
                delivered.kind,
                delivered.age(world.now())
            )),
            None => outcome.find(none_yet(world, &history)),
        }
        return Ok(());
    };
    let (age, endpoint) = (newest.age(world.now()), &history.endpoint.id);
    let what = format!("{} ({}, {age} old)", newest.kind, newest.id);
    let (code, message) = if !history.is_the_only_endpoint() {
        let whose = if history.others.is_empty() {
            "not all endpoints could be read".to_owned()
        } else {
            format!("{} gets it, too", history.others.join(", "))
        };
        let message = format!("{what} is undelivered, and Stripe does not say to which endpoint: {whose}.");
        // If there are no others, the endpoints that could not be read decide whether it is a failure.
        if history.others.is_empty() {
            outcome.ask(history.others_complete.clone());
        }
        (UNDELIVERED, message)
    } else if history.gets_through() {
        let message =
            format!("{} undelivered in the last week, the newest {what}. Later ones got through.", count(recent));
        (RECOVERED, message)
    } else {
        world.worker().blame_for_failed_deliveries().await?;
        let message =
            format!("Stripe's deliveries to {endpoint} fail: {what} is undelivered, and no later event got through.");
        (FAILING, message)
    };
    outcome.find(finding(world, &history, code, message, newest));
    Ok(())
}

fn count(events: usize) -> String {
    if events == 1 { "1 event is".to_owned() } else { format!("{events} events are") }
}

fn none_yet(world: &World, history: &DeliveryHistory) -> Finding {
    let endpoint = &history.endpoint;
    Finding {
        code: NONE_YET,
        message: format!(
            "Nothing was delivered to {} yet: none of its events has happened since it was created.",
            endpoint.id
        ),
        expected: "a delivered event".to_owned(),
        actual: "none".to_owned(),
        evidence: vec![history.answer.evidence("data", "[]")],
        fix: Fix::new("Buy a plan with a promotion code for 100 % off, then run this check again.")
            .link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id))),
    }
}

fn finding(world: &World, history: &DeliveryHistory, code: Code, message: String, newest: &Event) -> Finding {
    let endpoint = &history.endpoint;
    let secret = &world.config().stripe.webhook_secret.name;
    let shown: Vec<String> =
        history.undelivered.iter().take(5).map(|event| format!("{} ({})", event.id, event.kind)).collect();
    let summary = match code {
        FAILING => format!(
            "Open the failed deliveries on the page of {} and fix what the Worker's answers show. Compare its signing secret with {secret} on the Worker, and resend the event.",
            endpoint.id
        ),
        _ => {
            format!("Check on the page of {} whether its deliveries failed, and resend missing events.", endpoint.id)
        }
    };
    let fix = Fix::new(summary).link(world.stripe().dashboard(&format!("webhooks/{}", endpoint.id)));
    let resend = resend(world, endpoint, &newest.id);
    let delivered = history.delivered.as_ref();
    Finding {
        code,
        message,
        expected: "every event delivered within 10 minutes".to_owned(),
        actual: delivered.map_or_else(
            || "no event was delivered to this endpoint".to_owned(),
            |event| format!("the last delivered event is {} of {} ago", event.kind, event.age(world.now())),
        ),
        evidence: vec![history.answer.evidence("data[].pending_webhooks", shown.join(", "))],
        fix: resend.into_iter().fold(fix, Fix::command),
    }
}

/// The command that delivers an event again. Stripe's CLI only knows classic endpoints.
pub(crate) fn resend(world: &World, endpoint: &Endpoint, event: &str) -> Option<String> {
    (endpoint.kind == EndpointKind::Classic).then(|| {
        let (event, endpoint) = (quoted(event), quoted(&endpoint.id));
        world.stripe().command(&format!("events resend {event} --webhook-endpoint {endpoint}"))
    })
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_fix_resends_the_event() {
        let run = scenario("deliveries-failing").await;
        assert!(run.fix(CHECK).commands()[0].starts_with("stripe events resend evt_"), "{:?}", run.fix(CHECK));
    }

    #[tokio::test]
    async fn deliveries_that_another_finding_explains_are_not_reported_again() {
        for (name, by) in [
            ("worker-secret-wrong", "webhook/accepts-signed"),
            ("worker-404", "webhook/reachable"),
            ("endpoint-disabled", "webhook/endpoint"),
        ] {
            let run = scenario(&format!("{name},deliveries-failing")).await;
            assert_eq!(run.failures().len(), 1, "{}", run.summary());
            assert!(run.reasons(CHECK).contains(by), "{}", run.summary());
        }
    }
}

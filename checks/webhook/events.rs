//! `webhook/events`.

use crate::check::prelude::*;

check! {
    /// Every event that the Worker handles is selected.
    ///
    /// ## Why it matters
    /// Stripe only delivers the events that are selected. Without `customer.subscription.deleted`, a customer who cancels keeps
    /// the tier; without `checkout.session.completed`, a customer who pays gets none.
    ///
    /// ## How it is verified
    /// The events that the Worker's endpoint selects are compared with `webhook.events`. Which events the Worker's code really
    /// handles cannot be seen from outside.
    ///
    /// ## How to fix it
    /// Edit the selection on the endpoint's page in the dashboard.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [EventsNotSelected],
        subjects: deployment,
        run
    };
}

codes! {
    /// Events that the Worker handles are not selected.
    MISSING: Failure,
    /// Events are selected that the Worker does not handle.
    SURPLUS: Warning,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let seen = world.webhook().endpoint().await?;
    let (endpoint, wanted) = (&seen.value, &world.config().webhook.events);
    let events = endpoint.events()?;
    let selected = events.join(", ");
    let select =
        |selected: Vec<String>| world.stripe().change_endpoint(endpoint, "enabled_events", events.to_vec(), selected);
    let finding = |code, message: String, fix: Fix| Finding {
        code,
        message,
        expected: wanted.join(", "),
        actual: selected.clone(),
        evidence: vec![seen.answer.evidence("enabled_events", selected.clone())],
        fix,
    };
    let selects = |event: &&String| events.iter().any(|selected| selected == *event || selected == "*");
    let missing: Vec<&str> = wanted.iter().filter(|event| !selects(event)).map(String::as_str).collect();
    if missing.is_empty() {
        outcome.pass(format!("{} selects {selected}", endpoint.id));
    } else {
        let all = events.iter().cloned().chain(missing.iter().map(|event| (*event).to_owned())).collect();
        let missing = missing.join(", ");
        let message = format!("{} does not select {missing}, so Stripe never sends it to the Worker.", endpoint.id);
        let fix = Fix::new(format!("Select {missing} on {}.", endpoint.id)).then(select(all));
        outcome.find(finding(MISSING, message, fix));
    }
    let surplus: Vec<&str> = events.iter().filter(|event| !wanted.contains(event)).map(String::as_str).collect();
    if !surplus.is_empty() {
        let what = if surplus == ["*"] { "all events".to_owned() } else { surplus.join(", ") };
        let message = format!("{} selects {what}, which the Worker does not handle.", endpoint.id);
        let summary = format!(
            "If the Worker handles them, add them to webhook.events. If not, select only {} on the endpoint.",
            wanted.join(", ")
        );
        outcome.find(finding(SURPLUS, message, Fix::new(summary).suggest(select(wanted.clone()))));
    }
    Ok(())
}

//! `webhook/events`.

use crate::check::prelude::*;

check! {
    /// Every event that the Worker handles is selected.
    ///
    /// ## Why it matters
    /// Stripe delivers what is selected and nothing else. Without `customer.subscription.deleted`, whoever cancels keeps the
    /// tier; without `checkout.session.completed`, whoever pays gets none.
    ///
    /// ## How it is verified
    /// The selection of the endpoint that `webhook/endpoint` found is compared with `webhook.events`. What the Worker's code
    /// really handles cannot be seen from outside.
    ///
    /// ## Findings
    /// - `missing`: events that the Worker handles are not selected.
    /// - `surplus`: events are selected that it does not handle; a warning.
    ///
    /// ## How to mend it
    /// Edit the selection on the endpoint's page in the dashboard.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [EventsNotSelected],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let seen = world.webhook().endpoint().await?;
    let (endpoint, wanted) = (&seen.value, &world.config().webhook.events);
    let selected = endpoint.events()?;
    let selects = |event: &String| selected.iter().any(|selected| selected == event || selected == "*");
    let missing: Vec<&str> = wanted.iter().filter(|event| !selects(event)).map(String::as_str).collect();
    let surplus: Vec<&str> = selected.iter().filter(|event| !wanted.contains(event)).map(String::as_str).collect();
    let page = world.stripe().dashboard(&format!("webhooks/{}", endpoint.id));
    let finding = |code, severity, message: String, summary: String| Finding {
        code,
        severity,
        message,
        expected: wanted.join(", "),
        actual: selected.join(", "),
        evidence: vec![seen.answer.evidence("enabled_events", selected.join(", "))],
        fix: Fix::new(summary).link(page.clone()),
    };
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let message = format!("{} does not select {missing}, so the Worker never hears of it.", endpoint.id);
        findings.push(finding(
            "missing",
            Severity::Failure,
            message,
            format!("Select {missing} on the endpoint's page."),
        ));
    }
    if !surplus.is_empty() {
        let what = if surplus == ["*"] { "all events".to_owned() } else { surplus.join(", ") };
        let message = format!("{} selects {what}, which the Worker does not handle.", endpoint.id);
        let summary = format!(
            "Select just {} on the endpoint's page, or name what else is handled in webhook.events.",
            wanted.join(", ")
        );
        findings.push(finding("surplus", Severity::Warning, message, summary));
    }
    Ok(Verdict::of(findings, format!("{} selects {}", endpoint.id, selected.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_event_that_is_not_selected() {
        for name in
            ["events-missing-checkout", "events-missing-created", "events-missing-updated", "events-missing-deleted"]
        {
            scenario(name).await.finds(CHECK, "missing");
        }
    }

    #[tokio::test]
    async fn warns_of_an_endpoint_that_selects_everything() {
        scenario("events-all").await.warns(CHECK, "surplus");
    }
}

//! `portal/configuration`.

use crate::check::prelude::*;
use crate::world::{Found, PortalConfiguration, Seen};

check! {
    /// The customer portal has a configuration that can be used.
    ///
    /// ## Why it matters
    /// The portal is configured once in each mode. Where it was only saved in test mode, the first customer who wants to
    /// cancel or change a card gets an error instead.
    ///
    /// ## How it is verified
    /// The configuration that `stripe.portal_configuration` names is read with the key, or else the account's default one.
    /// Which one the Worker passes cannot be seen; `worker/portal` opens it.
    ///
    /// ## Findings
    /// - `none`: the portal was never saved in this mode.
    /// - `not-found`: the configuration that is named does not exist for this key.
    /// - `inactive`: it exists and is switched off.
    ///
    /// ## How to mend it
    /// Save the portal's settings in the dashboard, in the right mode, or name a configuration that is active.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PortalUnavailable],
        subjects: deployment,
        run
    };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let variable = &world.config().stripe.portal_configuration;
    if variable.is_set() {
        return Ok(match world.stripe().named_portal().await? {
            Found::Here(portal) => judge(world, &portal),
            Found::Missing(refusal) => {
                let id = variable.value.clone().unwrap_or_default();
                let mode = world.config().project.mode.word();
                Finding {
                    code: "not-found",
                    severity: Severity::Failure,
                    message: format!("{} names {id}, which does not exist in {mode} mode.", variable.name),
                    expected: format!("a configuration of {mode} mode"),
                    actual: refusal.message.clone(),
                    evidence: vec![refusal.evidence()],
                    fix: fix(
                        world,
                        &format!(
                            "Set {} to the ID of a {mode}-mode configuration, or leave it out for the default one.",
                            variable.name
                        ),
                    ),
                }
                .into()
            }
        });
    }
    let defaults = world.stripe().default_portals().await?;
    if let Some(value) = defaults.items.first() {
        return Ok(judge(world, &Seen { value: value.clone(), answer: defaults.answer }));
    }
    let mode = world.config().project.mode.word();
    Ok(Finding {
        code: "none",
        severity: Severity::Failure,
        message: format!("The customer portal was never saved in {mode} mode, so it cannot be opened."),
        expected: "a default configuration".to_owned(),
        actual: "none".to_owned(),
        evidence: vec![defaults.answer.evidence("data", "[]")],
        fix: fix(world, &format!("Save the customer portal's settings in {mode} mode.")),
    }
    .into())
}

fn judge(world: &World, portal: &Seen<PortalConfiguration>) -> Verdict {
    let PortalConfiguration { id, active, .. } = &portal.value;
    if *active {
        return Verdict::Pass(format!("{id} is active"));
    }
    Finding {
        code: "inactive",
        severity: Severity::Failure,
        message: format!("The portal configuration {id} is switched off."),
        expected: "active true".to_owned(),
        actual: "active false".to_owned(),
        evidence: vec![portal.answer.evidence("active", "false")],
        fix: fix(world, &format!("Activate {id}, or use another configuration.")),
    }
    .into()
}

fn fix(world: &World, summary: &str) -> Fix {
    Fix::new(summary).link(world.stripe().dashboard("settings/billing/portal"))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_portal_that_cannot_be_opened() {
        for (name, code) in
            [("portal-none", "none"), ("portal-inactive", "inactive"), ("portal-other-mode", "not-found")]
        {
            scenario(name).await.finds(CHECK, code);
        }
    }
}

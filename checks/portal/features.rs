//! `portal/features`.

use crate::check::prelude::*;
use crate::world::PortalFeatures;

check! {
    /// Customers can cancel, change their card and see their invoices in the portal.
    ///
    /// ## Why it matters
    /// Whoever cannot cancel by themselves disputes the charge instead, whoever cannot change an expired card is lost as a
    /// customer, and in many countries both, and the invoice, are owed by law.
    ///
    /// ## How it is verified
    /// The switches of the portal configuration that `portal/configuration` found are read. Whether the frontend leads
    /// customers to the portal, and whether the Worker opens it with another configuration, cannot be seen here.
    ///
    /// ## Findings
    /// - `cancel`: customers cannot cancel.
    /// - `payment-method`: they cannot change the payment method.
    /// - `invoices`: they cannot see their invoices.
    ///
    /// ## How to mend it
    /// Switch the feature on in the portal's settings in the dashboard, in the right mode.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let portal = world.stripe().portal().await?;
    let id = &portal.value.id;
    let PortalFeatures { subscription_cancel, payment_method_update, invoice_history, .. } = &portal.value.features;
    let features = [
        ("cancel", subscription_cancel, "features.subscription_cancel.enabled", "cancel"),
        (
            "payment-method",
            payment_method_update,
            "features.payment_method_update.enabled",
            "change their payment method",
        ),
        ("invoices", invoice_history, "features.invoice_history.enabled", "see their invoices"),
    ];
    let off = features.into_iter().filter(|(_, switch, ..)| !switch.enabled);
    let findings = off.map(|(code, _, field, what)| Finding {
        code,
        severity: Severity::Failure,
        message: format!("Customers cannot {what} in the portal: it is switched off in {id}."),
        expected: "enabled true".to_owned(),
        actual: "enabled false".to_owned(),
        evidence: vec![portal.answer.evidence(field, "false")],
        fix: Fix::new(format!("Let customers {what} in the portal's settings."))
            .link(world.stripe().dashboard("settings/billing/portal")),
    });
    Ok(Verdict::of(
        findings.collect(),
        format!("in {id} customers can cancel, change their card and see their invoices"),
    ))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_thing_that_customers_cannot_do() {
        for (name, code) in [
            ("portal-no-cancel", "cancel"),
            ("portal-no-payment-method", "payment-method"),
            ("portal-no-invoices", "invoices"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }
}

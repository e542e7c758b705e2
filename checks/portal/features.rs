//! `portal/features`.

use crate::check::prelude::*;
use crate::world::{Field, Switch};

check! {
    /// Customers can cancel, change their card and see their invoices in the portal.
    ///
    /// ## Why it matters
    /// A customer who cannot cancel disputes the charge instead, and one who cannot replace an expired card is lost. In many
    /// countries the law requires both, and the invoice.
    ///
    /// ## How it is verified
    /// The features of the portal configuration that `portal/configuration` found are read. Whether the frontend links to the
    /// portal, and whether the Worker opens it with another configuration, cannot be seen here.
    ///
    /// ## How to fix it
    /// Turn the feature on in the portal's settings in the dashboard, in the right mode.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Customers cannot cancel.
    CANCEL: Failure,
    /// They cannot change the payment method.
    PAYMENT_METHOD: Failure,
    /// They cannot see their invoices.
    INVOICES: Failure,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let portal = world.stripe().portal().await?;
    let id = &portal.value.id;
    let features = portal.value.features()?;
    let features: [(Code, &Field<Switch>, &str, &str); 3] = [
        (CANCEL, &features.subscription_cancel, "features.subscription_cancel", "cancel"),
        (
            PAYMENT_METHOD,
            &features.payment_method_update,
            "features.payment_method_update",
            "change their payment method",
        ),
        (INVOICES, &features.invoice_history, "features.invoice_history", "see their invoices"),
    ];
    for (code, switch, field, what) in features {
        let field = format!("{field}.enabled");
        let enabled = switch.known(format_args!("{field} of {id}"));
        let enabled = enabled.and_then(|switch| switch.enabled.known(format_args!("{field} of {id}")));
        match outcome.ask(enabled.copied()) {
            Some(true) => outcome.pass(format!("in {id} customers can {what}")),
            Some(false) => outcome.find(Finding {
                code,
                message: format!("Customers cannot {what} in the portal: it is turned off in {id}."),
                expected: "enabled true".to_owned(),
                actual: "enabled false".to_owned(),
                evidence: vec![portal.answer.evidence(field, "false")],
                fix: Fix::new(format!("In the portal's settings, allow customers to {what}."))
                    .link(world.stripe().dashboard("settings/billing/portal")),
            }),
            None => {}
        }
    }
    Ok(())
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

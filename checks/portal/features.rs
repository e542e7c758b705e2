//! `portal/features`.

use crate::check::prelude::*;
use crate::world::{Field, PortalSwitch};

check! {
    /// Customers can cancel, change their card and see their invoices in the portal.
    ///
    /// ## Why it matters
    /// Customers who cannot cancel dispute the charge instead, and customers who cannot replace an expired card are lost. Many
    /// countries require by law that customers can cancel and get an invoice.
    ///
    /// ## How it is verified
    /// The features of the portal configuration that `portal/configuration` checks are read. The check cannot see whether the
    /// frontend links to the portal, or whether the Worker opens it with another configuration.
    ///
    /// ## How to fix it
    /// Turn the feature on in the portal settings in the dashboard, in the right mode.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Customers cannot cancel.
    CANCEL: Failure,
    /// They cannot change the payment method.
    PAYMENT_METHOD: Failure,
    /// They cannot see their invoices.
    INVOICES: Failure(Other),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let portal = world.stripe().portal().await?;
    let id = &portal.value.id;
    let features = portal.value.features()?;
    let features: [(Code, &Field<PortalSwitch>, &str, &str); 3] = [
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
                message: format!("Customers cannot {what} in the portal: the feature is turned off in {id}."),
                expected: "enabled true".to_owned(),
                actual: "enabled false".to_owned(),
                evidence: vec![portal.answer.evidence(field.as_str(), "false")],
                fix: Fix::new(format!("In the portal settings, allow customers to {what}."))
                    .then(world.stripe().update(StripeResource::PortalConfiguration, id, "").set(field, false, true)),
            }),
            None => {}
        }
    }
    Ok(())
}

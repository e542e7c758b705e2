//! Who sells, and who computes the taxes: the account or, with Managed Payments, Stripe.

use super::super::fixes;
use super::{MANAGED_PAYMENTS, TAX, finding};
use crate::check::prelude::*;
use crate::world::{CheckoutSession, Seen};

/// Judges the seller and the taxes of a session.
pub(super) async fn judge(world: &World, session: &Seen<CheckoutSession>, outcome: &mut Outcome) -> Answered {
    let is_managed = session.value.is_managed()?;
    if is_managed != world.config().stripe.managed_payments {
        let seen = session.answer.evidence("managed_payments.enabled", is_managed.to_string());
        outcome.find(if is_managed { unwanted(world, seen) } else { missing(world, seen) });
    }
    if session.value.computes_taxes()? && !world.stripe().tax_settings().await?.value.is_active()? {
        outcome.find(tax(world, session.answer.evidence("automatic_tax.enabled", "true")).await);
    }
    Ok(())
}

fn unwanted(world: &World, evidence: Evidence) -> Finding {
    let message = "Managed Payments is on: customers buy from Link, not from you, tax is added to your price, and Stripe \
                   keeps 3.5 % more.";
    finding(MANAGED_PAYMENTS, message.to_owned(), "false", evidence, turn_off(world))
}

fn missing(world: &World, evidence: Evidence) -> Finding {
    let message =
        "Managed Payments is off, although stripe.managed_payments is true: you are the seller and owe the taxes.";
    let fix = Fix::new(
        "Turn Managed Payments on in each Checkout Session, or remove managed_payments from preflight.toml if you are the \
         seller.",
    )
    .code("managed_payments: { enabled: true },")
    .then(world.deployment());
    finding(MANAGED_PAYMENTS, message.to_owned(), "true", evidence, fix)
}

/// The finding for a session that Stripe rejects because of Managed Payments.
pub(super) fn refused(world: &World, evidence: Evidence) -> Finding {
    let message = "Managed Payments, which Stripe turns on for some accounts, rejects the Checkout Session: customers cannot pay.";
    let fix = if world.config().stripe.managed_payments {
        fixes::deploy(world, "Remove the parameter that Stripe's answer names, or set the tax code of each product.")
            .link(world.stripe().dashboard("products"))
    } else {
        turn_off(world)
    };
    finding(MANAGED_PAYMENTS, message.to_owned(), "a Checkout Session", evidence, fix)
}

fn turn_off(world: &World) -> Fix {
    Fix::new(
        "Turn Managed Payments off in each Checkout Session; the account has no switch. If Stripe is meant to be the seller, \
         set stripe.managed_payments = true in preflight.toml.",
    )
    .code("managed_payments: { enabled: false },")
    .then(world.deployment())
}

/// The finding for taxes that Stripe cannot compute.
pub(super) async fn tax(world: &World, evidence: Evidence) -> Finding {
    let missing = optional(world.stripe().tax_settings()).await.map(|seen| seen.value.missing_fields());
    let missing = missing.filter(|missing| !missing.is_empty());
    let missing = missing.map_or_else(String::new, |missing| format!(" (missing: {})", missing.join(", ")));
    let message = format!("Checkout computes taxes, but Stripe Tax is not set up{missing}, so checkout fails.");
    let fix = Fix::new("Complete the Stripe Tax settings and registrations, or turn automatic_tax off.")
        .link(world.stripe().dashboard("settings/tax"));
    finding(TAX, message, "active tax settings", evidence, fix)
}

#[cfg(test)]
mod tests {
    use super::super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_fix_is_one_line_of_the_checkout_session() {
        for name in ["checkout-managed-payments", "checkout-managed-payments-refused"] {
            let run = scenario(name).await;
            run.finds(CHECK, "managed-payments");
            assert_eq!(run.fix(CHECK).code_lines(), ["managed_payments: { enabled: false },"], "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn a_company_that_wants_it_is_asked_to_keep_it() {
        let run = scenario("healthy-managed-payments").await;
        run.passes(CHECK);
        assert!(run.line(CHECK).findings.is_empty(), "{}", run.summary());
        let run = scenario("checkout-managed-payments-missing").await;
        assert_eq!(run.fix(CHECK).code_lines(), ["managed_payments: { enabled: true },"], "{}", run.summary());
    }
}

//! `stripe/tax`.

use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::{CheckoutAnswer, Route};

check! {
    /// Stripe Tax has a registration, if Checkout computes taxes.
    ///
    /// ## Why it matters
    /// Stripe Tax adds taxes only where you have added a registration. Without any registration it computes zero for
    /// every customer and says nothing, and you owe the tax from your own money.
    ///
    /// ## How it is verified
    /// If a Checkout Session that the Worker creates has `automatic_tax`, the active registrations are listed: there must be one.
    /// One Session without it is enough to see that this check does not apply.
    /// With Managed Payments, Stripe is the seller, and nothing is checked. Where you must be registered cannot be seen. A restricted
    /// key may lack the permission: then the check is unknown, and the verdict does not need it.
    ///
    /// ## How to fix it
    /// Add a registration for each place where you collect taxes, or turn `automatic_tax` off.
    pub const CHECK = Check {
        need: Need::Configured("Checkout Sessions with automatic_tax"),
        sends: "what worker/checkout sends, once for both checks",
        subjects: deployment,
        run
    };
}

codes! {
    /// Checkout computes taxes, but there is no active registration.
    UNREGISTERED: Warning(Money),
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let worker = world.worker();
    if let Some(lacking) = worker.lacks(Route::Checkout) {
        return outcome.not_applicable(lacking);
    }
    let tiers: Vec<&Tier> = world.config().paid_tiers().collect();
    if tiers.is_empty() {
        return outcome.not_applicable("no tier has a price");
    }
    let checkouts = worker.checkouts().await;
    checkouts.ready.clone()?;
    let (mut taxed, mut is_seen, mut unseen) = (None, false, Vec::new());
    for tier in tiers {
        match checkouts.of(tier) {
            Some(Ok(CheckoutAnswer::Session { session, .. })) => match session.value.computes_taxes() {
                Ok(true) => taxed = taxed.or(Some(session)),
                Ok(false) => is_seen = true,
                Err(why) => unseen.push(why),
            },
            Some(Err(why)) => unseen.push(why.clone()),
            Some(Ok(_)) | None => {
                unseen.push(NoAnswer::Unknown(format!("there is no Checkout Session for tier {}", tier.name)));
            }
        }
    }
    let Some(session) = taxed else {
        if is_seen {
            // One tier's Session is made as the next one's.
            return outcome.not_applicable("Checkout does not compute taxes with Stripe Tax");
        }
        for why in unseen {
            outcome.leave_open(why);
        }
        return Ok(());
    };
    let registrations = world.stripe().tax_registrations().await?;
    registrations.unread.iter().for_each(|why| outcome.leave_open(why.clone()));
    if !registrations.items.is_empty() {
        let countries = registrations.items.iter().filter_map(|one| one.country.text()).collect::<Vec<_>>();
        outcome.pass(format!("{} active registrations: {}", registrations.items.len(), countries.join(", ")));
    } else if registrations.unread.is_empty() {
        let evidence =
            vec![session.answer.evidence("automatic_tax.enabled", "true"), registrations.answer.evidence("data", "[]")];
        outcome.find(Finding {
            code: UNREGISTERED,
            message: "Checkout computes taxes, but Stripe Tax has no registration: the tax is zero, and you owe it."
                .to_owned(),
            expected: "an active registration".to_owned(),
            actual: "none".to_owned(),
            evidence,
            fix: Fix::new("Add a registration for each place where you collect taxes, or turn automatic_tax off.")
                .link(world.stripe().dashboard("tax/registrations")),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn without_automatic_tax_the_registrations_are_not_read() {
        let run = scenario("healthy").await;
        run.does_not_apply(CHECK);
        let asked = run.report().requests.iter().any(|sent| sent.path.contains("registrations"));
        assert!(!asked, "{}", run.summary());
    }
}

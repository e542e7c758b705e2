//! `portal/plan-change`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{PortalConfiguration, Price, Seen};

check! {
    /// Whoever changes the plan in the portal gets the tier that they pay for.
    ///
    /// ## Why it matters
    /// A change in the portal changes the price of the subscription and nothing else. Where the Worker learns the tier from
    /// metadata that was written at checkout, a customer who goes down to pro keeps enterprise, and one who goes up to
    /// enterprise pays for it and stays pro.
    ///
    /// ## How it is verified
    /// The portal configuration says whether customers can switch to another price, and to which. With `entitlement.source`
    /// `subscription-metadata` no switch reaches the Worker; with the other sources it does, if the Worker handles
    /// `customer.subscription.updated` and the new price belongs to a tier. What the Worker then does with the event can only
    /// be seen by a switch.
    ///
    /// ## Findings
    /// - `stale-tier`: customers can switch plans, and the tier stays as it was.
    /// - `no-tier`: they can switch to a price that is no tier's.
    ///
    /// ## How to mend it
    /// Switch plan changes off in the portal's settings, or let the Worker learn the tier from the price or its product.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

/// How the Worker hears of a switch.
const SWITCHED: &str = "customer.subscription.updated";

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let portal = world.stripe().portal().await?;
    let (id, change) = (&portal.value.id, &portal.value.features.subscription_update);
    let config = world.config();
    if !change.allows_switch() {
        return Ok(Verdict::Pass(format!("in {id} customers cannot change their plan")));
    }
    if config.entitlement.source == Source::SubscriptionMetadata {
        let why = format!(
            "the Worker reads the tier from {} in the subscription's metadata, which a switch does not touch",
            config.entitlement.tier_key
        );
        return Ok(stale(world, &portal, &why).into());
    }
    if !config.webhook.events.iter().any(|event| event == SWITCHED) {
        return Ok(stale(world, &portal, &format!("the Worker does not handle {SWITCHED}")).into());
    }
    let lost = world.stripe().switches_without_tier(change).await?;
    let findings = if lost.is_empty() { Vec::new() } else { vec![no_tier(world, &portal, &lost)] };
    Ok(Verdict::of(findings, format!("in {id} customers can switch plans, and the tier follows the price")))
}

fn stale(world: &World, portal: &Seen<PortalConfiguration>, why: &str) -> Finding {
    let allowed = portal.value.features.subscription_update.default_allowed_updates.join(", ");
    Finding {
        code: "stale-tier",
        severity: Severity::Failure,
        message: format!("Customers can switch plans in the portal and keep the old tier: {why}."),
        expected: "no switch in the portal, or a Worker that hears of it".to_owned(),
        actual: format!("customers can update {allowed} in {}", portal.value.id),
        evidence: vec![portal.answer.evidence("features.subscription_update.default_allowed_updates", allowed)],
        fix: Fix::new(
            "Switch plan changes off in the portal's settings, or let the Worker read the tier from the product.",
        )
        .link(world.stripe().dashboard("settings/billing/portal")),
    }
}

fn no_tier(world: &World, portal: &Seen<PortalConfiguration>, lost: &[Price]) -> Finding {
    let named = |price: &Price| {
        let product = price.product().map_or("", |product| &product.name);
        format!("\"{product}\" ({}, {})", price.id, price.terms())
    };
    let shown = lost.iter().map(named).collect::<Vec<_>>().join(", ");
    Finding {
        code: "no-tier",
        severity: Severity::Failure,
        message: format!("Customers can switch to {shown} in the portal, which belongs to no tier."),
        expected: "only prices of configured tiers".to_owned(),
        actual: shown.clone(),
        evidence: vec![portal.answer.evidence("features.subscription_update.products[].prices", shown)],
        fix: Fix::new("Take the product out of the portal's settings, or add its price to a tier in preflight.toml.")
            .link(world.stripe().dashboard("settings/billing/portal")),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_switch_that_the_worker_does_not_hear_of() {
        scenario("portal-plan-change").await.finds(CHECK, "stale-tier");
    }

    #[tokio::test]
    async fn finds_a_switch_to_a_price_of_no_tier() {
        scenario("portal-switch-no-tier").await.finds(CHECK, "no-tier");
    }

    #[tokio::test]
    async fn a_switch_between_tiers_is_good_where_the_tier_follows_the_price() {
        let run = scenario("healthy-portal-plan-change").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("can switch plans"), "{}", run.seen(CHECK));
    }
}

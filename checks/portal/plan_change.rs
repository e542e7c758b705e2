//! `portal/plan-change`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{PortalConfiguration, Price, Seen};

check! {
    /// Customers who change their plan in the portal get the tier that they pay for.
    ///
    /// ## Why it matters
    /// A plan change in the portal changes the price of the subscription and nothing else. If the Worker reads the tier from
    /// metadata written at checkout, a customer who downgrades to pro keeps enterprise, and one who upgrades to enterprise
    /// pays for it and stays on pro.
    ///
    /// ## How it is verified
    /// The portal configuration says whether customers can switch to another price, and to which. With `entitlement.source`
    /// `subscription-metadata` the Worker never sees a switch; with the other sources it does, if it handles
    /// `customer.subscription.updated` and the new price belongs to a tier. What the Worker does with the event can only be
    /// seen by switching.
    ///
    /// ## How to fix it
    /// Turn plan changes off in the portal's settings, or make the Worker read the tier from the price or its product.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Customers can switch plans, but their tier stays the same.
    STALE_TIER: Failure,
    /// They can switch to a price that does not belong to any tier.
    NO_TIER: Failure,
}

/// The event that tells the Worker of a switch.
const SWITCHED: &str = "customer.subscription.updated";

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let portal = world.stripe().portal().await?;
    let (id, change) = (&portal.value.id, portal.value.plan_change()?);
    let config = world.config();
    if !change.allows_switch()? {
        outcome.pass(format!("in {id} customers cannot change their plan"));
        return Ok(());
    }
    if config.entitlement.source == Source::SubscriptionMetadata {
        let key = &config.entitlement.tier_key;
        let why = format!("the Worker reads the tier from {key} in the subscription's metadata, which stays the same");
        outcome.find(stale(world, &portal, &why));
        return Ok(());
    }
    if !config.webhook.events.iter().any(|event| event == SWITCHED) {
        outcome.find(stale(world, &portal, &format!("the Worker does not handle {SWITCHED}")));
        return Ok(());
    }
    let offered = change.switchable()?;
    if !offered.is_empty() {
        let prices = world.stripe().recurring_prices().await?;
        let mut lost = Vec::new();
        for price in prices.items.iter().filter(|price| offered.contains(&price.id.as_str())) {
            if outcome.ask(has_tier(world, price)) == Some(false) {
                lost.push(price);
            }
        }
        let is_listed = |id: &&str| prices.items.iter().any(|price| price.id == *id);
        let are_listed = offered.iter().all(is_listed);
        // A price that is not listed is archived, unless it is among what could not be read.
        prices.unread.iter().filter(|_| !are_listed).for_each(|why| outcome.leave_open(why.clone()));
        if !lost.is_empty() {
            outcome.find(no_tier(world, &portal, &lost));
        }
    }
    outcome.pass_if_clean(format!("in {id} customers can switch plans, and the tier follows the price"));
    Ok(())
}

/// Whether a price belongs to a tier: by its ID, or by what the Worker reads.
fn has_tier(world: &World, price: &Price) -> Answered<bool> {
    if offers(world).iter().any(|offer| offer.id() == price.id) {
        return Ok(true);
    }
    let claim = world.stripe().claim(price)?;
    Ok(claim.is_some_and(|claim| world.config().tiers.iter().any(|tier| tier.metadata == claim)))
}

fn stale(world: &World, portal: &Seen<PortalConfiguration>, why: &str) -> Finding {
    let id = &portal.value.id;
    Finding {
        code: STALE_TIER,
        message: format!("Customers can switch plans in the portal and keep the old tier: {why}."),
        expected: "no plan changes in the portal, or a Worker that follows them".to_owned(),
        actual: format!("customers can update the price in {id}"),
        evidence: vec![portal.answer.evidence("features.subscription_update.default_allowed_updates", "price")],
        fix: Fix::new(
            "Turn plan changes off in the portal's settings, or make the Worker read the tier from the price or its product.",
        )
        .link(world.stripe().dashboard("settings/billing/portal")),
    }
}

fn no_tier(world: &World, portal: &Seen<PortalConfiguration>, lost: &[&Price]) -> Finding {
    let named = |price: &&Price| format!("\"{}\" ({}, {})", price.product_name(), price.id, price.terms());
    let shown = lost.iter().map(named).collect::<Vec<_>>().join(", ");
    Finding {
        code: NO_TIER,
        message: format!("Customers can switch to {shown} in the portal, which does not belong to any tier."),
        expected: "only prices of configured tiers".to_owned(),
        actual: shown.clone(),
        evidence: vec![portal.answer.evidence("features.subscription_update.products[].prices", shown)],
        fix: Fix::new("Remove the product from the portal's settings, or add its price to a tier in preflight.toml.")
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

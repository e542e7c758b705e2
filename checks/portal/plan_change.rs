//! `portal/plan-change`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{PortalConfiguration, Price, Seen};

check! {
    /// Customers who change their plan in the portal get the tier that they pay for.
    ///
    /// ## Why it matters
    /// A plan change in the portal changes the price of the subscription and nothing else. If the Worker reads the tier from
    /// metadata written at checkout, a customer who downgrades to pro keeps enterprise, and a customer who upgrades to
    /// enterprise pays for it but stays on pro.
    ///
    /// ## How it is verified
    /// The portal configuration says whether customers can switch to another price, and to which. With `entitlement.source`
    /// `subscription-metadata` the Worker never sees a switch; with the other sources it does, if it handles
    /// `customer.subscription.updated` and the new price belongs to a tier. Only a real switch shows what the Worker does with
    /// the event.
    ///
    /// ## How to fix it
    /// Turn plan changes off in the portal settings, or make the Worker read the tier from the price or its product.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Customers can switch plans, but their tier stays the same.
    STALE_TIER: Failure(Money),
    /// They can switch to a price that does not belong to any tier.
    NO_TIER: Failure,
}

/// The event that Stripe sends after a switch.
const SWITCHED: &str = "customer.subscription.updated";

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let portal = world.stripe().portal().await?;
    let (id, change) = (&portal.value.id, portal.value.subscription_update()?);
    let config = world.config();
    if !change.allows_switching()? {
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
    let offered = change.switchable_prices()?;
    if !offered.is_empty() {
        let prices = world.stripe().recurring_prices().await?;
        let listed = prices.items.iter().filter(|price| offered.contains(&price.id.as_str()));
        let without_tier: Vec<&Price> =
            listed.filter(|price| outcome.ask(has_tier(world, price)) == Some(false)).collect();
        let is_listed = |id: &&str| prices.items.iter().any(|price| price.id == *id);
        let are_listed = offered.iter().all(is_listed);
        // A price that is not listed is archived, unless it could not be read.
        prices.unread.iter().filter(|_| !are_listed).for_each(|why| outcome.leave_open(why.clone()));
        if !without_tier.is_empty() {
            outcome.find(no_tier(world, &portal, &without_tier));
        }
    }
    outcome.pass_if_clean(format!("in {id} customers can switch plans, and the tier follows the price"));
    Ok(())
}

/// Whether a price belongs to a tier: by its ID, or by the metadata that the Worker reads.
fn has_tier(world: &World, price: &Price) -> Answered<bool> {
    if offers(world).iter().any(|offer| offer.id() == price.id) {
        return Ok(true);
    }
    let value = world.stripe().tier_value(price)?;
    Ok(value.is_some_and(|value| world.config().tiers.iter().any(|tier| tier.metadata == value)))
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
            "Turn plan changes off in the portal settings, or make the Worker read the tier from the price or its product.",
        )
        .then(
            world.stripe().update(StripeResource::PortalConfiguration, id, "").set(
                "features.subscription_update.enabled",
                true,
                false,
            ),
        ),
    }
}

fn no_tier(world: &World, portal: &Seen<PortalConfiguration>, prices: &[&Price]) -> Finding {
    let named = |price: &&Price| format!("\"{}\" ({}, {})", price.product_name(), price.id, price.terms());
    let shown = prices.iter().map(named).collect::<Vec<_>>().join(", ");
    Finding {
        code: NO_TIER,
        message: format!("In the portal, customers can switch to {shown}, which belongs to no tier."),
        expected: "only prices of configured tiers".to_owned(),
        actual: shown.clone(),
        evidence: vec![portal.answer.evidence("features.subscription_update.products[].prices", shown)],
        fix: Fix::new("Remove the product from the portal settings, or add its price to a tier in preflight.toml.")
            .link(world.stripe().dashboard("settings/billing/portal")),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_switch_between_tiers_passes_if_the_tier_follows_the_price() {
        let run = scenario("healthy-portal-plan-change").await;
        assert!(run.seen(CHECK).contains("can switch plans"), "{}", run.seen(CHECK));
    }
}

//! `stripe/catalogue`.

use std::collections::BTreeSet;

use crate::check::prelude::*;
use crate::config::{Source, Tier};
use crate::world::{Answer, Listed, Price, Product, intended_tier};

check! {
    /// Nothing else on sale claims a tier, and everything on sale belongs to a tier.
    ///
    /// ## Why it matters
    /// A product that was copied and forgotten still claims a tier: customers who buy it get the tier at an outdated price. A
    /// price that does not belong to any tier can be bought through an old link or the portal, and grants nothing.
    ///
    /// ## How it is verified
    /// All active products and all active recurring prices of this mode are read to the last page. The metadata that the
    /// Worker reads (`entitlement.source`) is compared with the tiers' values, including values that differ only in case,
    /// white space or a lookalike. If a tier's own price is wrong, which is found elsewhere, what may be the right one is
    /// ignored. Free prices, usage-based prices on a tier's own product, and archived ones are ignored too. Payment links and
    /// old checkout pages cannot be seen.
    ///
    /// ## How to fix it
    /// Archive what is no longer sold, or add it to `preflight.toml`: a tier can have several `[[tiers.NAME.prices]]`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Another active product (or price, if the Worker reads those) claims a tier.
    DUPLICATE_CLAIM: Failure,
    /// Active subscription products do not belong to any tier.
    UNMAPPED_PRODUCT: Warning,
    /// A tier's own product has active prices that are not configured.
    UNMAPPED_PRICE: Warning,
}

/// A tier's price, if it is known.
struct Held<'w> {
    offer: Offer<'w>,
    price: Option<Price>,
}

impl Held<'_> {
    fn suits(&self) -> bool {
        self.price.as_ref().is_some_and(|price| price.seems_to_suit(&self.offer))
    }

    fn product_id(&self) -> Option<&str> {
        self.price.as_ref()?.product_id()
    }
}

/// Something that claims a tier: its ID, its name, and the value.
type Claim<'c> = (&'c str, &'c str, &'c str);

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let stripe = world.stripe();
    let held = offers(world).into_iter().map(|offer| async move { (offer, stripe.price(&offer).await) });
    let (held, products, prices) =
        futures::join!(futures::future::join_all(held), stripe.products(), stripe.recurring_prices());
    let held: Vec<Held<'_>> = held
        .into_iter()
        .map(|(offer, price)| Held { offer, price: outcome.ask(price).map(|seen| seen.value) })
        .collect();
    let (products, prices) = (outcome.ask(products), outcome.ask(prices));
    let unread =
        products.iter().flat_map(|listed| &listed.unread).chain(prices.iter().flat_map(|listed| &listed.unread));
    unread.for_each(|why| outcome.leave_open(why.clone()));
    let own: BTreeSet<&str> = held.iter().filter_map(Held::product_id).collect();
    let mut rivals = BTreeSet::new();
    let claims = match world.config().entitlement.source {
        Source::ProductMetadata => {
            products.as_ref().map(|listed| (&listed.answer, product_claims(world, listed, &own, outcome)))
        }
        Source::PriceMetadata => {
            prices.as_ref().map(|listed| (&listed.answer, price_claims(world, listed, &own, outcome)))
        }
        Source::SubscriptionMetadata | Source::PriceId => None,
    };
    for (answer, claim) in
        claims.into_iter().flat_map(|(answer, claims)| claims.into_iter().map(move |claim| (answer, claim)))
    {
        if let Some(tier) = rival(world, claim.2, &held, outcome) {
            rivals.insert(claim.0);
            outcome.find(duplicate(world, tier, claim, answer));
        }
    }
    let (Some(products), Some(prices)) = (&products, &prices) else { return Ok(()) };
    lists_whole(products, prices, &held, outcome);
    let is_rival =
        |price: &Price| rivals.contains(price.id.as_str()) || price.product_id().is_some_and(|id| rivals.contains(id));
    let strays = prices.items.iter().filter(|price| !is_rival(price));
    let strays: Vec<&Price> =
        strays.filter(|price| outcome.ask(belongs(world, price, &held, &own)) == Some(false)).collect();
    let (extra, strays): (Vec<&Price>, Vec<&Price>) =
        strays.into_iter().partition(|price| price.product_id().is_some_and(|id| own.contains(id)));
    if !strays.is_empty() {
        let what = "on sale but does not belong to any tier";
        outcome.find(unmapped(world, UNMAPPED_PRODUCT, what, &strays, &prices.answer));
    }
    if !extra.is_empty() {
        outcome.find(unmapped(world, UNMAPPED_PRICE, "on sale but not configured", &extra, &prices.answer));
    }
    outcome.pass_if_clean(format!(
        "all of {} active products and {} active recurring prices belong to a tier or need none",
        products.items.len(),
        prices.items.len()
    ));
    Ok(())
}

/// What a list does not show of what is known to be on sale, it does not show of other things either.
fn lists_whole(products: &Listed<Product>, prices: &Listed<Price>, held: &[Held<'_>], outcome: &mut Outcome) {
    if !products.unread.is_empty() || !prices.unread.is_empty() {
        return;
    }
    for price in held.iter().filter_map(|held| held.price.as_ref()) {
        let is_recurring = price.recurring.value().is_some();
        if price.is_on_sale() != Ok(true) || !is_recurring {
            continue;
        }
        let product = price.product_id().unwrap_or_default();
        let is_listed = prices.items.iter().any(|listed| listed.id == price.id);
        let is_product_listed = products.items.iter().any(|listed| listed.id == product);
        let lists = [
            (is_listed, &prices.answer.request, price.id.as_str()),
            (is_product_listed, &products.answer.request, product),
        ];
        for (_, request, id) in lists.into_iter().filter(|(is_listed, ..)| !is_listed) {
            outcome.leave_open(NoAnswer::unknown(format!("{request} does not list {id}, which is on sale")));
        }
    }
}

/// What other products than the tiers' own have where the Worker reads the tier.
fn product_claims<'c>(
    world: &World,
    products: &'c Listed<Product>,
    own: &BTreeSet<&str>,
    outcome: &mut Outcome,
) -> Vec<Claim<'c>> {
    let key = &world.config().entitlement.key;
    let others = products.items.iter().filter(|product| !own.contains(product.id.as_str()));
    let claim = |product: &'c Product| {
        let value = outcome.ask(product.metadata.get(key, &product.id))??;
        Some((product.id.as_str(), product.name(), value))
    };
    others.filter_map(claim).collect()
}

/// The same of prices.
fn price_claims<'c>(
    world: &World,
    prices: &'c Listed<Price>,
    own: &BTreeSet<&str>,
    outcome: &mut Outcome,
) -> Vec<Claim<'c>> {
    let key = &world.config().entitlement.key;
    let others = prices.items.iter().filter(|price| !price.product_id().is_some_and(|id| own.contains(id)));
    let claim = |price: &'c Price| {
        let value = outcome.ask(price.metadata.get(key, &price.id))??;
        let is_active = outcome.ask(price.is_product_active())?;
        is_active.then(|| (price.id.as_str(), price.product_name(), value))
    };
    others.filter_map(claim).collect()
}

/// The tier that something else claims. With another tier's price, or a product without the value, the tier's own product is
/// what looks like a rival: then nothing can be said.
fn rival<'w>(world: &'w World, value: &str, held: &[Held<'w>], outcome: &mut Outcome) -> Option<&'w Tier> {
    let tier = intended_tier(value, &world.config().tiers)?;
    let of_tier: Vec<&Held<'w>> = held.iter().filter(|held| std::ptr::eq(held.offer.tier, tier)).collect();
    // A free tier has no product of its own, and a price that is not known was spoken of already.
    if of_tier.is_empty() || of_tier.iter().any(|held| held.price.is_none()) {
        return None;
    }
    for price in of_tier.iter().filter_map(|held| held.price.as_ref()) {
        if outcome.ask(world.stripe().claim(price))? == Some(tier.metadata.as_str()) {
            return Some(tier);
        }
    }
    let is_metadata = of_tier.iter().all(|held| held.suits());
    let cause = if is_metadata { Cause::ProductMetadataDiffers } else { Cause::PriceTermsDiffer };
    outcome.leave_open(NoAnswer::Because(cause));
    None
}

/// Whether a price on sale belongs where it is, or cannot be bought.
fn belongs(world: &World, price: &Price, held: &[Held<'_>], own: &BTreeSet<&str>) -> Answered<bool> {
    let config = world.config();
    if held.iter().any(|held| held.offer.id() == price.id) || !price.is_product_active()? {
        return Ok(true);
    }
    let has_free_tier = config.tiers.iter().any(|tier| tier.prices.is_empty());
    if has_free_tier && price.amount()? == Some(0) {
        return Ok(true);
    }
    // If a tier's own price is wrong, this may be the right one.
    for held in held.iter().filter(|held| !held.suits()) {
        if price.suits(&held.offer)? {
            return Ok(true);
        }
    }
    if !price.product_id().is_some_and(|id| own.contains(id)) {
        return Ok(false);
    }
    // On a tier's own product: what is charged by usage on top, and what says for itself which tier it is.
    if price.recurring()?.map(crate::world::Recurring::usage_type).transpose()? == Some("metered") {
        return Ok(true);
    }
    let claims_tier = |claim: &str| intended_tier(claim, &config.tiers).is_some();
    Ok(config.entitlement.source == Source::PriceMetadata && world.stripe().claim(price)?.is_some_and(claims_tier))
}

fn duplicate(world: &World, tier: &Tier, (id, name, value): Claim<'_>, answer: &Answer) -> Finding {
    let entitlement = &world.config().entitlement;
    let (list, what) =
        if entitlement.source == Source::PriceMetadata { ("prices", "price") } else { ("products", "product") };
    let key = &entitlement.key;
    let claims = if *value == tier.metadata { "claims" } else { "seems to claim" };
    Finding {
        code: DUPLICATE_CLAIM,
        message: format!("A second {what}, \"{name}\" ({id}), {claims} the tier {}: {key} = \"{value}\".", tier.name),
        expected: format!("{key} = \"{}\" on the tier's own {what} alone", tier.metadata),
        actual: format!("{key} = \"{value}\" on {id} as well"),
        evidence: vec![answer.evidence("data[].metadata", format!("{id}: {key} = \"{value}\""))],
        fix: Fix::new(format!("Archive {id} if it is no longer sold, or remove {key} from its metadata."))
            .command(world.stripe().command(&format!("{list} update {id} -d active=false")))
            .link(world.stripe().dashboard(&format!("{list}/{id}"))),
    }
}

fn unmapped(world: &World, code: Code, what: &str, prices: &[&Price], answer: &Answer) -> Finding {
    let named = |price: &&Price| format!("\"{}\" ({}, {})", price.product_name(), price.id, price.terms());
    let shown: Vec<String> = prices.iter().take(5).map(named).collect();
    let more =
        if prices.len() > shown.len() { format!(" and {} more", prices.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join(", "));
    let first = &prices[0].id;
    Finding {
        code,
        message: format!("{shown} {} {what}.", if prices.len() == 1 { "is" } else { "are" }),
        expected: "every active recurring price in preflight.toml".to_owned(),
        actual: shown.clone(),
        evidence: vec![answer.evidence("data[]", shown)],
        fix: Fix::new(format!("Archive {first} if it is no longer sold, or add it to a tier in preflight.toml."))
            .command(world.stripe().command(&format!("prices update {first} -d active=false")))
            .link(world.stripe().dashboard(&format!("prices/{first}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_second_product_that_claims_a_tier() {
        scenario("catalogue-duplicate-claim").await.finds(CHECK, "duplicate-claim");
        scenario("catalogue-duplicate-claim-case").await.finds(CHECK, "duplicate-claim");
    }

    #[tokio::test]
    async fn warns_of_a_product_that_is_no_tiers() {
        scenario("catalogue-unmapped").await.warns(CHECK, "unmapped-product");
    }

    #[tokio::test]
    async fn warns_of_a_second_price_of_a_tiers_own_product() {
        scenario("catalogue-old-price").await.warns(CHECK, "unmapped-price");
    }

    #[tokio::test]
    async fn the_right_price_of_a_tier_that_has_the_wrong_one_is_no_stray() {
        for (name, by) in [("price-shared", "stripe/price-terms"), ("price-test-mode", "stripe/price-mode")] {
            let run = scenario(name).await;
            assert!(run.reasons(CHECK).contains(by), "{}", run.told());
        }
    }

    #[tokio::test]
    async fn later_pages_are_read() {
        let run = scenario("healthy-many-pages").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("252 active products"), "{}", run.seen(CHECK));
    }
}

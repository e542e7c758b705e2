//! `stripe/catalogue`.

use std::collections::BTreeSet;

use crate::check::prelude::*;
use crate::config::{Source, Tier};
use crate::world::{Answer, List, Price, Product, Recurring, intended_tier};

check! {
    /// Nothing else on sale claims a tier, and everything on sale belongs to a tier.
    ///
    /// ## Why it matters
    /// A forgotten copy of a product still claims a tier: customers who buy it get the tier at an outdated price. A price that
    /// does not belong to any tier can be bought through an old link or the portal, and grants nothing.
    ///
    /// ## How it is verified
    /// All active products and all active recurring prices in this mode are read, to the last page. The metadata that the
    /// Worker reads (`entitlement.source`) is compared with the tiers' values, including values that differ only in case,
    /// white space or a lookalike character. If a tier's own price is wrong, which another check reports, a price that may be
    /// the right one is ignored. So are free prices, usage-based prices on a tier's own product, and archived prices. The
    /// check cannot see payment links and old checkout pages.
    ///
    /// ## How to fix it
    /// Archive what is no longer sold, or add it to `preflight.toml`: a tier can have several `[[tiers.NAME.prices]]`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

codes! {
    /// Another active product (or price, if the Worker reads those) claims a tier.
    DUPLICATE_CLAIM: Failure(Money),
    /// Active subscription products do not belong to any tier.
    UNMAPPED_PRODUCT: Warning(Service),
    /// A tier's own product has active prices that are not configured.
    UNMAPPED_PRICE: Warning(Money),
}

/// The configured price of a tier, if it could be read.
struct OwnPrice<'w> {
    offer: Offer<'w>,
    price: Option<Price>,
}

impl OwnPrice<'_> {
    fn is_right(&self) -> bool {
        self.price.as_ref().is_some_and(|price| price.surely_matches(&self.offer))
    }

    fn product_id(&self) -> Option<&str> {
        self.price.as_ref()?.product_id()
    }
}

/// A product or price that has a tier's value, or something like it, where the Worker reads the tier.
struct Claim<'c> {
    id: &'c str,
    name: &'c str,
    value: &'c str,
    answer: &'c Answer,
}

async fn run(world: &World, _: Deployment, outcome: &mut Outcome) -> Answered {
    let stripe = world.stripe();
    let own = offers(world).into_iter().map(|offer| async move { (offer, stripe.price(&offer).await) });
    let (own, products, prices) =
        futures::join!(futures::future::join_all(own), stripe.products(), stripe.recurring_prices());
    let own: Vec<OwnPrice<'_>> = own
        .into_iter()
        .map(|(offer, price)| OwnPrice { offer, price: outcome.ask(price).map(|seen| seen.value) })
        .collect();
    let (products, prices) = (outcome.ask(products), outcome.ask(prices));
    let unread = products.iter().flat_map(|list| &list.unread).chain(prices.iter().flat_map(|list| &list.unread));
    unread.for_each(|why| outcome.leave_open(why.clone()));
    let own_products: BTreeSet<&str> = own.iter().filter_map(OwnPrice::product_id).collect();

    let mut duplicates = BTreeSet::new();
    for claim in claims(world, products.as_ref(), prices.as_ref(), &own_products, outcome) {
        if let Some(tier) = claimed_tier(world, claim.value, &own, outcome) {
            duplicates.insert(claim.id);
            outcome.find(duplicate(world, tier, &claim));
        }
    }

    let (Some(products), Some(prices)) = (&products, &prices) else { return Ok(()) };
    leave_open_if_incomplete(products, prices, &own, outcome);
    let is_duplicate = |price: &Price| {
        duplicates.contains(price.id.as_str()) || price.product_id().is_some_and(|id| duplicates.contains(id))
    };
    let others = prices.items.iter().filter(|price| !is_duplicate(price));
    let unmapped: Vec<&Price> =
        others.filter(|price| outcome.ask(belongs(world, price, &own, &own_products)) == Some(false)).collect();
    let (on_own_products, elsewhere): (Vec<&Price>, Vec<&Price>) =
        unmapped.into_iter().partition(|price| price.product_id().is_some_and(|id| own_products.contains(id)));
    for (code, found) in [(UNMAPPED_PRODUCT, elsewhere), (UNMAPPED_PRICE, on_own_products)] {
        if !found.is_empty() {
            outcome.find(not_mapped(world, code, &found, &prices.answer));
        }
    }
    outcome.pass_if_clean(format!(
        "all of {} active products and {} active recurring prices belong to a tier or need none",
        products.items.len(),
        prices.items.len()
    ));
    Ok(())
}

/// If a list omits something that is known to be on sale, it may omit other things too.
fn leave_open_if_incomplete(
    products: &List<Product>,
    prices: &List<Price>,
    own: &[OwnPrice<'_>],
    outcome: &mut Outcome,
) {
    if !products.unread.is_empty() || !prices.unread.is_empty() {
        return;
    }
    for price in own.iter().filter_map(|own| own.price.as_ref()) {
        if price.is_on_sale() != Ok(true) || price.recurring.value().is_none() {
            continue;
        }
        let product = price.product_id().unwrap_or_default();
        let lists = [
            (prices.items.iter().any(|listed| listed.id == price.id), &prices.answer, price.id.as_str()),
            (products.items.iter().any(|listed| listed.id == product), &products.answer, product),
        ];
        for (_, answer, id) in lists.into_iter().filter(|(is_listed, ..)| !is_listed) {
            let request = &answer.request;
            outcome.leave_open(NoAnswer::unknown(format!("{request} does not list {id}, which is on sale")));
        }
    }
}

/// Everything but the tiers' own products that has a value where the Worker reads the tier.
fn claims<'c>(
    world: &World,
    products: Option<&'c List<Product>>,
    prices: Option<&'c List<Price>>,
    own_products: &BTreeSet<&str>,
    outcome: &mut Outcome,
) -> Vec<Claim<'c>> {
    let (source, key) = (world.config().entitlement.source, &world.config().entitlement.key);
    let mut claims = Vec::new();
    if let (Source::ProductMetadata, Some(list)) = (source, products) {
        for product in list.items.iter().filter(|product| !own_products.contains(product.id.as_str())) {
            if let Some(value) = outcome.ask(product.metadata.get(key, &product.id)).flatten() {
                claims.push(Claim { id: &product.id, name: product.name(), value, answer: &list.answer });
            }
        }
    }
    if let (Source::PriceMetadata, Some(list)) = (source, prices) {
        let is_own = |price: &Price| price.product_id().is_some_and(|id| own_products.contains(id));
        for price in list.items.iter().filter(|price| !is_own(price)) {
            if let Some(value) = outcome.ask(price.metadata.get(key, &price.id)).flatten()
                && outcome.ask(price.is_product_active()) == Some(true)
            {
                claims.push(Claim { id: &price.id, name: price.product_name(), value, answer: &list.answer });
            }
        }
    }
    claims
}

/// The tier whose value this is or seems to be, if the tier's own product has it too. If the tier has another tier's price,
/// or a product without the value, the claim may come from its real product: then nothing can be said.
fn claimed_tier<'w>(world: &'w World, value: &str, own: &[OwnPrice<'w>], outcome: &mut Outcome) -> Option<&'w Tier> {
    let tier = intended_tier(value, &world.config().tiers)?;
    let of_tier: Vec<&OwnPrice<'w>> = own.iter().filter(|own| own.offer.tier.name == tier.name).collect();
    // A free tier has no product, and a price that could not be read is an unanswered part already.
    if of_tier.is_empty() || of_tier.iter().any(|own| own.price.is_none()) {
        return None;
    }
    for price in of_tier.iter().filter_map(|own| own.price.as_ref()) {
        if outcome.ask(world.stripe().tier_value(price))? == Some(tier.metadata.as_str()) {
            return Some(tier);
        }
    }
    let is_metadata = of_tier.iter().all(|own| own.is_right());
    let cause = if is_metadata { Cause::ProductMetadataDiffers } else { Cause::PriceTermsDiffer };
    outcome.leave_open(NoAnswer::Because(cause));
    None
}

/// Whether an active price is accounted for, or cannot be bought.
fn belongs(world: &World, price: &Price, own: &[OwnPrice<'_>], own_products: &BTreeSet<&str>) -> Answered<bool> {
    let config = world.config();
    if own.iter().any(|own| own.offer.id() == price.id) || !price.is_product_active()? {
        return Ok(true);
    }
    let has_free_tier = config.free_tier().is_some();
    if has_free_tier && price.amount()? == Some(0) {
        return Ok(true);
    }
    // If a tier's own price is wrong, this may be the right one.
    for own in own.iter().filter(|own| !own.is_right()) {
        if price.matches(&own.offer)? {
            return Ok(true);
        }
    }
    if !price.product_id().is_some_and(|id| own_products.contains(id)) {
        return Ok(false);
    }
    // A tier's own product may have usage-based prices on top, and prices whose own metadata names a tier.
    if price.recurring()?.map(Recurring::usage_type).transpose()? == Some("metered") {
        return Ok(true);
    }
    let names_tier = |value: &str| intended_tier(value, &config.tiers).is_some();
    Ok(config.entitlement.source == Source::PriceMetadata && world.stripe().tier_value(price)?.is_some_and(names_tier))
}

fn duplicate(world: &World, tier: &Tier, claim: &Claim<'_>) -> Finding {
    let entitlement = &world.config().entitlement;
    let resource =
        if entitlement.source == Source::PriceMetadata { StripeResource::Price } else { StripeResource::Product };
    let what = resource.noun();
    let Claim { id, name, value, answer } = claim;
    let key = &entitlement.key;
    let claims = if *value == tier.metadata { "claims" } else { "seems to claim" };
    Finding {
        code: DUPLICATE_CLAIM,
        message: format!("A second {what}, \"{name}\" ({id}), {claims} the tier {}: {key} = \"{value}\".", tier.name),
        expected: format!("{key} = \"{}\" only on the tier's own {what}", tier.metadata),
        actual: format!("{key} = \"{value}\" on {id} as well"),
        evidence: vec![answer.evidence("data[].metadata", format!("{id}: {key} = \"{value}\""))],
        fix: Fix::new(format!("Archive {id} if it is no longer sold, or remove {key} from its metadata."))
            .suggest(world.stripe().update(resource, id, name).set("active", true, false)),
    }
}

fn not_mapped(world: &World, code: Code, prices: &[&Price], answer: &Answer) -> Finding {
    let named = |price: &&Price| format!("\"{}\" ({}, {})", price.product_name(), price.id, price.terms());
    let shown: Vec<String> = prices.iter().take(5).map(named).collect();
    let more =
        if prices.len() > shown.len() { format!(" and {} more", prices.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join(", "));
    let what = match (code == UNMAPPED_PRODUCT, prices.len()) {
        (true, 1) => "is on sale but belongs to no tier",
        (true, _) => "are on sale but belong to no tier",
        (false, 1) => "is on sale but not configured",
        (false, _) => "are on sale but not configured",
    };
    let first = &prices[0].id;
    Finding {
        code,
        message: format!("{shown} {what}."),
        expected: "every active recurring price in preflight.toml".to_owned(),
        actual: shown.clone(),
        evidence: vec![answer.evidence("data[]", shown)],
        fix: Fix::new(format!("Archive {first} if it is no longer sold, or add it to a tier in preflight.toml."))
            .suggest(world.stripe().update(StripeResource::Price, first, "").set("active", true, false)),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_right_price_of_a_tier_that_has_the_wrong_one_is_not_reported() {
        for (name, by) in [("price-shared", "stripe/price-terms"), ("price-test-mode", "stripe/price-mode")] {
            let run = scenario(name).await;
            assert!(run.reasons(CHECK).contains(by), "{}", run.summary());
        }
    }

    #[tokio::test]
    async fn later_pages_are_read() {
        let run = scenario("healthy-many-pages").await;
        run.passes(CHECK);
        assert!(run.seen(CHECK).contains("252 active products"), "{}", run.seen(CHECK));
    }
}

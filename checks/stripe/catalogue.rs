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
    DUPLICATE_CLAIM: Failure,
    /// Active subscription products do not belong to any tier.
    UNMAPPED_PRODUCT: Warning,
    /// A tier's own product has active prices that are not configured.
    UNMAPPED_PRICE: Warning,
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

    let claims = match world.config().entitlement.source {
        Source::ProductMetadata => {
            products.as_ref().map(|list| product_claims(world, list, &own_products, outcome)).unwrap_or_default()
        }
        Source::PriceMetadata => {
            prices.as_ref().map(|list| price_claims(world, list, &own_products, outcome)).unwrap_or_default()
        }
        Source::SubscriptionMetadata | Source::PriceId => Vec::new(),
    };
    let mut duplicates = BTreeSet::new();
    for claim in claims {
        if let Some(tier) = claimed_tier(world, claim.value, &own, outcome) {
            duplicates.insert(claim.id);
            outcome.find(duplicate(world, tier, &claim));
        }
    }

    let (Some(products), Some(prices)) = (&products, &prices) else { return Ok(()) };
    lists_are_complete(products, prices, &own, outcome);
    let is_duplicate = |price: &Price| {
        duplicates.contains(price.id.as_str()) || price.product_id().is_some_and(|id| duplicates.contains(id))
    };
    let others = prices.items.iter().filter(|price| !is_duplicate(price));
    let unmapped: Vec<&Price> =
        others.filter(|price| outcome.ask(belongs(world, price, &own, &own_products)) == Some(false)).collect();
    let (on_own_products, elsewhere): (Vec<&Price>, Vec<&Price>) =
        unmapped.into_iter().partition(|price| price.product_id().is_some_and(|id| own_products.contains(id)));
    if !elsewhere.is_empty() {
        let what = if elsewhere.len() == 1 {
            "is on sale but belongs to no tier"
        } else {
            "are on sale but belong to no tier"
        };
        outcome.find(not_mapped(world, UNMAPPED_PRODUCT, what, &elsewhere, &prices.answer));
    }
    if !on_own_products.is_empty() {
        let what =
            if on_own_products.len() == 1 { "is on sale but not configured" } else { "are on sale but not configured" };
        outcome.find(not_mapped(world, UNMAPPED_PRICE, what, &on_own_products, &prices.answer));
    }
    outcome.pass_if_clean(format!(
        "all of {} active products and {} active recurring prices belong to a tier or need none",
        products.items.len(),
        prices.items.len()
    ));
    Ok(())
}

/// If a list omits something that is known to be on sale, it may omit other things too.
fn lists_are_complete(products: &List<Product>, prices: &List<Price>, own: &[OwnPrice<'_>], outcome: &mut Outcome) {
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

/// The metadata of products other than the tiers' own.
fn product_claims<'c>(
    world: &World,
    products: &'c List<Product>,
    own_products: &BTreeSet<&str>,
    outcome: &mut Outcome,
) -> Vec<Claim<'c>> {
    let key = &world.config().entitlement.key;
    let others = products.items.iter().filter(|product| !own_products.contains(product.id.as_str()));
    let claim = |product: &'c Product| {
        let value = outcome.ask(product.metadata.get(key, &product.id))??;
        Some(Claim { id: &product.id, name: product.name(), value, answer: &products.answer })
    };
    others.filter_map(claim).collect()
}

/// The metadata of prices of products other than the tiers' own.
fn price_claims<'c>(
    world: &World,
    prices: &'c List<Price>,
    own_products: &BTreeSet<&str>,
    outcome: &mut Outcome,
) -> Vec<Claim<'c>> {
    let key = &world.config().entitlement.key;
    let is_own = |price: &Price| price.product_id().is_some_and(|id| own_products.contains(id));
    let claim = |price: &'c Price| {
        let value = outcome.ask(price.metadata.get(key, &price.id))??;
        let is_active = outcome.ask(price.is_product_active())?;
        is_active.then(|| Claim { id: &price.id, name: price.product_name(), value, answer: &prices.answer })
    };
    prices.items.iter().filter(|price| !is_own(price)).filter_map(claim).collect()
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
    let has_free_tier = config.tiers.iter().any(|tier| tier.prices.is_empty());
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
    let (list, what) =
        if entitlement.source == Source::PriceMetadata { ("prices", "price") } else { ("products", "product") };
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
            .command(world.stripe().command(&format!("{list} update {id} -d active=false")))
            .link(world.stripe().dashboard(&format!("{list}/{id}"))),
    }
}

fn not_mapped(world: &World, code: Code, what: &str, prices: &[&Price], answer: &Answer) -> Finding {
    let named = |price: &&Price| format!("\"{}\" ({}, {})", price.product_name(), price.id, price.terms());
    let shown: Vec<String> = prices.iter().take(5).map(named).collect();
    let more =
        if prices.len() > shown.len() { format!(" and {} more", prices.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join(", "));
    let first = &prices[0].id;
    Finding {
        code,
        message: format!("{shown} {what}."),
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
    async fn the_right_price_of_a_tier_that_has_the_wrong_one_is_not_reported() {
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

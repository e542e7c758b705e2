//! `stripe/catalogue`.

use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{Answer, Price, Rival};

check! {
    /// Nothing else on sale claims a tier, and everything on sale belongs to one.
    ///
    /// ## Why it matters
    /// A product that was copied and forgotten still says that it is a tier: whoever buys it gets the tier at a price that
    /// nobody means any more. And a price that belongs to no tier can be bought through an old link or the portal, and grants
    /// nothing.
    ///
    /// ## How it is verified
    /// All active products and all active recurring prices of this mode are read to the last page. The metadata that the
    /// Worker reads (`entitlement.source`) is compared with the tiers' values, also where only case, white space or a
    /// lookalike differs. Where a tier's own price is another check's finding, what may be the right one is left alone. Free
    /// prices, prices that are charged by use on a tier's own product, and archived ones are left alone too. Payment links
    /// and old checkout pages cannot be seen.
    ///
    /// ## Findings
    /// - `duplicate-claim`: another active product (or price, where the Worker reads those) claims a tier.
    /// - `unmapped-product`: active products are sold by subscription and are no tier's; a warning.
    /// - `unmapped-price`: a tier's own product has active prices that are not configured; a warning.
    ///
    /// ## How to mend it
    /// Archive what is not sold any more, or name it in `preflight.toml`: a tier can have several `[[tiers.NAME.prices]]`.
    pub const CHECK = Check { need: Need::Required, sends: "", subjects: deployment, run };
}

async fn run(world: &World, subject: Deployment, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, _: Deployment) -> Result<Verdict, NoAnswer> {
    let assortment = world.stripe().assortment().await?;
    let mut findings: Vec<Finding> =
        assortment.rivals.iter().map(|rival| duplicate(world, rival, &assortment.products_answer)).collect();
    if !assortment.strays.is_empty() {
        let what = "sold by subscription and no tier's";
        findings.push(unmapped(world, "unmapped-product", what, &assortment.strays, &assortment.prices_answer));
    }
    if !assortment.extra_prices.is_empty() {
        let what = "on sale beside the tiers' configured prices";
        findings.push(unmapped(world, "unmapped-price", what, &assortment.extra_prices, &assortment.prices_answer));
    }
    if let (true, Some(unsettled)) = (findings.is_empty(), assortment.unsettled) {
        return Err(unsettled);
    }
    let (products, prices) = (assortment.products, assortment.prices);
    let seen =
        format!("of {products} active products and {prices} active recurring prices, each belongs where it should");
    Ok(Verdict::of(findings, seen))
}

fn duplicate(world: &World, rival: &Rival<'_>, answer: &Answer) -> Finding {
    let Rival { tier, id, name, value } = rival;
    let entitlement = &world.config().entitlement;
    let (list, what) =
        if entitlement.source == Source::PriceMetadata { ("prices", "price") } else { ("products", "product") };
    let key = &entitlement.key;
    let says = if *value == tier.metadata { "says that it is" } else { "seems to be meant as" };
    Finding {
        code: "duplicate-claim",
        severity: Severity::Failure,
        message: format!("A second {what}, \"{name}\" ({id}), {says} the tier {}: {key} = \"{value}\".", tier.name),
        expected: format!("{key} = \"{}\" on the tier's own {what} alone", tier.metadata),
        actual: format!("{key} = \"{value}\" on {id} as well"),
        evidence: vec![answer.evidence("data[].metadata", format!("{id}: {key} = \"{value}\""))],
        fix: Fix::new(format!("Archive {id} if it is not sold any more, or take {key} out of its metadata."))
            .command(world.stripe().command(&format!("{list} update {id} -d active=false")))
            .link(world.stripe().dashboard(&format!("{list}/{id}"))),
    }
}

fn unmapped(world: &World, code: &'static str, what: &str, prices: &[Price], answer: &Answer) -> Finding {
    let named = |price: &Price| {
        let product = price.product().map_or_else(|| price.product.id().to_owned(), |product| product.name.clone());
        format!("\"{product}\" ({}, {})", price.id, price.terms())
    };
    let shown: Vec<String> = prices.iter().take(5).map(named).collect();
    let more =
        if prices.len() > shown.len() { format!(" and {} more", prices.len() - shown.len()) } else { String::new() };
    let shown = format!("{}{more}", shown.join(", "));
    let first = &prices[0].id;
    Finding {
        code,
        severity: Severity::Warning,
        message: format!("{shown} {} {what}.", if prices.len() == 1 { "is" } else { "are" }),
        expected: "every active recurring price in preflight.toml".to_owned(),
        actual: shown.clone(),
        evidence: vec![answer.evidence("data[]", shown)],
        fix: Fix::new(format!("Archive {first} if it is not sold any more, or add it to a tier in preflight.toml."))
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

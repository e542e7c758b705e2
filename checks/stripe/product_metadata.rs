//! `stripe/product-metadata`.

use crate::check::prelude::*;
use crate::config::{Source, Tier};
use crate::world::{Metadata, PlanMismatch, Price, Product, Seen, plan_mismatch};

check! {
    /// Each tier's product has exactly the tier's value in its metadata.
    ///
    /// ## Why it matters
    /// The Worker reads the tier that was bought from this metadata. With one capital letter, a trailing space or another
    /// key, the customer pays and gets no tier.
    ///
    /// ## How it is verified
    /// The metadata of each price's product (of the price itself with `entitlement.source` `price-metadata`) is compared byte
    /// for byte with the tier's value. A tier that shares its price with another is left to `stripe/price-terms`. If the
    /// Worker reads the tier elsewhere, a wrong value here is a warning, and none is fine. How the Worker reads it cannot be
    /// seen from outside; a rehearsed purchase shows that.
    ///
    /// ## How to fix it
    /// Set the key and the value in the Metadata section of the product's page, or with the command in the finding.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ProductMetadataDiffers],
        subjects: offers,
        run
    };
}

codes! {
    /// There is no such key.
    MISSING: Failure,
    /// The value is under another key.
    KEY: Failure,
    /// It is on the price, not on the product.
    ON_PRICE: Failure,
    /// Only upper and lower case differ.
    CASE: Failure,
    /// There is white space around the value.
    WHITESPACE: Failure,
    /// A character only looks like the right one.
    LOOKALIKE: Failure,
    /// It is another tier's value.
    OTHER_TIER: Failure,
    /// It does not belong to any tier.
    UNKNOWN_TIER: Failure,
}

/// What is wrong, in words, beside its code.
struct Slip {
    code: Code,
    message: String,
    actual: String,
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let entitlement = &world.config().entitlement;
    let seen = world.stripe().own_price(&offer).await?;
    let price = &seen.value;
    // That it cannot be bought is another check's finding.
    if !price.is_product_active()? && price.product().is_none() {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let product =
        price.product().ok_or_else(|| NoAnswer::unknown(format!("Stripe did not show the product of {}", price.id)))?;
    let is_read = matches!(entitlement.source, Source::ProductMetadata | Source::PriceMetadata);
    let on_price = entitlement.source == Source::PriceMetadata;
    let (metadata, of) = if on_price { (&price.metadata, &price.id) } else { (&product.metadata, &product.id) };
    let (key, tiers) = (&entitlement.key, &world.config().tiers);
    // What the Worker does not read may be missing.
    let value = if is_read { metadata.get(key, of)? } else { metadata.text(key) };
    let slip = match value {
        Some(value) if *value == offer.tier.metadata => {
            outcome.pass(format!("\"{}\" has {key} = \"{value}\"", product.name()));
            return Ok(());
        }
        Some(value) => wrong_value(value, key, offer.tier, tiers),
        None if !is_read => {
            outcome.not_applicable("the Worker does not read the tier from product or price metadata");
            return Ok(());
        }
        None => no_value(key, offer.tier, metadata, if on_price { None } else { Some(price) }),
    };
    // With a price of another tier, this is the other tier's product: one cause.
    let is_shared = !offer.shared_with(world).is_empty();
    if is_shared || (slip.code == OTHER_TIER && !price.suits(&offer)?) {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let slip = if is_read { slip } else { Slip { code: slip.code.as_warning(), ..slip } };
    outcome.find(finding(world, &offer, &seen, product, slip));
    Ok(())
}

fn wrong_value(value: &str, key: &str, tier: &Tier, tiers: &[Tier]) -> Slip {
    let code = match plan_mismatch(value, tiers) {
        None => OTHER_TIER,
        Some(PlanMismatch::Case { .. }) => CASE,
        Some(PlanMismatch::Whitespace { .. }) => WHITESPACE,
        Some(PlanMismatch::Lookalike { .. }) => LOOKALIKE,
        Some(PlanMismatch::UnknownTier) => UNKNOWN_TIER,
    };
    let words = plan_mismatch(value, tiers)
        .map_or_else(|| format!("is not \"{}\"", tier.metadata), |mismatch| mismatch.difference());
    Slip { code, message: format!("its {key} is \"{value}\", which {words}"), actual: format!("{key} = \"{value}\"") }
}

fn no_value(key: &str, tier: &Tier, metadata: &Metadata, price: Option<&Price>) -> Slip {
    let alike = |found: &str| found.trim().eq_ignore_ascii_case(key);
    let other = metadata.texts().find(|(found, value)| alike(found) || **value == tier.metadata);
    if let Some((found, value)) = other {
        let message = format!("the value is under the key \"{found}\", not under \"{key}\"");
        return Slip { code: KEY, message, actual: format!("{found} = \"{value}\"") };
    }
    if let Some(value) = price.and_then(|price| price.metadata.text(key)) {
        let message = format!("{key} is set on the price, which the Worker does not read, and not on the product");
        return Slip { code: ON_PRICE, message, actual: format!("{key} = \"{value}\" on the price") };
    }
    let keys: Vec<&str> = metadata.texts().map(|(key, _)| key).collect();
    let actual = if keys.is_empty() { "no metadata".to_owned() } else { format!("only {}", keys.join(", ")) };
    Slip { code: MISSING, message: format!("it has no {key}"), actual }
}

fn finding(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, product: &Product, slip: Slip) -> Finding {
    let (key, value) = (&world.config().entitlement.key, &offer.tier.metadata);
    let on_price = world.config().entitlement.source == Source::PriceMetadata;
    let (what, field) = if on_price { ("price", "metadata") } else { ("product", "product.metadata") };
    let (list, id) = if on_price { ("prices", &seen.value.id) } else { ("products", &product.id) };
    Finding {
        code: slip.code,
        message: format!(
            "The metadata of the {what} \"{}\" of {} is wrong: {}. Customers pay and get no tier.",
            product.name(),
            offer.label(),
            slip.message
        ),
        expected: format!("{key} = \"{value}\""),
        actual: slip.actual.clone(),
        evidence: vec![seen.answer.evidence(field, slip.actual)],
        fix: Fix::new(format!("Set {key} to {value} in the metadata of \"{}\".", product.name()))
            .command(format!("stripe {list} update {id} -d \"metadata[{key}]={value}\"{}", live(world)))
            .link(world.stripe().dashboard(&format!("{list}/{id}"))),
    }
}

/// The Stripe CLI works in test mode unless it is told otherwise.
fn live(world: &World) -> &'static str {
    if world.config().project.mode == crate::config::Mode::Live { " --live" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_way_in_which_metadata_can_miss() {
        for (name, code) in [
            ("metadata-missing", "missing"),
            ("metadata-case", "case"),
            ("metadata-key", "key"),
            ("metadata-space", "whitespace"),
            ("metadata-on-price", "on-price"),
            ("metadata-unknown-tier", "unknown-tier"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn names_the_code_point_of_a_lookalike() {
        let run = scenario("metadata-lookalike").await;
        run.finds(CHECK, "lookalike");
        assert!(run.message(CHECK).contains("U+"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn metadata_that_nobody_reads_may_be_absent() {
        scenario("healthy-subscription-metadata").await.does_not_apply(CHECK);
    }
}

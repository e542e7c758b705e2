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
    /// for byte with the tier's value. If two tiers share a price, only `stripe/price-terms` reports that. If the Worker reads
    /// the tier elsewhere, a wrong value here is a warning, and a missing one is fine. The check cannot see how the Worker
    /// reads the metadata; a rehearsed purchase shows that.
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
    /// The value is on the price, not on the product.
    ON_PRICE: Failure,
    /// Only upper and lower case differ.
    CASE: Failure,
    /// There is white space around the value.
    WHITESPACE: Failure,
    /// A character only looks like the right one.
    LOOKALIKE: Failure,
    /// The value belongs to another tier.
    OTHER_TIER: Failure,
    /// The value does not belong to any tier.
    UNKNOWN_TIER: Failure,
}

/// What is wrong with the metadata.
struct WrongMetadata {
    code: Code,
    /// The middle of a sentence.
    message: String,
    actual: String,
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let entitlement = &world.config().entitlement;
    let seen = world.stripe().own_price(&offer).await?;
    let price = &seen.value;
    // `stripe/price-terms` reports a product that cannot be bought.
    if !price.is_product_active()? && price.product().is_none() {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let product =
        price.product().ok_or_else(|| NoAnswer::unknown(format!("Stripe did not show the product of {}", price.id)))?;
    let is_read = matches!(entitlement.source, Source::ProductMetadata | Source::PriceMetadata);
    let on_price = entitlement.source == Source::PriceMetadata;
    let (metadata, of) = if on_price { (&price.metadata, &price.id) } else { (&product.metadata, &product.id) };
    let (key, tiers) = (&entitlement.key, &world.config().tiers);
    // Metadata that the Worker does not read may be missing.
    let value = if is_read { metadata.get(key, of)? } else { metadata.text(key) };
    let wrong = match value {
        Some(value) if *value == offer.tier.metadata => {
            outcome.pass(format!("\"{}\" has {key} = \"{value}\"", product.name()));
            return Ok(());
        }
        Some(value) => wrong_value(value, key, offer.tier, tiers),
        None if !is_read => {
            return outcome.not_applicable("the Worker does not read the tier from product or price metadata");
        }
        None => no_value(key, offer.tier, metadata, if on_price { None } else { Some(price) }),
    };
    // If the price is another tier's, so is the product: one cause.
    let is_shared = !offer.shared_with(world).is_empty();
    if is_shared || (wrong.code == OTHER_TIER && !price.matches(&offer)?) {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let wrong = if is_read { wrong } else { WrongMetadata { code: wrong.code.as_warning(), ..wrong } };
    outcome.find(finding(world, &offer, &seen, product, wrong));
    Ok(())
}

fn wrong_value(value: &str, key: &str, tier: &Tier, tiers: &[Tier]) -> WrongMetadata {
    let code = match plan_mismatch(value, tiers) {
        None => OTHER_TIER,
        Some(PlanMismatch::Case { .. }) => CASE,
        Some(PlanMismatch::Whitespace { .. }) => WHITESPACE,
        Some(PlanMismatch::Lookalike { .. }) => LOOKALIKE,
        Some(PlanMismatch::UnknownTier) => UNKNOWN_TIER,
    };
    let words = plan_mismatch(value, tiers)
        .map_or_else(|| format!("is not \"{}\"", tier.metadata), |mismatch| mismatch.difference());
    WrongMetadata {
        code,
        message: format!("its {key} is \"{value}\", which {words}"),
        actual: format!("{key} = \"{value}\""),
    }
}

fn no_value(key: &str, tier: &Tier, metadata: &Metadata, price: Option<&Price>) -> WrongMetadata {
    let alike = |found: &str| found.trim().eq_ignore_ascii_case(key);
    let other = metadata.texts().find(|(found, value)| alike(found) || **value == tier.metadata);
    if let Some((found, value)) = other {
        let message = format!("the value is under \"{found}\" instead of \"{key}\"");
        return WrongMetadata { code: KEY, message, actual: format!("{found} = \"{value}\"") };
    }
    if let Some(value) = price.and_then(|price| price.metadata.text(key)) {
        let message = format!("{key} is set on the price, which the Worker does not read, and not on the product");
        return WrongMetadata { code: ON_PRICE, message, actual: format!("{key} = \"{value}\" on the price") };
    }
    let keys: Vec<&str> = metadata.texts().map(|(key, _)| key).collect();
    let actual = if keys.is_empty() { "no metadata".to_owned() } else { format!("only {}", keys.join(", ")) };
    WrongMetadata { code: MISSING, message: format!("it has no {key}"), actual }
}

fn finding(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, product: &Product, wrong: WrongMetadata) -> Finding {
    let (key, value) = (&world.config().entitlement.key, &offer.tier.metadata);
    let on_price = world.config().entitlement.source == Source::PriceMetadata;
    let (what, field) = if on_price { ("price", "metadata") } else { ("product", "product.metadata") };
    let is_read = matches!(world.config().entitlement.source, Source::ProductMetadata | Source::PriceMetadata);
    let effect = if is_read { "Customers pay and get no tier." } else { "The Worker does not read it." };
    let (resource, id, metadata) = if on_price {
        (StripeResource::Price, &seen.value.id, &seen.value.metadata)
    } else {
        (StripeResource::Product, &product.id, &product.metadata)
    };
    Finding {
        code: wrong.code,
        message: format!(
            "The metadata of the {what} \"{}\" for {} is wrong: {}. {effect}",
            product.name(),
            offer.label(),
            wrong.message
        ),
        expected: format!("{key} = \"{value}\""),
        actual: wrong.actual.clone(),
        evidence: vec![seen.answer.evidence(field, wrong.actual)],
        fix: Fix::new(format!("Set {key} to {value} in the metadata of \"{}\".", product.name())).then(
            world.stripe().update(resource, id, product.name()).set(
                format!("metadata.{key}"),
                metadata.text(key),
                value.as_str(),
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_message_names_the_code_point_of_a_lookalike() {
        let run = scenario("metadata-lookalike").await;
        assert!(run.message(CHECK).contains("U+"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn metadata_that_the_worker_does_not_read_may_be_absent() {
        scenario("healthy-subscription-metadata").await.does_not_apply(CHECK);
    }
}

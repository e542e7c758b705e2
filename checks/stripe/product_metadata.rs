//! `stripe/product-metadata`.

use std::collections::BTreeMap;

use crate::check::prelude::*;
use crate::config::{Source, Tier};
use crate::world::{PlanSlip, Price, Product, Seen, judge_plan};

check! {
    /// Each tier's product carries exactly the tier's value.
    ///
    /// ## Why it matters
    /// The Worker reads the tier that was bought from this metadata. One letter in upper case, a space that came along with
    /// a copy, or a key with another name: the customer pays, and no tier is granted.
    ///
    /// ## How it is verified
    /// The metadata of each price's product (of the price itself, where `entitlement.source` is `price-metadata`) is
    /// compared byte for byte with the tier's value. Where the Worker learns the tier elsewhere, what stands here is read by
    /// nobody: a wrong value is then a warning, and none at all is as good. How the Worker reads it cannot be seen from here;
    /// a rehearsed purchase shows that.
    ///
    /// ## Findings
    /// - `missing`: there is no such key.
    /// - `key`: the value stands under another key.
    /// - `on-price`: it stands on the price, not on the product.
    /// - `case`: only upper and lower case differ.
    /// - `whitespace`: white space stands around the value.
    /// - `lookalike`: a character only looks like the right one.
    /// - `other-tier`: it is another tier's value.
    /// - `unknown-tier`: it is no tier's value.
    ///
    /// ## How to mend it
    /// Set the key and the value in the section Metadata of the product's page, or with the command that the finding gives.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [ProductMetadataDiffers],
        subjects: offers,
        run
    };
}

/// What is wrong, in words, beside its code.
struct Slip {
    code: &'static str,
    message: String,
    actual: String,
}

async fn run(world: &World, subject: Offer<'_>, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, offer: Offer<'_>) -> Result<Verdict, NoAnswer> {
    let entitlement = &world.config().entitlement;
    let seen = world.stripe().price(&offer).await?;
    let price = &seen.value;
    let Some(product) = price.product() else { return Err(NoAnswer::Because(Cause::PriceTermsDiffer)) };
    let is_read = matches!(entitlement.source, Source::ProductMetadata | Source::PriceMetadata);
    let on_price = entitlement.source == Source::PriceMetadata;
    let metadata = if on_price { &price.metadata } else { &product.metadata };
    let (key, tiers) = (&entitlement.key, &world.config().tiers);
    let slip = match metadata.get(key) {
        Some(value) if *value == offer.tier.metadata => None,
        Some(value) => Some(wrong_value(value, key, offer.tier, tiers)),
        None if !is_read => {
            return Ok(Verdict::NotApplicable(
                "the Worker does not learn the tier from metadata of the catalogue".to_owned(),
            ));
        }
        None => Some(no_value(key, offer.tier, metadata, if on_price { None } else { Some(price) })),
    };
    let Some(slip) = slip else {
        return Ok(Verdict::Pass(format!("\"{}\" has {key} = \"{}\"", product.name, offer.tier.metadata)));
    };
    // With another tier's price, the metadata is the other tier's too: one cause.
    if slip.code == "other-tier" && !price.suits(&offer) {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let severity = if is_read { Severity::Failure } else { Severity::Warning };
    Ok(finding(world, &offer, &seen, product, slip, severity).into())
}

fn wrong_value(value: &str, key: &str, tier: &Tier, tiers: &[Tier]) -> Slip {
    let code = match judge_plan(value, tiers) {
        None => "other-tier",
        Some(PlanSlip::Case { .. }) => "case",
        Some(PlanSlip::Whitespace { .. }) => "whitespace",
        Some(PlanSlip::Lookalike { .. }) => "lookalike",
        Some(PlanSlip::UnknownTier) => "unknown-tier",
    };
    let words = judge_plan(value, tiers).map_or_else(|| format!("is not \"{}\"", tier.metadata), |slip| slip.words());
    Slip { code, message: format!("its {key} is \"{value}\", which {words}"), actual: format!("{key} = \"{value}\"") }
}

fn no_value(key: &str, tier: &Tier, metadata: &BTreeMap<String, String>, price: Option<&Price>) -> Slip {
    let alike = |found: &str| found.trim().eq_ignore_ascii_case(key);
    let other = metadata.iter().find(|(found, value)| alike(found) || **value == tier.metadata);
    if let Some((found, value)) = other {
        let message = format!("the tier stands under the key \"{found}\", not under \"{key}\"");
        return Slip { code: "key", message, actual: format!("{found} = \"{value}\"") };
    }
    if let Some(value) = price.and_then(|price| price.metadata.get(key)) {
        let message = format!("{key} stands on the price, where the Worker does not look, and not on the product");
        return Slip { code: "on-price", message, actual: format!("{key} = \"{value}\" on the price") };
    }
    let keys: Vec<&str> = metadata.keys().map(String::as_str).collect();
    let actual = if keys.is_empty() { "no metadata".to_owned() } else { format!("only {}", keys.join(", ")) };
    Slip { code: "missing", message: format!("it has no {key}"), actual }
}

fn finding(
    world: &World,
    offer: &Offer<'_>,
    seen: &Seen<Price>,
    product: &Product,
    slip: Slip,
    severity: Severity,
) -> Finding {
    let (key, value) = (&world.config().entitlement.key, &offer.tier.metadata);
    let on_price = world.config().entitlement.source == Source::PriceMetadata;
    let (what, field) = if on_price { ("price", "metadata") } else { ("product", "product.metadata") };
    let (list, id) = if on_price { ("prices", &seen.value.id) } else { ("products", &product.id) };
    Finding {
        code: slip.code,
        severity,
        message: format!(
            "The {what} \"{}\" of {} does not carry the tier: {}.",
            product.name,
            offer.label(),
            slip.message
        ),
        expected: format!("{key} = \"{value}\""),
        actual: slip.actual.clone(),
        evidence: vec![seen.answer.evidence(field, slip.actual)],
        fix: Fix::new(format!("Set {key} to {value} in the metadata of \"{}\".", product.name))
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

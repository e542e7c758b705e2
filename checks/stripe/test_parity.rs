//! `stripe/test-parity`.

use super::terms::{Difference, differences};
use crate::check::prelude::*;
use crate::config::Source;
use crate::world::{Answer, List, Price, Stripe, intended_tier};

check! {
    /// The test-mode catalog matches the live one.
    ///
    /// ## Why it matters
    /// A test only proves something for real customers if test mode sells on the same terms. Over time the two catalogs drift
    /// apart, and the next change is tested against prices that no customer pays.
    ///
    /// ## How it is verified
    /// The active recurring prices in test mode are read with the test key. For every price of every paid tier, the check
    /// looks for one with the tier's metadata (or name, if the Worker does not read the catalog's metadata) and the same
    /// amount, currency and interval. A sandbox works like test mode. If Stripe does not accept the test key, the check is
    /// unknown. It cannot see which price IDs the test deployment uses.
    ///
    /// ## How to fix it
    /// Change the test-mode catalog to match what is sold live.
    pub const CHECK = Check { need: Need::Configured("stripe.test_secret_key"), sends: "", subjects: offers, run };
}

codes! {
    /// The tier is not on sale in test mode.
    MISSING: Warning,
    /// The metadata of its test-mode product or price does not have the tier's value.
    METADATA: Warning,
    /// It has another billing interval in test mode.
    INTERVAL: Warning,
    /// It is billed by usage in test mode.
    METERED: Warning,
    /// It is in another currency in test mode.
    CURRENCY: Warning,
    /// It costs another amount in test mode.
    AMOUNT: Warning,
}

/// A test-mode price that is on sale.
struct TestPrice<'p> {
    price: &'p Price,
    /// The tier value in the metadata that the Worker reads.
    tier_value: Option<&'p str>,
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let Some(test) = world.stripe_test() else {
        let name = &world.config().stripe.test_secret_key.name;
        return outcome.not_applicable(format!("{name} is not set, or the key in use is not a live one"));
    };
    let live = world.stripe().price(&offer).await?.value;
    if !live.matches(&offer)? {
        return Err(NoAnswer::Because(Cause::PriceTermsDiffer));
    }
    let prices = test.recurring_prices().await?;
    let (on_sale, mut unread) = on_sale(test, &prices);
    let mut different = Vec::new();
    for price in of_tier(test, &offer, &live, &on_sale)? {
        match terms_that_differ(price, &offer) {
            // One that matches is enough, whatever could not be read.
            Ok(terms) if terms.is_empty() => {
                outcome.pass(format!("in test mode {} is {} too", price.id, price.terms()));
                return Ok(());
            }
            Ok(terms) => different.push((price, terms)),
            Err(why) => unread.push(why),
        }
    }
    // What could not be read may be the price that matches.
    if let Some(why) = unread.into_iter().next() {
        return Err(why);
    }
    let answer = &prices.answer;
    if let Some((nearest, terms)) = different.into_iter().min_by_key(|(_, terms)| distance(terms)) {
        for difference in &terms {
            outcome.find(differs(world, &offer, answer, nearest, difference));
        }
    } else if let Some(found) = meant_for_tier(world, &offer, &live, &on_sale) {
        outcome.find(wrong_metadata(world, &offer, answer, found));
    } else {
        outcome.find(missing(world, &offer, answer));
    }
    Ok(())
}

/// The prices that can be bought, and why others could not be read.
fn on_sale<'p>(test: Stripe<'p>, prices: &'p List<Price>) -> (Vec<TestPrice<'p>>, Vec<NoAnswer>) {
    let (mut on_sale, mut unread) = (Vec::new(), prices.unread.clone());
    for price in &prices.items {
        match price.is_product_active().and_then(|active| Ok((active, test.tier_value(price)?))) {
            Ok((true, tier_value)) => on_sale.push(TestPrice { price, tier_value }),
            Ok((false, _)) => {}
            Err(why) => unread.push(why),
        }
    }
    (on_sale, unread)
}

/// The prices of the tier: by metadata, or by name and terms if the Worker does not read the catalog's metadata.
fn of_tier<'p>(
    test: Stripe<'p>,
    offer: &Offer<'_>,
    live: &'p Price,
    on_sale: &[TestPrice<'p>],
) -> Answered<Vec<&'p Price>> {
    let has_metadata = test.tier_value(live)?.is_some();
    let is_of_tier = |TestPrice { price, tier_value }: &&TestPrice<'p>| {
        if has_metadata {
            *tier_value == Some(&offer.tier.metadata)
        } else {
            has_same_name(price, live) || price.surely_matches(offer)
        }
    };
    Ok(on_sale.iter().filter(is_of_tier).map(|test| test.price).collect())
}

/// A price whose metadata seems to mean the tier, or else one without metadata that has the live product's name.
fn meant_for_tier<'t, 'p>(
    world: &World,
    offer: &Offer<'_>,
    live: &Price,
    on_sale: &'t [TestPrice<'p>],
) -> Option<&'t TestPrice<'p>> {
    let tiers = &world.config().tiers;
    let means_tier = |value: &str| intended_tier(value, tiers).is_some_and(|tier| tier.name == offer.tier.name);
    let misspelled = on_sale.iter().find(|test| test.tier_value.is_some_and(means_tier));
    misspelled.or_else(|| on_sale.iter().find(|test| test.tier_value.is_none() && has_same_name(test.price, live)))
}

fn has_same_name(price: &Price, live: &Price) -> bool {
    price.product_name().to_lowercase() == live.product_name().to_lowercase()
}

/// What differs from the tier. The amounts of different intervals are not compared.
fn terms_that_differ(price: &Price, offer: &Offer<'_>) -> Answered<Vec<Difference>> {
    let [interval, usage_type, amount] = differences(price, offer);
    if let Some(interval) = interval? {
        return Ok(vec![interval]);
    }
    Ok([usage_type?, amount?].into_iter().flatten().collect())
}

/// How far a price is from the tier: one with another interval is farther away than any with the right one.
fn distance(terms: &[Difference]) -> (bool, usize) {
    let is_interval = |term: &Difference| matches!(term, Difference::OneTime | Difference::Interval(_));
    (terms.iter().any(is_interval), terms.len())
}

fn differs(world: &World, offer: &Offer<'_>, answer: &Answer, price: &Price, difference: &Difference) -> Finding {
    let (code, field) = match difference {
        Difference::OneTime | Difference::Interval(_) => (INTERVAL, "recurring.interval"),
        Difference::UsageType(_) => (METERED, "recurring.usage_type"),
        Difference::Currency(_) => (CURRENCY, "currency"),
        Difference::Amount => (AMOUNT, "unit_amount"),
    };
    let (tier, id) = (&offer.tier.name, &price.id);
    let (expected, actual) = (offer.terms(), price.terms());
    let message = match difference {
        Difference::UsageType(_) => format!("In test mode, {tier} is billed by usage ({id}). In live mode it is not."),
        _ => format!("In test mode, {tier} costs {actual} ({id}). In live mode it costs {expected}."),
    };
    let evidence = answer.evidence(format!("data[].{field}"), format!("{id}: {actual}"));
    let summary = format!("In test mode, add a price of {expected} to the product, use it, and archive {id}.");
    finding(world, code, message, (expected, actual), evidence, summary, &format!("prices/{id}"))
}

fn wrong_metadata(world: &World, offer: &Offer<'_>, answer: &Answer, found: &TestPrice<'_>) -> Finding {
    let key = &world.config().entitlement.key;
    let value = &offer.tier.metadata;
    let is_on_price = world.config().entitlement.source == Source::PriceMetadata;
    let actual = found.tier_value.map_or_else(|| format!("no {key}"), |value| format!("{key} = \"{value}\""));
    let expected = format!("{key} = \"{value}\"");
    let product = found.price.product_name();
    let (whose, field, page) = if is_on_price {
        let id = &found.price.id;
        (format!("the price {id} of \"{product}\""), "data[].metadata", format!("prices/{id}"))
    } else {
        let id = found.price.product_id().unwrap_or_default();
        (format!("the product \"{product}\""), "data[].product.metadata", format!("products/{id}"))
    };
    let message = format!("In test mode, the metadata of {whose} has {actual}, not {expected}.");
    let evidence = answer.evidence(field, actual.clone());
    let summary = format!("In test mode, set {key} to {value} in the metadata of {whose}.");
    finding(world, METADATA, message, (expected, actual), evidence, summary, &page)
}

fn missing(world: &World, offer: &Offer<'_>, answer: &Answer) -> Finding {
    let tier = &offer.tier.name;
    let message = format!("In test mode, {tier} is not on sale: no active recurring price belongs to it.");
    let evidence = answer.evidence("data[]", "no such price".to_owned());
    let summary = format!("In test mode, add a product for {tier} with a price of {}.", offer.terms());
    finding(world, MISSING, message, (offer.terms(), "no such price".to_owned()), evidence, summary, "products")
}

fn finding(
    world: &World,
    code: Code,
    message: String,
    (expected, actual): (String, String),
    evidence: Evidence,
    summary: String,
    page: &str,
) -> Finding {
    let page = world.stripe_test().map(|test| test.dashboard(page));
    let fix = page.into_iter().fold(Fix::new(summary), Fix::link);
    Finding { code, message, expected, actual, evidence: vec![evidence], fix }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_rejected_test_key_is_a_reason_and_not_a_failure() {
        let run = scenario("stripe-test-key-revoked").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.summary());
        assert!(run.reasons(CHECK).contains("does not accept the key in STRIPE_TEST_SECRET_KEY"), "{}", run.summary());
    }

    #[tokio::test]
    async fn it_does_not_apply_to_a_run_in_test_mode() {
        scenario("healthy-test-mode").await.does_not_apply(CHECK);
    }
}

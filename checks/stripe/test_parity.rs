//! `stripe/test-parity`.

use crate::check::prelude::*;
use crate::world::{Answer, Difference, Price, Twin};

check! {
    /// The test-mode catalog matches the live one.
    ///
    /// ## Why it matters
    /// A test only proves something for real customers if test mode sells on the same terms. Over months the two drift apart,
    /// and the next change is tested against prices that no customer pays.
    ///
    /// ## How it is verified
    /// The active recurring prices of test mode are read with the test key. For every price of every paid tier, the check
    /// looks for one that claims the tier (by name, if the Worker does not read the catalog's metadata) and has the same
    /// amount, currency and interval. A sandbox works like test mode. A test key that Stripe does not accept is not a
    /// finding: nothing could be compared, and the report says so. Which price IDs the test deployment uses cannot be seen.
    ///
    /// ## How to fix it
    /// Change the test-mode catalog to match what is sold live.
    pub const CHECK = Check { need: Need::Configured("stripe.test_secret_key"), sends: "", subjects: offers, run };
}

codes! {
    /// The tier is not sold in test mode.
    MISSING: Warning,
    /// Its test-mode product or price does not have the tier's value.
    METADATA: Warning,
    /// It has another billing interval in test mode.
    INTERVAL: Warning,
    /// It is charged by usage in test mode.
    METERED: Warning,
    /// It is in another currency in test mode.
    CURRENCY: Warning,
    /// It is another amount in test mode.
    AMOUNT: Warning,
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let Some(seen) = world.test_twin(&offer).await? else {
        let name = &world.config().stripe.test_secret_key.name;
        outcome.not_applicable(format!("{name} is not set beside a live key"));
        return Ok(());
    };
    match &seen.value {
        Twin::Same(price) => outcome.pass(format!("in test mode {} is {} too", price.id, price.terms())),
        Twin::Other(price, differences) => {
            for difference in differences {
                outcome.find(differs(world, &offer, &seen.answer, price, *difference));
            }
        }
        Twin::Unclaimed(price, value) => {
            outcome.find(unclaimed(world, &offer, &seen.answer, price, value.as_deref()));
        }
        Twin::Missing => outcome.find(missing(world, &offer, &seen.answer)),
    }
    Ok(())
}

fn differs(world: &World, offer: &Offer<'_>, answer: &Answer, price: &Price, difference: Difference) -> Finding {
    let (code, field) = match difference {
        Difference::Interval => (INTERVAL, "recurring.interval"),
        Difference::Metered => (METERED, "recurring.usage_type"),
        Difference::Currency => (CURRENCY, "currency"),
        Difference::Amount => (AMOUNT, "unit_amount"),
    };
    let (expected, actual) = (terms(offer), price.terms());
    let message = match difference {
        Difference::Metered => {
            format!("In test mode {} is charged by usage ({}), but live it is not.", offer.tier.name, price.id)
        }
        _ => format!("In test mode {} is {actual} ({}), but live it is {expected}.", offer.tier.name, price.id),
    };
    let evidence = answer.evidence(format!("data[].{field}"), format!("{}: {actual}", price.id));
    let summary =
        format!("In test mode, add a price of {} to the product, use it, and archive {}.", terms(offer), price.id);
    finding(world, code, message, (expected, actual), evidence, summary, &format!("prices/{}", price.id))
}

fn unclaimed(world: &World, offer: &Offer<'_>, answer: &Answer, price: &Price, value: Option<&str>) -> Finding {
    let key = &world.config().entitlement.key;
    let product = price.product_name();
    let actual = value.map_or_else(|| format!("no {key}"), |value| format!("{key} = \"{value}\""));
    let expected = format!("{key} = \"{}\"", offer.tier.metadata);
    let message = format!(
        "In test mode the metadata of \"{product}\" does not name the tier {}: it has {actual}.",
        offer.tier.name
    );
    let evidence = answer.evidence("data[].product.metadata", actual.clone());
    let summary = format!("In test mode, set {key} to {} in the metadata of \"{product}\".", offer.tier.metadata);
    let page = format!("products/{}", price.product_id().unwrap_or_default());
    finding(world, METADATA, message, (expected, actual), evidence, summary, &page)
}

fn missing(world: &World, offer: &Offer<'_>, answer: &Answer) -> Finding {
    let message = format!("In test mode {} is not sold: no active recurring price claims it.", offer.tier.name);
    let evidence = answer.evidence("data[]", "no such price".to_owned());
    let summary = format!("In test mode, add the product of {} with a price of {}.", offer.tier.name, terms(offer));
    finding(world, MISSING, message, (terms(offer), "no such price".to_owned()), evidence, summary, "products")
}

fn terms(offer: &Offer<'_>) -> String {
    format!("{} a {}", offer.price.money, offer.term())
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
    async fn warns_of_each_way_in_which_test_mode_can_differ() {
        for (name, code) in [
            ("parity-amount", "amount"),
            ("parity-currency", "currency"),
            ("parity-interval", "interval"),
            ("parity-metadata", "metadata"),
            ("parity-missing", "missing"),
        ] {
            scenario(name).await.warns(CHECK, code);
        }
    }

    #[tokio::test]
    async fn a_test_mode_that_agrees_passes() {
        for name in ["healthy", "healthy-yearly-and-monthly", "healthy-yen"] {
            scenario(name).await.passes(CHECK);
        }
    }

    #[tokio::test]
    async fn what_is_compared_is_what_the_worker_reads() {
        for name in ["healthy-subscription-metadata", "healthy-price-metadata", "healthy-price-id"] {
            scenario(name).await.passes(CHECK);
        }
    }

    #[tokio::test]
    async fn a_test_key_that_is_rejected_is_said_and_fails_nobody() {
        let run = scenario("stripe-test-key-revoked").await;
        assert_eq!(run.failures(), Vec::<String>::new(), "{}", run.told());
        assert!(run.reasons(CHECK).contains("does not accept the key in STRIPE_TEST_SECRET_KEY"), "{}", run.told());
    }

    #[tokio::test]
    async fn in_test_mode_there_is_nothing_to_compare() {
        scenario("healthy-test-mode").await.does_not_apply(CHECK);
    }
}

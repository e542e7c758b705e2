//! `stripe/test-parity`.

use crate::check::prelude::*;
use crate::world::{Answer, Difference, Price, Twin};

check! {
    /// The test-mode catalogue agrees with the live one.
    ///
    /// ## Why it matters
    /// What is tried out in test mode proves something for real customers only where it is sold on the same terms. After
    /// months the two drift apart, and the next change is tested against prices that nobody pays.
    ///
    /// ## How it is verified
    /// The active recurring prices of test mode are read with the test key. For every price of every paid tier one is looked
    /// for that claims the tier (by name, where the Worker does not read the catalogue's metadata) and has the same amount,
    /// currency and interval. A sandbox is as good as test mode. A key that Stripe does not accept is no finding: then nothing
    /// could be compared, and that is what the report says. Which price IDs the test deployment uses cannot be seen.
    ///
    /// ## Findings
    /// - `missing`: the tier is not sold in test mode; a warning, as all of these are.
    /// - `metadata`: its product or price there does not carry the tier.
    /// - `interval`: it is paid more often or less often there.
    /// - `metered`: it is charged by use there.
    /// - `currency`: it is in another currency there.
    /// - `amount`: it is another amount there.
    ///
    /// ## How to mend it
    /// Change the catalogue of test mode, so that it is again what is sold.
    pub const CHECK = Check { need: Need::Configured("stripe.test_secret_key"), sends: "", subjects: offers, run };
}

async fn run(world: &World, subject: Offer<'_>, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, offer: Offer<'_>) -> Result<Verdict, NoAnswer> {
    let Some(seen) = world.test_twin(&offer).await? else {
        let name = &world.config().stripe.test_secret_key.name;
        return Ok(Verdict::NotApplicable(format!("{name} is not set beside a live key")));
    };
    let (price, differences) = match &seen.value {
        Twin::Same(price) => return Ok(Verdict::Pass(format!("in test mode {} is {} too", price.id, price.terms()))),
        Twin::Other(price, differences) => (price, differences),
        Twin::Unclaimed(price, value) => {
            return Ok(unclaimed(world, &offer, &seen.answer, price, value.as_deref()).into());
        }
        Twin::Missing => return Ok(missing(world, &offer, &seen.answer).into()),
    };
    let findings = differences.iter().map(|difference| differs(world, &offer, &seen.answer, price, *difference));
    Ok(Verdict::of(findings.collect(), ""))
}

fn differs(world: &World, offer: &Offer<'_>, answer: &Answer, price: &Price, difference: Difference) -> Finding {
    let (code, field) = match difference {
        Difference::Interval => ("interval", "recurring.interval"),
        Difference::Metered => ("metered", "recurring.usage_type"),
        Difference::Currency => ("currency", "currency"),
        Difference::Amount => ("amount", "unit_amount"),
    };
    let (expected, actual) = (terms(offer), price.terms());
    let message = match difference {
        Difference::Metered => {
            format!("In test mode {} is charged by use ({}), and live it is not.", offer.tier.name, price.id)
        }
        _ => format!("In test mode {} is {actual} ({}), and live it is {expected}.", offer.tier.name, price.id),
    };
    let evidence = answer.evidence(format!("data[].{field}"), format!("{}: {actual}", price.id));
    let summary =
        format!("In test mode, add a price of {} to the product, use it, and archive {}.", terms(offer), price.id);
    finding(world, code, message, (expected, actual), evidence, summary, &format!("prices/{}", price.id))
}

fn unclaimed(world: &World, offer: &Offer<'_>, answer: &Answer, price: &Price, value: Option<&str>) -> Finding {
    let key = &world.config().entitlement.key;
    let product = price.product().map_or("", |product| &product.name);
    let actual = value.map_or_else(|| format!("no {key}"), |value| format!("{key} = \"{value}\""));
    let expected = format!("{key} = \"{}\"", offer.tier.metadata);
    let message = format!("In test mode \"{product}\" does not carry the tier {}: it has {actual}.", offer.tier.name);
    let evidence = answer.evidence("data[].product.metadata", actual.clone());
    let summary = format!("In test mode, set {key} to {} in the metadata of \"{product}\".", offer.tier.metadata);
    let page = format!("products/{}", price.product.id());
    finding(world, "metadata", message, (expected, actual), evidence, summary, &page)
}

fn missing(world: &World, offer: &Offer<'_>, answer: &Answer) -> Finding {
    let message = format!("In test mode {} is not sold: no active recurring price claims it.", offer.tier.name);
    let evidence = answer.evidence("data[]", "no such price".to_owned());
    let summary = format!("In test mode, add the product of {} with a price of {}.", offer.tier.name, terms(offer));
    finding(world, "missing", message, (terms(offer), "no such price".to_owned()), evidence, summary, "products")
}

fn terms(offer: &Offer<'_>) -> String {
    format!("{} a {}", offer.price.money, offer.term())
}

fn finding(
    world: &World,
    code: &'static str,
    message: String,
    (expected, actual): (String, String),
    evidence: Evidence,
    summary: String,
    page: &str,
) -> Finding {
    let page = world.stripe_test().map(|test| test.dashboard(page));
    let fix = page.into_iter().fold(Fix::new(summary), Fix::link);
    Finding { code, severity: Severity::Warning, message, expected, actual, evidence: vec![evidence], fix }
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

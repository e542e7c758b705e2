//! `stripe/price-terms`.

use super::terms::{Difference, differences, only_match, set};
use crate::check::prelude::*;
use crate::config::Money;
use crate::world::{Price, Seen};

check! {
    /// Every price is on sale at the tier's amount, currency and interval.
    ///
    /// ## Why it matters
    /// An archived price cannot be bought, a one-time price creates no subscription, and a wrong amount is charged to every
    /// customer. If two tiers share a price, one of them is sold at the price of the other.
    ///
    /// ## How it is verified
    /// The price and its product in Stripe are compared with the tier in `preflight.toml`. Coupons, trials and taxes are not
    /// checked.
    ///
    /// ## How to fix it
    /// The terms of a price cannot be changed in Stripe: add the right price to the product, set its ID in your environment
    /// and on the Worker, and archive the wrong one. If `preflight.toml` is wrong instead, correct it there.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PriceTermsDiffer],
        subjects: offers,
        run
    };
}

codes! {
    /// Two tiers use the same price.
    SHARED: Failure(Money),
    /// Two tiers use each other's price.
    SWAPPED: Failure(Money),
    /// The price is archived.
    PRICE_ARCHIVED: Failure(Money),
    /// Its product is archived or was deleted.
    PRODUCT_ARCHIVED: Failure(Money),
    /// It is a one-time price.
    NOT_RECURRING: Failure(Money),
    /// It is charged by usage.
    METERED: Failure(Money),
    /// It has another billing interval.
    INTERVAL: Failure(Money),
    /// It is in another currency.
    CURRENCY: Failure(Money),
    /// It is another amount.
    AMOUNT: Failure(Money),
    /// It is another amount in another currency, or is not sold in that currency.
    CURRENCY_OPTION: Failure(Money),
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let seen = world.stripe().price(&offer).await?;
    let price = &seen.value;
    match shared_with(world, &offer, price) {
        Some(Shared::Here(other)) => {
            outcome.find(shared(world, &offer, &other, &seen).await);
            return Ok(());
        }
        Some(Shared::There(other)) => {
            let name = &other.price.price_id.name;
            outcome
                .pass(format!("{} has the right terms; see the finding for {name}, which has the same ID", price.id));
            return Ok(());
        }
        None => {}
    }
    if price.matches(&offer) == Ok(false)
        && let Some((other, is_first)) = swapped_with(world, &offer, price).await
    {
        // One swap is one finding, at the tier that comes first.
        if is_first {
            outcome.find(swapped(world, &offer, &other, &seen));
        } else {
            outcome.pass(format!("see the finding for {}, which is swapped with this price", other.label()));
        }
        return Ok(());
    }
    if let Some((field, what)) = outcome.ask(product_off_sale(price)).flatten() {
        outcome.find(off_sale(world, &offer, &seen, PRODUCT_ARCHIVED, field, &what));
    }
    if outcome.ask(price.active.known(format_args!("active of {}", price.id))) == Some(&false) {
        outcome.find(off_sale(world, &offer, &seen, PRICE_ARCHIVED, "active", &format!("{} is archived", price.id)));
    }
    for difference in differences(price, &offer) {
        if let Some(difference) = outcome.ask(difference).flatten() {
            outcome.find(differs(world, &offer, &seen, difference));
        }
    }
    for option in &offer.price.currency_options {
        match outcome.ask(price.amount_in(&option.currency)) {
            None => {}
            Some(Some(amount)) if amount == option.minor => outcome.pass(format!("{} costs {option}, too", price.id)),
            Some(found) => outcome.find(currency_option(world, &offer, &seen, option, found)),
        }
    }
    outcome.pass_if_clean(format!("{} is {}, on sale", price.id, offer.terms()));
    Ok(())
}

/// Where it is reported that two tiers have one price ID.
enum Shared<'w> {
    /// At this tier: the price is the other one's, or the other one comes first.
    Here(Offer<'w>),
    /// At the other tier: the price is this one's.
    There(Offer<'w>),
}

fn shared_with<'w>(world: &'w World, offer: &Offer<'w>, price: &Price) -> Option<Shared<'w>> {
    let others = offer.shared_with(world);
    let is_before = |other: &Offer<'_>| offers(world).iter().take_while(|one| !one.is(offer)).any(|one| one.is(other));
    if price.surely_matches(offer) {
        let owner = others.iter().find(|other| price.surely_matches(other) && is_before(other));
        let wrong = || others.iter().find(|other| !price.surely_matches(other));
        return owner.copied().map(Shared::Here).or_else(|| wrong().copied().map(Shared::There));
    }
    let owner = others.iter().find(|other| price.surely_matches(other));
    owner.or_else(|| others.iter().find(|other| is_before(other))).copied().map(Shared::Here)
}

/// The tier that this price belongs to and that has this tier's price, and whether this tier comes first.
async fn swapped_with<'w>(world: &'w World, offer: &Offer<'w>, price: &Price) -> Option<(Offer<'w>, bool)> {
    let mut is_first = false;
    for other in offers(world) {
        if other.is(offer) {
            is_first = true;
            continue;
        }
        // If it cannot be read, each difference is reported by itself instead of the swap.
        let Some(theirs) = optional(world.stripe().price(&other)).await else { continue };
        if price.surely_matches(&other) && theirs.value.surely_matches(offer) {
            return Some((other, is_first));
        }
    }
    None
}

async fn shared(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let (name, their_name) = (&offer.price.price_id.name, &other.price.price_id.name);
    let (right, page) = match only_match(world, offer).await {
        Some(price) => (price.id.clone(), format!("prices/{}", price.id)),
        None => (format!("the ID of the price of {}", offer.terms()), "products".to_owned()),
    };
    Finding {
        code: SHARED,
        message: format!(
            "{name} and {their_name} have the same price ID, so {} is sold at the price of {}.",
            offer.label(),
            other.label()
        ),
        expected: "a different price for every tier".to_owned(),
        actual: seen.value.id.clone(),
        evidence: vec![seen.answer.evidence("id", seen.value.id.clone())],
        // The Worker's copy may be right; `worker/checkout` shows that once this one is.
        fix: Fix::new(format!("Set {name} to {right}, and run preflight again to check the Worker's copy."))
            .link(world.stripe().dashboard(&page)),
    }
}

fn swapped(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let (name, their_name) = (&offer.price.price_id.name, &other.price.price_id.name);
    Finding {
        code: SWAPPED,
        message: format!("{name} and {their_name} are swapped: each tier is sold at the other one's price."),
        expected: format!("{name} = {}, {their_name} = {}", other.id(), offer.id()),
        actual: format!("{name} = {}, {their_name} = {}", offer.id(), other.id()),
        evidence: vec![seen.answer.evidence("unit_amount", amount(&seen.value))],
        fix: {
            let fix = Fix::new(format!(
                "Set {name} to {} and {their_name} to {}, in your environment and on the Worker.",
                other.id(),
                offer.id()
            ));
            let known = |id: &str| NewValue::Known(id.to_owned());
            set(world, set(world, fix, offer, known(other.id())), other, known(offer.id()))
        },
    }
}

/// The field that shows that the product is not on sale, and what happened to it.
fn product_off_sale(price: &Price) -> Answered<Option<(&'static str, String)>> {
    if price.is_product_active()? {
        return Ok(None);
    }
    Ok(Some(match price.product() {
        Some(product) => ("product.active", format!("\"{}\" ({}) is archived", product.name(), product.id)),
        None => ("product.deleted", format!("{} was deleted", price.product_name())),
    }))
}

fn off_sale(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, code: Code, field: &str, actual: &str) -> Finding {
    let name = &offer.price.price_id.name;
    let what = if code == PRODUCT_ARCHIVED { "its product " } else { "" };
    let summary = if field == "product.deleted" {
        format!("Set {name} to a price that is on sale.")
    } else {
        format!("Unarchive it in the dashboard, or set {name} to a price that is on sale.")
    };
    Finding {
        code,
        message: format!("{name} cannot be bought: {what}{actual}."),
        expected: "on sale".to_owned(),
        actual: actual.to_owned(),
        evidence: vec![seen.answer.evidence(field, actual)],
        fix: fix(world, offer, summary),
    }
}

fn differs(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, difference: Difference) -> Finding {
    let (name, tier) = (&offer.price.price_id.name, &offer.tier.name);
    let (wanted, term) = (&offer.price.money, offer.term());
    let every_term = format!("billed every {term}");
    let (code, field, message, expected, actual) = match difference {
        Difference::OneTime => {
            let message = format!("{name} is a one-time price, but {tier} is billed every {term}.");
            (NOT_RECURRING, "type", message, every_term, "one-time".to_owned())
        }
        Difference::Interval(found) => {
            let message = format!("{name} is billed every {found}, but {tier} is billed every {term}.");
            (INTERVAL, "recurring.interval", message, every_term, format!("billed every {found}"))
        }
        Difference::UsageType(found) => {
            let message = format!("{name} is billed by usage, but {tier} has a fixed price.");
            (METERED, "recurring.usage_type", message, "licensed".to_owned(), found)
        }
        Difference::Currency(found) => {
            let wanted = wanted.currency.to_uppercase();
            (CURRENCY, "currency", format!("{name} is in {found}, but {tier} is sold in {wanted}."), wanted, found)
        }
        Difference::Amount => {
            let found = amount(&seen.value);
            let times = hundredfold(seen.value.unit_amount.value().copied(), wanted.minor);
            let message = format!("{name} charges customers {found}, but {tier} costs {wanted}.{times}");
            (AMOUNT, "unit_amount", message, wanted.to_string(), found)
        }
    };
    let summary = format!(
        "Add a price of {} to the product, set {name} to its ID, and archive this one if nothing else uses it.",
        offer.terms()
    );
    Finding {
        code,
        message,
        expected,
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence(field, actual)],
        fix: fix(world, offer, summary),
    }
}

/// The finding for an amount in another currency.
fn currency_option(
    world: &World,
    offer: &Offer<'_>,
    seen: &Seen<Price>,
    wanted: &Money,
    found: Option<i64>,
) -> Finding {
    let (id, tier, currency) = (&seen.value.id, &offer.tier.name, wanted.currency.to_uppercase());
    let found = found.map(|minor| Money { minor, currency: wanted.currency.clone() }.to_string());
    let message = match &found {
        Some(found) => format!("{tier} costs {wanted}, but {id} charges {found}."),
        None => format!("{tier} is sold in {currency}, but {id} has no amount in {currency}."),
    };
    let actual = found.unwrap_or_else(|| "no amount".to_owned());
    let summary =
        format!("Set the {currency} amount of {id} to {wanted}, or correct currency_options in the configuration.");
    Finding {
        code: CURRENCY_OPTION,
        message,
        expected: wanted.to_string(),
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence(format!("currency_options.{}", wanted.currency), actual)],
        fix: Fix::new(summary).link(world.stripe().dashboard(&format!("prices/{id}"))),
    }
}

/// The most common mistake with an amount: cents entered as whole units, or the reverse.
fn hundredfold(found: Option<i64>, wanted: i64) -> &'static str {
    match found {
        Some(found) if found == wanted * 100 => " That is 100 times too much: cents were entered as whole units.",
        Some(found) if found * 100 == wanted => " That is 100 times too little: whole units were entered as cents.",
        _ => "",
    }
}

fn amount(price: &Price) -> String {
    let currency = price.currency.text().unwrap_or("its currency");
    match (price.money(), price.unit_amount_decimal.text()) {
        (Some(money), _) => money.to_string(),
        (None, Some(decimal)) => format!("{decimal} of the smallest unit of {currency}"),
        (None, None) => "a tiered amount".to_owned(),
    }
}

fn fix(world: &World, offer: &Offer<'_>, summary: String) -> Fix {
    let page = world.stripe().dashboard(&format!("prices/{}", offer.id()));
    Fix::new(summary).link(page).then(world.entered_secret(&offer.price.price_id.name))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn an_amount_that_is_100_times_too_much_is_explained() {
        let run = scenario("price-hundredfold").await;
        assert!(run.message(CHECK).contains("100 times"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn the_fix_for_a_shared_price_names_the_right_id_and_leaves_the_worker_alone() {
        let run = scenario("price-shared-and-right-on-worker").await;
        let fix = run.fix(CHECK);
        assert!(fix.summary.contains("Set STRIPE_PRICE_ID_ENTERPRISE to price_1Rlivecme7LaunchEntMonth"), "{fix:?}");
        assert!(fix.commands().is_empty(), "{fix:?}");
    }
}

//! `stripe/price-terms`.

use crate::check::prelude::*;
use crate::config::Money;
use crate::world::{Price, PriceOf, Seen};

check! {
    /// Every price is on sale at the tier's amount, currency and interval.
    ///
    /// ## Why it matters
    /// A price that was archived cannot be bought, one that is paid once makes no subscription, and one with another amount
    /// charges customers what nobody meant. Where two tiers share a price, one of them is sold at the other's.
    ///
    /// ## How it is verified
    /// The price and its product, as Stripe has them under the ID, are compared with the tier in `preflight.toml`. Coupons,
    /// trials and taxes are not looked at.
    ///
    /// ## Findings
    /// - `shared`: two tiers use one price.
    /// - `swapped`: two tiers use each other's price.
    /// - `price-archived`: the price is not on sale.
    /// - `product-archived`: its product is not on sale, or was deleted.
    /// - `not-recurring`: it is paid once.
    /// - `metered`: it is charged by use.
    /// - `interval`: it is paid more often or less often.
    /// - `currency`: it is in another currency.
    /// - `amount`: it is another amount.
    ///
    /// ## How to mend it
    /// The terms of a price cannot be changed in Stripe: add the right price to the product, set its ID in the environment
    /// and on the Worker, and archive the wrong one. Or mend `preflight.toml`, where that is what is wrong.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PriceTermsDiffer],
        subjects: offers,
        run
    };
}

async fn run(world: &World, subject: Offer<'_>, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, offer: Offer<'_>) -> Result<Verdict, NoAnswer> {
    let seen = world.stripe().price(&offer).await?;
    if !seen.value.suits(&offer)
        && let Some(verdict) = mistaken(world, &offer, &seen).await?
    {
        return Ok(verdict);
    }
    let twin = offers(world).into_iter().take_while(|other| !other.is(&offer)).find(|other| other.id() == offer.id());
    if let Some(twin) = twin {
        return Ok(shared(world, &offer, &twin, &seen).into());
    }
    let findings = slips(&offer, &seen.value).into_iter().map(|slip| finding(world, &offer, &seen, slip)).collect();
    let seen = format!("{} is {} a {}, on sale", seen.value.id, offer.price.money, offer.term());
    Ok(Verdict::of(findings, seen))
}

/// A price that is another tier's.
async fn mistaken(world: &World, offer: &Offer<'_>, seen: &Seen<Price>) -> Result<Option<Verdict>, NoAnswer> {
    for other in offers(world).iter().filter(|other| !other.is(offer)) {
        if other.id() == offer.id() && seen.value.suits(other) {
            return Ok(Some(shared(world, offer, other, seen).into()));
        }
        let Ok(theirs) = world.stripe().price(other).await else { continue };
        if seen.value.suits(other) && theirs.value.suits(offer) {
            let first = offers(world).into_iter().find(|one| one.is(offer) || one.is(other));
            // One swap, one finding: at the tier that comes first.
            return Ok(Some(if first.is_some_and(|first| first.is(offer)) {
                swapped(world, offer, other, seen).into()
            } else {
                Verdict::Pass(format!("swapped with {}, which says so", other.label()))
            }));
        }
    }
    Ok(None)
}

fn shared(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let name = &offer.price.price_id.name;
    let message = format!(
        "{} and {} use one price: {name} and {} are the same.",
        offer.label(),
        other.label(),
        other.price.price_id.name
    );
    Finding {
        code: "shared",
        severity: Severity::Failure,
        message,
        expected: "a price of its own for every tier".to_owned(),
        actual: seen.value.id.clone(),
        evidence: vec![seen.answer.evidence("id", seen.value.id.clone())],
        fix: fix(
            world,
            offer,
            format!("Set {name} to the ID of the price of {} a {}.", offer.price.money, offer.term()),
        ),
    }
}

fn swapped(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let (name, their_name) = (&offer.price.price_id.name, &other.price.price_id.name);
    Finding {
        code: "swapped",
        severity: Severity::Failure,
        message: format!("{name} and {their_name} are swapped: each holds the other tier's price."),
        expected: format!("{name} = {}, {their_name} = {}", other.id(), offer.id()),
        actual: format!("{name} = {}, {their_name} = {}", offer.id(), other.id()),
        evidence: vec![seen.answer.evidence("unit_amount", amount(&seen.value))],
        fix: fix(world, offer, format!("Set {name} to {} and {their_name} to {}.", other.id(), offer.id()))
            .command(world.secret_put(their_name)),
    }
}

/// One way in which a price differs: its code, the field, what that should be, and what it is.
struct Slip {
    code: &'static str,
    field: &'static str,
    expected: String,
    actual: String,
}

fn slips(offer: &Offer<'_>, price: &Price) -> Vec<Slip> {
    let mut slips = Vec::new();
    let mut slip = |code, field, expected: String, actual| slips.push(Slip { code, field, expected, actual });
    let on_sale = || "on sale".to_owned();
    match &price.product {
        PriceOf::Deleted { id, .. } => {
            slip("product-archived", "product.deleted", on_sale(), format!("{id} was deleted"));
        }
        PriceOf::Product(product) if !product.active => {
            let actual = format!("\"{}\" ({}) is archived", product.name, product.id);
            slip("product-archived", "product.active", on_sale(), actual);
        }
        PriceOf::Product(_) | PriceOf::Id(_) => {}
    }
    if !price.active {
        slip("price-archived", "active", on_sale(), format!("{} is archived", price.id));
    }
    match &price.recurring {
        None => slip("not-recurring", "type", format!("paid each {}", offer.term()), "paid once".to_owned()),
        Some(recurring) => {
            if recurring.usage_type != "licensed" {
                slip("metered", "recurring.usage_type", "licensed".to_owned(), recurring.usage_type.clone());
            }
            let found = crate::world::subjects::term(&recurring.interval, recurring.interval_count);
            if found != offer.term() {
                slip(
                    "interval",
                    "recurring.interval",
                    format!("paid each {}", offer.term()),
                    format!("paid each {found}"),
                );
            }
        }
    }
    let wanted = &offer.price.money;
    if price.currency != wanted.currency {
        slip("currency", "currency", wanted.currency.to_uppercase(), price.currency.to_uppercase());
    } else if price.unit_amount != Some(wanted.minor) {
        slip("amount", "unit_amount", wanted.to_string(), amount(price));
    }
    slips
}

/// The commonest slip with an amount: cents taken for dollars, or the reverse.
fn hundredfold(found: Option<i64>, wanted: i64) -> String {
    match found {
        Some(found) if found == wanted * 100 => {
            ", which is 100 times as much: cents were taken for whole units".to_owned()
        }
        Some(found) if found * 100 == wanted => {
            ", which is a hundredth of it: whole units were taken for cents".to_owned()
        }
        _ => String::new(),
    }
}

fn amount(price: &Price) -> String {
    match (price.unit_amount, &price.unit_amount_decimal) {
        (Some(minor), _) => Money { minor, currency: price.currency.clone() }.to_string(),
        (None, Some(decimal)) => format!("{decimal} of the smallest unit of {}", price.currency),
        (None, None) => "tiers of amounts".to_owned(),
    }
}

fn finding(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, slip: Slip) -> Finding {
    let name = &offer.price.price_id.name;
    let tier = &offer.tier.name;
    let Slip { code, field, expected, actual } = slip;
    let message = match code {
        "product-archived" => format!("The product of {name} is not on sale: {actual}."),
        "price-archived" => format!("{name} is not on sale: {actual}."),
        "amount" => {
            let times = hundredfold(seen.value.unit_amount, offer.price.money.minor);
            format!("{name} charges {actual} where {tier} costs {expected}{times}.")
        }
        _ => format!("{name} is {actual} where {tier} is {expected}."),
    };
    let summary = match code {
        "product-archived" | "price-archived" => {
            format!("Restore it on its page, or set {name} to a price that is on sale.")
        }
        _ => format!(
            "Add a price of {} a {} to the product, set {name} to its ID, and archive this one.",
            offer.price.money,
            offer.term()
        ),
    };
    Finding {
        code,
        severity: Severity::Failure,
        message,
        expected,
        actual: actual.clone(),
        evidence: vec![seen.answer.evidence(field, actual)],
        fix: fix(world, offer, summary),
    }
}

fn fix(world: &World, offer: &Offer<'_>, summary: String) -> Fix {
    let page = world.stripe().dashboard(&format!("prices/{}", offer.id()));
    Fix::new(summary).link(page).command(world.secret_put(&offer.price.price_id.name))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_each_term_that_differs() {
        for (name, code) in [
            ("price-archived", "price-archived"),
            ("product-archived", "product-archived"),
            ("price-one-time", "not-recurring"),
            ("price-yearly", "interval"),
            ("price-metered", "metered"),
            ("price-amount", "amount"),
            ("price-currency", "currency"),
        ] {
            scenario(name).await.finds(CHECK, code);
        }
    }

    #[tokio::test]
    async fn says_so_where_an_amount_is_a_hundred_times_too_much() {
        let run = scenario("price-hundredfold").await;
        run.finds(CHECK, "amount");
        assert!(run.message(CHECK).contains("100 times"), "{}", run.message(CHECK));
    }

    #[tokio::test]
    async fn two_tiers_with_one_price_are_one_finding() {
        scenario("price-shared").await.finds(CHECK, "shared");
    }

    #[tokio::test]
    async fn prices_that_were_swapped_are_one_finding() {
        scenario("prices-swapped").await.finds(CHECK, "swapped");
    }

    #[tokio::test]
    async fn a_currency_without_minor_units_passes() {
        scenario("healthy-yen").await.passes(CHECK);
    }
}

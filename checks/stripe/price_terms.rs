//! `stripe/price-terms`.

use crate::check::prelude::*;
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
    SHARED: Failure,
    /// Two tiers use each other's price.
    SWAPPED: Failure,
    /// The price is archived.
    PRICE_ARCHIVED: Failure,
    /// Its product is archived or was deleted.
    PRODUCT_ARCHIVED: Failure,
    /// It is a one-time price.
    NOT_RECURRING: Failure,
    /// It is charged by usage.
    METERED: Failure,
    /// It has another billing interval.
    INTERVAL: Failure,
    /// It is in another currency.
    CURRENCY: Failure,
    /// It is another amount.
    AMOUNT: Failure,
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let seen = world.stripe().price(&offer).await?;
    let suits = seen.value.suits(&offer);
    if let Some(other) = shares(world, &offer, &seen.value) {
        match other {
            Shared::Here(other) => outcome.find(shared(world, &offer, &other, &seen).await),
            Shared::There(other) => {
                let name = &other.price.price_id.name;
                outcome.pass(format!("{} has the right terms; that {name} holds it too is found there", seen.value.id));
            }
        }
        return Ok(());
    }
    if suits == Ok(false)
        && let Some((other, is_first)) = swapped_with(world, &offer, &seen.value).await
    {
        // One swap, one finding: at the tier that comes first.
        if is_first {
            outcome.find(swapped(world, &offer, &other, &seen));
        } else {
            outcome.pass(format!("swapped with {}, where it is found", other.label()));
        }
        return Ok(());
    }
    for slip in slips(&offer, &seen.value) {
        if let Some(slip) = outcome.ask(slip).flatten() {
            outcome.find(finding(world, &offer, &seen, slip));
        }
    }
    outcome.pass_if_clean(format!("{} is {} a {}, on sale", seen.value.id, offer.price.money, offer.term()));
    Ok(())
}

/// Where it is found that two tiers hold one price ID.
enum Shared<'w> {
    /// At this tier: the price has the other one's terms, or the other one comes first.
    Here(Offer<'w>),
    /// At the other tier, which does not have its own price.
    There(Offer<'w>),
}

fn shares<'w>(world: &'w World, offer: &Offer<'w>, price: &Price) -> Option<Shared<'w>> {
    let others = offer.shared_with(world);
    let is_before = |other: &Offer<'_>| offers(world).iter().take_while(|one| !one.is(offer)).any(|one| one.is(other));
    if price.seems_to_suit(offer) {
        let rival = others.iter().find(|other| price.seems_to_suit(other) && is_before(other));
        let wrong = || others.iter().find(|other| !price.seems_to_suit(other));
        return rival.copied().map(Shared::Here).or_else(|| wrong().copied().map(Shared::There));
    }
    let owner = others.iter().find(|other| price.seems_to_suit(other));
    owner.or_else(|| others.iter().find(|other| is_before(other))).copied().map(Shared::Here)
}

/// The tier whose price this is and that has this tier's price, and whether this tier comes first.
async fn swapped_with<'w>(world: &'w World, offer: &Offer<'w>, price: &Price) -> Option<(Offer<'w>, bool)> {
    let mut is_first = false;
    for other in offers(world) {
        if other.is(offer) {
            is_first = true;
            continue;
        }
        // Only to choose between two diagnoses: without it, each term that differs is found.
        let Some(theirs) = optional(world.stripe().price(&other)).await else { continue };
        if price.seems_to_suit(&other) && theirs.value.seems_to_suit(offer) {
            return Some((other, is_first));
        }
    }
    None
}

async fn shared(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let (name, their_name) = (&offer.price.price_id.name, &other.price.price_id.name);
    let right = match world.stripe().only_suitable(offer).await {
        Some(price) => price.id,
        None => format!("the ID of the price of {} a {}", offer.price.money, offer.term()),
    };
    Finding {
        code: SHARED,
        message: format!(
            "{name} and {their_name} hold the same price ID, so {} is sold at the price of {}.",
            offer.label(),
            other.label()
        ),
        expected: "a different price for every tier".to_owned(),
        actual: seen.value.id.clone(),
        evidence: vec![seen.answer.evidence("id", seen.value.id.clone())],
        // What the Worker holds cannot be seen: it may be right, and `worker/checkout` shows that once this copy is.
        fix: Fix::new(format!("Set {name} to {right}, and run preflight again to check the Worker's copy."))
            .link(world.stripe().dashboard("products")),
    }
}

fn swapped(world: &World, offer: &Offer<'_>, other: &Offer<'_>, seen: &Seen<Price>) -> Finding {
    let (name, their_name) = (&offer.price.price_id.name, &other.price.price_id.name);
    Finding {
        code: SWAPPED,
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
    code: Code,
    field: &'static str,
    expected: String,
    actual: String,
}

/// Term by term: what differs, `None` where nothing does, or why it is unknown.
fn slips(offer: &Offer<'_>, price: &Price) -> [Answered<Option<Slip>>; 5] {
    [product(price), sale(price), recurrence(offer, price), usage(price), money(offer, price)]
}

fn slip(code: Code, field: &'static str, expected: impl Into<String>, actual: String) -> Slip {
    Slip { code, field, expected: expected.into(), actual }
}

fn product(price: &Price) -> Answered<Option<Slip>> {
    if price.is_product_active()? {
        return Ok(None);
    }
    Ok(Some(match price.product() {
        Some(product) => {
            let actual = format!("\"{}\" ({}) is archived", product.name(), product.id);
            slip(PRODUCT_ARCHIVED, "product.active", "on sale", actual)
        }
        None => slip(PRODUCT_ARCHIVED, "product.deleted", "on sale", format!("{} was deleted", price.product_name())),
    }))
}

fn sale(price: &Price) -> Answered<Option<Slip>> {
    let is_active = *price.active.known(format_args!("active of {}", price.id))?;
    let archived = || slip(PRICE_ARCHIVED, "active", "on sale", format!("{} is archived", price.id));
    Ok((!is_active).then(archived))
}

fn recurrence(offer: &Offer<'_>, price: &Price) -> Answered<Option<Slip>> {
    let wanted = format!("paid each {}", offer.term());
    let Some(recurring) = price.recurring()? else {
        return Ok(Some(slip(NOT_RECURRING, "type", wanted, "paid once".to_owned())));
    };
    let found = recurring.term()?;
    let differs = || slip(INTERVAL, "recurring.interval", wanted, format!("paid each {found}"));
    Ok((found != offer.term()).then(differs))
}

fn usage(price: &Price) -> Answered<Option<Slip>> {
    let Some(recurring) = price.recurring()? else { return Ok(None) };
    let found = recurring.usage_type()?;
    let differs = || slip(METERED, "recurring.usage_type", "licensed", found.to_owned());
    Ok((found != "licensed").then(differs))
}

fn money(offer: &Offer<'_>, price: &Price) -> Answered<Option<Slip>> {
    let wanted = &offer.price.money;
    let currency = price.currency()?;
    if currency != wanted.currency {
        return Ok(Some(slip(CURRENCY, "currency", wanted.currency.to_uppercase(), currency.to_uppercase())));
    }
    let differs = || slip(AMOUNT, "unit_amount", wanted.to_string(), amount(price));
    Ok((price.amount()? != Some(wanted.minor)).then(differs))
}

/// The commonest slip with an amount: cents taken for dollars, or the reverse.
fn hundredfold(found: Option<i64>, wanted: i64) -> String {
    match found {
        Some(found) if found == wanted * 100 => {
            ", which is 100 times as much: cents were entered as whole units".to_owned()
        }
        Some(found) if found * 100 == wanted => {
            ", which is a hundredth of it: whole units were entered as cents".to_owned()
        }
        _ => String::new(),
    }
}

fn amount(price: &Price) -> String {
    let currency = price.currency.text().unwrap_or("its currency");
    match (price.money(), price.unit_amount_decimal.text()) {
        (Some(money), _) => money.to_string(),
        (None, Some(decimal)) => format!("{decimal} of the smallest unit of {currency}"),
        (None, None) => "tiers of amounts".to_owned(),
    }
}

fn finding(world: &World, offer: &Offer<'_>, seen: &Seen<Price>, slip: Slip) -> Finding {
    let name = &offer.price.price_id.name;
    let tier = &offer.tier.name;
    let Slip { code, field, expected, actual } = slip;
    let message = match code {
        PRODUCT_ARCHIVED => format!("The product of {name} is not on sale: {actual}."),
        PRICE_ARCHIVED => format!("{name} is not on sale: {actual}."),
        AMOUNT => {
            let times = hundredfold(seen.value.unit_amount.value().copied(), offer.price.money.minor);
            format!("{name} charges {actual} where {tier} costs {expected}{times}.")
        }
        _ => format!("{name} is {actual} where {tier} is {expected}."),
    };
    let summary = match code {
        PRODUCT_ARCHIVED | PRICE_ARCHIVED => {
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
    async fn a_shared_price_is_fixed_here_alone_with_the_right_id() {
        let run = scenario("price-shared-and-right-on-worker").await;
        run.finds(CHECK, "shared");
        let fix = run.fix(CHECK);
        assert!(fix.summary.contains("Set STRIPE_PRICE_ID_ENTERPRISE to price_1Rlivecme7LaunchEntMonth"), "{fix:?}");
        assert!(fix.commands.is_empty(), "{fix:?}");
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

//! `stripe/price-mode`.

use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Found, Refusal};

check! {
    /// Every price ID exists for this key, in this mode.
    ///
    /// ## Why it matters
    /// Stripe keeps test and live objects apart, and gives a copied product new IDs. With an ID of the other mode, Checkout
    /// fails for every customer of that tier with "No such price".
    ///
    /// ## How it is verified
    /// `GET /v1/prices/{id}` with the key, for every price of every paid tier. It is the operator's copy of the ID that is
    /// asked for; `worker/checkout` proves the one that the Worker has.
    ///
    /// ## Findings
    /// - `other-mode`: the price exists, but in the other mode.
    /// - `other-account`: the ID was made by another Stripe account or sandbox.
    /// - `not-found`: there is no such price.
    ///
    /// ## How to mend it
    /// Copy the price's ID from its product's page in the dashboard, in the right mode, and set it in the environment and on
    /// the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PriceNotFound],
        subjects: offers,
        run
    };
}

async fn run(world: &World, subject: Offer<'_>, outcome: &mut Outcome) -> Answered {
    outcome.settle(judged(world, subject).await?);
    Ok(())
}

async fn judged(world: &World, offer: Offer<'_>) -> Result<Verdict, NoAnswer> {
    let wanted = world.config().project.mode;
    let refusal = match world.stripe().find_price(&offer).await? {
        Found::Here(price) if Mode::of_livemode(price.value.livemode) == wanted => {
            return Ok(Verdict::Pass(format!("{} exists in {} mode", price.value.id, wanted.word())));
        }
        Found::Here(price) => {
            let found = Mode::of_livemode(price.value.livemode);
            let evidence = price.answer.evidence("livemode", price.value.livemode.to_string());
            return Ok(other_mode(world, &offer, found, evidence).await.into());
        }
        Found::Missing(refusal) => refusal,
    };
    Ok(match refusal.other_mode() {
        Some(found) => other_mode(world, &offer, found, refusal.evidence()).await,
        None => missing(world, &offer, &refusal).await,
    }
    .into())
}

async fn other_mode(world: &World, offer: &Offer<'_>, found: Mode, evidence: Evidence) -> Finding {
    let name = &offer.price.price_id.name;
    let wanted = world.config().project.mode;
    Finding {
        code: "other-mode",
        severity: Severity::Failure,
        message: format!("{name} is a {}-mode price, and the key is of {} mode.", found.word(), wanted.word()),
        expected: format!("a {}-mode price", wanted.word()),
        actual: format!("{}, a {}-mode price", offer.id(), found.word()),
        evidence: vec![evidence],
        fix: fix(world, offer).await,
    }
}

async fn missing(world: &World, offer: &Offer<'_>, refusal: &Refusal) -> Finding {
    let name = &offer.price.price_id.name;
    let (code, message) = match world.stripe().foreign_account(offer.id()).await {
        Some(account) => (
            "other-account",
            format!(
                "{name} was made by another Stripe account or sandbox: its ID does not carry the end of {account}."
            ),
        ),
        None => ("not-found", format!("{name} names a price that does not exist.")),
    };
    Finding {
        code,
        severity: Severity::Failure,
        message,
        expected: "a price that exists for this key".to_owned(),
        actual: offer.id().to_owned(),
        evidence: vec![refusal.evidence()],
        fix: fix(world, offer).await,
    }
}

/// Names the price that is meant, where just one on sale has the tier's terms.
async fn fix(world: &World, offer: &Offer<'_>) -> Fix {
    let name = &offer.price.price_id.name;
    let prices = world.stripe().recurring_prices().await.map(|listed| listed.items).unwrap_or_default();
    let mut suitable = prices.iter().filter(|price| price.suits(offer));
    let page = world.stripe().dashboard("products");
    let fix = match (suitable.next(), suitable.next()) {
        (Some(price), None) => {
            let product =
                price.product().map_or_else(String::new, |product| format!(" (on the product \"{}\")", product.name));
            Fix::new(format!("Set {name} to {}{product}, in the environment and on the Worker.", price.id))
        }
        _ => Fix::new(format!(
            "Copy the ID of the price of {} a {} for {}, and set {name} in the environment and on the Worker.",
            offer.price.money,
            offer.term(),
            offer.tier.name
        )),
    };
    fix.link(page).command(world.secret_put(name))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn finds_a_test_mode_price_and_names_the_live_one() {
        let run = scenario("price-test-mode").await;
        run.finds(CHECK, "other-mode");
        assert!(run.fix(CHECK).summary.contains("Set STRIPE_PRICE_ID_PRO to price_1"), "{:?}", run.fix(CHECK));
    }

    #[tokio::test]
    async fn finds_a_price_that_does_not_exist() {
        scenario("price-unknown").await.finds(CHECK, "not-found");
    }

    #[tokio::test]
    async fn finds_a_price_of_another_account() {
        scenario("price-other-account").await.finds(CHECK, "other-account");
    }
}

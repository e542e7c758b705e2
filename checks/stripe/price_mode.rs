//! `stripe/price-mode`.

use super::live_copy::live_copy;
use super::terms::{only_match, set};
use crate::check::prelude::*;
use crate::config::Mode;
use crate::world::{Found, StripeError};

check! {
    /// Every price ID exists for this key, in this mode.
    ///
    /// ## Why it matters
    /// Stripe keeps test and live objects apart, and a product copied to live mode gets new IDs. With an ID of the other mode,
    /// Checkout fails for every customer of that tier with "No such price".
    ///
    /// ## How it is verified
    /// `GET /v1/prices/{id}` with the key, for every price of every paid tier. This checks your copy of the ID;
    /// `worker/checkout` checks the one that the Worker has.
    ///
    /// ## How to fix it
    /// Copy the price ID from its product's page in the dashboard, in the right mode, and set it in your environment and on
    /// the Worker.
    pub const CHECK = Check {
        need: Need::Required,
        sends: "",
        owns: [PriceNotFound],
        subjects: offers,
        run
    };
}

codes! {
    /// The price exists, but in the other mode.
    OTHER_MODE: Failure(Money),
    /// The ID comes from another Stripe account or a sandbox.
    OTHER_ACCOUNT: Failure(Money),
    /// There is no such price.
    NOT_FOUND: Failure(Money),
}

async fn run(world: &World, offer: Offer<'_>, outcome: &mut Outcome) -> Answered {
    let wanted = world.config().project.mode;
    let finding = match world.stripe().find_price(&offer).await? {
        Found::Here(price) => {
            let found = price.value.mode()?;
            if found == wanted {
                outcome.pass(format!("{} exists in {} mode", price.value.id, wanted.word()));
                return Ok(());
            }
            let evidence = price.answer.evidence("livemode", (found == Mode::Live).to_string());
            other_mode(world, &offer, found, evidence).await
        }
        Found::Missing(error) => match error.other_mode() {
            Some(found) => other_mode(world, &offer, found, error.evidence()).await,
            None => missing(world, &offer, &error).await,
        },
    };
    outcome.find(finding);
    Ok(())
}

async fn other_mode(world: &World, offer: &Offer<'_>, found: Mode, evidence: Evidence) -> Finding {
    let name = &offer.price.price_id.name;
    let key = &world.config().stripe.secret_key.name;
    let wanted = world.config().project.mode;
    Finding {
        code: OTHER_MODE,
        message: format!(
            "{name} is a {}-mode price, but {key} is a {} key. Checkout will fail for every {} customer.",
            found.word(),
            wanted.word(),
            offer.tier.name
        ),
        expected: format!("a {}-mode price", wanted.word()),
        actual: format!("{}, a {}-mode price", offer.id(), found.word()),
        evidence: vec![evidence],
        fix: match right_price(world, offer).await {
            Some(fix) => fix,
            None => create_price(world, offer).await.unwrap_or_else(|| by_hand(world, offer)),
        },
    }
}

async fn missing(world: &World, offer: &Offer<'_>, error: &StripeError) -> Finding {
    let name = &offer.price.price_id.name;
    let (code, message, fix) = match world.stripe().foreign_account(offer.id()).await {
        Some(account) => (
            OTHER_ACCOUNT,
            format!("{name} comes from another Stripe account or a sandbox, not from {account}. Checkout will fail."),
            // Without `stripe.account`, the key may be the wrong one of the two.
            right_price(world, offer).await.filter(|_| world.config().stripe.account.is_some()),
        ),
        None => (
            NOT_FOUND,
            format!(
                "{name} is set to a price that does not exist. Checkout will fail for every {} customer.",
                offer.tier.name
            ),
            right_price(world, offer).await,
        ),
    };
    Finding {
        code,
        message,
        expected: "a price that exists for this key".to_owned(),
        actual: offer.id().to_owned(),
        evidence: vec![error.evidence()],
        fix: fix.unwrap_or_else(|| by_hand(world, offer)),
    }
}

/// Names the right price, if exactly one belongs to the tier.
async fn right_price(world: &World, offer: &Offer<'_>) -> Option<Fix> {
    let price = only_match(world, offer).await?;
    let (name, product) = (&offer.price.price_id.name, price.product_name());
    let fix = Fix::new(format!(
        "Set {name} to {} (on the product \"{product}\"), in your environment and on the Worker.",
        price.id
    ));
    let link = world.stripe().dashboard(&format!("prices/{}", price.id));
    Some(set(world, fix, offer, NewValue::Known(price.id)).link(link))
}

/// Creates the price as it is in test mode.
async fn create_price(world: &World, offer: &Offer<'_>) -> Option<Fix> {
    let new = live_copy(world, offer).await?;
    let name = &offer.price.price_id.name;
    let (what, id) = match new.resource {
        StripeResource::Product => ("product and its price", "default_price"),
        _ => ("price", "id"),
    };
    let fix = Fix::new(format!(
        "Create the {what} of {} in live mode. Set {name} to the new price, in your environment and on the Worker.",
        offer.terms()
    ));
    let id = NewValue::Created(new.created(id));
    Some(match world.local_value(&offer.price.price_id, id.clone()) {
        Some(_) => set(world, fix.then(new), offer, id),
        None => fix.by_hand(new).then(world.entered_secret(name)),
    })
}

fn by_hand(world: &World, offer: &Offer<'_>) -> Fix {
    let name = &offer.price.price_id.name;
    Fix::new(format!(
        "Copy the ID of the price of {} for {}, and set {name} in your environment and on the Worker.",
        offer.terms(),
        offer.tier.name
    ))
    .then(world.entered_secret(name))
    .link(world.stripe().dashboard("products"))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn the_fix_for_a_test_mode_price_names_the_live_one() {
        let run = scenario("price-test-mode").await;
        assert!(run.fix(CHECK).summary.contains("Set STRIPE_PRICE_ID_PRO to price_1"), "{:?}", run.fix(CHECK));
    }
}

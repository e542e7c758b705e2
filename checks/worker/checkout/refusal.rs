//! A request for a session that the Worker answers with an error.

use super::super::fixes;
use super::{
    CUSTOMER, KEY, PRICE, PRICE_UNSET, REFUSED, blame_price_variable, finding, other_account, other_mode, price_ids,
    put_price, seller,
};
use crate::check::prelude::*;
use crate::config::Tier;
use crate::world::{CheckoutAnswer, CheckoutProblem, Checkouts, RouteFailure};

/// Whether the Worker gives the same unexplained error for every tier: one cause, and no tier's.
pub(super) fn is_for_all(paid: &[&Tier], checkouts: &Checkouts) -> bool {
    let words = |tier: &&Tier| match checkouts.of(tier) {
        Some(Ok(CheckoutAnswer::Refused(CheckoutProblem::Unexplained, failure))) => Some(failure.words()),
        _ => None,
    };
    let words: Vec<Option<String>> = paid.iter().map(words).collect();
    words.len() > 1 && words[0].is_some() && words.iter().all(|other| *other == words[0])
}

/// The finding for a request that the Worker answered with an error.
pub(super) async fn judge(
    world: &World,
    tier: &Tier,
    is_for_all: bool,
    problem: &CheckoutProblem,
    failure: &RouteFailure,
) -> Answered<Finding> {
    let (name, evidence) = (&tier.name, failure.evidence.clone());
    Ok(match problem {
        CheckoutProblem::OtherMode => other_mode(world, evidence),
        CheckoutProblem::OtherAccount => other_account(world, false, evidence),
        CheckoutProblem::KeyRejected => {
            let message = "Stripe rejects the Worker's key, so checkout fails for every customer.".to_owned();
            finding(KEY, message, "a key that Stripe accepts", evidence, fixes::stripe_key(world))
        }
        CheckoutProblem::PriceUnset => {
            let message = format!("The Worker has no price ID for tier {name}, so customers cannot buy it.");
            finding(PRICE_UNSET, message, &price_ids(tier), evidence, put_price(world, tier))
        }
        CheckoutProblem::UnknownPrice(id) => {
            blame_price_variable(world, tier).await?;
            let mode = world.config().project.mode.word();
            let message = format!(
                "The Worker uses price {id} for tier {name}, which does not exist in {mode} mode: checkout fails."
            );
            finding(PRICE, message, &price_ids(tier), evidence, put_price(world, tier))
        }
        CheckoutProblem::UnknownCustomer(id) => {
            let message = format!("The Worker checks out with customer {id}, which does not exist for its Stripe key.");
            finding(CUSTOMER, message, "a customer that exists", evidence, fixes::unknown_customer(world))
        }
        CheckoutProblem::Tax => seller::tax(world, evidence).await,
        CheckoutProblem::ManagedPayments => seller::refused(world, evidence),
        CheckoutProblem::UnknownConfiguration(_) | CheckoutProblem::Unexplained => {
            let what = if is_for_all { "any tier".to_owned() } else { format!("tier {name}") };
            let message = format!("The Worker creates no Checkout Session for {what}: {}.", failure.words());
            finding(REFUSED, message, "a Checkout Session", evidence, fixes::route(world, failure))
        }
    })
}

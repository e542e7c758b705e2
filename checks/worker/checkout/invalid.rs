//! What customers see of requests that cannot be sold.

use super::super::fixes;
use super::{INVALID_REQUEST, finding, of_part};
use crate::check::prelude::*;
use crate::world::{Answer, Checkouts};

/// Judges the answers to requests that the Worker must reject.
pub(super) fn judge(world: &World, checkouts: &Checkouts, outcome: &mut Outcome) {
    for (request, answer) in &checkouts.invalid {
        let what = request.words();
        let Some(answer) = outcome.ask(answer.clone().map_err(|why| of_part(&format!("the request {what}"), why)))
        else {
            continue;
        };
        match problem(&answer, what) {
            Some(message) => {
                let summary = "Check the request before you call Stripe, and answer 400 with your own words.";
                let evidence = answer.evidence("answer", format!("{} {}", answer.status, answer.excerpt()));
                outcome.find(finding(INVALID_REQUEST, message, "4xx", evidence, fixes::deploy(world, summary)));
            }
            None => outcome.pass(format!("a request {what} is rejected with {}", answer.status)),
        }
    }
}

fn problem(answer: &Answer, what: &str) -> Option<String> {
    if answer.shows_stripe_error() {
        return Some(format!("A checkout request {what} shows customers Stripe's own error message."));
    }
    let status = answer.status;
    match status {
        400..=499 => None,
        // A route that redirects customers to Checkout redirects the others to a page with the reason.
        300..=399 if !answer.redirects_to_session() => None,
        500.. => {
            Some(format!("A checkout request {what} makes the Worker fail with {status} instead of rejecting it."))
        }
        _ => Some(format!("The Worker answers {status} to a checkout request {what} instead of rejecting it.")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::CHECK;
    use crate::check::testing::scenario;

    #[tokio::test]
    async fn a_session_for_an_unknown_tier_is_expired_too() {
        let run = scenario("checkout-any-tier").await;
        run.warns(CHECK, "invalid-request");
        let made = run.effect("stripe.checkout_session.created");
        assert_eq!((made, run.effect("stripe.checkout_session.expired")), (4, 4), "{:?}", run.effects());
    }
}

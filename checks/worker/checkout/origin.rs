//! Where the Worker sends customers who come from a foreign `Origin`.

use super::super::fixes;
use super::{OPEN_REDIRECT, changed, finding};
use crate::check::prelude::*;
use crate::world::{CheckoutAnswer, FOREIGN_ORIGIN};

/// Judges the answer to a request with a foreign `Origin`.
pub(super) fn judge(world: &World, answer: &CheckoutAnswer, outcome: &mut Outcome) -> Answered {
    match answer {
        CheckoutAnswer::ChangedSubscription(subscription, answer) => {
            outcome.find(changed(world, subscription.as_deref(), answer));
        }
        CheckoutAnswer::Session { session, .. } => {
            let urls = session.value.addresses();
            let mut urls = urls.iter().filter_map(|(field, url)| Some((*field, url.value()?))).peekable();
            if urls.peek().is_none() {
                Err(NoAnswer::Unknown(format!("{} has no return URL", session.value.id)))?;
            }
            let Some((field, url)) = urls.find(|(_, url)| url.starts_with(FOREIGN_ORIGIN)) else {
                outcome.pass("a request with a foreign Origin returns to the Worker's own frontend");
                return Ok(());
            };
            let message = "The Worker sends customers back to any Origin that the request names: an open redirect.";
            let summary = "Take the return URLs from the configuration, or from a list of allowed origins.";
            let evidence = session.answer.evidence(format!("{field} of {}", session.value.id), url.clone());
            outcome.find(finding(
                OPEN_REDIRECT,
                message.to_owned(),
                "the frontend's address",
                evidence,
                fixes::deploy(world, summary),
            ));
        }
        CheckoutAnswer::Refused(_, failure) if failure.answer.as_ref().is_some_and(|answer| answer.status < 500) => {
            outcome.pass("a request with a foreign Origin is rejected");
        }
        CheckoutAnswer::Refused(_, failure) => Err(NoAnswer::Unknown(failure.words()))?,
        CheckoutAnswer::NoSession(answer) => {
            Err(NoAnswer::Unknown(format!("{} without a Checkout Session", answer.status)))?;
        }
        CheckoutAnswer::OtherMode(id, _) | CheckoutAnswer::OtherAccount(id, _) => {
            Err(NoAnswer::Unknown(format!("{id} cannot be read back, unlike the session before")))?;
        }
    }
    Ok(())
}

//! The customer portal, opened by the Worker.

use std::sync::Arc;

use serde_json::Value;

use super::checkout::{CheckoutProblem, problem_in};
use super::{Answer, NoAnswer, Route, RouteFailure, Symptom, Worker};
use crate::config::Mode;
use crate::finding::Answered;
use crate::pattern::patterns;
use crate::world::Token;
use crate::world::id::{CustomerId, HolderId};
use crate::world::step::Step;

/// The Worker's answer when it is asked to open the portal for the canary.
#[derive(Debug, Clone)]
pub enum PortalAnswer {
    /// The canary, or its organization, is not a customer, so the Worker was not asked.
    NotACustomer,
    /// It opens. The address is not kept: anyone who has it is signed in.
    Opened(Arc<Answer>),
    /// It opens in the other mode.
    OtherMode(Arc<Answer>),
    /// The canary's customer does not exist for the Worker's key.
    UnknownCustomer(String, RouteFailure),
    /// The Worker's portal configuration does not exist for its key.
    UnknownConfiguration(String, RouteFailure),
    /// It does not open, for another reason.
    Refused(RouteFailure),
}

impl Worker<'_> {
    /// Asks the Worker to open the portal for the canary.
    ///
    /// # Errors
    /// Unknown if the answer is not a portal's address, and blocked if another check reports why the portal does not open.
    pub async fn portal(self) -> Answered<PortalAnswer> {
        self.world.leave_no_trace()?;
        let clerk = self.world.clerk();
        let canary = clerk.known_canary().await?;
        let customer = canary.public_metadata()?.get(&self.world.config.clerk.customer_key).and_then(Value::as_str);
        let Some(customer) = customer.filter(|customer| !customer.is_empty()) else {
            return Ok(PortalAnswer::NotACustomer);
        };
        let customer = CustomerId::parse(customer).map_err(|malformed| malformed.in_place("the canary's metadata"))?;
        let holder = clerk.canary_holder_id()?;
        let token = clerk.any_token().await?;
        self.portal_of(&customer, &holder, &token).await
    }

    /// Asks the Worker to open the portal for the canary, which is this customer.
    pub(in crate::world) async fn portal_of(
        self,
        customer: &CustomerId,
        holder: &HolderId,
        token: &Token,
    ) -> Answered<PortalAnswer> {
        let door = self.world.leave_no_trace()?;
        let headers = Self::headers_from(self.origin().as_deref());
        let credential = Some(self.credential(token));
        let asked = door.take(Step::Portal { customer, holder }, headers, credential).await?;
        match self.answer(Route::Portal, asked).await? {
            Ok(answer) if answer.is_success() => match session_mode(&answer) {
                Some(mode) if mode != self.world.config.project.mode => {
                    self.blame(Symptom::PortalInOtherMode).await?;
                    Ok(PortalAnswer::OtherMode(answer))
                }
                Some(_) => Ok(PortalAnswer::Opened(answer)),
                None => {
                    let words = "the Worker's answer does not contain the address of a customer portal session";
                    Err(NoAnswer::unknown(format!("{words} ({})", answer.request)))
                }
            },
            Ok(answer) => self.not_opened(RouteFailure::of(Route::Portal, &answer)).await,
            Err(failure) => self.not_opened(failure).await,
        }
    }

    async fn not_opened(self, failure: RouteFailure) -> Answered<PortalAnswer> {
        let Some(answer) = failure.answer.clone() else { return Ok(PortalAnswer::Refused(failure)) };
        self.blame(Symptom::NoPortal(&answer)).await?;
        Ok(match problem_in(&answer.text(), self.world.config.project.mode, &[]) {
            CheckoutProblem::UnknownCustomer(customer) => PortalAnswer::UnknownCustomer(customer, failure),
            CheckoutProblem::UnknownConfiguration(id) => PortalAnswer::UnknownConfiguration(id, failure),
            _ => PortalAnswer::Refused(failure),
        })
    }
}

patterns! {
    ADDRESS = r"https://[^\s\x22]+/p/session/(live|test)_";
}

/// The mode in the address of a portal session: `…/p/session/live_…`.
fn session_mode(answer: &Answer) -> Option<Mode> {
    ADDRESS.captures(&answer.text()).map(|found| Mode::of_livemode(&found[1] == "live"))
}

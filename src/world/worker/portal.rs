//! The customer portal, opened by the Worker.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use serde_json::Value;

use super::super::id::{CustomerId, UserId};
use super::super::step::Step;
use super::super::transport::Answer;
use super::checkout::{NoSale, cause};
use super::{Breakdown, NoAnswer, Route, Worker};
use crate::config::Mode;
use crate::pattern::patterns;

/// What came of asking the Worker to open the portal for the canary.
#[derive(Debug, Clone)]
pub enum Portal {
    /// The canary is no customer, so there is nothing to open.
    NotACustomer,
    /// It opens; the address itself lets anybody in who has it, and is not kept.
    Opened(Arc<Answer>),
    /// It opens in the other mode.
    OtherMode(Arc<Answer>),
    /// The canary's customer does not exist for the Worker's key.
    UnknownCustomer(String, Breakdown),
    /// The Worker's portal configuration does not exist for its key.
    UnknownConfiguration(String, Breakdown),
    /// It does not open, for a reason of its own.
    Refused(Breakdown),
}

impl Worker<'_> {
    /// Has the Worker open the portal for the canary; asked by `worker/portal`.
    ///
    /// # Errors
    /// Where nobody can tell, or it is another check's finding.
    pub async fn portal(self) -> Result<Portal, NoAnswer> {
        let door = self.world.leave_no_trace()?;
        let clerk = self.world.clerk();
        let canary = clerk.known_canary().await?;
        let customer = canary.public_metadata()?.get(&self.world.config.clerk.customer_key).and_then(Value::as_str);
        let Some(customer) = customer.filter(|customer| !customer.is_empty()) else { return Ok(Portal::NotACustomer) };
        let customer = CustomerId::parse(customer).map_err(|malformed| malformed.in_place("the canary's metadata"))?;
        let user = UserId::parse(&canary.id).map_err(|malformed| malformed.in_place("Clerk's answer"))?;
        let token = clerk.any_token().await?;
        let origin = self.origin().and_then(|origin| HeaderValue::from_str(&origin).ok());
        let headers: HeaderMap = origin.map(|origin| (ORIGIN, origin)).into_iter().collect();
        let credential = Some(token.credential(&self.world.config.worker.url));
        let asked = door.take(Step::Portal { customer: &customer, user: &user }, headers, credential).await?;
        match self.heard(Route::Portal, asked).await? {
            Ok(answer) if answer.is_success() => match session_mode(&answer) {
                Some(mode) if mode != self.world.config.project.mode => {
                    self.has_the_right_key().await?;
                    Ok(Portal::OtherMode(answer))
                }
                Some(_) => Ok(Portal::Opened(answer)),
                None => {
                    let words = "the Worker answered with something that is no address of the customer portal";
                    Err(NoAnswer::unknown(format!("{words} ({})", answer.request)))
                }
            },
            Ok(answer) => Box::pin(self.refused(Breakdown::of(&answer))).await,
            Err(breakdown) => Box::pin(self.refused(breakdown)).await,
        }
    }

    async fn refused(self, breakdown: Breakdown) -> Result<Portal, NoAnswer> {
        let Some(answer) = breakdown.answer.clone() else { return Ok(Portal::Refused(breakdown)) };
        if matches!(answer.status, 401 | 403) {
            self.takes_the_token().await?;
        }
        self.asks_who_it_is().await?;
        self.has_the_right_key().await?;
        // A portal that is not there to be opened is another check's finding.
        self.world.stripe().portal().await?;
        self.yields_to_bindings(&[&self.world.config.stripe.portal_configuration.name]).await?;
        Ok(match cause(&answer.text(), self.world.config.project.mode, &[]) {
            NoSale::UnknownCustomer(customer) => Portal::UnknownCustomer(customer, breakdown),
            NoSale::UnknownConfiguration(id) => Portal::UnknownConfiguration(id, breakdown),
            _ => Portal::Refused(breakdown),
        })
    }
}

patterns! {
    ADDRESS = r"https://[^\s\x22]+/p/session/(live|test)_";
}

/// The mode that a portal session's address names: `…/p/session/live_…`.
fn session_mode(answer: &Answer) -> Option<Mode> {
    ADDRESS.captures(&answer.text()).map(|found| Mode::of_livemode(&found[1] == "live"))
}

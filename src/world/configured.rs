//! The requests that the configuration itself asks for (`[[probe]]`).

use std::sync::Arc;

use reqwest::Method;

use super::transport::{Answer, Failure, Party};
use super::{NoAnswer, World};
use crate::config::Probe;

impl World {
    /// Makes the request of a `[[probe]]`, once in a run. A network error is a finding.
    ///
    /// # Errors
    /// Unknown if nothing was sent, or if no provider can be reached either.
    pub async fn probe(&self, probe: &Probe) -> Result<Result<Arc<Answer>, Arc<Failure>>, NoAnswer> {
        let headers = probe.headers.clone();
        let asked = if probe.method == Method::GET && headers.is_empty() {
            self.reads().get(Party::Elsewhere, probe.url.clone(), headers, None).await
        } else {
            self.requests_of_the_user(probe)?.ask(probe, headers).await
        };
        match asked {
            Ok(answer) => Ok(Ok(answer)),
            Err(failure) => {
                self.is_to_blame(&failure).await?;
                Ok(Err(failure))
            }
        }
    }

    /// Whether a network error is a finding about the other side.
    ///
    /// # Errors
    /// Unknown if nothing was sent, or if no provider can be reached either, so that this machine may be the cause.
    pub(super) async fn is_to_blame(&self, failure: &Failure) -> Result<(), NoAnswer> {
        if failure.trouble.is_ours() {
            return Err(NoAnswer::Unknown(failure.to_string()));
        }
        let why = match self.is_online().await {
            Some(true) => return Ok(()),
            Some(false) => "No provider could be reached either, so the cause may be this machine's network",
            None => "The cause may be this machine's network. Without a Stripe or Clerk key, preflight cannot tell",
        };
        Err(NoAnswer::Unknown(format!("{failure}. {why}")))
    }
}

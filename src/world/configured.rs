//! What the configuration itself asks for: the user's own requests, and the words of people.

use std::sync::Arc;

use jiff::ToSpan;
use jiff::tz::TimeZone;
use reqwest::Method;

use super::transport::{Answer, Failure, Party};
use super::{NoAnswer, World};
use crate::config::{Manual, Probe};

impl World {
    /// Makes the request of a `[[probe]]`, once in a run. Trouble on the way is a finding.
    ///
    /// # Errors
    /// Where nobody can tell: nothing was sent, or no provider can be reached either.
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

    /// That trouble on the way is a finding about what was to be reached.
    ///
    /// # Errors
    /// Unknown where nothing was sent or where no provider can be reached either, so that it may be this machine's own.
    pub(super) async fn is_to_blame(&self, failure: &Failure) -> Result<(), NoAnswer> {
        if failure.trouble.is_ours() {
            return Err(NoAnswer::Unknown(failure.to_string()));
        }
        if !self.is_online().await {
            return Err(NoAnswer::Unknown(format!(
                "{failure}; and no provider could be reached from this machine either"
            )));
        }
        Ok(())
    }

    /// Who has signed something off and when, in a sentence.
    ///
    /// # Errors
    /// Unknown where nobody has, or where the word no longer holds.
    pub fn sign_off(&self, item: &Manual) -> Result<String, NoAnswer> {
        let place = format!("{}:{}", self.config.path.display(), item.line);
        let (Some(by), Some(on)) = (&item.signed_off_by, item.on) else {
            let how = "look, and set signed_off_by and on";
            return Err(NoAnswer::Unknown(format!("nobody has signed it off: {how} in the [[manual]] at {place}")));
        };
        let today = TimeZone::UTC.to_datetime(self.now).date();
        // Where the day begins first, it is tomorrow already.
        if today.checked_add(1.day()).is_ok_and(|tomorrow| on > tomorrow) {
            return Err(NoAnswer::Unknown(format!("{by} has signed it off on {on}, which is yet to come ({place})")));
        }
        match item.expires {
            Some(expires) if expires < today => Err(NoAnswer::Unknown(format!(
                "the word of {by} held until {expires}: look again, and renew it at {place}"
            ))),
            Some(expires) => Ok(format!("{by} signed it off on {on}, until {expires}")),
            None => Ok(format!("{by} signed it off on {on}")),
        }
    }
}

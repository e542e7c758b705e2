//! The requests that the configuration itself asks for.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::transport::{Answer, Failure, Party};
use super::{NoAnswer, World};
use crate::config::Probe;

impl World {
    /// Makes the request of a `[[probe]]`, once in a run. Trouble on the way is a finding.
    ///
    /// # Errors
    /// Where nobody can tell: nothing was sent, or no provider can be reached either.
    pub async fn probe(&self, probe: &Probe) -> Result<Result<Arc<Answer>, Arc<Failure>>, NoAnswer> {
        let mut headers = HeaderMap::new();
        for (name, value) in &probe.headers {
            // The configuration has refused what cannot be a header.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                headers.append(name, value);
            }
        }
        let asked = if probe.method == "GET" && headers.is_empty() {
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
}

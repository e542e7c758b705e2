//! Requests to pages that the configuration or a provider's settings name.

use std::sync::Arc;

use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use super::transport::{Answer, Failure, Party};
use super::webhook::is_challenge;
use super::{NoAnswer, World};
use crate::config::Probe;

/// The most redirects that are followed.
const REDIRECTS: usize = 5;

/// A page that customers are linked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkedPage {
    /// It answers 200.
    Here,
    /// It answers with another status.
    Status(u16),
    /// It does not answer, and why.
    Unreachable(String),
}

impl World {
    /// Whether a page that customers are linked to is there, at the end of its redirects.
    ///
    /// # Errors
    /// Unknown if no provider can be reached either, or if a bot challenge answers.
    pub async fn linked_page(&self, url: &Url) -> Result<LinkedPage, NoAnswer> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS {
            let answer = match self.reads().get(Party::Elsewhere, url.clone(), HeaderMap::new(), None).await {
                Ok(answer) => answer,
                Err(failure) => {
                    self.is_to_blame(&failure).await?;
                    return Ok(LinkedPage::Unreachable(failure.trouble.to_string()));
                }
            };
            let next = answer.header("location").filter(|_| (300..400).contains(&answer.status));
            match next.and_then(|location| url.join(location).ok()) {
                Some(next) => url = next,
                None if answer.status == 200 => return Ok(LinkedPage::Here),
                None if is_challenge(&answer) || answer.status == 429 => {
                    let why = "a bot challenge or a rate limit, which may be aimed at this machine only";
                    return Err(NoAnswer::Unknown(format!("{url} answered {} with {why}", answer.status)));
                }
                None => return Ok(LinkedPage::Status(answer.status)),
            }
        }
        Ok(LinkedPage::Unreachable(format!("more than {REDIRECTS} redirects")))
    }

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

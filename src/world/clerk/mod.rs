//! Clerk: the backend API, and the frontend API on your own domain.

mod canary;
mod claim_path;
mod domain;
mod holders;
mod instance;
mod sessions;
mod sign_in;
mod template;
mod token;

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::id::ApiPath;
use super::seen::Seen;
use super::transport::{Answer, Credential, Failure, Party};
use super::{NoAnswer, World, key_of_mode, usable};
use crate::config::{Config, mode_of};
use crate::finding::{Answered, Cause};
use crate::holder::HolderKind;

pub use claim_path::{claim_at, nested_claim, set_claim};
pub use domain::{Connection, Record as DnsRecord};
pub use holders::{EmailAddress, Holder, Holders, NEWEST_HOLDERS, PAGE as HOLDERS_ON_A_PAGE};
pub use instance::{Environment, Instance};
pub(super) use sign_in::SignInCell;
pub use template::{ClaimTemplate, JwtTemplate, plan_shortcode, plan_source};
pub use token::{Claims, InvalidToken, PublicKeys, SharedKeys, Token};

/// The version whose shapes the narrow types follow: the newest that `@clerk/backend` is pinned to (docs/providers.md,
/// "Clerk keys and API conventions").
const VERSION: &str = "2026-05-12";

/// Clerk's two APIs, in this run's mode.
#[derive(Debug, Clone, Copy)]
pub struct Clerk<'w> {
    world: &'w World,
    /// Whether questions are asked anew, and their answers are not kept.
    is_past_memo: bool,
}

/// An error response from Clerk.
#[derive(Debug, Clone)]
pub struct ClerkError {
    /// The HTTP status.
    pub status: u16,
    /// The first error's code.
    pub code: String,
    /// Its longer message.
    pub message: String,
    /// The response that holds it.
    pub answer: Arc<Answer>,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<ErrorBody>,
}

#[derive(Deserialize)]
struct ErrorBody {
    code: String,
    message: String,
    long_message: Option<String>,
}

impl ClerkError {
    fn read(answer: Arc<Answer>) -> Answered<Self> {
        let first = serde_json::from_slice::<Errors>(&answer.body).ok().and_then(|body| body.errors.into_iter().next());
        let Some(ErrorBody { code, message, long_message }) = first else {
            return Err(NoAnswer::Unknown(format!(
                "{} answered {} to {} with something that is not a Clerk API error: {}",
                answer.party.name(),
                answer.status,
                answer.request,
                answer.excerpt()
            )));
        };
        let message = long_message.filter(|long| !long.is_empty()).unwrap_or(message);
        let (code, message) = (answer.quote(&code), answer.quote_sentence(&message));
        Ok(Self { status: answer.status, code, message, answer })
    }

    fn unknown(&self) -> NoAnswer {
        let Self { status, code, message, answer } = self;
        NoAnswer::Unknown(format!(
            "{} answered {status} to {} ({code}): {message}",
            answer.party.name(),
            answer.request
        ))
    }
}

/// A page of the Clerk Dashboard, for the instance that was open last.
#[must_use]
pub fn clerk_dashboard(path: &str) -> String {
    format!("https://dashboard.clerk.com/last-active?path={path}")
}

/// The page of a user or an organization in the Clerk Dashboard.
#[must_use]
pub fn holder_page(id: &str) -> String {
    clerk_dashboard(&format!("{}/{id}", HolderKind::of_id(id).plural()))
}

impl World {
    /// Clerk, in this run's mode.
    #[must_use]
    pub const fn clerk(&self) -> Clerk<'_> {
        Clerk { world: self, is_past_memo: false }
    }
}

impl Clerk<'_> {
    /// The same questions, asked anew: for what may have changed.
    pub(crate) const fn past_memo(self) -> Self {
        Self { is_past_memo: true, ..self }
    }

    /// Whether Clerk's backend API answers at all, even with an error. `None` if there is no key to ask with.
    pub(super) async fn reachable(self) -> Option<bool> {
        Some(self.send(&ApiPath::new("/v1/instance")).await.ok()?.is_ok())
    }

    pub(super) fn credential(self) -> Answered<Credential> {
        let key = key_of_mode(&self.world.config.clerk.secret_key, self.world.config.project.mode)?;
        Ok(Credential::new(key, &self.world.config.clerk.api_base))
    }

    async fn send(self, path: &ApiPath) -> Answered<Result<Arc<Answer>, Arc<Failure>>> {
        let (url, credential) = (path.at(&self.world.config.clerk.api_base), Some(self.credential()?));
        let reads = self.world.reads();
        Ok(if self.is_past_memo {
            reads.get_unremembered(Party::Clerk, url, version(), credential).await
        } else {
            reads.get(Party::Clerk, url, version(), credential).await
        })
    }

    /// Asks the backend API, and returns an error of Clerk's as such.
    async fn try_ask(self, path: &ApiPath) -> Answered<Result<Arc<Answer>, ClerkError>> {
        success_or_error(self.send(path).await?.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)
    }

    /// Asks the backend API for JSON. A rejected key is the finding of `clerk/secret-key`.
    async fn ask<T: DeserializeOwned>(self, path: &ApiPath) -> Answered<Seen<T>> {
        let answer = self.answer(path).await?;
        Ok(Seen { value: answer.json()?, answer })
    }

    /// The response to a request with the secret key. A rejected key is the finding of `clerk/secret-key`.
    pub(super) async fn answer(self, path: &ApiPath) -> Answered<Arc<Answer>> {
        accepted(self.send(path).await?)
    }

    /// The URL of the frontend API, from the configuration or from the publishable key.
    /// Blocked if the publishable key cannot be used.
    pub(crate) fn frontend_api(self) -> Answered<Url> {
        let Config { clerk, project, .. } = &self.world.config;
        if clerk.frontend_api.is_none() {
            let key = usable(&clerk.publishable_key)?;
            if mode_of(key).is_some_and(|mode| mode != project.mode) {
                return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
            }
        }
        clerk.frontend_api().ok_or_else(|| NoAnswer::unknown("Clerk's publishable key does not name a frontend API"))
    }

    /// Asks the frontend API. It is on your own domain, so a connection failure is a result and not an error.
    pub(super) async fn frontend(self, path: &ApiPath) -> Answered<Result<Arc<Answer>, Arc<Failure>>> {
        let url = path.at(&self.frontend_api()?);
        Ok(self.world.reads().get(Party::ClerkDomain, url, HeaderMap::new(), None).await)
    }

    /// Asks the frontend API for JSON. A connection failure is the finding of `clerk/domain`.
    async fn ask_frontend<T: DeserializeOwned>(self, path: &ApiPath) -> Answered<Seen<T>> {
        let answer = self.frontend_answer(path).await?;
        Ok(Seen { value: answer.json()?, answer })
    }

    async fn frontend_answer(self, path: &ApiPath) -> Answered<Arc<Answer>> {
        let answer = self.answered(self.frontend(path).await?).await?;
        success_or_error(answer)?.map_err(|error| error.unknown())
    }
}

pub(super) fn version() -> HeaderMap {
    HeaderMap::from_iter([(
        reqwest::header::HeaderName::from_static("clerk-api-version"),
        HeaderValue::from_static(VERSION),
    )])
}

/// Separates success from an error of Clerk's. An error that may pass, such as a rate limit, is unknown.
fn success_or_error(answer: Arc<Answer>) -> Answered<Result<Arc<Answer>, ClerkError>> {
    if answer.is_success() {
        return Ok(Ok(answer));
    }
    let error = ClerkError::read(answer)?;
    if error.status == 429 || error.status >= 500 { Err(error.unknown()) } else { Ok(Err(error)) }
}

/// The response to a request with the secret key. A rejected key is the finding of `clerk/secret-key`.
pub(super) fn accepted(asked: Result<Arc<Answer>, Arc<Failure>>) -> Answered<Arc<Answer>> {
    let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
    success_or_error(answer)?.map_err(|error| blocked_by_key(&error))
}

fn blocked_by_key(error: &ClerkError) -> NoAnswer {
    if error.status == 401 { NoAnswer::Because(Cause::ClerkKeyRejected) } else { error.unknown() }
}

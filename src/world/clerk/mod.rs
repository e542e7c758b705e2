//! Clerk: the backend API, and the frontend API on the customer's own domain.

mod canary;
mod domain;
mod instance;
mod sessions;
mod sign_in;
mod template;
mod token;
mod users;

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::id::ApiPath;
use super::seen::Seen;
use super::transport::{Answer, Credential, Failure, Party};
use super::{NoAnswer, World, key_of_mode, sound};
use crate::config::{Config, Secret, mode_of};
use crate::finding::Cause;

pub use domain::{Connection, Record as DnsRecord};
pub use instance::{Environment, Instance};
pub(super) use sign_in::SignInCell;
pub use template::{JudgedTemplate, TemplateSlip};
pub use token::{Claims, PublicKeys, SharedKeys, Token, TokenSlip};
pub use users::{EmailAddress, NEWEST_USERS, User, Users};

/// The version whose shapes the narrow types follow: the newest that `@clerk/backend` is pinned to (facts.md, B1).
const VERSION: &str = "2026-05-12";

/// Clerk, asked with the secret key of the mode wanted.
#[derive(Debug, Clone, Copy)]
pub struct Clerk<'w> {
    world: &'w World,
}

/// An error of Clerk's.
#[derive(Debug, Clone)]
pub struct ClerkRefusal {
    /// The HTTP status.
    pub status: u16,
    /// The first error's code.
    pub code: String,
    /// Its longer message.
    pub message: String,
    /// The answer that carried it.
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

impl ClerkRefusal {
    fn read(answer: Arc<Answer>) -> Result<Self, NoAnswer> {
        let first = serde_json::from_slice::<Errors>(&answer.body).ok().and_then(|body| body.errors.into_iter().next());
        let Some(ErrorBody { code, message, long_message }) = first else {
            return Err(NoAnswer::Unknown(format!(
                "{} answered {} to {} with something that is no error of its API: {}",
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

    /// That it could not be looked, and why.
    fn unknown(&self) -> NoAnswer {
        let Self { status, code, message, answer } = self;
        NoAnswer::Unknown(format!(
            "{} answered {status} to {} ({code}): {message}",
            answer.party.name(),
            answer.request
        ))
    }
}

impl World {
    /// Clerk in the mode wanted.
    #[must_use]
    pub const fn clerk(&self) -> Clerk<'_> {
        Clerk { world: self }
    }
}

impl<'w> Clerk<'w> {
    /// Whether Clerk answers at all, whatever it answers.
    pub(super) async fn reachable(self) -> bool {
        self.send(&ApiPath::new("/v1/instance")).await.is_ok()
    }

    fn key(self) -> Result<&'w Secret, NoAnswer> {
        key_of_mode(&self.world.config.clerk.secret_key, self.world.config.project.mode)
    }

    fn credential(self, key: &Secret) -> Credential {
        Credential::new(key, &self.world.config.clerk.api_base)
    }

    async fn send(self, path: &ApiPath) -> Result<Arc<Answer>, NoAnswer> {
        let key = self.key()?;
        let (url, credential) = (path.at(&self.world.config.clerk.api_base), self.credential(key));
        let asked = self.world.reads().get(Party::Clerk, url, version(), Some(credential)).await;
        asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
    }

    /// Asks the backend API, and tells an answer from a refusal.
    async fn raw(self, path: &ApiPath) -> Result<Result<Arc<Answer>, ClerkRefusal>, NoAnswer> {
        judged(self.send(path).await?)
    }

    /// Asks the backend API as every check but `clerk/secret-key` does.
    async fn ask<T: DeserializeOwned>(self, path: &ApiPath) -> Result<Seen<T>, NoAnswer> {
        let answer = self.answer(path).await?;
        Ok(Seen { value: answer.json()?, answer })
    }

    async fn answer(self, path: &ApiPath) -> Result<Arc<Answer>, NoAnswer> {
        self.raw(path).await?.map_err(|refusal| blocked_by_key(&refusal))
    }

    /// Where the frontend API is: what the configuration says, or what the publishable key says.
    ///
    /// # Errors
    /// Blocked where the publishable key is another check's finding.
    pub fn frontend_api(self) -> Result<Url, NoAnswer> {
        let Config { clerk, project, .. } = &self.world.config;
        if clerk.frontend_api.is_none() {
            let key = sound(&clerk.publishable_key)?;
            if mode_of(key).is_some_and(|mode| mode != project.mode) {
                return Err(NoAnswer::Because(Cause::KeyOfOtherMode));
            }
        }
        clerk.frontend_api().ok_or_else(|| NoAnswer::unknown("Clerk's publishable key does not name a frontend API"))
    }

    /// Asks the frontend API. It is on the customer's own domain, so trouble on the way is told from an answer.
    ///
    /// # Errors
    /// Where the frontend API's address is not known.
    pub(super) async fn frontend(self, path: &ApiPath) -> Result<Result<Arc<Answer>, Arc<Failure>>, NoAnswer> {
        let url = path.at(&self.frontend_api()?);
        Ok(self.world.reads().get(Party::ClerkDomain, url, HeaderMap::new(), None).await)
    }

    /// Asks the frontend API as every check does that does not judge its domain.
    async fn ask_frontend<T: DeserializeOwned>(self, path: &ApiPath) -> Result<Seen<T>, NoAnswer> {
        let answer = self.frontend_answer(path).await?;
        Ok(Seen { value: answer.json()?, answer })
    }

    async fn frontend_answer(self, path: &ApiPath) -> Result<Arc<Answer>, NoAnswer> {
        let answer = self.answered(self.frontend(path).await?).await?;
        judged(answer)?.map_err(|refusal| refusal.unknown())
    }
}

fn version() -> HeaderMap {
    HeaderMap::from_iter([(
        reqwest::header::HeaderName::from_static("clerk-api-version"),
        HeaderValue::from_static(VERSION),
    )])
}

/// Tells success from refusal; what may pass by itself is neither.
fn judged(answer: Arc<Answer>) -> Result<Result<Arc<Answer>, ClerkRefusal>, NoAnswer> {
    if answer.is_success() {
        return Ok(Ok(answer));
    }
    let refusal = ClerkRefusal::read(answer)?;
    if refusal.status == 429 || refusal.status >= 500 { Err(refusal.unknown()) } else { Ok(Err(refusal)) }
}

fn blocked_by_key(refusal: &ClerkRefusal) -> NoAnswer {
    if refusal.status == 401 { NoAnswer::Because(Cause::ClerkKeyRejected) } else { refusal.unknown() }
}

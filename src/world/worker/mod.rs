//! The Worker's routes for customers, asked as the frontend asks them.

mod auth;
mod blame;
mod checkout;
mod cors;
mod forgery;
mod missing;
mod portal;
pub(super) mod route;
mod symptom;
mod tiers;
mod usage;

use std::borrow::Cow;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use url::Url;

use super::transport::{Answer, Asked, Credential};
use super::{NoAnswer, Token, World};
use crate::config::{Choice, Mode, Secret, TokenPlace, filled_path};
use crate::finding::Answered;

pub use auth::{Forgery, ForgeryResponse};
pub(super) use checkout::OpenSessions;
pub use checkout::{CheckoutAnswer, CheckoutProblem, Checkouts};
pub use cors::CorsHeaders;
pub use missing::{MissingNames, listed_as_missing};
pub use portal::PortalAnswer;
pub use route::{Route, RouteFailure};
pub use symptom::Symptom;
pub use tiers::{AnnouncedTier, AnnouncedTiers};
pub use usage::{GrantedUsage, UsageAnswer};

/// An origin that no Worker should allow.
pub const FOREIGN_ORIGIN: &str = "https://preflight-foreign-origin.example";

/// The Worker, asked as its customers' browsers ask it.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'w> {
    world: &'w World,
}

/// The Worker's answer, or a failure that no other check reports.
pub type RouteAnswer = Result<Arc<Answer>, RouteFailure>;

impl World {
    /// The Worker.
    #[must_use]
    pub const fn worker(&self) -> Worker<'_> {
        Worker { world: self }
    }
}

impl<'w> Worker<'w> {
    /// Why a check does not apply, if this Worker does not offer the route.
    #[must_use]
    pub fn lacks(self, route: Route) -> Option<String> {
        let is_missing = self.path(route).is_none();
        is_missing.then(|| format!("worker.{} is false: this Worker has no such route", route.key()))
    }

    /// The health route's answer.
    ///
    /// # Errors
    /// Blocked if another check reports why the route fails.
    pub async fn health(self) -> Answered<RouteAnswer> {
        let asked = self.get(Route::Health, None).await?;
        self.answer(Route::Health, asked).await
    }

    fn path(self, route: Route) -> Option<Cow<'w, str>> {
        let config = &self.world.config.worker;
        let path = match route {
            Route::Health => &config.health,
            Route::Tiers => &config.tiers,
            Route::Usage => &config.usage,
            Route::Checkout => {
                let choice = self.world.config.paid_tiers().next().map_or_else(Choice::unknown, Choice::of);
                let choice = choice.by_canary(&self.world.config.clerk);
                return config.checkout.as_ref().map(|route| route.request(&choice).path.into());
            }
            Route::Portal => &config.portal,
            Route::Metered => &config.metered,
        };
        let canary = || Choice::default().by_canary(&self.world.config.clerk);
        path.as_deref().map(|path| if path.contains('{') { filled_path(path, &canary()).into() } else { path.into() })
    }

    pub(super) fn url(self, route: Route) -> Answered<Url> {
        let path = self.path(route).ok_or_else(|| NoAnswer::unknown(format!("worker.{} is false", route.key())))?;
        self.names_the_canary(route)?;
        self.url_of(route, &path)
    }

    /// Whether the IDs in a route's path are known. Unknown if the path needs one that is not set.
    fn names_the_canary(self, route: Route) -> Answered {
        let config = &self.world.config.worker;
        let path = match route {
            Route::Usage => &config.usage,
            Route::Portal => &config.portal,
            Route::Metered => &config.metered,
            // Checkout is only asked for with the canary's token.
            Route::Health | Route::Tiers | Route::Checkout => return Ok(()),
        };
        let needs = |word| path.as_ref().is_some_and(|path| path.contains(word));
        let clerk = self.world.clerk();
        if needs("{user}") {
            clerk.canary_user_id()?;
        }
        if needs("{organization}") {
            clerk.canary_holder_id()?;
        }
        Ok(())
    }

    /// The URL of a route's path in which placeholders are filled in.
    pub(super) fn url_of(self, route: Route, path: &str) -> Answered<Url> {
        let url = self.world.config.worker.url.join(path);
        url.map_err(|error| NoAnswer::unknown(format!("worker.{} is not a path: {error}", route.key())))
    }

    /// A user's token, where this Worker reads it.
    pub(super) fn credential(self, token: &Token) -> Credential {
        self.credential_of(token.secret())
    }

    /// A token or what pretends to be one, where this Worker reads tokens.
    fn credential_of(self, token: &Secret) -> Credential {
        let config = &self.world.config;
        let credential = Credential::new(token, &config.worker.url);
        match config.worker.auth {
            TokenPlace::Bearer => credential,
            TokenPlace::Cookie => credential.in_session_cookies(config.project.mode == Mode::Test),
        }
    }

    /// The origin that the customers' browsers send.
    fn origin(self) -> Option<String> {
        self.world.config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization())
    }

    /// The headers of a request from a page of `origin`.
    fn headers_from(origin: Option<&str>) -> HeaderMap {
        let origin = origin.and_then(|origin| HeaderValue::from_str(origin).ok());
        origin.map(|origin| (ORIGIN, origin)).into_iter().collect()
    }

    /// The headers of a request from the frontend.
    pub(super) fn browser_headers(self) -> HeaderMap {
        Self::headers_from(self.origin().as_deref())
    }

    /// Reads a route as a browser on the frontend does.
    async fn get(self, route: Route, token: Option<Credential>) -> Answered<Asked> {
        self.get_for("", route, token).await
    }

    /// The same, once in a run for each purpose.
    async fn get_for(self, purpose: &str, route: Route, token: Option<Credential>) -> Answered<Asked> {
        let (door, url) = (self.world.probes()?, self.url(route)?);
        let origin: Vec<_> = self.origin().map(|origin| ("origin", origin)).into_iter().collect();
        Ok(door.ask(purpose, Method::GET, url, &origin, token).await)
    }

    /// The answer, or a failure that nothing else explains.
    async fn answer(self, route: Route, asked: Asked) -> Answered<RouteAnswer> {
        let answer = match asked {
            Ok(answer) if answer.status == 429 => {
                return Err(NoAnswer::unknown(format!("the Worker answered 429 to {}: rate limited", answer.request)));
            }
            Ok(answer) => answer,
            Err(failure) => {
                self.blame_for_silence(route, &failure).await?;
                return Ok(Err(RouteFailure::without_answer(route, &failure)));
            }
        };
        self.blame(Symptom::Answer(route, &answer)).await?;
        Ok(if answer.status >= 500 { Err(RouteFailure::of(route, &answer)) } else { Ok(answer) })
    }
}

/// An answer of an unexpected shape.
fn unreadable(answer: &Answer) -> NoAnswer {
    NoAnswer::Unknown(format!(
        "the Worker's answer to {} has an unexpected shape: {}",
        answer.request,
        answer.excerpt()
    ))
}

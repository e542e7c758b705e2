//! The Worker's routes for people: what each of them answers, and whose finding it is where one does not.

mod auth;
mod checkout;
mod counter;
mod cross_origin;
mod forgery;
mod missing;
mod plan;
mod portal;

use std::sync::Arc;

use reqwest::Method;
use url::Url;

use super::transport::{Answer, Asked, Credential, Failure, Trouble, optional};
use super::webhook::{Obstacle, SignedResponse, alike, obstacle};
use super::{NoAnswer, World};
use crate::finding::{Answered, Cause, Code, Evidence, Finding, Fix};

pub use auth::{Forgery, Reaction};
pub use checkout::{NoSale, Sale, Sales};
pub(super) use counter::Counter;
pub use cross_origin::{CrossOrigin, CrossOriginAnswer};
pub use missing::{Missing, listed_as_missing};
pub use plan::{Announced, AnnouncedTiers, Grant, Usage};
pub use portal::Portal;

/// An origin that is nobody's.
pub const FOREIGN_ORIGIN: &str = "https://preflight-foreign-origin.example";

/// The Worker, asked as its customers' browsers ask it.
#[derive(Debug, Clone, Copy)]
pub struct Worker<'w> {
    world: &'w World,
}

/// A route that a Worker of the reference stack offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Answers 200 while the Worker is up.
    Health,
    /// Announces the tiers.
    Tiers,
    /// Tells a user's plan and use.
    Usage,
    /// Makes a Checkout Session.
    Checkout,
    /// Opens the customer portal.
    Portal,
}

impl Route {
    const fn key(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Tiers => "tiers",
            Self::Usage => "usage",
            Self::Checkout => "checkout",
            Self::Portal => "portal",
        }
    }
}

/// A route that is not as a route should be: it breaks down, gives no answer, or is not there.
#[derive(Debug, Clone)]
pub struct Breakdown {
    evidence: Evidence,
    /// The answer, where there is one.
    pub answer: Option<Arc<Answer>>,
}

impl Breakdown {
    /// The breakdown that an answer is.
    #[must_use]
    pub fn of(answer: &Arc<Answer>) -> Self {
        Self { evidence: answer.evidence("answer", answer.excerpt()), answer: Some(Arc::clone(answer)) }
    }

    fn without_answer(failure: &Failure) -> Self {
        Self { evidence: failure.evidence(), answer: None }
    }

    /// What was seen, and where.
    #[must_use]
    pub const fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// What was seen, in a few words.
    #[must_use]
    pub fn words(&self) -> String {
        let Evidence { request, status, seen, .. } = &self.evidence;
        match status {
            Some(status) => format!("{request} is answered {status}: {seen}"),
            None => format!("{request} gets no answer: {seen}"),
        }
    }

    /// The finding that it is, under the asking check's `code`.
    #[must_use]
    pub fn finding(self, code: Code, expected: &str) -> Finding {
        Finding {
            code,
            message: format!("The Worker does not serve this route: {}.", self.words().trim_end_matches('.')),
            expected: expected.to_owned(),
            actual: self.words(),
            fix: self.fix(),
            evidence: vec![self.evidence],
        }
    }

    /// What to do about it, as far as the status tells.
    #[must_use]
    pub fn fix(&self) -> Fix {
        match self.answer.as_ref().map(|answer| answer.status) {
            Some(300..=399 | 404 | 405 | 410) => Fix::new(
                "Set the right path under [worker] in preflight.toml, or false if this Worker does not have the route.",
            ),
            Some(_) => Fix::new("Read what the Worker logs for this request, and fix that.").command("wrangler tail"),
            None => Fix::new("Deploy the Worker under this host name, or correct worker.url in preflight.toml."),
        }
    }
}

impl From<Arc<Answer>> for Breakdown {
    fn from(answer: Arc<Answer>) -> Self {
        Self::of(&answer)
    }
}

/// An answer of the Worker's own, or a breakdown that is nobody else's finding.
pub type Heard = Result<Arc<Answer>, Breakdown>;

impl World {
    /// The Worker.
    #[must_use]
    pub const fn worker(&self) -> Worker<'_> {
        Worker { world: self }
    }
}

impl<'w> Worker<'w> {
    /// Why a check does not apply, where this Worker does not offer the route.
    #[must_use]
    pub fn lacks(self, route: Route) -> Option<String> {
        let missing = self.path(route).is_none();
        missing.then(|| format!("worker.{} is false: there is no such route", route.key()))
    }

    /// What the health route answers.
    ///
    /// # Errors
    /// Where nobody can tell, or it is another check's finding.
    pub async fn health(self) -> Result<Heard, NoAnswer> {
        let asked = self.get(Route::Health, None).await?;
        self.heard(Route::Health, asked).await
    }

    fn path(self, route: Route) -> Option<&'w str> {
        let config = &self.world.config.worker;
        let path = match route {
            Route::Health => &config.health,
            Route::Tiers => &config.tiers,
            Route::Usage => &config.usage,
            Route::Checkout => &config.checkout,
            Route::Portal => &config.portal,
        };
        path.as_deref()
    }

    pub(super) fn url(self, route: Route) -> Result<Url, NoAnswer> {
        let path = self.path(route).ok_or_else(|| NoAnswer::unknown(format!("worker.{} is false", route.key())))?;
        let url = self.world.config.worker.url.join(path);
        url.map_err(|error| NoAnswer::unknown(format!("worker.{} is no path: {error}", route.key())))
    }

    /// The page at Stripe where a subscription can be undone, or the list of all where it is not known which.
    #[must_use]
    pub fn subscription_page(self, id: Option<&str>) -> String {
        let path = id.map_or_else(|| "subscriptions".to_owned(), |id| format!("subscriptions/{id}"));
        self.world.stripe().dashboard(&path)
    }

    /// The origin that the customers' browsers send.
    fn origin(self) -> Option<String> {
        self.world.config.frontend.as_ref().map(|frontend| frontend.url.origin().ascii_serialization())
    }

    /// Reads a route as a browser on the frontend does.
    async fn get(self, route: Route, token: Option<Credential>) -> Result<Asked, NoAnswer> {
        let (door, url) = (self.world.probes()?, self.url(route)?);
        let origin: Vec<_> = self.origin().map(|origin| ("origin", origin)).into_iter().collect();
        Ok(door.ask("", Method::GET, url, &origin, token).await)
    }

    /// Tells an answer of the Worker's own from a breakdown, and from what is another check's finding: one cause is found
    /// once, however many routes show it.
    async fn heard(self, route: Route, asked: Asked) -> Result<Heard, NoAnswer> {
        match asked {
            Ok(answer) => {
                if answer.status == 429 {
                    return Err(NoAnswer::unknown(format!("the Worker answered 429 to {}: too many", answer.request)));
                }
                // Boxed, as is every question that is rarely asked: each of them would be part of every future otherwise.
                Box::pin(self.yields_to_webhook(&answer)).await?;
                if matches!(answer.status, 300..=399 | 404 | 405 | 410) || answer.status >= 500 {
                    self.yields_to_health(route).await?;
                }
                Ok(if answer.status >= 500 { Err(Breakdown::of(&answer)) } else { Ok(answer) })
            }
            Err(failure) => Box::pin(self.silence(route, &failure)).await.map(Err),
        }
    }

    /// That what answers so does not answer Stripe's deliveries likewise, which is the finding of a `webhook` check.
    async fn yields_to_webhook(self, answer: &Answer) -> Result<(), NoAnswer> {
        let webhook = self.world.webhook();
        if let Some(found) = obstacle(answer) {
            let way = if self.shares_host() { optional(webhook.reach()).await } else { None };
            let is_same = |other: &Obstacle| std::mem::discriminant(other) == std::mem::discriminant(&found);
            if way.and_then(|reach| reach.obstacle).as_ref().is_some_and(is_same) {
                return Err(NoAnswer::Because(Cause::WebhookUnreachable));
            }
            if found == Obstacle::BotChallenge {
                let words = "a bot challenge answered in the Worker's place, perhaps for this machine alone";
                return Err(NoAnswer::unknown(format!("{words} ({})", answer.request)));
            }
        }
        if answer.status >= 500 {
            webhook.yields_to_secrets().await?;
        }
        self.yields_to_reception(answer).await
    }

    /// That a signed event is not answered likewise, which is the finding of `webhook/accepts-signed`.
    async fn yields_to_reception(self, answer: &Answer) -> Answered {
        let webhook = self.world.webhook();
        if self.shares_host() && (answer.status >= 500 || answer.is_page()) {
            match optional(webhook.signed_response()).await {
                Some((SignedResponse::ServerError, Ok(signed))) if alike(&signed, answer) => {
                    return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
                }
                Some((SignedResponse::CatchAll, _)) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
                _ => {}
            }
        }
        Ok(())
    }

    /// That the Worker is up, or the route is the one that says so.
    async fn yields_to_health(self, route: Route) -> Result<(), NoAnswer> {
        if route == Route::Health || self.path(Route::Health).is_none() {
            return Ok(());
        }
        match self.get(Route::Health, None).await? {
            Ok(answer) if answer.status == 200 => Ok(()),
            Err(failure) if failure.trouble.is_ours() => Err(NoAnswer::Unknown(failure.to_string())),
            _ => Err(NoAnswer::Because(Cause::WorkerDown)),
        }
    }

    /// That none of the variables is one which can be read on the script and is another one there.
    ///
    /// # Errors
    /// Blocked by `worker/bindings` where one is.
    pub async fn yields_to_bindings(self, names: &[&str]) -> Answered {
        let Some(cloudflare) = self.world.cloudflare() else { return Ok(()) };
        let differs = Box::pin(optional(cloudflare.differing(names))).await;
        if differs == Some(true) { Err(NoAnswer::Because(Cause::WorkerVariableDiffers)) } else { Ok(()) }
    }

    /// That Cloudflare does not say that one of the names is missing on the script.
    ///
    /// # Errors
    /// Blocked by `worker/secrets` where it does.
    async fn yields_to_secrets(self, names: &[&str]) -> Answered {
        let Some(cloudflare) = self.world.cloudflare() else { return Ok(()) };
        let missing = Box::pin(optional(cloudflare.missing_names())).await.flatten();
        let is_missing = |missing: &String| names.contains(&missing.as_str());
        if missing.is_some_and(|missing| missing.value.iter().any(is_missing)) {
            return Err(NoAnswer::Because(Cause::WorkerSecretsMissing));
        }
        Ok(())
    }

    /// No answer at all: a breakdown, where nothing else explains it.
    async fn silence(self, route: Route, failure: &Failure) -> Result<Breakdown, NoAnswer> {
        if failure.trouble.is_ours() {
            return Err(NoAnswer::Unknown(failure.to_string()));
        }
        let hangs = matches!(failure.trouble, Trouble::TimedOut(_) | Trouble::Broken(_));
        if !self.world.is_online().await {
            let words = "no provider could be reached from this machine either";
            return Err(NoAnswer::Unknown(format!("{failure}; and {words}")));
        }
        if self.shares_host() {
            let webhook = self.world.webhook();
            let (reach, reception) = futures::join!(optional(webhook.reach()), optional(webhook.signed_response()));
            match reach.and_then(|reach| reach.obstacle) {
                Some(Obstacle::Name(_) | Obstacle::Refused | Obstacle::Unreachable(_) | Obstacle::Certificate(_)) => {
                    return Err(NoAnswer::Because(Cause::WebhookUnreachable));
                }
                Some(Obstacle::Hangs) => return Err(NoAnswer::Because(Cause::SignedEventNotAccepted)),
                _ => {}
            }
            if hangs && matches!(reception, Some((SignedResponse::NoResponse, _))) {
                return Err(NoAnswer::Because(Cause::SignedEventNotAccepted));
            }
        }
        self.yields_to_health(route).await?;
        Ok(Breakdown::without_answer(failure))
    }

    /// Whether the webhook and the routes for people are one Worker's, as far as their address tells.
    fn shares_host(self) -> bool {
        let config = &self.world.config;
        config.webhook.url.origin() == config.worker.url.origin()
    }
}

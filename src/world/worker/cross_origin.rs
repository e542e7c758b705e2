//! Which web sites may read the Worker's answers.

use std::sync::Arc;

use reqwest::Method;

use super::super::transport::Answer;
use super::{Breakdown, NoAnswer, Route, Worker};
use crate::finding::{Answered, Cause};

/// What a browser is told before it asks.
#[derive(Debug, Clone)]
pub struct CrossOrigin {
    /// The origin that may read the answer; `*` is any.
    pub origin: Option<String>,
    /// Whether cookies may come along.
    pub credentials: bool,
    /// Whether a request may carry a token.
    pub takes_tokens: bool,
    /// The answer.
    pub answer: Arc<Answer>,
}

impl CrossOrigin {
    fn read(answer: Arc<Answer>) -> Self {
        let header = |name: &str| answer.header(name).map(str::trim);
        let headers = header("access-control-allow-headers").unwrap_or_default();
        let takes_tokens =
            headers.split(',').map(str::trim).any(|name| name == "*" || name.eq_ignore_ascii_case("authorization"));
        let credentials = header("access-control-allow-credentials") == Some("true");
        let origin = header("access-control-allow-origin").map(str::to_owned);
        Self { origin, credentials, takes_tokens, answer }
    }

    /// Whether a browser lets a page of `origin` read the answer, cookies apart.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.origin.as_deref().is_some_and(|allowed| allowed == origin || allowed == "*")
    }

    /// The header that says who may read, as it came.
    #[must_use]
    pub fn shown(&self) -> String {
        let origin = self.origin.as_deref().unwrap_or("no Access-Control-Allow-Origin");
        if self.credentials { format!("{origin}, with credentials") } else { origin.to_owned() }
    }
}

/// What a browser is told, or that the Worker does not answer such a request.
pub type CrossOriginAnswer = Result<CrossOrigin, Breakdown>;

impl Worker<'_> {
    /// The route that a browser would ask first, where there is any.
    fn asked_by_browsers(self) -> Option<(Route, Method)> {
        let routes = [(Route::Usage, Method::GET), (Route::Checkout, Method::POST), (Route::Tiers, Method::GET)];
        routes.into_iter().find(|(route, _)| self.path(*route).is_some())
    }

    /// Whether there is any route that pages ask.
    #[must_use]
    pub fn is_asked_by_pages(self) -> bool {
        self.asked_by_browsers().is_some()
    }

    /// Asks as a browser asks before it sends a token from a page of `origin`.
    ///
    /// # Errors
    /// Where nobody can tell, or it is another check's finding.
    pub async fn preflight(self, origin: &str) -> Answered<CrossOriginAnswer> {
        let none = || NoAnswer::unknown("this Worker has no route that pages use");
        let (route, method) = self.asked_by_browsers().ok_or_else(none)?;
        let headers = [
            ("origin", origin.to_owned()),
            ("access-control-request-method", method.to_string()),
            ("access-control-request-headers", "authorization,content-type".to_owned()),
        ];
        let (door, url) = (self.world.probes()?, self.url(route)?);
        let asked = door.ask(origin, Method::OPTIONS, url, &headers, None).await;
        Ok(self.heard(route, asked).await?.map(CrossOrigin::read))
    }

    /// What the browser of a customer is told with the announced tiers themselves; `None` where there is no such route.
    ///
    /// # Errors
    /// Blocked by `worker/tiers` where the route does not work.
    pub async fn tiers_cross_origin(self) -> Answered<Option<CrossOrigin>> {
        if self.path(Route::Tiers).is_none() {
            return Ok(None);
        }
        match self.tiers_answer().await? {
            Ok(answer) if answer.is_success() => Ok(Some(CrossOrigin::read(answer))),
            Ok(_) | Err(_) => Err(NoAnswer::Because(Cause::AnnouncedTiersDiffer)),
        }
    }
}

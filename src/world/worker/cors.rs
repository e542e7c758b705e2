//! Which sites may read the Worker's answers.

use std::sync::Arc;

use reqwest::Method;

use super::{Answer, NoAnswer, Route, RouteFailure, Worker};
use crate::config::TokenPlace;
use crate::finding::{Answered, Cause};

/// The CORS headers of an answer.
#[derive(Debug, Clone)]
pub struct CorsHeaders {
    /// The origin that may read the answer; `*` is any origin.
    pub origin: Option<String>,
    /// Whether requests may carry cookies.
    pub credentials: bool,
    /// Whether requests may carry a token, where the Worker reads it.
    pub takes_tokens: bool,
    /// The answer.
    pub answer: Arc<Answer>,
}

impl CorsHeaders {
    fn read(answer: Arc<Answer>, auth: TokenPlace) -> Self {
        let header = |name: &str| answer.header(name).map(str::trim);
        let headers = header("access-control-allow-headers").unwrap_or_default();
        let credentials = header("access-control-allow-credentials") == Some("true");
        let takes_tokens = match auth {
            TokenPlace::Cookie => credentials,
            TokenPlace::Bearer => {
                headers.split(',').map(str::trim).any(|name| name == "*" || name.eq_ignore_ascii_case("authorization"))
            }
        };
        let origin = header("access-control-allow-origin").map(str::to_owned);
        Self { origin, credentials, takes_tokens, answer }
    }

    /// Whether a page of `origin` may read the answer to a request without cookies.
    #[must_use]
    pub fn allows(&self, origin: &str) -> bool {
        self.origin.as_deref().is_some_and(|allowed| allowed == origin || allowed == "*")
    }

    /// The allowed origin, as the header names it.
    #[must_use]
    pub fn shown(&self) -> String {
        let origin = self.origin.as_deref().unwrap_or("no Access-Control-Allow-Origin");
        if self.credentials { format!("{origin}, with credentials") } else { origin.to_owned() }
    }
}

impl Worker<'_> {
    /// The first route that pages call, if there is one.
    fn route_of_pages(self) -> Option<(Route, Method)> {
        let checkout = self.world.config.worker.checkout.as_ref().map_or(Method::POST, |route| route.method.clone());
        let routes = [(Route::Usage, Method::GET), (Route::Checkout, checkout), (Route::Tiers, Method::GET)];
        routes.into_iter().find(|(route, _)| self.path(*route).is_some())
    }

    /// Whether pages call any route.
    #[must_use]
    pub fn has_routes_for_pages(self) -> bool {
        self.route_of_pages().is_some()
    }

    /// Sends the CORS preflight request that a browser sends for a page of `origin`.
    ///
    /// # Errors
    /// Blocked if another check reports why the request fails.
    pub async fn preflight(self, origin: &str) -> Answered<Result<CorsHeaders, RouteFailure>> {
        let none = || NoAnswer::unknown("this Worker has no route that pages use");
        let (route, method) = self.route_of_pages().ok_or_else(none)?;
        let auth = self.world.config.worker.auth;
        let asked = match auth {
            TokenPlace::Bearer => "authorization,content-type",
            TokenPlace::Cookie => "content-type",
        };
        let headers = [
            ("origin", origin.to_owned()),
            ("access-control-request-method", method.to_string()),
            ("access-control-request-headers", asked.to_owned()),
        ];
        let (door, url) = (self.world.probes()?, self.url(route)?);
        let asked = door.ask(origin, Method::OPTIONS, url, &headers, None).await;
        Ok(self.answer(route, asked).await?.map(|answer| CorsHeaders::read(answer, auth)))
    }

    /// The CORS headers of the announced tiers; `None` if there is no such route.
    ///
    /// # Errors
    /// Blocked by `worker/tiers` if the route does not work.
    pub async fn tiers_cors(self) -> Answered<Option<CorsHeaders>> {
        if self.path(Route::Tiers).is_none() {
            return Ok(None);
        }
        match self.tiers_answer().await? {
            Ok(answer) if answer.is_success() => Ok(Some(CorsHeaders::read(answer, self.world.config.worker.auth))),
            Ok(_) | Err(_) => Err(NoAnswer::Because(Cause::AnnouncedTiersDiffer)),
        }
    }
}

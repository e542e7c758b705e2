//! Stripe: async-stripe's request builders, sent through the one transport and read into narrow types of our own, which
//! hold what a check looks at and nothing else.

mod account;
mod catalogue;
mod checkout;
mod customers;
mod endpoints;
mod events;
mod parity;
mod portal;
mod refusal;
mod subscriptions;

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stripe_client_core::{RequestBuilder, StripeMethod};
use url::Url;

use super::transport::{Answer, Credential, Party};
use super::{NoAnswer, World, key_of_mode};
use crate::config::{Mode, Secret, Variable};
use crate::finding::{Answered, Cause};
use crate::world::field::{Field, Items};

pub use account::{Acceptance, Account, Requirements};
pub use catalogue::{Price, PriceOf, Product, Recurring};
pub use checkout::{CheckoutSession, LineItem, TaxSettings};
pub use endpoints::{Endpoint, EndpointKind};
pub use events::{DeliveryLog, Event};
pub use parity::{Difference, Twin};
pub use portal::{PlanChange, PortalConfiguration, PortalFeatures, Switch, Switchable};
pub use refusal::Refusal;
pub use subscriptions::{Newest, Subscription};

/// Stripe, asked with the key of one mode.
#[derive(Debug, Clone, Copy)]
pub struct Stripe<'w> {
    world: &'w World,
    key: &'w Variable<Secret>,
    mode: Mode,
}

/// A value and the answer that it was read from.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    /// The value.
    pub value: T,
    /// The answer.
    pub answer: Arc<Answer>,
}

/// An object that was asked for by its ID.
#[derive(Debug, Clone)]
pub enum Found<T> {
    /// It is there.
    Here(Seen<T>),
    /// Stripe knows no such object for this key.
    Missing(Refusal),
}

/// A list, read to its last page as far as it could be read.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// Every item that could be read.
    pub items: Vec<T>,
    /// Each item and each page that could not: what is not among the items may be among these.
    pub unread: Vec<NoAnswer>,
    /// The answer that held the first page.
    pub answer: Arc<Answer>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Page<T> {
    #[serde(default)]
    data: Field<Items<T>>,
    #[serde(default)]
    has_more: Field<bool>,
}

impl<T: DeserializeOwned> Page<T> {
    /// What is on the page, what could not be read of it, and whether there are other pages.
    fn read(self, request: &str) -> Answered<(Vec<T>, Vec<NoAnswer>, bool)> {
        self.data.known(format_args!("data of {request}"))?;
        let Field::Is(items) = self.data else { return Ok((Vec::new(), Vec::new(), false)) };
        let (items, mut unread) = items.split(|place| format!("data[{place}] of {request}"));
        let has_more = self.has_more.known(format_args!("has_more of {request}"));
        let has_more = has_more.copied().unwrap_or_else(|why| {
            unread.push(why);
            false
        });
        Ok((items, unread, has_more))
    }
}

/// No list of an account that preflight is made for has more pages of a hundred.
const MOST_PAGES: usize = 200;

/// The version that shapes Stripe's answers.
fn version_header() -> HeaderMap {
    let pinned = HeaderValue::from_str(stripe_shared::version::VERSION.as_str());
    let pinned = pinned.unwrap_or(HeaderValue::from_static(""));
    HeaderMap::from_iter([(HeaderName::from_static("stripe-version"), pinned)])
}

impl World {
    /// Stripe in the mode wanted.
    #[must_use]
    pub fn stripe(&self) -> Stripe<'_> {
        Stripe { world: self, key: &self.config.stripe.secret_key, mode: self.config.project.mode }
    }

    /// Stripe's test mode, where a key for it is configured beside a live one.
    #[must_use]
    pub fn stripe_test(&self) -> Option<Stripe<'_>> {
        let key = &self.config.stripe.test_secret_key;
        let is_twin = key.is_set() && self.config.project.mode == Mode::Live;
        is_twin.then_some(Stripe { world: self, key, mode: Mode::Test })
    }
}

impl Stripe<'_> {
    /// Whether Stripe answers at all, whatever it answers.
    pub(super) async fn reachable(self) -> bool {
        let Ok(key) = key_of_mode(self.key, self.mode) else { return false };
        self.send(key, &account::balance()).await.is_ok()
    }

    /// Whether this is the test mode that a live one is compared with.
    pub(super) fn is_twin(self) -> bool {
        self.mode != self.world.config.project.mode
    }

    fn party(self) -> Party {
        if self.is_twin() { Party::StripeTest } else { Party::Stripe }
    }

    /// A page of the dashboard, in the mode of the key.
    #[must_use]
    pub fn dashboard(self, path: &str) -> String {
        match self.mode {
            Mode::Live => format!("https://dashboard.stripe.com/{path}"),
            Mode::Test => format!("https://dashboard.stripe.com/test/{path}"),
        }
    }

    /// A command of Stripe's own command line, which works in test mode unless it is told otherwise.
    #[must_use]
    pub fn command(self, words: &str) -> String {
        let live = if self.mode == Mode::Live { " --live" } else { "" };
        format!("stripe {words}{live}")
    }

    async fn send(self, key: &Secret, request: &RequestBuilder) -> Result<Arc<Answer>, NoAnswer> {
        debug_assert!(matches!(request.method, StripeMethod::Get), "the read door");
        let (url, headers) = self.address(request);
        let credential = Credential::new(key, &self.world.config.stripe.api_base);
        let asked = self.world.reads().get(self.party(), url, headers, Some(credential)).await;
        asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
    }

    /// Where a request goes, and the version that shapes its answer.
    fn address(self, request: &RequestBuilder) -> (Url, HeaderMap) {
        let base = &self.world.config.stripe.api_base;
        let mut url = base.clone();
        // `/v2` stands beside `/v1`, which the builders leave out.
        let version = if request.path.starts_with("/v2/") { "" } else { "/v1" };
        url.set_path(&format!("{}{version}{}", base.path().trim_end_matches('/'), request.path));
        url.set_query(request.query.as_deref().filter(|query| !query.is_empty()));
        (url, version_header())
    }

    /// Asks with a key that nothing local speaks against, and tells an answer from a refusal.
    async fn raw(self, request: &RequestBuilder) -> Result<Result<Arc<Answer>, Refusal>, NoAnswer> {
        let key = key_of_mode(self.key, self.mode)?;
        let answer = self.send(key, request).await?;
        if answer.is_success() {
            return Ok(Ok(answer));
        }
        let refusal = Refusal::read(&answer)?;
        if refusal.is_passing() { Err(refusal.unknown()) } else { Ok(Err(refusal)) }
    }

    /// Asks as every check but `stripe/secret-key` and `stripe/account` does: a key that Stripe rejects, and a key of
    /// another account, are those checks' findings.
    async fn ask<T: DeserializeOwned>(self, request: &RequestBuilder) -> Result<Found<T>, NoAnswer> {
        let (right_account, asked) = futures::join!(self.is_right_account(), self.raw(request));
        right_account?;
        match asked? {
            Ok(answer) => Ok(Found::Here(Seen { value: answer.json()?, answer })),
            // That of the test-mode twin is nobody's finding: without it there is just nothing to compare with.
            Err(refusal) if refusal.status == 401 && self.is_twin() => {
                let name = &self.key.name;
                Err(NoAnswer::Unknown(format!("Stripe does not accept the key in {name}: {}", refusal.message)))
            }
            Err(refusal) if refusal.status == 401 => Err(NoAnswer::Because(Cause::StripeKeyRejected)),
            Err(refusal) if refusal.is_missing() => {
                // With a key of another account everything is missing, so the account has to be known here.
                if self.mode == Mode::Live && self.world.config.stripe.account.is_some() {
                    self.account().await?;
                }
                Ok(Found::Missing(refusal))
            }
            Err(refusal) => Err(refusal.unknown()),
        }
    }

    /// Reads a list to its last page. A page after the first that cannot be read leaves the rest of the list unread.
    async fn list<T: DeserializeOwned>(
        self,
        page: impl Fn(Option<String>) -> RequestBuilder,
        id: impl Fn(&T) -> &str,
    ) -> Answered<Listed<T>> {
        let (mut listed, mut more) = self.page(&page(None)).await?;
        for _ in 1..MOST_PAGES {
            let Some(cursor) = listed.items.last().map(|item| id(item).to_owned()).filter(|_| more) else { break };
            match self.page(&page(Some(cursor))).await {
                Ok((next, has_more)) => {
                    more = has_more && !next.items.is_empty();
                    if has_more && !more {
                        listed.unread.push(NoAnswer::unknown(format!(
                            "Stripe said that {} has more, and gave nothing",
                            next.answer.request
                        )));
                    }
                    listed.items.extend(next.items);
                    listed.unread.extend(next.unread);
                }
                Err(why) => {
                    listed.unread.push(why);
                    more = false;
                }
            }
        }
        if more {
            let request = &listed.answer.request;
            listed.unread.push(NoAnswer::unknown(format!("{request} has more pages than could be read")));
        }
        Ok(listed)
    }

    /// One page of a list as a list, and whether there are others.
    async fn page<T: DeserializeOwned>(self, request: &RequestBuilder) -> Answered<(Listed<T>, bool)> {
        match self.ask::<Page<T>>(request).await? {
            Found::Here(Seen { value, answer }) => {
                let (items, unread, more) = value.read(&answer.request)?;
                Ok((Listed { items, unread, answer }, more))
            }
            Found::Missing(refusal) => Err(refusal.unknown()),
        }
    }
}

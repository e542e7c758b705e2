//! How Stripe is asked: async-stripe's request builders, sent through the one transport.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::balance::RetrieveForMyAccountBalance;
use url::Url;
use url::form_urlencoded::byte_serialize;

use super::account::Account;
use super::error::{Found, StripeError};
use crate::config::{Mode, Secret, Variable};
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::field::{Field, Items};
use crate::world::id::ApiPath;
use crate::world::seen::{List, Seen};
use crate::world::transport::{Answer, Credential, Party, optional};
use crate::world::{World, key_of_mode};

/// Stripe, asked with the key for one mode.
#[derive(Debug, Clone, Copy)]
pub struct Stripe<'w> {
    pub(in crate::world) world: &'w World,
    pub(super) key: &'w Variable<Secret>,
    pub(in crate::world) mode: Mode,
    /// Whether questions are asked anew, and their answers are not kept.
    pub(super) is_past_memo: bool,
}

/// A permission that a restricted key needs for a question.
#[derive(Debug)]
pub struct Permission {
    /// Its name in Stripe's errors: `rak_plan_read`.
    pub name: &'static str,
    /// What it is needed for, in words: `read prices`.
    pub purpose: &'static str,
    /// A request that shows whether the key has it; `None` if no required check needs it.
    pub(super) shown_by: fn(Stripe<'_>) -> Option<RequestBuilder>,
}

pub(super) const BALANCE: Permission =
    Permission { name: "rak_balance_read", purpose: "see which mode the key is for", shown_by: |_| Some(balance()) };

pub(super) const ACCOUNT: Permission =
    Permission { name: "rak_accounts_kyc_basic_read", purpose: "read the account", shown_by: |_| Some(account()) };

#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
pub(super) struct ListPage<T> {
    #[serde(default)]
    data: Field<Items<T>>,
    #[serde(default)]
    has_more: Field<bool>,
}

impl<T: DeserializeOwned> ListPage<T> {
    /// The items of the page, what could not be read of it, and whether there are more pages.
    pub(super) fn read(self, request: &str) -> Answered<(Vec<T>, Vec<NoAnswer>, bool)> {
        self.data.known(format_args!("data of {request}"))?;
        let Field::Is(items) = self.data else { return Ok((Vec::new(), Vec::new(), false)) };
        let (items, mut unread) = items.split(|index| format!("data[{index}] of {request}"));
        let has_more = self.has_more.known(format_args!("has_more of {request}"));
        let has_more = has_more.copied().unwrap_or_else(|why| {
            unread.push(why);
            false
        });
        Ok((items, unread, has_more))
    }
}

/// With 100 items a page, no account that preflight is made for has more.
pub(super) const MAX_PAGES: usize = 200;

/// The API version that the narrow types follow.
pub(in crate::world) fn version_header() -> HeaderMap {
    let pinned = HeaderValue::from_str(stripe_shared::version::VERSION.as_str());
    let pinned = pinned.unwrap_or(HeaderValue::from_static(""));
    HeaderMap::from_iter([(HeaderName::from_static("stripe-version"), pinned)])
}

/// A request that async-stripe has no small builder for. Like the builders' paths, `path` starts below `/v1`.
pub(super) fn get(path: &ApiPath) -> RequestBuilder {
    let mut request = RequestBuilder::new(StripeMethod::Get, path.as_str());
    request.query = path.parameters().map(str::to_owned);
    request
}

/// The cheapest request that shows whether a key works, and for which mode.
pub(super) fn balance() -> RequestBuilder {
    RetrieveForMyAccountBalance::new().build()
}

/// async-stripe's crate for accounts is large, and this request has no parameters.
fn account() -> RequestBuilder {
    get(&ApiPath::new("/account"))
}

impl World {
    /// Stripe in the configured mode.
    pub fn stripe(&self) -> Stripe<'_> {
        let (key, mode) = (&self.config.stripe.secret_key, self.config.project.mode);
        Stripe { world: self, key, mode, is_past_memo: false }
    }

    /// Stripe's test mode, if a test key is configured beside a live one.
    pub fn stripe_test(&self) -> Option<Stripe<'_>> {
        let key = &self.config.stripe.test_secret_key;
        let is_beside_live = key.is_set() && self.config.project.mode == Mode::Live;
        is_beside_live.then_some(Stripe { world: self, key, mode: Mode::Test, is_past_memo: false })
    }
}

impl Stripe<'_> {
    /// The same questions, asked anew: for what may have changed, and for long lists whose pages must not be kept.
    pub(crate) const fn past_memo(self) -> Self {
        Self { is_past_memo: true, ..self }
    }

    /// Whether Stripe answers at all, with whatever status. `None` if there is no key to ask with.
    pub(in crate::world) async fn reachable(self) -> Option<bool> {
        let key = key_of_mode(self.key, self.mode).ok()?;
        Some(self.send(key, &balance()).await.is_ok())
    }

    /// Whether this is the test mode that live mode is compared with.
    fn is_beside_live(self) -> bool {
        self.mode != self.world.config.project.mode
    }

    /// A dashboard page, in the mode of the key.
    pub fn dashboard(self, path: &str) -> String {
        match self.mode {
            Mode::Live => format!("https://dashboard.stripe.com/{path}"),
            Mode::Test => format!("https://dashboard.stripe.com/test/{path}"),
        }
    }

    /// A Stripe CLI command. The CLI uses test mode by default.
    pub fn command(self, words: &str) -> String {
        let live = if self.mode == Mode::Live { " --live" } else { "" };
        format!("stripe {words}{live}")
    }

    async fn send(self, key: &Secret, request: &RequestBuilder) -> Answered<Arc<Answer>> {
        debug_assert!(matches!(request.method, StripeMethod::Get), "the read door");
        let party = if self.is_beside_live() { Party::StripeTest } else { Party::Stripe };
        let (url, headers) = self.address(request);
        let credential = Credential::new(key, &self.world.config.stripe.api_base);
        let reads = self.world.reads();
        let asked = if self.is_past_memo {
            reads.get_unremembered(party, url, headers, Some(credential)).await
        } else {
            reads.get(party, url, headers, Some(credential)).await
        };
        asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
    }

    /// The URL of a request, and the version header.
    pub(super) fn address(self, request: &RequestBuilder) -> (Url, HeaderMap) {
        let base = &self.world.config.stripe.api_base;
        let mut url = base.clone();
        // The builders leave `/v1` out.
        let version = if request.path.starts_with("/v2/") { "" } else { "/v1" };
        url.set_path(&format!("{}{version}{}", base.path().trim_end_matches('/'), request.path));
        url.set_query(request.query.as_deref().filter(|query| !query.is_empty()));
        (url, version_header())
    }

    /// Asks, and returns Stripe's error as a value. A temporary error is no answer.
    pub(super) async fn raw(self, request: &RequestBuilder) -> Answered<Result<Arc<Answer>, StripeError>> {
        let key = key_of_mode(self.key, self.mode)?;
        let answer = self.send(key, request).await?;
        if answer.is_success() {
            return Ok(Ok(answer));
        }
        let error = StripeError::read(&answer)?;
        if error.is_temporary() { Err(error.unknown()) } else { Ok(Err(error)) }
    }

    /// Asks for an object. A key that Stripe rejects is reported by `stripe/secret-key`, and a key of another account by
    /// `stripe/account`; for every other check they are a [`Cause`].
    pub(super) async fn ask<T: DeserializeOwned>(self, request: &RequestBuilder) -> Answered<Found<T>> {
        let (right_account, asked) = futures::join!(self.is_right_account(), self.raw(request));
        right_account?;
        match asked? {
            Ok(answer) => Ok(Found::Here(Seen { value: answer.json()?, answer })),
            // No check reports a bad test key: without it there is just nothing to compare.
            Err(error) if error.status == 401 && self.is_beside_live() => {
                let name = &self.key.name;
                Err(NoAnswer::Unknown(format!("Stripe does not accept the key in {name}: {}", error.message)))
            }
            Err(error) if error.status == 401 => Err(NoAnswer::Because(Cause::StripeKeyRejected)),
            Err(error) if error.is_missing() => {
                // With a key of another account everything is missing, so make sure that this is the right one.
                if self.mode == Mode::Live && self.world.config.stripe.account.is_some() {
                    self.account().await?;
                }
                Ok(Found::Missing(error))
            }
            Err(error) => Err(error.unknown()),
        }
    }

    /// Asks for an object that always exists.
    pub(super) async fn ask_existing<T: DeserializeOwned>(self, request: &RequestBuilder) -> Answered<Seen<T>> {
        match self.ask(request).await? {
            Found::Here(seen) => Ok(seen),
            Found::Missing(error) => Err(error.unknown()),
        }
    }

    /// Reads a list to its last page. If a later page cannot be read, that is noted in `unread`.
    pub(super) async fn list<T: DeserializeOwned>(
        self,
        mut request: RequestBuilder,
        id: impl Fn(&T) -> &str,
    ) -> Answered<List<T>> {
        let (mut list, mut more) = self.page(&request).await?;
        let first = request.query.take().unwrap_or_default();
        for _ in 1..MAX_PAGES {
            let Some(item) = list.items.last().filter(|_| more) else { break };
            let cursor: String = byte_serialize(id(item).as_bytes()).collect();
            request.query = Some(format!("{first}&starting_after={cursor}"));
            match self.page(&request).await {
                Ok((next, has_more)) => {
                    more = has_more && !next.items.is_empty();
                    if has_more && !more {
                        let request = &next.answer.request;
                        list.unread.push(NoAnswer::unknown(format!("{request} says has_more, but the page is empty")));
                    }
                    list.items.extend(next.items);
                    list.unread.extend(next.unread);
                }
                Err(why) => {
                    list.unread.push(why);
                    more = false;
                }
            }
        }
        if more {
            let request = &list.answer.request;
            list.unread.push(NoAnswer::unknown(format!("{request} has more pages than could be read")));
        }
        Ok(list)
    }

    /// One page of a list, and whether there are more.
    pub(super) async fn page<T: DeserializeOwned>(self, request: &RequestBuilder) -> Answered<(List<T>, bool)> {
        let Seen { value, answer } = self.ask_existing::<ListPage<T>>(request).await?;
        let (items, unread, more) = value.read(&answer.request)?;
        Ok((List { items, unread, answer }, more))
    }

    /// The account that the key belongs to, right or wrong; `stripe/account` judges it.
    /// `Unknown` if Stripe does not answer, and blocked by `stripe/secret-key` if it rejects the key.
    pub async fn account(self) -> Answered<Seen<Account>> {
        match self.raw(&account()).await? {
            Ok(answer) => Ok(Seen { value: answer.json()?, answer }),
            Err(error) if error.status == 401 => Err(NoAnswer::Because(Cause::StripeKeyRejected)),
            Err(error) => Err(error.unknown()),
        }
    }

    /// The account that the key belongs to, if it is the configured one.
    /// Like [`Stripe::account`], and blocked by `stripe/account` if the key belongs to another account.
    pub async fn right_account(self) -> Answered<Seen<Account>> {
        self.is_right_account().await?;
        self.account().await
    }

    /// With a key of another account every object would be missing, all for one cause.
    async fn is_right_account(self) -> Answered {
        // A sandbox is a separate account, and its keys look like test-mode keys (docs/providers.md, "Stripe keys and
        // IDs").
        if self.mode == Mode::Test {
            return Ok(());
        }
        let Some(wanted) = self.intended_account() else { return Ok(()) };
        // If the account cannot be read, the answer itself still counts.
        let remembering = Self { is_past_memo: false, ..self };
        match optional(remembering.account()).await {
            Some(account) if account.value.id != wanted => Err(NoAnswer::Because(Cause::StripeAccountDiffers)),
            _ => Ok(()),
        }
    }
}

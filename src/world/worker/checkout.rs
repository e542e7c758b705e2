//! What the Worker sells: a Checkout Session for every paid tier, read back and ended at once.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use serde_json::Value;

use super::super::id::{CheckoutSessionId, CustomerId, PathId, UserId};
use super::super::step::Step;
use super::super::subjects::{Offer, offers};
use super::super::transport::{Answer, optional};
use super::super::{CheckoutSession, Found, Seen, StripeError, Subscription, Token};
use super::{Breakdown, FOREIGN_ORIGIN, NoAnswer, Route, Worker};
use crate::config::{Mode, Tier};
use crate::finding::{Answered, Cause};
use crate::pattern::patterns;

/// What came of asking the Worker to sell.
#[derive(Debug, Clone)]
pub struct Sales {
    /// That the Worker could be asked at all, or why not.
    pub ready: Answered,
    /// For each paid tier that it was asked for, by name.
    pub of: Vec<(String, Answered<Sale>)>,
    /// For the first of them again, asked from a foreign origin; `None` where it was not.
    pub foreign: Option<Answered<Sale>>,
}

/// What came of asking for one tier.
#[derive(Debug, Clone)]
pub enum Sale {
    /// A session that can be read back.
    Made(Box<Seen<CheckoutSession>>),
    /// A session of the other mode: it cannot be ended, and ends by itself within a day.
    OtherMode(String, Arc<Answer>),
    /// A session that our key does not know: it cannot be ended either.
    OtherAccount(String, StripeError),
    /// No session, but a subscription was created or changed; its ID, where the answer names it.
    Changed(Option<String>, Arc<Answer>),
    /// Success, and no session.
    NoSession(Arc<Answer>),
    /// None.
    Refused(NoSale, Breakdown),
}

/// Why the Worker made no session, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSale {
    /// Its key is of the other mode.
    OtherMode,
    /// Its key is of another account, or of a sandbox: Stripe does not know a price for it that ours knows.
    OtherAccount,
    /// Its price does not exist for its key.
    UnknownPrice(String),
    /// It has no price ID for the tier.
    PriceUnset,
    /// The canary's customer does not exist for its key.
    UnknownCustomer(String),
    /// The portal configuration does not exist for its key.
    UnknownConfiguration(String),
    /// Stripe does not take its key for this.
    Key,
    /// Taxes cannot be computed.
    Tax,
    /// It does not say.
    Unexplained,
}

impl Sales {
    /// What came of asking for a tier; `None` where it was not asked for.
    #[must_use]
    pub fn of(&self, tier: &Tier) -> Option<&Answered<Sale>> {
        self.of.iter().find(|(name, _)| *name == tier.name).map(|(_, sale)| sale)
    }
}

impl Sale {
    /// Whether it shows that the Worker's key is not the right one.
    const fn is_by_another_key(&self) -> bool {
        matches!(
            self,
            Self::OtherMode(..)
                | Self::OtherAccount(..)
                | Self::Refused(NoSale::OtherMode | NoSale::OtherAccount | NoSale::Key, _)
        )
    }

    /// Whether the Worker is better not asked again: its other answers would be the same, or would do harm.
    const fn is_the_last(&self) -> bool {
        matches!(self, Self::OtherMode(..) | Self::Changed(..) | Self::NoSession(_))
    }
}

/// What the Worker answers to one order.
enum Ordered {
    /// A session of our mode; it has to be ended.
    Session(CheckoutSessionId),
    /// Something else.
    Nothing(Sale),
}

impl<'w> Worker<'w> {
    /// What the Worker sells the canary, asked once in a run; asked by `worker/checkout`.
    pub async fn sales(self) -> &'w Sales {
        self.world.counter.sales(|| Box::pin(self.sell())).await
    }

    /// That the Worker's Stripe key is the right one, as far as its sales tell.
    ///
    /// # Errors
    /// Blocked by `worker/checkout` where it is not.
    pub(super) async fn has_the_right_key(self) -> Answered {
        if self.path(Route::Checkout).is_none() {
            return Ok(());
        }
        let sales = self.sales().await;
        let wrong = sales.of.iter().any(|(_, sale)| sale.as_ref().is_ok_and(Sale::is_by_another_key));
        if wrong { Err(NoAnswer::Because(Cause::WorkerStripeKeyDiffers)) } else { Ok(()) }
    }

    /// Asks for every paid tier. For the first alone at first: a Worker of the other mode need not be asked again, and one
    /// that makes a customer on the way makes just one.
    async fn sell(self) -> Sales {
        let tiers: Vec<&Tier> = self.world.config.tiers.iter().filter(|tier| !tier.prices.is_empty()).collect();
        let (buyer, prices) =
            futures::join!(self.buyer(), futures::future::join_all(tiers.iter().map(|tier| self.is_known(tier))));
        let mut sales = Sales { ready: buyer.as_ref().map(drop).map_err(Clone::clone), of: Vec::new(), foreign: None };
        let Ok(buyer) = &buyer else { return sales };
        let mut orders = Vec::new();
        for (tier, price) in tiers.into_iter().zip(prices) {
            match price {
                Ok(()) => orders.push(tier),
                Err(why) => sales.of.push((tier.name.clone(), Err(why))),
            }
        }
        let Some((first, rest)) = orders.split_first() else { return sales };
        let origin = self.origin();
        let ordered = self.order(first, buyer, origin.as_deref()).await;
        let go_on = !matches!(&ordered, Ok(Ordered::Nothing(sale)) if sale.is_the_last());
        let foreign = matches!(ordered, Ok(Ordered::Session(_)));
        let others = rest.iter().filter(|_| go_on).map(|tier| {
            let origin = origin.as_deref();
            async move { (tier.name.clone(), self.collect(self.order(tier, buyer, origin).await).await) }
        });
        let (first_sale, foreign, others) = futures::join!(
            self.collect(ordered),
            async {
                if foreign {
                    Some(self.collect(self.order(first, buyer, Some(FOREIGN_ORIGIN)).await).await)
                } else {
                    None
                }
            },
            futures::future::join_all(others)
        );
        sales.of.push((first.name.clone(), first_sale));
        sales.of.extend(others);
        sales.foreign = foreign;
        sales
    }

    /// Who buys, with which token.
    async fn buyer(self) -> Answered<(UserId, Token)> {
        self.world.probes()?;
        let (canary, token) = futures::join!(self.canary_without_subscription(), self.world.clerk().any_token());
        Ok((canary?, token?))
    }

    /// The canary, who has no subscription as far as anything shows.
    ///
    /// # Errors
    /// Where it may have one: a Worker of this stack changes that subscription at once (facts.md, part F), whatever the
    /// configuration calls the keys of its metadata.
    async fn canary_without_subscription(self) -> Answered<UserId> {
        let ties = self.world.canary_ties().await?;
        let config = &self.world.config.clerk;
        let refuse = |what: &str| {
            NoAnswer::unknown(format!(
                "{what}. A Worker of this stack would change that subscription at once, so it was not asked to sell: use a \
                 canary without a subscription"
            ))
        };
        if let Some(held) = ties.held.iter().find(|held| held.id.starts_with("sub_")) {
            return Err(refuse(&format!("the canary's {} holds {}", held.place, held.id)));
        }
        let metadata = ties.user.public_metadata()?;
        for key in [&config.subscription_key, &config.customer_key] {
            let is_held = |value: &&Value| !value.is_null() && **value != "";
            let place = format!("public_metadata.{key}");
            let is_customer = ties.held.iter().any(|held| held.place == place);
            if !is_customer && let Some(value) = metadata.get(key).filter(is_held) {
                return Err(refuse(&format!("the canary's {place} holds {value}, which may name a subscription")));
            }
        }
        let mut customers: Vec<(&str, String)> = Vec::new();
        let held = ties.held.iter().map(|held| (held.id.as_str(), format!("{} in its {}", held.id, held.place)));
        let known = ties.customers.as_ref().map_err(Clone::clone)?.iter();
        let known = known.map(|known| (known.id.as_str(), format!("{} with its address {}", known.id, known.email)));
        for (id, words) in held.chain(known) {
            if !customers.iter().any(|(other, _)| *other == id) {
                customers.push((id, words));
            }
        }
        let asked = customers.iter().map(|(id, words)| async move {
            let id = CustomerId::parse(id).map_err(|malformed| malformed.in_place(words))?;
            match self.world.stripe().subscriptions_of(&id).await? {
                Found::Here(Seen { value: (subscriptions, unread), .. }) => {
                    if !subscriptions.iter().all(Subscription::is_over) {
                        return Err(refuse(&format!("the canary's customer {words} has a subscription")));
                    }
                    unread.into_iter().next().map_or(Ok(()), Err)
                }
                Found::Missing(_) => Err(refuse(&format!(
                    "the canary's customer {words} does not exist for {}, and may have a subscription elsewhere",
                    self.world.config.stripe.secret_key.name
                ))),
            }
        });
        futures::future::join_all(asked).await.into_iter().collect::<Answered>()?;
        UserId::parse(&ties.user.id).map_err(|malformed| malformed.in_place("Clerk's answer"))
    }

    /// That every price of a tier exists for our key, in the mode wanted: with another, no sale could be judged.
    async fn is_known(self, tier: &Tier) -> Answered {
        let prices = self.offers(tier).into_iter().map(|offer| async move { self.world.stripe().price(&offer).await });
        futures::future::join_all(prices).await.into_iter().try_for_each(|price| price.map(drop))
    }

    fn offers(self, tier: &Tier) -> Vec<Offer<'w>> {
        offers(self.world).into_iter().filter(|offer| offer.tier.name == tier.name).collect()
    }

    /// Asks the Worker to sell a tier.
    async fn order(self, tier: &Tier, (user, token): &(UserId, Token), origin: Option<&str>) -> Answered<Ordered> {
        let door = self.world.leave_no_trace()?;
        let origin = origin.and_then(|origin| HeaderValue::from_str(origin).ok());
        let headers: HeaderMap = origin.map(|origin| (ORIGIN, origin)).into_iter().collect();
        let credential = Some(token.credential(&self.world.config.worker.url));
        let counter = &self.world.counter;
        counter.is_asked();
        let asked = match door.take(Step::Checkout { tier, user }, headers, credential).await {
            Ok(asked) => asked,
            Err(why) => {
                counter.is_not_asked();
                return Err(why);
            }
        };
        match &asked {
            Ok(answer) => {
                let session = session_in(answer);
                let ours = session.as_ref().filter(|session| session.mode() == self.mode());
                counter.is_answered(answer.status, answer.attempts, session.is_some(), ours);
                match session {
                    Some(id) if id.mode() == self.mode() => return Ok(Ordered::Session(id)),
                    Some(id) => return Ok(Ordered::Nothing(Sale::OtherMode(id.to_string(), Arc::clone(answer)))),
                    None => {}
                }
            }
            Err(failure) => counter.is_silent(failure),
        }
        if let Ok(answer) = &asked
            && answer.is_success()
            && !answer.is_page()
        {
            let Some(change) = change_in(&answer.text()) else {
                return Ok(Ordered::Nothing(Sale::NoSession(Arc::clone(answer))));
            };
            let subscription = match change {
                Change::Named(id) => Some(id),
                Change::Unnamed => self.subscription_of(user).await,
            };
            counter.is_changed(subscription.as_deref().unwrap_or("a subscription"));
            return Ok(Ordered::Nothing(Sale::Changed(subscription, Arc::clone(answer))));
        }
        if let Ok(answer) = &asked
            && !answer.is_success()
            && self.lacks_price_of(tier, &answer.text())
        {
            Box::pin(self.yields_to_missing_bindings(answer)).await?;
            Box::pin(self.yields_to_reception(answer)).await?;
            let variables: Vec<&str> = tier.prices.iter().map(|price| price.price_id.name.as_str()).collect();
            self.yields_to_secrets(&variables).await?;
            return Ok(Ordered::Nothing(Sale::Refused(NoSale::PriceUnset, Breakdown::of(answer))));
        }
        let breakdown = match self.heard(Route::Checkout, asked).await? {
            Ok(answer) if answer.is_success() => return Ok(Ordered::Nothing(Sale::NoSession(answer))),
            Ok(answer) => Breakdown::of(&answer),
            Err(breakdown) => breakdown,
        };
        Box::pin(self.explain(tier, &breakdown)).await.map(|cause| Ordered::Nothing(Sale::Refused(cause, breakdown)))
    }

    /// Whether an answer says that the Worker has no price ID for the tier, and not for another one.
    fn lacks_price_of(self, tier: &Tier, text: &str) -> bool {
        let is_named = |offer: &Offer<'_>| text.contains(&offer.price.price_id.name);
        let others = offers(self.world).into_iter().filter(|offer| offer.tier.name != tier.name);
        let is_about_another =
            !self.offers(tier).iter().any(is_named) && others.into_iter().any(|offer| is_named(&offer));
        cause(text, self.mode(), &[]) == NoSale::PriceUnset && !is_about_another
    }

    /// The user's subscription, as far as the metadata of the newest ones names the user.
    async fn subscription_of(self, user: &UserId) -> Option<String> {
        let newest = optional(self.world.stripe().newest_subscriptions()).await?.listed.items;
        let is_theirs = |one: &Subscription| one.metadata.texts().any(|(_, text)| text == user.as_str());
        newest.into_iter().find(is_theirs).map(|one| one.id)
    }

    /// Reads a session back and ends it, both at once: nothing that is judged changes with its end.
    async fn collect(self, ordered: Answered<Ordered>) -> Answered<Sale> {
        let id = match ordered? {
            Ordered::Session(id) => id,
            Ordered::Nothing(sale) => return Ok(sale),
        };
        let stripe = self.world.stripe();
        let (found, ended) = futures::join!(stripe.checkout_session(&id), stripe.expire(&id));
        if ended.is_ok() {
            self.world.counter.is_ended(&id);
        }
        Ok(match found? {
            Found::Here(session) => Sale::Made(Box::new(session)),
            Found::Missing(refusal) => Sale::OtherAccount(id.to_string(), refusal),
        })
    }

    /// Why the Worker made no session.
    ///
    /// # Errors
    /// Where that is another check's finding.
    async fn explain(self, tier: &Tier, breakdown: &Breakdown) -> Answered<NoSale> {
        let Some(answer) = &breakdown.answer else { return Ok(NoSale::Unexplained) };
        if matches!(answer.status, 401 | 403) {
            self.takes_the_token().await?;
        }
        self.asks_who_it_is().await?;
        let offers = self.offers(tier);
        let ours: Vec<&str> = offers.iter().map(Offer::id).collect();
        let cause = match cause(&answer.text(), self.mode(), &ours) {
            NoSale::PriceUnset if !self.lacks_price_of(tier, &answer.text()) => NoSale::Unexplained,
            cause => cause,
        };
        if cause == NoSale::Unexplained {
            let stripe = self.world.stripe();
            let account = stripe.account().await?.value;
            if !*account.charges_enabled.known("charges_enabled of GET /v1/account")? {
                return Err(NoAnswer::Because(Cause::StripeAccountRestricted));
            }
            for offer in &offers {
                stripe.valid_price(offer).await?;
            }
        }
        Ok(cause)
    }

    const fn mode(self) -> Mode {
        self.world.config.project.mode
    }
}

/// A price ID's name in the Worker's words or in Stripe's, as a pattern.
macro_rules! price {
    () => {
        r"(?:price[ _-]?ids?|stripe[ _-]price\w*|line_items\[\d+\]\[price\])"
    };
}

/// What says that something is not set, as a pattern.
macro_rules! unset {
    () => {
        r"(?:\bno\b|\bmissing\b|\bundefined\b|\bunset\b|\bempty\b|\bnot (?:set|configured|defined|found)\b)"
    };
}

patterns! {
    SESSION = "cs_(?:live|test)_[A-Za-z0-9]{1,200}";
    KEY_MODE = "a (live|test) mode key was used";
    NO_SUCH = "No such (price|plan|customer|configuration): '([^']{0,200})'";
    UNSET_PRICE = concat!(r"(?i)", unset!(), r"[^.{}]{0,40}", price!());
    PRICE_UNSET = concat!(r"(?i)", price!(), r"[^.{}]{0,40}", unset!());
    SUBSCRIPTION = r"\bsub_[A-Za-z0-9]{6,200}";
    NO_CHANGE = r#"\bstripe\.com\b|"error"|"success"\s*:\s*false"#;
    CHANGE = r#"(?i)"subscription(?:_?id)?"\s*:\s*["{]|\b(?:updated|upgraded|downgraded|changed|switched|prorat\w*)\b|[?&]success=|"success"\s*:\s*true"#;
}

/// The Checkout Session that an answer names: Workers hand out its address, its ID or both. An ID at the very end of JSON
/// that was cut off may be half of one, and is none.
fn session_in(answer: &Answer) -> Option<CheckoutSessionId> {
    answer.is_success().then(|| named_session(&answer.text()))?
}

fn named_session(text: &str) -> Option<CheckoutSessionId> {
    let found = SESSION.find(text)?;
    let is_json = text.trim_start().starts_with(['{', '[', '"']);
    if is_json && found.end() == text.len() {
        return None;
    }
    CheckoutSessionId::parse(found.as_str()).ok()
}

/// What an answer shows of a subscription that was created or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    /// Its ID.
    Named(String),
    /// That there was one.
    Unnamed,
}

/// What an answer of success without a Checkout Session shows of a change. Workers of this stack change the subscription of
/// customers who have one, and say so in many ways.
fn change_in(text: &str) -> Option<Change> {
    if let Some(id) = SUBSCRIPTION.find(text) {
        return Some(Change::Named(id.as_str().to_owned()));
    }
    // A page of Stripe's, such as the customer portal, is where customers go on by themselves; an error is none.
    (!NO_CHANGE.is_match(text) && CHANGE.is_match(text)).then_some(Change::Unnamed)
}

/// What Stripe told the Worker, where the Worker passes it on (facts.md, A3).
pub(super) fn cause(text: &str, wanted: Mode, ours: &[&str]) -> NoSale {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if KEY_MODE.captures(text).is_some_and(|found| &found[1] != wanted.word()) {
        return NoSale::OtherMode;
    }
    match NO_SUCH.captures(text).map(|found| (found[1].to_owned(), found[2].to_owned())) {
        Some((kind, id)) if kind == "customer" => NoSale::UnknownCustomer(id),
        Some((kind, id)) if kind == "configuration" => NoSale::UnknownConfiguration(id),
        Some((_, id)) if ours.contains(&id.as_str()) => NoSale::OtherAccount,
        Some((_, id)) => NoSale::UnknownPrice(id),
        None if says(&["Invalid API Key", "Expired API Key", "api_key_expired", "rak_"]) => NoSale::Key,
        None if says(&["automatic tax", "Stripe Tax"]) => NoSale::Tax,
        None if names_unset_price(text) => NoSale::PriceUnset,
        None => NoSale::Unexplained,
    }
}

/// Whether the Worker says that it has no price ID: in its own words, or in Stripe's for an empty one.
fn names_unset_price(text: &str) -> bool {
    PRICE_UNSET.is_match(text) || UNSET_PRICE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::{Change, NoSale, cause, change_in, named_session};
    use crate::config::Mode;
    use crate::world::id::PathId;

    fn told(text: &str) -> NoSale {
        cause(text, Mode::Live, &["price_1ours"])
    }

    #[test]
    fn half_an_id_is_none() {
        let whole = named_session(r#"{"url":"https://checkout.stripe.com/c/pay/cs_live_a1b2#fid"}"#);
        assert_eq!(whole.unwrap().as_str(), "cs_live_a1b2");
        assert_eq!(named_session("cs_live_a1b2").unwrap().as_str(), "cs_live_a1b2");
        assert_eq!(named_session(r#"{"url":"https://checkout.stripe.com/c/pay/cs_live_a1"#), None);
    }

    #[test]
    fn an_id_that_names_another_request_is_not_taken_whole() {
        let hostile = named_session(r#"{"sessionId":"cs_live_a1/../../../v1/refunds"}"#);
        assert_eq!(hostile.unwrap().as_str(), "cs_live_a1");
    }

    #[test]
    fn what_stripe_told_the_worker_says_which_value_is_wrong() {
        let other = "No such price: 'price_1x'; a similar object exists in live mode, but a test mode key was used to make this request.";
        assert_eq!(told(other), NoSale::OtherMode);
        let test = "No such price: 'price_1x'; a similar object exists in test mode, but a live mode key was used to make this request.";
        assert_eq!(told(test), NoSale::UnknownPrice("price_1x".to_owned()));
        assert_eq!(told("No such price: 'price_1ours'"), NoSale::OtherAccount);
        assert_eq!(told("No such customer: 'cus_1'"), NoSale::UnknownCustomer("cus_1".to_owned()));
        assert_eq!(told("Expired API Key provided: rk_live_***123"), NoSale::Key);
        assert_eq!(told("You must have a valid head office address to enable automatic tax calculation"), NoSale::Tax);
        assert_eq!(
            told("No such configuration: 'bpc_1test'; a similar object exists in test mode"),
            NoSale::UnknownConfiguration("bpc_1test".to_owned())
        );
        assert_eq!(told("Internal error"), NoSale::Unexplained);
    }

    #[test]
    fn a_price_id_that_is_not_set_is_named_in_many_ways() {
        for text in [
            r#"{"error":"No price ID configured for tier: enterprise"}"#,
            r#"{"error":"STRIPE_PRICE_ID_ENTERPRISE is not set"}"#,
            r#"{"error":"Missing environment variable STRIPE_PRICE_ENTERPRISE"}"#,
            "You passed an empty string for 'line_items[0][price]'.",
        ] {
            assert_eq!(told(text), NoSale::PriceUnset, "{text}");
        }
        for text in [r#"{"error":"Invalid price ID"}"#, r#"{"error":"User not found"}"#, "No such plan"] {
            assert_eq!(told(text), NoSale::Unexplained, "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_session_may_show_a_changed_subscription() {
        let named = change_in(r#"{"ok":1,"id":"sub_1Rlivecme7"}"#);
        assert_eq!(named, Some(Change::Named("sub_1Rlivecme7".to_owned())));
        for shown in [
            r#"{"url":"https://app.acme.com/dashboard?success=true"}"#,
            r#"{"message":"Plan upgraded"}"#,
            r#"{"subscription":{"status":"active"}}"#,
        ] {
            assert_eq!(change_in(shown), Some(Change::Unnamed), "{shown}");
        }
        for other in [
            r#"{"url":"https://billing.stripe.com/p/session/live_abc"}"#,
            r#"{"error":"Your plan was not changed"}"#,
            r#"{"status":"queued"}"#,
        ] {
            assert_eq!(change_in(other), None, "{other}");
        }
    }
}

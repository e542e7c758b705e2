//! What the Worker sells: a Checkout Session for every paid tier, read back and ended at once.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderValue, ORIGIN};
use serde_json::Value;

use super::super::id::{CheckoutSessionId, CustomerId, UserId};
use super::super::step::Step;
use super::super::subjects::{Offer, offers};
use super::super::transport::Answer;
use super::super::{CheckoutSession, Found, Refusal, Seen, Token};
use super::{Breakdown, FOREIGN_ORIGIN, NoAnswer, Route, Worker};
use crate::config::{Mode, Tier};
use crate::finding::Cause;
use crate::pattern::patterns;

/// What came of asking the Worker to sell.
#[derive(Debug, Clone, Default)]
pub struct Sales {
    /// For each paid tier that it was asked for, by name, in the order of the file.
    pub of: Vec<(String, Result<Sale, NoAnswer>)>,
    /// For the first of them again, asked from a foreign origin; `None` where it was not.
    pub foreign: Option<Result<Sale, NoAnswer>>,
}

/// What came of asking for one tier.
#[derive(Debug, Clone)]
pub enum Sale {
    /// A session that can be read back.
    Made(Box<Seen<CheckoutSession>>),
    /// A session of the other mode: it cannot be ended, and ends by itself within a day.
    OtherMode(String, Arc<Answer>),
    /// A session that our key does not know: it cannot be ended either.
    OtherAccount(String, Refusal),
    /// None.
    Refused(NoSale, Breakdown),
}

/// Why the Worker made no session, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoSale {
    /// Its key is of the other mode.
    OtherMode,
    /// Its key is of another account: Stripe does not know a price for it that ours knows.
    OtherAccount,
    /// Its price does not exist for its key.
    UnknownPrice(String),
    /// The canary's customer does not exist for its key.
    UnknownCustomer(String),
    /// Stripe does not take its key for this.
    Key,
    /// Taxes cannot be computed.
    Tax,
    /// It does not say.
    Unexplained,
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
    pub(super) async fn has_the_right_key(self) -> Result<(), NoAnswer> {
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
        let (ready, prices) =
            futures::join!(self.order_book(), futures::future::join_all(tiers.iter().map(|tier| self.is_known(tier))));
        let mut sales = Sales::default();
        let mut orders = Vec::new();
        for (tier, price) in tiers.into_iter().zip(prices) {
            match ready.as_ref().map_err(Clone::clone).and_then(|book| price.map(|()| book)) {
                Ok(book) => orders.push((tier, book)),
                Err(why) => sales.of.push((tier.name.clone(), Err(why))),
            }
        }
        let Some(((first, book), rest)) = orders.split_first() else { return sales };
        let origin = self.origin();
        let ordered = self.order(first, book, origin.as_deref()).await;
        let go_on = !matches!(ordered, Ok(Ordered::Nothing(Sale::OtherMode(..))));
        let foreign = matches!(ordered, Ok(Ordered::Session(_)));
        let others = rest.iter().filter(|_| go_on).map(|(tier, book)| {
            let origin = origin.as_deref();
            async move { (tier.name.clone(), self.collect(self.order(tier, book, origin).await).await) }
        });
        let (first_sale, foreign, others) = futures::join!(
            self.collect(ordered),
            async {
                if foreign {
                    Some(self.collect(self.order(first, book, Some(FOREIGN_ORIGIN)).await).await)
                } else {
                    None
                }
            },
            futures::future::join_all(others)
        );
        sales.of.push((first.name.clone(), first_sale));
        sales.of.extend(others);
        sales.foreign = foreign;
        sales.of.sort_by_key(|(name, _)| self.world.config.tiers.iter().position(|tier| tier.name == *name));
        sales
    }

    /// Who buys, with which token.
    ///
    /// # Errors
    /// Where a sale would have an effect: for somebody who has a subscription, a Worker of this stack changes that
    /// subscription at once (facts.md, part F).
    async fn order_book(self) -> Result<(UserId, Token), NoAnswer> {
        self.world.probes()?;
        let (clerk, config) = (self.world.clerk(), &self.world.config.clerk);
        let (canary, token) = futures::join!(clerk.known_canary(), clerk.any_token());
        let canary = canary?;
        let metadata = canary.public_metadata()?;
        let held = |key: &str| metadata.get(key).filter(|value| !value.is_null() && *value != "");
        let harm = "and a Worker of this stack would change that subscription at once: it was not asked to sell";
        if held(&config.subscription_key).is_some() {
            let key = &config.subscription_key;
            return Err(NoAnswer::unknown(format!("the canary's metadata names a subscription ({key}), {harm}")));
        }
        if let Some(customer) = held(&config.customer_key).and_then(Value::as_str)
            && let customer =
                CustomerId::parse(customer).map_err(|malformed| malformed.in_place("the canary's metadata"))?
            && self.world.stripe().has_subscription(&customer).await?
        {
            return Err(NoAnswer::unknown(format!("the canary's customer {customer} has a subscription, {harm}")));
        }
        let user = UserId::parse(&canary.id).map_err(|malformed| malformed.in_place("Clerk's answer"))?;
        Ok((user, token?))
    }

    /// That every price of a tier exists for our key, in the mode wanted: with another, no sale could be judged.
    async fn is_known(self, tier: &Tier) -> Result<(), NoAnswer> {
        let prices = self.offers(tier).into_iter().map(|offer| async move { self.world.stripe().price(&offer).await });
        futures::future::join_all(prices).await.into_iter().try_for_each(|price| price.map(drop))
    }

    fn offers(self, tier: &Tier) -> Vec<Offer<'w>> {
        offers(self.world).into_iter().filter(|offer| offer.tier.name == tier.name).collect()
    }

    /// Asks the Worker to sell a tier.
    async fn order(self, tier: &Tier, book: &(UserId, Token), origin: Option<&str>) -> Result<Ordered, NoAnswer> {
        let (door, (user, token)) = (self.world.leave_no_trace()?, book);
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
        let breakdown = match self.heard(Route::Checkout, asked).await? {
            Ok(answer) if answer.is_success() => {
                let words = "the Worker answered with something that is no Checkout Session";
                return Err(NoAnswer::unknown(format!("{words} ({}): {}", answer.request, answer.excerpt())));
            }
            Ok(answer) => Breakdown::of(&answer),
            Err(breakdown) => breakdown,
        };
        Box::pin(self.explain(tier, &breakdown)).await.map(|cause| Ordered::Nothing(Sale::Refused(cause, breakdown)))
    }

    /// Reads a session back and ends it, both at once: nothing that is judged changes with its end.
    async fn collect(self, ordered: Result<Ordered, NoAnswer>) -> Result<Sale, NoAnswer> {
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
    async fn explain(self, tier: &Tier, breakdown: &Breakdown) -> Result<NoSale, NoAnswer> {
        let Some(answer) = &breakdown.answer else { return Ok(NoSale::Unexplained) };
        if matches!(answer.status, 401 | 403) {
            self.takes_the_token().await?;
        }
        self.asks_who_it_is().await?;
        let offers = self.offers(tier);
        let ours: Vec<&str> = offers.iter().map(Offer::id).collect();
        let cause = cause(&answer.text(), self.mode(), &ours);
        if cause == NoSale::Unexplained {
            let stripe = self.world.stripe();
            let account = stripe.account().await?.value;
            if !*account.charges_enabled.known("charges_enabled of GET /v1/account")? {
                return Err(NoAnswer::Because(Cause::StripeAccountRestricted));
            }
            for offer in &offers {
                stripe.sound_price(offer).await?;
            }
        }
        Ok(cause)
    }

    const fn mode(self) -> Mode {
        self.world.config.project.mode
    }
}

patterns! {
    SESSION = "cs_(?:live|test)_[A-Za-z0-9]{1,200}";
    KEY_MODE = "a (live|test) mode key was used";
    NO_SUCH = "No such (price|plan|customer): '([^']{0,200})'";
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

/// What Stripe told the Worker, where the Worker passes it on (facts.md, A3).
pub(super) fn cause(text: &str, wanted: Mode, ours: &[&str]) -> NoSale {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if KEY_MODE.captures(text).is_some_and(|found| &found[1] != wanted.word()) {
        return NoSale::OtherMode;
    }
    match NO_SUCH.captures(text).map(|found| (found[1].to_owned(), found[2].to_owned())) {
        Some((kind, id)) if kind == "customer" => NoSale::UnknownCustomer(id),
        Some((_, id)) if ours.contains(&id.as_str()) => NoSale::OtherAccount,
        Some((_, id)) => NoSale::UnknownPrice(id),
        None if says(&["Invalid API Key", "Expired API Key", "api_key_expired", "rak_"]) => NoSale::Key,
        None if says(&["automatic tax", "Stripe Tax"]) => NoSale::Tax,
        None => NoSale::Unexplained,
    }
}

#[cfg(test)]
mod tests {
    use super::{NoSale, cause, named_session};
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
        assert_eq!(told("Internal error"), NoSale::Unexplained);
    }
}

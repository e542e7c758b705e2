//! Checkout Sessions that the Worker creates for the canary: one for every paid tier, read back and expired at once.

mod answer;
mod open;

use std::sync::Arc;

use super::{FOREIGN_ORIGIN, Route, RouteFailure, Symptom, Worker};
use crate::config::{CheckoutRequest, Choice, Mode, Tier};
use crate::finding::{Answered, NoAnswer};
use crate::world::id::{CheckoutSessionId, HolderId};
use crate::world::step::{InvalidRequest, Step};
use crate::world::subjects::{Offer, offers};
use crate::world::transport::{Answer, Asked, optional};
use crate::world::{CheckoutSession, Found, Seen, StripeError, Subscription, Token};

pub use answer::CheckoutProblem;
pub(super) use answer::problem_in;
use answer::{SubscriptionChange, change_in, session_at, session_in};
pub(in crate::world) use open::OpenSessions;

/// The Worker's answers to requests for Checkout Sessions.
#[derive(Debug, Clone)]
pub struct Checkouts {
    /// Whether the Worker could be asked, or why not.
    pub ready: Answered,
    /// The answer for each paid tier that was asked for, by name.
    pub by_tier: Vec<(String, Answered<CheckoutAnswer>)>,
    /// The answer for the first of them with a foreign `Origin`; `None` if it was not asked for.
    pub foreign_origin: Option<Answered<CheckoutAnswer>>,
    /// The answers to requests that it must reject; none if it created no session for the first tier.
    pub invalid: Vec<(InvalidRequest, Answered<Arc<Answer>>)>,
}

/// The Worker's answer for one tier.
#[derive(Debug, Clone)]
pub enum CheckoutAnswer {
    /// A session that was read back.
    Session {
        /// The session.
        session: Box<Seen<CheckoutSession>>,
        /// The Worker's answer, if the session is not where the frontend reads it.
        misplaced: Option<Arc<Answer>>,
    },
    /// A session in the other mode, by its ID. Our key cannot expire it.
    OtherMode(String, Arc<Answer>),
    /// A session in this mode that does not exist for our key, which cannot expire it either.
    OtherAccount(String, StripeError),
    /// No session, but a subscription was created or changed; its ID, if it is known.
    ChangedSubscription(Option<String>, Arc<Answer>),
    /// Success without a session.
    NoSession(Arc<Answer>),
    /// An error.
    Refused(CheckoutProblem, RouteFailure),
}

impl Checkouts {
    /// The answer for a tier; `None` if the Worker was not asked for it.
    #[must_use]
    pub fn of(&self, tier: &Tier) -> Option<&Answered<CheckoutAnswer>> {
        self.by_tier.iter().find(|(name, _)| *name == tier.name).map(|(_, answer)| answer)
    }
}

impl CheckoutAnswer {
    /// Whether the Worker should not be asked for other tiers: the answers would be the same, or would change more.
    const fn is_the_last(&self) -> bool {
        matches!(self, Self::OtherMode(..) | Self::ChangedSubscription(..) | Self::NoSession(_))
    }
}

/// A session in our mode, which must be expired, or any other answer.
type Requested = Result<Opened, CheckoutAnswer>;

/// A session in our mode, and the answer that names it.
struct Opened {
    id: CheckoutSessionId,
    answer: Arc<Answer>,
}

impl<'w> Worker<'w> {
    /// The Worker's Checkout Sessions for the canary, requested once in a run.
    pub async fn checkouts(self) -> &'w Checkouts {
        self.world.open_sessions.checkouts(|| Box::pin(self.request_all())).await
    }

    /// Asks for every paid tier. The first is asked for alone: a Worker with a key of the other mode is not asked again, and
    /// one that creates a customer on the way creates only one.
    async fn request_all(self) -> Checkouts {
        let tiers: Vec<&Tier> = self.world.config.paid_tiers().collect();
        let prices = futures::future::join_all(tiers.iter().map(|tier| self.prices_exist(tier)));
        let (canary, prices) = futures::join!(self.canary_and_token(), prices);
        let ready = canary.as_ref().map(drop).map_err(Clone::clone);
        let mut checkouts = Checkouts { ready, by_tier: Vec::new(), foreign_origin: None, invalid: Vec::new() };
        let Ok(canary) = &canary else { return checkouts };
        let mut asked = Vec::new();
        for (tier, price) in tiers.into_iter().zip(prices) {
            match price {
                Ok(()) => asked.push(tier),
                Err(why) => checkouts.by_tier.push((tier.name.clone(), Err(why))),
            }
        }
        let Some((first, rest)) = asked.split_first() else { return checkouts };
        let origin = self.origin();
        let origin = origin.as_deref();
        let requested = self.request(first, canary, origin).await;
        let is_session = matches!(requested, Ok(Ok(_)));
        let is_the_last = matches!(&requested, Ok(Err(answer)) if answer.is_the_last());
        let rest = rest.iter().filter(|_| !is_the_last).map(|tier| async move {
            (tier.name.clone(), self.read_and_expire(self.request(tier, canary, origin).await).await)
        });
        let foreign_origin =
            futures::future::OptionFuture::from(is_session.then_some(async {
                self.read_and_expire(self.request(first, canary, Some(FOREIGN_ORIGIN)).await).await
            }));
        let invalid = self.invalid_requests().into_iter().filter(|_| is_session);
        let invalid = invalid.map(|request| async move { (request, self.request_invalid(request, canary).await) });
        let (first_answer, foreign_origin, rest, invalid) = futures::join!(
            self.read_and_expire(requested),
            foreign_origin,
            futures::future::join_all(rest),
            futures::future::join_all(invalid)
        );
        checkouts.by_tier.push((first.name.clone(), first_answer));
        checkouts.by_tier.extend(rest);
        checkouts.foreign_origin = foreign_origin;
        checkouts.invalid = invalid;
        checkouts
    }

    /// Asks for the session of one tier, to be completed. If it is not, it is expired at the end of the run.
    pub(in crate::world) async fn checkout_to_complete(
        self,
        tier: &Tier,
        holder: &HolderId,
        token: &Token,
    ) -> Answered<CheckoutAnswer> {
        self.prices_exist(tier).await?;
        let canary = (holder.clone(), token.clone());
        match self.request(tier, &canary, self.origin().as_deref()).await? {
            Ok(opened) => self.read_back(&opened).await,
            Err(answer) => Ok(answer),
        }
    }

    /// The requests to reject that this route allows: one that names no tier cannot name an unknown one.
    fn invalid_requests(self) -> Vec<InvalidRequest> {
        let Some(route) = &self.world.config.worker.checkout else { return Vec::new() };
        let unknown_tier = route.names_the_tier().then_some(InvalidRequest::UnknownTier);
        unknown_tier.into_iter().chain(route.body.is_some().then_some(InvalidRequest::BrokenJson)).collect()
    }

    /// The request of a customer who chose that.
    fn checkout_request(self, choice: &Choice) -> Answered<CheckoutRequest> {
        let route = self.world.config.worker.checkout.as_ref();
        let choice = choice.clone().by_canary(&self.world.config.clerk);
        Ok(route.ok_or_else(|| NoAnswer::unknown("worker.checkout is false"))?.request(&choice))
    }

    async fn canary_and_token(self) -> Answered<(HolderId, Token)> {
        self.world.probes()?;
        let (canary, token) = futures::join!(self.world.canary_without_subscription(), self.world.clerk().any_token());
        Ok((canary?, token?))
    }

    /// Whether every price of a tier exists for our key, in this mode. A session with another price could not be judged.
    async fn prices_exist(self, tier: &Tier) -> Answered {
        let prices = self.offers(tier).into_iter().map(|offer| async move { self.world.stripe().price(&offer).await });
        futures::future::join_all(prices).await.into_iter().try_for_each(|price| price.map(drop))
    }

    pub(super) fn offers(self, tier: &Tier) -> Vec<Offer<'w>> {
        offers(self.world).into_iter().filter(|offer| offer.tier.name == tier.name).collect()
    }

    /// Asks the Worker for a Checkout Session.
    async fn request(
        self,
        tier: &Tier,
        (holder, token): &(HolderId, Token),
        origin: Option<&str>,
    ) -> Answered<Requested> {
        let door = self.world.leave_no_trace()?;
        let credential = Some(self.credential(token));
        let open = &self.world.open_sessions;
        let step = Step::Checkout { tier, holder, request: &self.checkout_request(&Choice::of(tier))? };
        open.is_asked();
        let asked = match door.take(step, Self::headers_from(origin), credential).await {
            Ok(asked) => asked,
            Err(why) => {
                open.is_not_asked();
                return Err(why);
            }
        };
        let answer = match &asked {
            Ok(answer) => answer,
            Err(failure) => {
                open.is_silent(failure);
                return self.no_session(tier, asked).await.map(Err);
            }
        };
        let session = session_in(answer);
        let ours = session.as_ref().filter(|session| session.mode() == self.mode());
        open.is_answered(answer.status, answer.attempts, session.is_some(), ours);
        Ok(match session {
            Some(id) if id.mode() == self.mode() => Ok(Opened { id, answer: Arc::clone(answer) }),
            Some(id) => Err(CheckoutAnswer::OtherMode(id.to_string(), Arc::clone(answer))),
            None if answer.is_success() && !answer.is_page() => Err(self.success(answer).await),
            None => Err(self.no_session(tier, asked).await?),
        })
    }

    /// Sends a request that the Worker must reject. If it creates a session all the same, that is expired.
    async fn request_invalid(
        self,
        invalid: InvalidRequest,
        (holder, token): &(HolderId, Token),
    ) -> Answered<Arc<Answer>> {
        let credential = Some(self.credential(token));
        let request = &self.checkout_request(&Choice::unknown())?;
        let (open, step) = (&self.world.open_sessions, Step::InvalidCheckout { invalid, holder, request });
        open.is_asked();
        let origin = self.origin();
        let asked = self.world.leave_no_trace()?.take(step, Self::headers_from(origin.as_deref()), credential).await;
        let answer = match asked {
            Ok(Ok(answer)) => answer,
            Ok(Err(failure)) => {
                open.is_silent(&failure);
                return Err(NoAnswer::Unknown(failure.to_string()));
            }
            Err(why) => {
                open.is_not_asked();
                return Err(why);
            }
        };
        let session = session_in(&answer);
        let ours = session.as_ref().filter(|session| session.mode() == self.mode());
        open.is_answered(answer.status, answer.attempts, session.is_some(), ours);
        if let Some(id) = ours
            && self.world.stripe().expire(id).await.is_ok()
        {
            open.is_expired(id);
        }
        Ok(answer)
    }

    /// Success without a session: a Worker of this stack changes the subscription of a customer who has one.
    async fn success(self, answer: &Arc<Answer>) -> CheckoutAnswer {
        let Some(change) = change_in(&answer.text()) else { return CheckoutAnswer::NoSession(Arc::clone(answer)) };
        let subscription = match change {
            SubscriptionChange::Named(id) => Some(id),
            SubscriptionChange::Unnamed => self.subscription_of_canary().await,
        };
        self.world.open_sessions.is_changed(subscription.clone());
        CheckoutAnswer::ChangedSubscription(subscription, Arc::clone(answer))
    }

    /// The newest subscription whose metadata names the canary or its organization.
    async fn subscription_of_canary(self) -> Option<String> {
        let canary: Vec<&str> = self.world.config.clerk.canary_ids().collect();
        let newest = optional(self.world.stripe().newest_subscriptions()).await?.listed.items;
        let is_theirs = |one: &Subscription| one.metadata.texts().any(|(_, text)| canary.contains(&text));
        newest.into_iter().find(is_theirs).map(|one| one.id)
    }

    /// An answer without a session, and the problem that it names.
    ///
    /// # Errors
    /// Blocked if another check reports why there is no session.
    async fn no_session(self, tier: &Tier, asked: Asked) -> Answered<CheckoutAnswer> {
        if let Ok(answer) = &asked
            && !answer.is_success()
            && self.problem(tier, answer) == CheckoutProblem::PriceUnset
        {
            let variables: Vec<&str> = tier.prices.iter().map(|price| price.price_id.name.as_str()).collect();
            self.blame(Symptom::UnsetPrice(&variables, answer)).await?;
            let failure = RouteFailure::of(Route::Checkout, answer);
            return Ok(CheckoutAnswer::Refused(CheckoutProblem::PriceUnset, failure));
        }
        let failure = match self.answer(Route::Checkout, asked).await? {
            Ok(answer) if answer.is_success() => return Ok(CheckoutAnswer::NoSession(answer)),
            Ok(answer) => RouteFailure::of(Route::Checkout, &answer),
            Err(failure) => failure,
        };
        let Some(answer) = &failure.answer else {
            return Ok(CheckoutAnswer::Refused(CheckoutProblem::Unexplained, failure));
        };
        self.blame(Symptom::NoCheckout(answer)).await?;
        let problem = self.problem(tier, answer);
        if problem == CheckoutProblem::Unexplained {
            self.blame(Symptom::UnexplainedCheckout(tier)).await?;
        }
        Ok(CheckoutAnswer::Refused(problem, failure))
    }

    /// The problem that an answer for `tier` names. A price ID that is not set may be another tier's, which explains nothing.
    fn problem(self, tier: &Tier, answer: &Answer) -> CheckoutProblem {
        let text = answer.text();
        let (own, others): (Vec<Offer<'_>>, Vec<Offer<'_>>) =
            offers(self.world).into_iter().partition(|offer| offer.tier.name == tier.name);
        let is_named = |offer: &Offer<'_>| text.contains(&offer.price.price_id.name);
        let ids: Vec<&str> = own.iter().map(Offer::id).collect();
        match problem_in(&text, self.mode(), &ids) {
            CheckoutProblem::PriceUnset if !own.iter().any(is_named) && others.iter().any(is_named) => {
                CheckoutProblem::Unexplained
            }
            problem => problem,
        }
    }

    /// Reads a session back and expires it, both at once: expiring it changes nothing that is judged.
    async fn read_and_expire(self, requested: Answered<Requested>) -> Answered<CheckoutAnswer> {
        let opened = match requested? {
            Ok(opened) => opened,
            Err(answer) => return Ok(answer),
        };
        let (found, expired) = futures::join!(self.read_back(&opened), self.world.stripe().expire(&opened.id));
        if expired.is_ok() {
            self.world.open_sessions.is_expired(&opened.id);
        }
        found
    }

    async fn read_back(self, Opened { id, answer }: &Opened) -> Answered<CheckoutAnswer> {
        let pointer = self.world.config.worker.checkout.as_ref().and_then(|route| route.session.as_deref());
        let misplaced = pointer.filter(|pointer| session_at(answer, pointer).as_ref() != Some(id));
        let misplaced = misplaced.map(|_| Arc::clone(answer));
        Ok(match self.world.stripe().checkout_session(id).await? {
            Found::Here(session) => CheckoutAnswer::Session { session: Box::new(session), misplaced },
            Found::Missing(refusal) => CheckoutAnswer::OtherAccount(id.to_string(), refusal),
        })
    }

    const fn mode(self) -> Mode {
        self.world.config.project.mode
    }
}

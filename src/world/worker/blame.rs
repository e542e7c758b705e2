//! What a failure is to be blamed on: one cause is one finding, however many routes show it.
//!
//! Each [`Symptom`] has suspects, which are tried in order. The check that owns the first one that explains the symptom reports
//! it. If none does, the symptom is the finding of the check that saw it.

use futures::FutureExt;
use futures::future::BoxFuture;

use super::checkout::{CheckoutAnswer, CheckoutProblem};
use super::{Forgery, ForgeryResponse, NoAnswer, Route, Symptom, UsageAnswer, Worker, listed_as_missing};
use crate::finding::{Answered, Cause};
use crate::world::transport::{Answer, Failure, Trouble, optional};
use crate::world::webhook::{Obstacle, SignedResponse, alike, obstacle};

impl<'a> Symptom<'a> {
    /// What may explain it, in the order in which it is tried.
    const fn suspects(self) -> &'static [Cause] {
        match self {
            Self::Answer(..) => &[
                Cause::WebhookUnreachable,
                Cause::WorkerSecretsMissing,
                Cause::SignedEventNotAccepted,
                Cause::WorkerDown,
            ],
            Self::Silence(_) => &[Cause::WorkerDown],
            Self::SignedEvent(_) => &[Cause::WorkerSecretsMissing, Cause::WorkerMissesBindings],
            Self::MissingNames(..) => &[Cause::WorkerSecretsMissing, Cause::WorkerVariableDiffers],
            Self::UnsetPrice(..) => {
                &[Cause::WorkerSecretsMissing, Cause::WorkerMissesBindings, Cause::SignedEventNotAccepted]
            }
            Self::NoCheckout(_) => &[Cause::TokenRejectedByWorker, Cause::WorkerUnauthenticated],
            Self::UnexplainedCheckout(_) => {
                &[Cause::StripeAccountRestricted, Cause::PriceTermsDiffer, Cause::JwtTemplateUnusable]
            }
            Self::NoPortal(_) => &[
                Cause::TokenRejectedByWorker,
                Cause::WorkerUnauthenticated,
                Cause::WorkerStripeKeyDiffers,
                Cause::PortalUnavailable,
                Cause::WorkerVariableDiffers,
            ],
            Self::PortalInOtherMode => &[Cause::WorkerStripeKeyDiffers],
            Self::OtherPlan => &[Cause::WorkerUnauthenticated],
            Self::OtherValue(_) => &[Cause::WorkerVariableDiffers],
        }
    }

    const fn answer(self) -> Option<&'a Answer> {
        match self {
            Self::Answer(_, answer)
            | Self::SignedEvent(answer)
            | Self::MissingNames(_, answer)
            | Self::UnsetPrice(_, answer)
            | Self::NoCheckout(answer)
            | Self::NoPortal(answer) => Some(answer),
            _ => None,
        }
    }

    fn is(self, condition: impl Fn(&Answer) -> bool) -> bool {
        self.answer().is_some_and(condition)
    }
}

impl<'w> Worker<'w> {
    /// Whether another check reports what explains a symptom.
    ///
    /// # Errors
    /// Blocked by the check that reports it, and unknown if a suspect that comes first cannot be ruled out.
    #[must_use = "a symptom that is blamed on nothing is a finding"]
    pub fn blame<'a>(self, symptom: Symptom<'a>) -> BoxFuture<'a, Answered>
    where
        'w: 'a,
    {
        // Boxed, since the question about a suspect may itself fail and be blamed on others.
        async move {
            for cause in symptom.suspects() {
                if self.explains(*cause, symptom).await? {
                    return Err(NoAnswer::Because(*cause));
                }
            }
            Ok(())
        }
        .boxed()
    }

    /// Why a signed event got a 5xx.
    pub(in crate::world) async fn blame_for_signed_event(self, answer: &Answer) -> Answered {
        self.blame(Symptom::SignedEvent(answer)).await
    }

    /// Why a route did not answer.
    pub(super) async fn blame_for_silence(self, route: Route, failure: &Failure) -> Answered {
        self.world.is_to_blame(failure).await?;
        if self.shares_host() {
            let webhook = self.world.webhook();
            let asked = async { futures::join!(optional(webhook.reach()), optional(webhook.signed_response())) };
            let (reach, signed) = asked.boxed().await;
            let is_broken = matches!(failure.trouble, Trouble::TimedOut(_) | Trouble::Broken(_));
            let cause = match (reach.and_then(|reach| reach.obstacle), signed) {
                (
                    Some(Obstacle::Name(_) | Obstacle::Refused | Obstacle::Unreachable(_) | Obstacle::Certificate(_)),
                    _,
                ) => Some(Cause::WebhookUnreachable),
                (Some(Obstacle::Hangs), _) => Some(Cause::SignedEventNotAccepted),
                (_, Some((SignedResponse::NoResponse, _))) if is_broken => Some(Cause::SignedEventNotAccepted),
                _ => None,
            };
            if let Some(cause) = cause {
                return Err(NoAnswer::Because(cause));
            }
        }
        self.blame(Symptom::Silence(route)).await
    }

    /// Why Stripe's deliveries fail: whatever makes the Worker reject a signed event.
    ///
    /// # Errors
    /// Blocked by the check that reports why.
    pub async fn blame_for_failed_deliveries(self) -> Answered {
        const CAUSES: [Cause; 5] = [
            Cause::WebhookUnreachable,
            Cause::SignedEventNotAccepted,
            Cause::WorkerNotDeployed,
            Cause::WorkerSecretsMissing,
            Cause::WorkerMissesBindings,
        ];
        // If the Worker could not be asked, Stripe's record is all there is.
        match optional(async { Ok(self.world.webhook().signed_response().await) }).await {
            Some(Ok((response, _))) if !response.proves_secret() => {
                Err(NoAnswer::Because(Cause::SignedEventNotAccepted))
            }
            Some(Err(NoAnswer::Because(cause))) if CAUSES.contains(&cause) => Err(NoAnswer::Because(cause)),
            _ => Ok(()),
        }
    }

    /// Why the usage route answers 404 to every forged token: middleware may hide it from users who are not signed in.
    ///
    /// # Errors
    /// Blocked by `worker/usage` if the canary's valid token does not work either.
    pub async fn blame_for_hidden_route(self) -> Answered {
        match self.usage().await? {
            UsageAnswer::Granted(_) => Ok(()),
            UsageAnswer::Rejected { .. } | UsageAnswer::Failed(_) => {
                Err(NoAnswer::Because(Cause::TokenRejectedByWorker))
            }
        }
    }

    async fn explains(self, cause: Cause, symptom: Symptom<'_>) -> Answered<bool> {
        let stripe = self.world.stripe();
        match cause {
            Cause::WebhookUnreachable => self.has_the_same_obstacle(symptom).await,
            Cause::WorkerSecretsMissing => Ok(self.lacks_a_name(symptom).await),
            Cause::WorkerMissesBindings => {
                let Some(names) = symptom.answer().and_then(listed_as_missing) else { return Ok(false) };
                let by_health = optional(self.names_listed_by_health()).await.flatten();
                Ok(by_health.is_some_and(|missing| missing.names == names))
            }
            Cause::SignedEventNotAccepted => Ok(self.fails_on_a_signed_event(symptom).await),
            Cause::WorkerDown => self.is_unhealthy(symptom).await,
            Cause::TokenRejectedByWorker => {
                let is_rejection = symptom.is(|answer| matches!(answer.status, 401 | 403));
                let is_asked = is_rejection && self.path(Route::Usage).is_some();
                Ok(is_asked && matches!(self.usage().await?, UsageAnswer::Rejected { .. }))
            }
            Cause::WorkerUnauthenticated => Ok(self.path(Route::Usage).is_some() && self.accepts_anyone().await),
            Cause::WorkerStripeKeyDiffers => {
                Ok(self.path(Route::Checkout).is_some() && self.has_another_stripe_key().await)
            }
            Cause::StripeAccountRestricted => {
                let account = stripe.account().await?.value;
                Ok(!*account.charges_enabled.known("charges_enabled of GET /v1/account")?)
            }
            Cause::PriceTermsDiffer => {
                let Symptom::UnexplainedCheckout(tier) = symptom else { return Ok(false) };
                for offer in self.offers(tier) {
                    stripe.valid_price(&offer).await?;
                }
                Ok(false)
            }
            // A Worker that sells to organizations has none in the canary's token, or the other way around.
            Cause::JwtTemplateUnusable => self.world.clerk().holder_fits().await.map(|()| false),
            Cause::PortalUnavailable => stripe.portal().await.map(|_| false),
            Cause::WorkerVariableDiffers => {
                let Some(cloudflare) = self.world.cloudflare() else { return Ok(false) };
                let names = match symptom {
                    Symptom::MissingNames(names, _) | Symptom::OtherValue(names) => names,
                    _ => &[self.world.config.stripe.portal_configuration.name.as_str()],
                };
                Ok(optional(cloudflare.has_other_values(names)).await == Some(true))
            }
            _ => Ok(false),
        }
    }

    async fn has_the_same_obstacle(self, symptom: Symptom<'_>) -> Answered<bool> {
        let Some(answer) = symptom.answer() else { return Ok(false) };
        let Some(found) = obstacle(answer) else { return Ok(false) };
        let reach = if self.shares_host() { optional(self.world.webhook().reach()).await } else { None };
        let is_same = |other: Obstacle| std::mem::discriminant(&other) == std::mem::discriminant(&found);
        if reach.and_then(|reach| reach.obstacle).is_some_and(is_same) {
            return Ok(true);
        }
        if found == Obstacle::BotChallenge {
            let reason = "a bot challenge answered instead of the Worker, and may be aimed at this machine only";
            return Err(NoAnswer::unknown(format!("{reason} ({})", answer.request)));
        }
        Ok(false)
    }

    /// Whether a variable for the price is not set, or any required name if a 5xx does not say which.
    async fn lacks_a_name(self, symptom: Symptom<'_>) -> bool {
        let names = if let Symptom::UnsetPrice(names, _) = symptom { Some(names) } else { None };
        if names.is_none() && !symptom.is(|answer| answer.status >= 500) {
            return false;
        }
        let Some(cloudflare) = self.world.cloudflare() else { return false };
        match (optional(cloudflare.missing_names()).await, names) {
            (Some(Some(missing)), Some(names)) => missing.value.iter().any(|name| names.contains(&name.as_str())),
            (Some(Some(missing)), None) => !missing.value.is_empty(),
            // There is no such script, which `worker/secrets` reports.
            (Some(None), names) => names.is_none(),
            (None, _) => false,
        }
    }

    async fn fails_on_a_signed_event(self, symptom: Symptom<'_>) -> bool {
        if !self.shares_host() || !symptom.is(|answer| answer.status >= 500 || answer.is_page()) {
            return false;
        }
        match optional(self.world.webhook().signed_response()).await {
            Some((SignedResponse::ServerError, Ok(signed))) => symptom.is(|answer| alike(&signed, answer)),
            Some((SignedResponse::CatchAll, _)) => true,
            _ => false,
        }
    }

    async fn is_unhealthy(self, symptom: Symptom<'_>) -> Answered<bool> {
        let may_be = match symptom {
            Symptom::Answer(route, answer) => {
                route != Route::Health && (matches!(answer.status, 300..=399 | 404 | 405 | 410) || answer.status >= 500)
            }
            Symptom::Silence(route) => route != Route::Health,
            _ => false,
        };
        if !may_be || self.path(Route::Health).is_none() {
            return Ok(false);
        }
        match self.get(Route::Health, None).await? {
            Ok(answer) => Ok(answer.status != 200),
            Err(failure) if failure.trouble.is_ours() => Err(NoAnswer::Unknown(failure.to_string())),
            Err(_) => Ok(true),
        }
    }

    async fn accepts_anyone(self) -> bool {
        let (without, garbage) =
            futures::join!(optional(self.forged(Forgery::NoToken)), optional(self.forged(Forgery::Garbage)));
        let is_accepted = |response| matches!(response, Some(ForgeryResponse::Accepted(_)));
        is_accepted(without) || is_accepted(garbage)
    }

    async fn has_another_stripe_key(self) -> bool {
        let is_by_another_key = |answer: &CheckoutAnswer| {
            matches!(
                answer,
                CheckoutAnswer::OtherMode(..)
                    | CheckoutAnswer::OtherAccount(..)
                    | CheckoutAnswer::Refused(
                        CheckoutProblem::OtherMode | CheckoutProblem::OtherAccount | CheckoutProblem::KeyRejected,
                        _
                    )
            )
        };
        let checkouts = self.checkouts().await;
        checkouts.by_tier.iter().any(|(_, answer)| answer.as_ref().is_ok_and(is_by_another_key))
    }

    /// Whether the webhook URL is on the Worker's host.
    fn shares_host(self) -> bool {
        let config = &self.world.config;
        config.webhook.url.origin() == config.worker.url.origin()
    }
}

//! Who gets in without a right to.

use std::sync::Arc;

use super::super::transport::{Answer, Credential, optional};
use super::{Breakdown, NoAnswer, Route, Usage, Worker, forgery};
use crate::config::Secret;
use crate::finding::Cause;

/// A request that must be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// Without a token.
    NoToken,
    /// With something that is no token.
    Garbage,
    /// With a token that says of itself that it needs no signature.
    AlgorithmNone,
    /// With a token that is keyed with the published key, as if that were a shared secret.
    PublicKeyAsSecret,
    /// With a token that another instance's key has signed.
    Foreign,
}

/// What the Worker makes of such a request.
#[derive(Debug, Clone)]
pub enum Reaction {
    /// It accepts the request, as it would a user's.
    LetIn(Arc<Answer>),
    /// It rejects the request, or redirects to a sign-in page.
    Refused(Arc<Answer>),
    /// It fails, so that it cannot be told.
    Broken(Breakdown),
}

impl Worker<'_> {
    /// Asks the usage route, and has no right to; asked by `worker/auth`.
    ///
    /// # Errors
    /// Where it cannot be asked, or the answer is another check's finding.
    pub async fn forged(self, forgery: Forgery) -> Result<Reaction, NoAnswer> {
        self.world.probes()?;
        let token = match forgery {
            Forgery::NoToken => None,
            Forgery::Garbage => Some(Secret::new("preflight.is-no.token")),
            Forgery::AlgorithmNone => Some(self.plausible().await?.unsigned()),
            Forgery::PublicKeyAsSecret => Some(self.plausible().await?.keyed_with_public_key()?),
            Forgery::Foreign => Some(self.plausible().await?.signed_by_a_foreigner().await?),
        };
        let credential = token.map(|token| Credential::new(&token, &self.world.config.worker.url));
        let asked = self.get(Route::Usage, credential).await?;
        match self.heard(Route::Usage, asked).await? {
            Ok(answer) if !answer.is_success() => Ok(Reaction::Refused(answer)),
            Ok(answer) if answer.is_page() => {
                let words = "a page answered in the route's place, so nobody can tell whom the route lets in";
                Err(NoAnswer::unknown(format!("{words} ({})", answer.request)))
            }
            Ok(answer) => Ok(Reaction::LetIn(answer)),
            Err(breakdown) => Ok(Reaction::Broken(breakdown)),
        }
    }

    /// That the route exists, where it refuses everybody as a route refuses that does not: middleware may say 404 to
    /// whoever is not signed in.
    ///
    /// # Errors
    /// Where nobody was ever let in.
    pub async fn lets_the_canary_in(self) -> Result<(), NoAnswer> {
        match self.usage().await? {
            Usage::Granted(_) => Ok(()),
            Usage::Refused { .. } | Usage::Broken(_) => Err(NoAnswer::Because(Cause::TokenRejectedByWorker)),
        }
    }

    /// That the Worker asks who it is: what it grants everybody explains what else is wrong with the canary's rights.
    ///
    /// # Errors
    /// Blocked by `worker/auth` where it does not.
    pub async fn asks_who_it_is(self) -> Result<(), NoAnswer> {
        if self.path(Route::Usage).is_none() {
            return Ok(());
        }
        let forged = |forgery| Box::pin(optional(self.forged(forgery)));
        let (without, garbage) = futures::join!(forged(Forgery::NoToken), forged(Forgery::Garbage));
        let let_in = |reaction| matches!(reaction, Some(Reaction::LetIn(_)));
        if let_in(without) || let_in(garbage) { Err(NoAnswer::Because(Cause::WorkerUnauthenticated)) } else { Ok(()) }
    }

    /// What a forged token says, so that nothing but its signature gives it away.
    async fn plausible(self) -> Result<forgery::Plausible, NoAnswer> {
        let (config, clerk) = (&self.world.config, self.world.clerk());
        let keys = clerk.published_keys().await?;
        let user = super::super::sound(&config.clerk.canary_user).map_or("user_preflight", String::as_str);
        let plan = config.tiers.last().map_or("free", |tier| tier.metadata.as_str());
        let mut claims = forgery::claims(&clerk.frontend_api()?.origin().ascii_serialization(), user);
        claims.insert(config.clerk.plan_claim.clone(), plan.into());
        claims.extend(self.origin().map(|origin| ("azp".to_owned(), origin.into())));
        Ok(forgery::Plausible::new(claims, &keys.value))
    }
}

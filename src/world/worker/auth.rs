//! Requests that the Worker must reject, and what it answers.

use std::sync::Arc;

use super::{Answer, NoAnswer, Route, RouteFailure, Worker, forgery};
use crate::config::Secret;
use crate::finding::Answered;
use crate::world::clerk::{Claims, Token};
use crate::world::transport::{Credential, optional};
use crate::world::{nested_claim, usable};

/// A request that the Worker must reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgery {
    /// Without a token.
    NoToken,
    /// With text that is not a token.
    Garbage,
    /// With a token that claims to need no signature.
    AlgorithmNone,
    /// With a token that is signed with the public key as a shared secret.
    PublicKeyAsSecret,
    /// With a token that another instance's key signed.
    Foreign,
}

/// The Worker's response to such a request.
#[derive(Debug, Clone)]
pub enum ForgeryResponse {
    /// It accepts the request.
    Accepted(Arc<Answer>),
    /// It rejects the request, or redirects to a sign-in page.
    Rejected(Arc<Answer>),
    /// It fails, which shows neither.
    Failed(RouteFailure),
}

impl Worker<'_> {
    /// Sends a request to the usage route that it must reject.
    ///
    /// # Errors
    /// Unknown if a page answers, and blocked if another check reports why the route fails.
    pub async fn forged(self, forgery: Forgery) -> Answered<ForgeryResponse> {
        self.world.probes()?;
        let token = match forgery {
            Forgery::NoToken => None,
            Forgery::Garbage => Some(Secret::new("preflight.is-no.token")),
            Forgery::AlgorithmNone => Some(self.plausible().await?.unsigned()),
            Forgery::PublicKeyAsSecret => Some(self.plausible().await?.signed_with_public_key()?),
            Forgery::Foreign => Some(self.plausible().await?.signed_with_another_key()),
        };
        let credential = token.map(|token| self.credential_of(&token));
        self.response_to("", credential).await
    }

    /// Sends a token that the Worker must reject, once in a run for each purpose.
    ///
    /// # Errors
    /// As for [`Worker::forged`].
    pub(in crate::world) async fn refusal_of(self, token: &Token, purpose: &str) -> Answered<ForgeryResponse> {
        self.response_to(purpose, Some(self.credential(token))).await
    }

    async fn response_to(self, purpose: &str, credential: Option<Credential>) -> Answered<ForgeryResponse> {
        let asked = self.get_for(purpose, Route::Usage, credential).await?;
        Ok(match self.answer(Route::Usage, asked).await? {
            Ok(answer) if !answer.is_success() => ForgeryResponse::Rejected(answer),
            Ok(answer) if answer.is_page() => {
                let words = "a page answered instead of the route, so nothing shows which requests the route accepts";
                return Err(NoAnswer::unknown(format!("{words} ({})", answer.request)));
            }
            Ok(answer) => ForgeryResponse::Accepted(answer),
            Err(failure) => ForgeryResponse::Failed(failure),
        })
    }

    /// The claims of a forged token: those of the canary's, as far as there is one, so that only the signature gives it away. A Worker
    /// may reject a token that lacks a claim before it looks at the signature.
    async fn plausible(self) -> Answered<forgery::PlausibleToken> {
        let (config, clerk) = (&self.world.config, self.world.clerk());
        let keys = clerk.published_keys().await?;
        let user = usable(&config.clerk.canary_user).map_or("user_preflight", String::as_str);
        let plan = config.tiers.last().map_or("free", |tier| tier.metadata.as_str());
        let mut claims = optional(clerk.any_token()).await.map_or_else(Claims::new, |token| token.unverified());
        claims.extend(forgery::claims(&clerk.frontend_api()?.origin().ascii_serialization(), user));
        claims.extend([nested_claim(&config.clerk.plan_claim, plan.into())]);
        claims.extend(self.origin().map(|origin| ("azp".to_owned(), origin.into())));
        Ok(forgery::PlausibleToken::new(claims, &keys.value))
    }
}

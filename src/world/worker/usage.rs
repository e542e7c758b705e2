//! The canary's plan and limit, as the Worker grants them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::tiers::read_limit;
use super::{Answer, NoAnswer, Route, RouteFailure, Worker, unreadable};
use crate::config::Limit;
use crate::finding::Answered;

/// The Worker's answer to the canary's token.
#[derive(Debug, Clone)]
pub enum UsageAnswer {
    /// It accepts the token.
    Granted(GrantedUsage),
    /// It rejects the token.
    Rejected {
        /// The reason that it gives.
        reason: String,
        /// The answer.
        answer: Arc<Answer>,
    },
    /// The route does not work.
    Failed(RouteFailure),
}

/// What the Worker grants the canary.
#[derive(Debug, Clone)]
pub struct GrantedUsage {
    /// The plan, as the Worker calls it.
    pub plan: Answered<String>,
    /// The plan's limit; `None` if the answer names none.
    pub limit: Answered<Option<Limit>>,
    /// The tier in the canary's token.
    pub tier: String,
    /// The answer.
    pub answer: Arc<Answer>,
}

impl Worker<'_> {
    /// What the Worker grants the canary.
    ///
    /// # Errors
    /// Unknown if the answer has another shape, and blocked if there is no valid token or another check reports why the
    /// route fails.
    pub async fn usage(self) -> Answered<UsageAnswer> {
        // Do not sign the canary in if nothing may be sent to the Worker.
        self.world.probes()?;
        let (token, tier) = self.world.clerk().proved_token().await?;
        let credential = token.credential(&self.world.config.worker.url);
        let asked = self.get(Route::Usage, Some(credential)).await?;
        let answer = match self.answer(Route::Usage, asked).await? {
            Ok(answer) => answer,
            Err(failure) => return Ok(UsageAnswer::Failed(failure)),
        };
        match answer.status {
            200..=299 => {
                let body: Map<String, Value> = answer.json()?;
                let names = [self.world.config.clerk.plan_claim.as_str(), "plan", "tier"];
                let plan = names.into_iter().find_map(|name| body.get(name)?.as_str());
                let plan = plan.ok_or_else(|| unreadable(&answer)).map(str::to_owned);
                let limit = body.get("limit").map(|limit| read_limit(limit).ok_or_else(|| unreadable(&answer)));
                let limit = limit.transpose();
                Ok(UsageAnswer::Granted(GrantedUsage { plan, limit, tier: tier.name.clone(), answer }))
            }
            401 | 403 => {
                let named = answer.header("x-clerk-auth-reason").filter(|reason| !reason.is_empty());
                // Only tokens from a browser have an `azp`, and a Worker may require one (docs/providers.md, "Clerk API
                // objects and sign-in").
                if token.party().is_none() && named.is_none_or(|reason| reason.contains("authorized-parties")) {
                    return Err(NoAnswer::unknown(format!(
                        "the Worker answered {} to {} with a token without azp, which tokens from a browser have. Configure \
                         [frontend] so that the canary signs in from there",
                        answer.status, answer.request
                    )));
                }
                let message = answer.header("x-clerk-auth-message").filter(|message| !message.is_empty());
                let reason = match (named, message) {
                    (Some(reason), Some(message)) => answer.quote(&format!("{reason}: {message}")),
                    (Some(reason), None) => answer.quote(reason),
                    (None, _) => answer.excerpt(),
                };
                Ok(UsageAnswer::Rejected { reason, answer })
            }
            _ => Ok(UsageAnswer::Failed(RouteFailure::of(Route::Usage, &answer))),
        }
    }
}

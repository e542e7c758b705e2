//! The canary's plan and limit, as the Worker grants them.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::tiers::read_limit;
use super::{Answer, NoAnswer, Route, RouteFailure, Worker, unreadable};
use crate::config::Limit;
use crate::finding::Answered;
use crate::world::clerk::Token;

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
    /// How many uses count toward the limit; `None` if the answer does not say.
    pub used: Option<u64>,
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
        let (token, _) = self.world.clerk().proved_token().await?;
        self.usage_of(&token).await
    }

    /// What the Worker grants the holder of a valid token.
    ///
    /// # Errors
    /// As for [`Worker::usage`].
    pub(in crate::world) async fn usage_of(self, token: &Token) -> Answered<UsageAnswer> {
        let credential = self.credential(token);
        let asked = self.get(Route::Usage, Some(credential)).await?;
        let answer = match self.answer(Route::Usage, asked).await? {
            Ok(answer) => answer,
            Err(failure) => return Ok(UsageAnswer::Failed(failure)),
        };
        match answer.status {
            200..=299 => {
                let body: Map<String, Value> = answer.json()?;
                let claim = self.world.config.clerk.plan_claim.as_str();
                let within = claim.rsplit_once('.').map_or(claim, |(_, within)| within);
                let names = [claim, within, "plan", "tier"];
                let plan = names.into_iter().find_map(|name| body.get(name)?.as_str());
                let plan = plan.ok_or_else(|| unreadable(&answer)).map(str::to_owned);
                let limit = body.get("limit").map(|limit| read_limit(limit).ok_or_else(|| unreadable(&answer)));
                let limit = limit.transpose();
                let used = used(&body);
                Ok(UsageAnswer::Granted(GrantedUsage { plan, limit, used, answer }))
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

/// The uses so far: under a name for them, or the limit without what remains of it.
fn used(body: &Map<String, Value>) -> Option<u64> {
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let names = ["usageCount", "usage_count", "used", "count", "usage", "current"];
    names.into_iter().find_map(number).or_else(|| number("limit")?.checked_sub(number("remaining")?))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::used;

    #[test]
    fn uses_are_read_under_their_name_or_from_what_remains() {
        let used = |body: Value| used(body.as_object().unwrap());
        assert_eq!(used(json!({ "usageCount": 3, "limit": 50, "remaining": 47 })), Some(3));
        assert_eq!(used(json!({ "limit": 50, "remaining": 47 })), Some(3));
        assert_eq!(used(json!({ "limit": "unlimited", "remaining": "unlimited" })), None);
    }
}

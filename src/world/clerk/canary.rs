//! The canary as the Worker sees it: a user with a plan, and a token that carries that plan.

use serde_json::Value;

use super::{Clerk, NoAnswer, Token, User, claim_at};
use crate::config::Tier;
use crate::finding::{Answered, Cause};
use crate::world::plan_value::plan_text;

impl<'w> Clerk<'w> {
    /// The tier in the canary's public metadata, or the plan there, if any, that is not the value of a tier.
    ///
    /// # Errors
    /// Unknown if it is a free tier: a Worker that cannot read the plan grants that one, too.
    pub(crate) fn canary_tier(self, canary: &User) -> Answered<Result<&'w Tier, Option<String>>> {
        let config = &self.world.config;
        let key = &config.clerk.metadata_key;
        let plan = canary.public_metadata()?.get(key).and_then(plan_text);
        let tier = config.tiers.iter().find(|tier| plan.as_ref() == Some(&tier.metadata));
        let paid: Vec<&str> = config.paid_tiers().map(|tier| tier.metadata.as_str()).collect();
        if let Some(free) = tier.filter(|tier| !tier.is_paid() && !paid.is_empty()) {
            return Err(NoAnswer::Unknown(format!(
                "the canary has the free tier \"{}\", which a Worker that cannot read the plan grants, too. Set {key} in the canary's public metadata to {}",
                free.metadata,
                paid.join(" or ")
            )));
        }
        Ok(tier.ok_or(plan))
    }

    /// The canary. Blocked if there is no such user.
    pub(crate) async fn known_canary(self) -> Answered<User> {
        let canary = self.canary().await?;
        canary.map(|seen| seen.value).ok_or(NoAnswer::Because(Cause::PlanClaimDiffers))
    }

    /// A token that carries the canary's plan, and the tier of that plan. Blocked if the token does not carry it.
    pub(crate) async fn proved_token(self) -> Answered<(Token, &'w Tier)> {
        let blocked = || NoAnswer::Because(Cause::PlanClaimDiffers);
        let (canary, template) = futures::join!(self.known_canary(), self.usable_template());
        let tier = self.canary_tier(&canary?)?.map_err(|_| blocked())?;
        template?;
        let token = self.canary_token().await?;
        let claims = self.verify(&token).await?.map_err(|_| blocked())?;
        let claim = claim_at(&claims, &self.world.config.clerk.plan_claim).and_then(Value::as_str);
        if claim == Some(&tier.metadata) { Ok((token, tier)) } else { Err(blocked()) }
    }

    /// A token for the canary, even if it does not carry the plan. Blocked if there is none because of the template.
    pub(crate) async fn any_token(self) -> Answered<Token> {
        match self.canary_token().await {
            Err(NoAnswer::Unknown(reason)) => {
                self.usable_template().await?;
                Err(NoAnswer::Unknown(reason))
            }
            token => token,
        }
    }
}

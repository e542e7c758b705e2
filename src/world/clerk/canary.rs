//! The canary as the Worker sees it: a user with a plan, and a token that says so.

use serde_json::Value;

use super::{Clerk, NoAnswer, Token, User};
use crate::config::Tier;
use crate::finding::Cause;

impl<'w> Clerk<'w> {
    /// The tier that a user's public metadata names; `None` where it names none.
    #[must_use]
    pub fn tier_of(self, user: &User) -> Option<&'w Tier> {
        let config = &self.world.config;
        let plan = user.public_metadata.get(&config.clerk.metadata_key)?.as_str()?;
        config.tiers.iter().find(|tier| tier.metadata == plan)
    }

    /// The canary, whom there is.
    ///
    /// # Errors
    /// Blocked by `clerk/plan-claim` where there is no such user.
    pub async fn known_canary(self) -> Result<User, NoAnswer> {
        let canary = self.canary().await?;
        canary.map(|seen| seen.value).ok_or(NoAnswer::Because(Cause::PlanClaimDiffers))
    }

    /// A token of the canary's that says what its metadata says, and the tier that this is.
    ///
    /// # Errors
    /// Blocked by `clerk/plan-claim` or `clerk/jwt-template` where there is none.
    pub async fn proved_token(self) -> Result<(Token, &'w Tier), NoAnswer> {
        let blocked = || NoAnswer::Because(Cause::PlanClaimDiffers);
        let (canary, template) = futures::join!(self.known_canary(), self.sound_template());
        let tier = self.tier_of(&canary?).ok_or_else(blocked)?;
        template?;
        let token = self.canary_token().await?;
        let claims = self.verify(&token).await?.map_err(|_| blocked())?;
        let claim = claims.get(&self.world.config.clerk.plan_claim).and_then(Value::as_str);
        if claim == Some(&tier.metadata) { Ok((token, tier)) } else { Err(blocked()) }
    }

    /// A token of the canary's, whatever it says of the plan.
    ///
    /// # Errors
    /// Blocked by `clerk/jwt-template` where none can be had for a reason that is its finding.
    pub async fn any_token(self) -> Result<Token, NoAnswer> {
        match self.canary_token().await {
            Err(NoAnswer::Unknown(reason)) => {
                self.sound_template().await?;
                Err(NoAnswer::Unknown(reason))
            }
            token => token,
        }
    }
}

//! The canary as the Worker sees it: a user, itself or its organization with a plan, and a token that carries that plan.

use serde_json::Value;

use super::{Clerk, Holder, NoAnswer, Token, claim_at};
use crate::config::{Tier, Variable};
use crate::finding::{Answered, Cause};
use crate::holder::HolderKind;
use crate::world::id::{HolderId, UserId, configured};
use crate::world::plan_value::plan_text;
use crate::world::seen::Seen;

fn existing(found: Option<Seen<Holder>>) -> Answered<Holder> {
    found.map(|seen| seen.value).ok_or(NoAnswer::Because(Cause::PlanClaimDiffers))
}

impl<'w> Clerk<'w> {
    /// The tier in the public metadata of what has the canary's plan, or the plan there, if any, that is not the value of a tier.
    ///
    /// # Errors
    /// Unknown if it is a free tier: a Worker that cannot read the plan grants that one, too.
    pub(crate) fn canary_tier(self, canary: &Holder) -> Answered<Result<&'w Tier, Option<String>>> {
        let config = &self.world.config;
        let key = &config.clerk.metadata_key;
        let plan = canary.public_metadata()?.get(key).and_then(plan_text);
        let tier = config.tiers.iter().find(|tier| plan.as_ref() == Some(&tier.metadata));
        let paid: Vec<&str> = config.paid_tiers().map(|tier| tier.metadata.as_str()).collect();
        if let Some(free) = tier.filter(|tier| !tier.is_paid() && !paid.is_empty()) {
            let whose = canary.kind().canary();
            return Err(NoAnswer::Unknown(format!(
                "the {whose} has the free tier \"{}\", which a Worker that cannot read the plan grants, too. Set {key} in its public metadata to {}",
                free.metadata,
                paid.join(" or ")
            )));
        }
        Ok(tier.ok_or(plan))
    }

    /// The ID of the user who is signed in.
    pub(crate) fn canary_user_id(self) -> Answered<UserId> {
        configured(self.must_exist(&self.world.config.clerk.canary_user)?, UserId::parse)
    }

    /// The ID of what has the canary's plan: the canary itself, or its organization.
    pub(crate) fn canary_holder_id(self) -> Answered<HolderId> {
        let config = &self.world.config;
        let variable = self.must_exist(config.clerk.canary_holder())?;
        configured(variable, |text| HolderId::parse(config.entitlement.holder, text))
    }

    /// A variable for the canary. Unknown if it is not set, with what to create.
    fn must_exist(self, variable: &Variable<String>) -> Answered<&Variable<String>> {
        if variable.is_set() || !variable.is_usable() {
            return Ok(variable);
        }
        let config = &self.world.config.clerk;
        let plan = format!("{{\"{}\": \"<a paid tier>\"}}", config.metadata_key);
        let user = &config.canary_user.name;
        Err(NoAnswer::Unknown(match &config.canary_organization {
            None => format!(
                "{user} is not set. Create a user in the Clerk Dashboard, set its public metadata to {plan}, and set {user} to its ID"
            ),
            Some(Variable { name, value: None, .. }) if config.canary_user.value.is_none() => format!(
                "{user} and {name} are not set. Create a user and an organization with this member in the Clerk Dashboard, set the organization's public metadata to {plan}, and set both to their IDs"
            ),
            Some(Variable { name, value: None, .. }) => format!(
                "{name} is not set. Create an organization in the Clerk Dashboard with the canary as a member, set its public metadata to {plan}, and set {name} to its ID"
            ),
            Some(Variable { value: Some(id), .. }) => format!(
                "{user} is not set. Create a user in the Clerk Dashboard, add it to the members of {id}, and set {user} to its ID"
            ),
        }))
    }

    /// What has the canary's plan, if it exists.
    pub(crate) async fn canary(self) -> Answered<Option<Seen<Holder>>> {
        self.holder(&self.canary_holder_id()?).await
    }

    /// What has the canary's plan. Blocked if it does not exist.
    pub(crate) async fn known_canary(self) -> Answered<Holder> {
        existing(self.canary().await?)
    }

    /// The canary itself. Blocked if there is no such user.
    pub(crate) async fn known_canary_user(self) -> Answered<Holder> {
        match self.world.config.entitlement.holder {
            HolderKind::User => self.known_canary().await,
            HolderKind::Organization => existing(self.canary_user().await?),
        }
    }

    /// The user who is signed in, if there is one.
    pub(crate) async fn canary_user(self) -> Answered<Option<Seen<Holder>>> {
        self.holder(&HolderId::User(self.canary_user_id()?)).await
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

//! `[clerk]`: the instance, where the plan is kept, and the canary.

use url::Url;

use super::{Secret, Variable, frontend_api_of};

/// `[clerk]`.
#[derive(Debug, Clone)]
pub struct ClerkConfig {
    /// `sk_live_…` of Clerk.
    pub secret_key: Variable<Secret>,
    /// `pk_live_…` of Clerk, which names the frontend API's host.
    pub publishable_key: Variable<String>,
    /// The template's name, or `None` where the session token itself carries the claim.
    pub jwt_template: Option<String>,
    /// The claim that the Worker reads.
    pub plan_claim: String,
    /// The key of the plan in the holder's public metadata.
    pub metadata_key: String,
    /// Where the Worker keeps the Stripe customer's ID in public metadata.
    pub customer_key: String,
    /// Where it keeps the subscription's.
    pub subscription_key: String,
    /// A user just for checks: with a paid plan, without a subscription.
    pub canary_user: Variable<String>,
    /// The organization that carries the canary's plan; `None` where users have plans themselves.
    pub canary_organization: Option<Variable<String>>,
    /// Without a trailing slash.
    pub api_base: Url,
    /// Overrides what the publishable key says.
    pub frontend_api: Option<Url>,
}

impl ClerkConfig {
    /// The ID of who has the canary's plan: the canary, or its organization.
    #[must_use]
    pub fn canary_holder(&self) -> &Variable<String> {
        self.canary_organization.as_ref().unwrap_or(&self.canary_user)
    }

    /// The IDs of the canary and of its organization, as far as they are set.
    pub fn canary_ids(&self) -> impl Iterator<Item = &str> {
        [Some(&self.canary_user), self.canary_organization.as_ref()]
            .into_iter()
            .flatten()
            .filter_map(|variable| variable.value.as_deref())
    }
}

impl ClerkConfig {
    /// Where the frontend API is: as configured, else as the publishable key says.
    #[must_use]
    pub fn frontend_api(&self) -> Option<Url> {
        self.frontend_api.clone().or_else(|| frontend_api_of(self.publishable_key.value.as_deref()?))
    }
}

//! Users and the plans that they have.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::plan_value::{PlanSlip, judge_plan};
use super::super::sound;
use super::{Clerk, NoAnswer, Party, Seen, judged, version};

/// A user, as far as a plan depends on it (facts.md, B2).
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// `user_…`.
    pub id: String,
    /// What the Worker writes and everybody can read.
    #[serde(default)]
    pub public_metadata: Map<String, Value>,
    /// What users can write themselves.
    #[serde(default)]
    pub unsafe_metadata: Option<Map<String, Value>>,
    /// What neither the user nor a browser sees.
    #[serde(default)]
    pub private_metadata: Option<Map<String, Value>>,
    /// The user's addresses; `None` where Clerk does not tell.
    #[serde(default)]
    pub email_addresses: Option<Vec<EmailAddress>>,
    /// When it was last written, in milliseconds.
    #[serde(default)]
    pub updated_at: i64,
}

/// An e-mail address of a user's.
#[derive(Debug, Clone, Deserialize)]
pub struct EmailAddress {
    /// The address itself.
    pub email_address: String,
}

/// A user whose plan is not as it should be.
#[derive(Debug, Clone)]
pub struct PlanHolder {
    /// `user_…`.
    pub user: String,
    /// The plan, as JSON where it is no text.
    pub plan: String,
    /// What is wrong with it; `None` for a plan in metadata that users can write.
    pub slip: Option<PlanSlip>,
}

/// What the newest users' plans look like.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// How many users there are.
    pub total: usize,
    /// How many of them, the newest, were looked at.
    pub read: usize,
    /// How many have each plan.
    pub plans: BTreeMap<String, usize>,
    /// Those whose plan is not as it should be; of the many alike the first few.
    pub holders: Vec<PlanHolder>,
    /// How many those are.
    pub slipped: usize,
}

#[derive(Deserialize)]
struct Count {
    total_count: usize,
}

/// The most that Clerk gives at once (facts.md, B1).
const PAGE: usize = 500;
/// `reconcile` reads all; a check that is run every night reads the newest.
const NEWEST: usize = 10_000;
/// How many holders a report can use.
const SHOWN: usize = 20;
/// Pages under way at once: what bounds the memory.
const AT_ONCE: usize = 4;

/// So many users can be asked for by their IDs at once (facts.md, B1).
const IDS_AT_ONCE: usize = 100;

fn page(offset: usize) -> String {
    format!("/v1/users?limit={PAGE}&offset={offset}&order_by=-created_at")
}

impl Clerk<'_> {
    /// The user kept for checks.
    ///
    /// # Errors
    /// `Ok(None)` where there is no such user; an error where nobody can tell.
    pub async fn canary(self) -> Result<Option<Seen<User>>, NoAnswer> {
        let id = sound(&self.world.config.clerk.canary_user)?;
        match self.raw(&format!("/v1/users/{id}")).await? {
            Ok(answer) => Ok(Some(Seen { value: answer.json()?, answer })),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    /// Looks at the newest users' plans, page by page, and keeps none of the pages but the first.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn survey_plans(self) -> Result<Survey, NoAnswer> {
        let (first, count) = futures::join!(self.newest_users(), self.ask::<Count>("/v1/users/count"));
        let total = count?.value.total_count;
        let mut survey = Survey { total, ..Survey::default() };
        self.look_at(&first?.value, &mut survey);
        let offsets = (PAGE..total.min(NEWEST)).step_by(PAGE);
        let mut pages = stream::iter(offsets).map(|offset| self.page(offset)).buffered(AT_ONCE);
        while let Some(users) = pages.try_next().await? {
            self.look_at(&users, &mut survey);
        }
        Ok(survey)
    }

    /// The newest users: the one page of the list that several checks read, and that is remembered.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn newest_users(self) -> Result<Seen<Vec<User>>, NoAnswer> {
        self.ask(&page(0)).await
    }

    /// The users with these IDs, as far as there are such users.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn users_by_id(self, mut ids: Vec<String>) -> Result<Vec<User>, NoAnswer> {
        // To Clerk, a sign before an ID means that user or everybody else; what is no ID is no user either.
        ids.retain(|id| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'));
        let asked = ids.chunks(IDS_AT_ONCE).map(|ids| {
            let query: Vec<String> = ids.iter().map(|id| format!("user_id={id}")).collect();
            async move { self.ask::<Vec<User>>(&format!("/v1/users?limit={IDS_AT_ONCE}&{}", query.join("&"))).await }
        });
        let mut users = Vec::new();
        for page in futures::future::join_all(asked).await {
            users.extend(page?.value);
        }
        Ok(users)
    }

    async fn page(self, offset: usize) -> Result<Vec<User>, NoAnswer> {
        let key = self.key()?;
        let url = self.url(&page(offset))?;
        let credential = Some(self.credential(key));
        let asked = self.world.reads().get_unremembered(Party::Clerk, url, version(), credential).await;
        match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => answer.json(),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    fn look_at(self, users: &[User], survey: &mut Survey) {
        let config = &self.world.config;
        let key = &config.clerk.metadata_key;
        for user in users {
            survey.read += 1;
            if let Some(plan) = user.public_metadata.get(key).filter(|plan| !plan.is_null()) {
                let slip = plan.as_str().map_or(Some(PlanSlip::UnknownTier), |word| judge_plan(word, &config.tiers));
                match slip {
                    None => *survey.plans.entry(text(plan)).or_default() += 1,
                    slip => survey.hold(user, plan, slip),
                }
            }
            if let Some(plan) = user.unsafe_metadata.as_ref().and_then(|metadata| metadata.get(key)) {
                survey.hold(user, plan, None);
            }
        }
    }
}

impl Survey {
    fn hold(&mut self, user: &User, plan: &Value, slip: Option<PlanSlip>) {
        self.slipped += 1;
        if self.holders.len() < SHOWN {
            self.holders.push(PlanHolder { user: user.id.clone(), plan: text(plan), slip });
        }
    }
}

fn text(plan: &Value) -> String {
    plan.as_str().map_or_else(|| plan.to_string(), str::to_owned)
}

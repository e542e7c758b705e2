//! The user for checks that `preflight init --canary` creates at Clerk, and the organization.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ChangeDoor, ChangeRequest, NotMade};
use crate::config::Tier;
use crate::holder::HolderKind;
use crate::world::clerk::version;
use crate::world::id::{ApiPath, OrganizationId, UserId};
use crate::world::transport::{Party, Retry};

/// The key in a canary's private metadata that says who created it, and for what.
const MARKER: &str = "preflight";

/// The name of a new organization for checks.
const ORGANIZATION: &str = "preflight canary";

/// What was created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The user, unless there was one.
    pub user: Option<String>,
    /// The organization, if organizations have the plans.
    pub organization: Option<String>,
}

impl ChangeDoor<'_> {
    /// Creates a user with this address, without a password, and where organizations have the plans an organization with this
    /// user as its member. The tier goes to what has the plans. A user who is configured already is used. Each is in the journal
    /// before, and its ID after.
    ///
    /// # Errors
    /// If the journal cannot be written, or Clerk does not accept one of them (docs/providers.md, "Clerk API objects and
    /// sign-in").
    pub async fn create_canary(&self, email: &str, tier: &Tier) -> Result<Canary, NotMade> {
        let config = self.world.config();
        let plan = json!({ &config.clerk.metadata_key: tier.metadata });
        let is_of_organization = config.entitlement.holder == HolderKind::Organization;
        let existing =
            if config.clerk.canary_user.is_set() { Some(self.world.clerk().canary_user_id()?) } else { None };
        let (user, is_new) = match existing {
            Some(user) if is_of_organization => (user, false),
            _ => {
                let body = json!({
                    "email_address": [email],
                    "skip_password_requirement": true,
                    "public_metadata": if is_of_organization { json!({}) } else { plan.clone() },
                    "private_metadata": { MARKER: "canary" },
                });
                let id = self.create(ApiPath::of_holders(HolderKind::User), email, &body).await?;
                (UserId::parse(&id).map_err(|_| no_id("user"))?, true)
            }
        };
        let mut canary = Canary { user: is_new.then(|| user.to_string()), organization: None };
        if is_of_organization {
            let body = json!({
                "name": ORGANIZATION,
                "created_by": user.to_string(),
                "public_metadata": plan,
                "private_metadata": { MARKER: "canary" },
            });
            let id = self.create(ApiPath::of_holders(HolderKind::Organization), ORGANIZATION, &body).await?;
            OrganizationId::parse(&id).map_err(|_| no_id("organization"))?;
            canary.organization = Some(id);
        }
        Ok(canary)
    }

    /// Creates an object, and returns its ID.
    async fn create(&self, path: ApiPath, name: &str, body: &Value) -> Result<String, NotMade> {
        let noted = |step: &str, object: &str| {
            let failed = |error| NotMade::Refused(format!("the journal cannot be written: {error}"));
            self.world.journal.note(step, object).map_err(failed)
        };
        noted("canary.create", name)?;
        let answer = self
            .send(ChangeRequest {
                party: Party::Clerk,
                method: Method::POST,
                url: path.at(&self.world.config().clerk.api_base),
                headers: version(),
                body: Some(("application/json", body.to_string())),
                credential: self.world.clerk().credential()?,
                // A second request would create a second one.
                retry: Retry::Never,
            })
            .await?;
        let created: Value = answer.json()?;
        let id = created["id"].as_str().ok_or_else(|| no_id("object"))?;
        noted("canary.created", id)?;
        Ok(id.to_owned())
    }
}

fn no_id(what: &str) -> NotMade {
    NotMade::Refused(format!("Clerk did not say the ID of the {what} that it created"))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::{Options, Sandbox};
    use crate::world::id::{OrganizationId, UserId};
    use crate::world::{self, World};

    #[tokio::test]
    async fn a_canary_has_a_paid_plan_and_is_marked_and_in_the_journal() {
        let sandbox = Sandbox::start(&["healthy"], Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = world::Options { journal: journal.clone(), ..world::Options::default() };
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
        let tier = world.config().paid_tiers().next().unwrap().clone();
        let canary = world.change_door("init").create_canary("preflight-canary@acme.com", &tier).await.unwrap();
        let id = canary.user.unwrap();
        let state = sandbox.state().to_string();
        assert!(state.contains(&id) && state.contains(r#""private_metadata":{"preflight":"canary"}"#), "{state}");
        let journal = std::fs::read_to_string(journal).unwrap();
        assert!(journal.contains("canary.create\"") && journal.contains(&id), "{journal}");
        // The address is taken now.
        assert!(world.change_door("init").create_canary("preflight-canary@acme.com", &tier).await.is_err());
    }

    #[tokio::test]
    async fn where_organizations_have_the_plans_the_new_organization_has_the_paid_plan() {
        let sandbox = Sandbox::start(&["healthy-organizations"], Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut config = sandbox.config(None).unwrap();
        // Nothing was created yet.
        config.clerk.canary_user.value = None;
        let options = world::Options { journal: folder.path().join("journal.jsonl"), ..world::Options::default() };
        let world = World::new(config, sandbox.options(options)).unwrap();
        let tier = world.config().paid_tiers().next().unwrap().clone();
        let canary = world.change_door("init").create_canary("preflight-canary@acme.com", &tier).await.unwrap();
        let (user, organization) = (canary.user.unwrap(), canary.organization.unwrap());
        let state = sandbox.state();
        assert_eq!(state["clerk"]["organizations"][&organization]["public_metadata"]["plan"], tier.metadata);
        assert!(state["clerk"]["users"][&user]["public_metadata"].as_object().unwrap().is_empty(), "{state}");
        let (user, organization) = (UserId::parse(&user).unwrap(), OrganizationId::parse(&organization).unwrap());
        assert_eq!(world.clerk().is_member(&user, &organization).await, Ok(true));
    }
}

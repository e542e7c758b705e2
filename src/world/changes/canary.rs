//! The user for checks that `preflight init --canary` creates at Clerk.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ChangeDoor, ChangeRequest, NotMade};
use crate::config::Tier;
use crate::world::clerk::version;
use crate::world::id::{ApiPath, UserId};
use crate::world::transport::{Party, Retry};

/// The key in a canary's private metadata that says who created it, and for what.
const MARKER: &str = "preflight";

impl ChangeDoor<'_> {
    /// Creates a user with this address and this tier, without a password. It is in the journal before, and its ID after. Returns
    /// the ID.
    ///
    /// # Errors
    /// If the journal cannot be written, or Clerk does not accept the user (docs/providers.md, "Clerk API objects and sign-in").
    pub async fn create_canary(&self, email: &str, tier: &Tier) -> Result<String, NotMade> {
        let noted = |step: &str, object: &str| {
            let failed = |error| NotMade::Refused(format!("the journal cannot be written: {error}"));
            self.world.journal.note(step, object).map_err(failed)
        };
        let config = &self.world.config.clerk;
        let credential = self.world.clerk().credential()?;
        let body = json!({
            "email_address": [email],
            "skip_password_requirement": true,
            "public_metadata": { &config.metadata_key: tier.metadata },
            "private_metadata": { MARKER: "canary" },
        });
        noted("canary.create", email)?;
        let answer = self
            .send(ChangeRequest {
                party: Party::Clerk,
                method: Method::POST,
                url: ApiPath::new("/v1/users").at(&config.api_base),
                headers: version(),
                body: Some(("application/json", body.to_string())),
                credential,
                // A second request would create a second user.
                retry: Retry::Never,
            })
            .await?;
        let created: Value = answer.json()?;
        let id = created["id"].as_str().and_then(|id| UserId::parse(id).ok());
        let id =
            id.ok_or_else(|| NotMade::Refused("Clerk did not say the ID of the user that it created".to_owned()))?;
        noted("canary.created", &id.to_string())?;
        Ok(id.to_string())
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::{Options, Sandbox};
    use crate::world::{self, World};

    #[tokio::test]
    async fn a_canary_has_a_paid_plan_and_is_marked_and_in_the_journal() {
        let sandbox = Sandbox::start(&["healthy"], Options::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = world::Options { journal: journal.clone(), ..world::Options::default() };
        let world = World::new(sandbox.config(None).unwrap(), sandbox.options(options)).unwrap();
        let tier = world.config().paid_tiers().next().unwrap().clone();
        let id = world.change_door("init").create_canary("preflight-canary@acme.com", &tier).await.unwrap();
        let state = sandbox.state().to_string();
        assert!(state.contains(&id) && state.contains(r#""private_metadata":{"preflight":"canary"}"#), "{state}");
        let journal = std::fs::read_to_string(journal).unwrap();
        assert!(journal.contains("canary.create\"") && journal.contains(&id), "{journal}");
        // The address is taken now.
        assert!(world.change_door("init").create_canary("preflight-canary@acme.com", &tier).await.is_err());
    }
}

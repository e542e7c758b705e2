//! The document's part `clerk`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::Error;
use super::super::many_accounts::ManyAccounts;
use super::super::recorded::Recorded;

/// What Clerk holds when the sandbox starts.
///
/// Each object has the fields that differ from the recorded one, in Clerk's own shape.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClerkSettings {
    /// The instance that the secret key belongs to.
    pub(super) instance: Value,
    /// The secret keys of the Backend API, by a short name.
    pub(super) secret_keys: BTreeMap<String, SecretKey>,
    pub(super) frontend_api: FrontendApi,
    /// What the Frontend API answers at `/v1/environment`.
    pub(super) environment: Value,
    pub(super) signing: Signing,
    /// The JWT templates, by a short name.
    pub(super) jwt_templates: BTreeMap<String, Value>,
    /// Claims of the session token itself. No API shows them.
    pub(super) session_claims: Map<String, Value>,
    /// Claims that new tokens still carry as they were before the metadata changed.
    pub(super) stale_claims: Map<String, Value>,
    /// The domains of the instance, by a short name.
    pub(super) domains: BTreeMap<String, Value>,
    /// The users that a scenario is about, by a short name.
    pub(super) users: BTreeMap<String, Value>,
    /// The organizations, by a short name.
    pub(super) organizations: BTreeMap<String, Value>,
    /// The IDs of the users who are members, by the ID of the organization.
    pub(super) members: BTreeMap<String, Vec<String>>,
    /// How many free users there are besides, all newer than the named ones.
    pub(super) extra_users: u64,
    /// Accounts by formula, all older than the named users.
    #[serde(default)]
    pub(in crate::sandbox) many_accounts: ManyAccounts,
}

impl ClerkSettings {
    /// The same with complete objects, except for the users and the organizations.
    pub(super) fn completed(mut self, recorded: &Recorded) -> Result<Self, Error> {
        let complete = |kind: &str, object: &mut Value| -> Result<(), Error> {
            *object = recorded.complete(kind, object)?;
            Ok(())
        };
        complete("instance", &mut self.instance)?;
        complete("environment", &mut self.environment)?;
        self.jwt_templates.values_mut().try_for_each(|template| complete("jwt_template", template))?;
        self.domains.values_mut().try_for_each(|domain| complete("domain", domain))?;
        Ok(self)
    }

    /// The instance's ID, which is also the `kid` of its signing key.
    pub(super) fn instance_id(&self) -> &str {
        self.instance["id"].as_str().unwrap_or_default()
    }

    /// Whether the instance is for developers, on one of Clerk's own domains.
    pub(super) fn is_development(&self) -> bool {
        self.instance["environment_type"] == "development"
    }
}

/// A secret key of the Backend API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretKey {
    pub(super) value: String,
    /// It was deleted in the Dashboard.
    #[serde(default)]
    pub(super) revoked: bool,
    /// The ID of the instance that it opens, if that is another one.
    pub(super) instance: Option<String>,
}

/// The Frontend API's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FrontendApi {
    /// Its host, which is also the issuer of tokens.
    pub(super) host: String,
    /// The domain whose origins may call it.
    pub(super) domain: String,
    /// The ID of the instance that answers here, if that is not the secret key's.
    pub(super) instance: Option<String>,
    /// What every user must do before a session without an organization is complete: `choose-organization`.
    #[serde(default)]
    pub(super) session_task: Option<String>,
    /// What a sign-in answers in place of the session's ID.
    pub(super) created_session_id: Option<String>,
}

/// Which of the two keys signs tokens, and which are published.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signing {
    pub(super) key: KeyName,
    /// The keys in the JSON Web Key Set.
    pub(super) published: Vec<KeyName>,
    /// The `kid` of the key that is not named after the instance.
    pub(super) other_kid: String,
    /// The host in the `iss` claim, if it is not the one that answers.
    pub(super) issuer: Option<String>,
    /// Seconds by which Clerk's clock is ahead of ours.
    #[serde(default)]
    pub(super) clock_ahead: i64,
}

/// A signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeyName {
    /// The one whose `kid` is the instance's ID.
    Instance,
    /// The next one of a rotation, or one of another instance.
    Other,
}

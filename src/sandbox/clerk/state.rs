//! The document that Clerk is made from, so that a scenario is a change of a line or two.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything that this Clerk knows when it starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The instance that the secret key belongs to.
    pub instance: Instance,
    /// The secret keys that the Backend API knows, by a short name.
    pub secret_keys: BTreeMap<String, SecretKey>,
    /// What the instance shows to browsers.
    pub frontend_api: FrontendApi,
    /// Which keys sign tokens, and which are published.
    pub signing: Signing,
    /// The JWT templates, by a short name.
    #[serde(default)]
    pub jwt_templates: BTreeMap<String, JwtTemplate>,
    /// Claims that the session token itself carries, which no API shows.
    #[serde(default)]
    pub session_claims: BTreeMap<String, Value>,
    /// Claims that new tokens still carry as they were before the metadata changed.
    #[serde(default)]
    pub stale_claims: BTreeMap<String, Value>,
    /// The domains of the instance, by a short name.
    #[serde(default)]
    pub domains: BTreeMap<String, Domain>,
    /// The users that matter to a scenario, by a short name.
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    /// How many free users there are besides, each newer than every named one.
    #[serde(default)]
    pub extra_users: u64,
}

/// The instance as the Backend API shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instance {
    /// `ins_…`, which is also the `kid` of its signing key.
    pub id: String,
    /// Whether it is the one for real users.
    pub environment: Environment,
    /// Origins allowed beside those of its own domain.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
}

/// The kind of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For real users, on the customer's own domain.
    Production,
    /// For developers, on a shared domain of Clerk's.
    Development,
}

/// A secret key of the Backend API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretKey {
    /// The key as it is sent.
    pub value: String,
    /// It was deleted in the dashboard.
    #[serde(default)]
    pub revoked: bool,
    /// The instance that it opens, where that is another one.
    #[serde(default)]
    pub instance: Option<String>,
}

/// The instance as browsers see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontendApi {
    /// The host that answers, which is also the issuer of tokens.
    pub host: String,
    /// The domain whose origins may ask.
    pub domain: String,
    /// Where the application lives.
    pub home_url: String,
    /// The application's name.
    pub application_name: String,
    /// Where users write for help.
    #[serde(default)]
    pub support_email: Option<String>,
    /// The instance that answers here, where that is not the secret key's.
    #[serde(default)]
    pub instance: Option<String>,
    /// Anyone may sign in with `+clerk_test` and 424242.
    #[serde(default)]
    pub test_mode: bool,
    /// Native applications may ask.
    pub native_api: bool,
    /// What a sign-in says in the place of its session's ID.
    #[serde(default)]
    pub created_session_id: Option<String>,
    /// Who may sign up.
    pub sign_up: SignUp,
    /// A development instance asks for a development browser first.
    #[serde(default)]
    pub development_browser: bool,
    /// Whether Clerk serves it at the moment.
    #[serde(default)]
    pub condition: Condition,
}

/// Whether an instance is being served.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It is.
    #[default]
    Serving,
    /// Clerk is being maintained.
    Maintenance,
}

/// Who may sign up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignUp {
    /// Everyone.
    Public,
    /// Nobody without an invitation.
    Restricted,
    /// Whoever is let in from the waiting list.
    Waitlist,
}

/// Which of the two keys signs, and which are published.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signing {
    /// The one that signs.
    pub key: KeyName,
    /// Those in the JSON Web Key Set.
    pub published: Vec<KeyName>,
    /// The `kid` of the key that is not named after the instance.
    pub other_kid: String,
    /// The host that tokens say they are from, where that is not the one that answers.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Seconds by which Clerk's clock is ahead of ours.
    #[serde(default)]
    pub clock_ahead: i64,
}

/// A signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyName {
    /// The one whose `kid` is the instance's id.
    Instance,
    /// Another one: the next of a rotation, or one of another instance.
    Other,
}

/// A JWT template.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtTemplate {
    /// `jtmp_…`.
    pub id: String,
    /// The name that callers give, exact to the letter.
    pub name: String,
    /// Claims, with shortcodes such as `{{user.public_metadata.plan}}`.
    pub claims: Map<String, Value>,
    /// Seconds that a token is good for.
    pub lifetime: u64,
    /// Seconds before its issue from which a token is good.
    pub allowed_clock_skew: u64,
    /// It is signed with a key of the customer's own.
    #[serde(default)]
    pub custom_signing_key: bool,
    /// `RS256`, or `HS256` with a key of the customer's own.
    pub signing_algorithm: String,
}

/// A domain of the instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// `dmn_…`.
    pub id: String,
    /// The domain itself.
    pub name: String,
    /// The host of the Frontend API on it.
    pub frontend_api_url: String,
    /// The account portal on it.
    #[serde(default)]
    pub accounts_portal_url: Option<String>,
    /// A satellite of the primary domain.
    #[serde(default)]
    pub is_satellite: bool,
    /// The DNS records that it wants, by a short name.
    #[serde(default)]
    pub cname_targets: BTreeMap<String, CnameTarget>,
}

/// A DNS record that a domain wants.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CnameTarget {
    /// The host to be created.
    pub host: String,
    /// What it must point at.
    pub value: String,
    /// The domain does not work without it.
    pub required: bool,
}

/// A user.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `user_…`.
    pub id: String,
    /// The primary address.
    pub email: String,
    /// When the account was created.
    pub created: Timestamp,
    /// Metadata that users can read and not write.
    #[serde(default)]
    pub public_metadata: Map<String, Value>,
    /// Metadata that users never see.
    #[serde(default)]
    pub private_metadata: Map<String, Value>,
    /// Metadata that users can write.
    #[serde(default)]
    pub unsafe_metadata: Map<String, Value>,
    /// May not sign in.
    #[serde(default)]
    pub banned: bool,
    /// May not sign in for a while.
    #[serde(default)]
    pub locked: bool,
    /// Signs in with a second factor too.
    #[serde(default)]
    pub second_factor: bool,
}

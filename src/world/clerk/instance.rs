//! The instance that the keys belong to, and its settings.

use serde::Deserialize;

use super::{Clerk, ClerkError, Seen};
use crate::finding::Answered;
use crate::world::field::Field;
use crate::world::id::ApiPath;

/// `GET /v1/instance` (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    #[serde(default)]
    id: Field<String>,
    #[serde(default)]
    environment_type: Field<String>,
}

impl Instance {
    /// The instance in a sentence: `the instance ins_…`.
    #[must_use]
    pub fn described(&self) -> String {
        self.id
            .text()
            .map_or_else(|| "an instance that Clerk does not name".to_owned(), |id| format!("the instance {id}"))
    }

    /// `ins_…`.
    pub(crate) fn id(&self) -> Answered<&str> {
        self.id.known("id of GET /v1/instance").map(String::as_str)
    }

    /// `production` or `development`.
    pub(crate) fn environment_type(&self) -> Answered<&str> {
        self.environment_type.known("environment_type of GET /v1/instance").map(String::as_str)
    }
}

/// The instance's public settings: `GET /v1/environment` of the frontend API (docs/providers.md, "Clerk API objects and
/// sign-in").
#[derive(Debug, Clone, Deserialize)]
pub struct Environment {
    #[serde(default)]
    auth_config: Field<AuthConfig>,
    #[serde(default)]
    user_settings: Field<UserSettings>,
}

#[derive(Debug, Clone, Deserialize)]
struct AuthConfig {
    #[serde(default)]
    test_mode: Field<bool>,
    #[serde(default)]
    native_settings: Field<NativeSettings>,
}

#[derive(Debug, Clone, Deserialize)]
struct NativeSettings {
    #[serde(default)]
    api_enabled: Field<bool>,
}

#[derive(Debug, Clone, Deserialize)]
struct UserSettings {
    #[serde(default)]
    sign_up: Field<SignUp>,
}

#[derive(Debug, Clone, Deserialize)]
struct SignUp {
    #[serde(default)]
    mode: Field<String>,
}

impl Environment {
    fn auth_config(&self) -> Answered<&AuthConfig> {
        self.auth_config.known("auth_config of GET /v1/environment")
    }

    /// Whether anyone can sign in with a `+clerk_test` address and the code 424242.
    pub(crate) fn test_mode(&self) -> Answered<bool> {
        self.auth_config()?.test_mode.known("auth_config.test_mode of GET /v1/environment").copied()
    }

    /// `public`, `restricted` or `waitlist`.
    pub(crate) fn sign_up_mode(&self) -> Answered<&str> {
        let settings = self.user_settings.known("user_settings of GET /v1/environment")?;
        let sign_up = settings.sign_up.known("user_settings.sign_up of GET /v1/environment")?;
        sign_up.mode.known("user_settings.sign_up.mode of GET /v1/environment").map(String::as_str)
    }

    /// Whether clients without cookies can sign in.
    pub(crate) fn native_api(&self) -> Answered<bool> {
        let name = "auth_config.native_settings of GET /v1/environment";
        match self.auth_config()?.native_settings.nullable(name)? {
            Some(native) => native.api_enabled.known("native_settings.api_enabled of GET /v1/environment").copied(),
            None => Ok(false),
        }
    }
}

impl Clerk<'_> {
    /// The instance of the secret key, or Clerk's error if it rejects the key.
    pub(crate) async fn acceptance(self) -> Answered<Result<Seen<Instance>, ClerkError>> {
        match self.try_ask(&ApiPath::new("/v1/instance")).await? {
            Ok(answer) => Ok(Ok(Seen { value: answer.json()?, answer })),
            Err(error) if error.status == 401 => Ok(Err(error)),
            Err(error) => Err(error.unknown()),
        }
    }

    /// The instance of the secret key. Blocked if Clerk rejects the secret key.
    pub(crate) async fn instance(self) -> Answered<Seen<Instance>> {
        self.ask(&ApiPath::new("/v1/instance")).await
    }

    /// The instance's public settings.
    pub(crate) async fn environment(self) -> Answered<Seen<Environment>> {
        self.ask_frontend(&ApiPath::new("/v1/environment")).await
    }
}

//! Which instance the keys are of.

use serde::Deserialize;

use super::super::id::ApiPath;
use super::{Clerk, ClerkRefusal, NoAnswer, Seen};

/// `GET /v1/instance` (facts.md, B2).
#[derive(Debug, Clone, Deserialize)]
pub struct Instance {
    /// `ins_…`.
    pub id: String,
    /// `production` or `development`.
    pub environment_type: String,
}

impl Instance {
    /// Whether it is a development instance, which makes sessions without a ticket.
    #[must_use]
    pub fn is_development(&self) -> bool {
        self.environment_type == "development"
    }
}

/// The frontend API's public `GET /v1/environment`, as far as a launch depends on it (facts.md, B2).
#[derive(Debug, Clone, Deserialize)]
pub struct Environment {
    auth_config: AuthConfig,
    user_settings: UserSettings,
}

#[derive(Debug, Clone, Deserialize)]
struct AuthConfig {
    test_mode: bool,
    native_settings: Option<NativeSettings>,
}

#[derive(Debug, Clone, Deserialize)]
struct NativeSettings {
    api_enabled: bool,
}

#[derive(Debug, Clone, Deserialize)]
struct UserSettings {
    sign_up: SignUp,
}

#[derive(Debug, Clone, Deserialize)]
struct SignUp {
    mode: String,
}

impl Environment {
    /// Whether anybody may sign in with a `+clerk_test` address and the code 424242.
    #[must_use]
    pub const fn test_mode(&self) -> bool {
        self.auth_config.test_mode
    }

    /// `public`, `restricted` or `waitlist`.
    #[must_use]
    pub fn sign_up_mode(&self) -> &str {
        &self.user_settings.sign_up.mode
    }

    /// Whether a client without cookies may sign in.
    #[must_use]
    pub fn native_api(&self) -> bool {
        self.auth_config.native_settings.as_ref().is_some_and(|native| native.api_enabled)
    }
}

impl Clerk<'_> {
    /// What Clerk makes of the secret key; asked by `clerk/secret-key`.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn acceptance(self) -> Result<Result<Seen<Instance>, ClerkRefusal>, NoAnswer> {
        match self.raw(&ApiPath::new("/v1/instance")).await? {
            Ok(answer) => Ok(Ok(Seen { value: answer.json()?, answer })),
            Err(refusal) if refusal.status == 401 => Ok(Err(refusal)),
            Err(refusal) => Err(refusal.unknown()),
        }
    }

    /// The instance of the secret key.
    ///
    /// # Errors
    /// Blocked by `clerk/secret-key` where Clerk rejects it.
    pub async fn instance(self) -> Result<Seen<Instance>, NoAnswer> {
        self.ask(&ApiPath::new("/v1/instance")).await
    }

    /// What the frontend API says of itself to everybody.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub async fn environment(self) -> Result<Seen<Environment>, NoAnswer> {
        self.ask_frontend(&ApiPath::new("/v1/environment")).await
    }
}

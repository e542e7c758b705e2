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
    #[serde(default)]
    display_config: Field<DisplayConfig>,
    #[serde(default)]
    commerce_settings: Field<CommerceSettings>,
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
    #[serde(default)]
    captcha_enabled: Field<bool>,
}

#[derive(Debug, Clone, Deserialize)]
struct DisplayConfig {
    #[serde(default)]
    home_url: Field<String>,
    #[serde(default)]
    sign_in_url: Field<String>,
    #[serde(default)]
    sign_up_url: Field<String>,
    #[serde(default)]
    after_sign_in_url: Field<String>,
    #[serde(default)]
    after_sign_up_url: Field<String>,
    #[serde(default)]
    captcha_public_key: Field<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct CommerceSettings {
    #[serde(default)]
    billing: Field<ClerkBilling>,
}

#[derive(Debug, Clone, Deserialize)]
struct ClerkBilling {
    #[serde(default)]
    user: Field<BillingOf>,
    #[serde(default)]
    organization: Field<BillingOf>,
}

#[derive(Debug, Clone, Deserialize)]
struct BillingOf {
    #[serde(default)]
    has_paid_plans: Field<bool>,
}

impl Environment {
    fn auth_config(&self) -> Answered<&AuthConfig> {
        self.auth_config.known("auth_config of GET /v1/environment")
    }

    /// Whether anyone can sign in with a `+clerk_test` address and the code 424242.
    pub(crate) fn test_mode(&self) -> Answered<bool> {
        self.auth_config()?.test_mode.known("auth_config.test_mode of GET /v1/environment").copied()
    }

    fn sign_up(&self) -> Answered<&SignUp> {
        let settings = self.user_settings.known("user_settings of GET /v1/environment")?;
        settings.sign_up.known("user_settings.sign_up of GET /v1/environment")
    }

    fn display_config(&self) -> Answered<&DisplayConfig> {
        self.display_config.known("display_config of GET /v1/environment")
    }

    /// Where Clerk sends users, each with its field. Answered one by one.
    pub(crate) fn addresses(&self) -> Answered<Vec<(&'static str, Answered<&str>)>> {
        let display = self.display_config()?;
        let fields = [
            ("home_url", &display.home_url),
            ("sign_in_url", &display.sign_in_url),
            ("sign_up_url", &display.sign_up_url),
            ("after_sign_in_url", &display.after_sign_in_url),
            ("after_sign_up_url", &display.after_sign_up_url),
        ];
        Ok(fields
            .into_iter()
            .map(|(name, field)| {
                let url = field.known(format_args!("display_config.{name} of GET /v1/environment"));
                (name, url.map(String::as_str))
            })
            .collect())
    }

    /// Whether sign-up asks for a CAPTCHA.
    pub(crate) fn captcha_enabled(&self) -> Answered<bool> {
        let name = "user_settings.sign_up.captcha_enabled of GET /v1/environment";
        self.sign_up()?.captcha_enabled.known(name).copied()
    }

    /// Whether there is a key for that CAPTCHA.
    pub(crate) fn has_captcha_key(&self) -> Answered<bool> {
        let name = "display_config.captcha_public_key of GET /v1/environment";
        Ok(self.display_config()?.captcha_public_key.nullable(name)?.is_some_and(|key| !key.is_empty()))
    }

    /// Whether users or organizations can buy plans from Clerk Billing, by the field that says so.
    pub(crate) fn paid_plans(&self) -> Answered<Option<&'static str>> {
        let commerce = self.commerce_settings.known("commerce_settings of GET /v1/environment")?;
        let billing = commerce.billing.known("commerce_settings.billing of GET /v1/environment")?;
        for (name, field) in [
            ("commerce_settings.billing.user.has_paid_plans", &billing.user),
            ("commerce_settings.billing.organization.has_paid_plans", &billing.organization),
        ] {
            let of = field.known(format_args!("{name} of GET /v1/environment"))?;
            if *of.has_paid_plans.known(format_args!("{name} of GET /v1/environment"))? {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// `public`, `restricted` or `waitlist`.
    pub(crate) fn sign_up_mode(&self) -> Answered<&str> {
        let sign_up = self.sign_up()?;
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

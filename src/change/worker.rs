//! Changes of the deployed Worker.

use serde::{Deserialize, Serialize};

use super::{NewValue, quoted};

/// A secret to set on the Worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSecret {
    /// The name.
    pub name: String,
    /// Where the value comes from.
    pub source: SecretSource,
    /// The script at Cloudflare. `None` if `[cloudflare]` is not configured, and then only a person can set it.
    pub script: Option<String>,
    /// The Wrangler environment.
    pub environment: Option<String>,
}

/// Where the value of a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// A new value that `fix` knows, or gets from an earlier change.
    New(NewValue),
    /// The value of the local variable with the same name, which is never shown.
    Environment,
    /// The value of the local variable with the same name, read from an `--env-file`.
    File,
    /// A new value that a person has to enter.
    Entered,
}

/// A deployment of the Worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// The Wrangler environment.
    pub environment: Option<String>,
}

impl WorkerSecret {
    /// Whether it sets the secret of something new, in place of this machine's copy of the old one.
    pub(crate) fn supersedes(&self, other: &Self) -> bool {
        self.name == other.name
            && matches!(self.source, SecretSource::New(NewValue::Created(_)))
            && matches!(other.source, SecretSource::Environment | SecretSource::File)
    }

    /// Whether the script and the value are known.
    pub(super) const fn is_for_machine(&self) -> bool {
        self.script.is_some() && !matches!(self.source, SecretSource::Entered)
    }

    pub(super) fn command(&self) -> String {
        let put = format!("npx wrangler secret put {}{}", quoted(&self.name), flag(self.environment.as_deref()));
        match &self.source {
            SecretSource::New(NewValue::Known(value)) => format!("printf %s {} | {put}", quoted(value)),
            SecretSource::Environment => format!("printenv {} | {put}", quoted(&self.name)),
            // Wrangler asks for the value.
            SecretSource::New(NewValue::Created(_)) | SecretSource::File | SecretSource::Entered => put,
        }
    }

    pub(super) fn object(&self) -> String {
        match &self.script {
            Some(script) => format!("{} on the Worker {script}", self.name),
            None => format!("{} on the Worker", self.name),
        }
    }

    pub(super) fn row(&self) -> (String, String, String) {
        let after = match &self.source {
            SecretSource::New(value) => value.shown(),
            SecretSource::Environment => "(the value in your environment)".to_owned(),
            SecretSource::File => "(the value in your env file)".to_owned(),
            SecretSource::Entered => "(a new value)".to_owned(),
        };
        ("value".to_owned(), "(cannot be read)".to_owned(), after)
    }
}

impl Deployment {
    /// Wrangler's command for it.
    #[must_use]
    pub fn command(&self) -> String {
        format!("npx wrangler deploy{}", flag(self.environment.as_deref()))
    }
}

fn flag(environment: Option<&str>) -> String {
    environment.map_or_else(String::new, |name| format!(" --env {}", quoted(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(source: SecretSource) -> WorkerSecret {
        let environment = Some("production".to_owned());
        WorkerSecret { name: "STRIPE_PRICE_ID_PRO".to_owned(), source, script: None, environment }
    }

    #[test]
    fn a_price_id_is_piped_into_wrangler() {
        assert_eq!(
            secret(SecretSource::New(NewValue::Known("price_1Q".to_owned()))).command(),
            "printf %s price_1Q | npx wrangler secret put STRIPE_PRICE_ID_PRO --env production"
        );
    }

    #[test]
    fn a_secret_is_read_from_the_environment_and_never_shown() {
        assert_eq!(
            secret(SecretSource::Environment).command(),
            "printenv STRIPE_PRICE_ID_PRO | npx wrangler secret put STRIPE_PRICE_ID_PRO --env production"
        );
    }
}

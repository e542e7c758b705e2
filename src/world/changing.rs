//! What changes a deployment: the one that the configuration describes, with the values that are known.

use serde_json::Value;

use super::World;
use super::stripe::{Endpoint, EndpointKind, Stripe};
use crate::change::{
    Change, ClerkMetadata, ClerkTemplate, Deployment, EnvLine, NewValue, SecretSource, StripeChange, StripeResource,
    WorkerSecret,
};
use crate::config::{Kind, Mode, Origin, Secret, Variable};

impl World {
    /// Sets a secret on the Worker to the value of the local variable with the same name, which must be right.
    #[must_use]
    pub fn local_secret(&self, name: &str) -> WorkerSecret {
        let local = self.config.variables().into_iter().find(|variable| variable.name == name && variable.is_usable());
        let source = match local {
            Some(variable) if variable.kind == Kind::StripePriceId && variable.shown.is_some() => {
                SecretSource::New(NewValue::Known(variable.shown.unwrap_or_default()))
            }
            Some(variable) => match variable.origin {
                Origin::Environment => SecretSource::Environment,
                Origin::File(..) => SecretSource::File,
                Origin::Unset => SecretSource::Entered,
            },
            None => SecretSource::Entered,
        };
        self.secret(name, source)
    }

    /// Sets a secret on the Worker to a value that is known and may be shown.
    #[must_use]
    pub fn known_secret(&self, name: &str, value: &str) -> WorkerSecret {
        self.new_secret(name, NewValue::Known(value.to_owned()))
    }

    /// Sets a secret on the Worker to a new value.
    #[must_use]
    pub fn new_secret(&self, name: &str, value: NewValue) -> WorkerSecret {
        self.secret(name, SecretSource::New(value))
    }

    /// Sets a variable in the env file that it was read from, or in the last one if it is not set. `None` if there is no env
    /// file, or if the process environment overrides it.
    #[must_use]
    pub fn local_value(&self, variable: &Variable<String>, after: NewValue) -> Option<EnvLine> {
        self.env_line(&variable.origin, &variable.name, variable.value.clone(), after)
    }

    /// The same for a secret, whose value before is not shown.
    #[must_use]
    pub fn local_secret_value(&self, variable: &Variable<Secret>, after: NewValue) -> Option<EnvLine> {
        self.env_line(&variable.origin, &variable.name, None, after)
    }

    fn env_line(&self, origin: &Origin, name: &str, before: Option<String>, after: NewValue) -> Option<EnvLine> {
        let (path, line) = match origin {
            Origin::File(path, line) if *path != self.config.path => (path, Some(*line)),
            Origin::File(..) | Origin::Environment => return None,
            Origin::Unset => (self.config.env_file.as_ref()?, None),
        };
        Some(EnvLine { path: path.display().to_string(), line, name: name.to_owned(), before, after })
    }

    /// Sets a secret on the Worker to a value that only a person can get.
    #[must_use]
    pub fn entered_secret(&self, name: &str) -> WorkerSecret {
        self.secret(name, SecretSource::Entered)
    }

    fn secret(&self, name: &str, source: SecretSource) -> WorkerSecret {
        let cloudflare = self.config.cloudflare.as_ref();
        WorkerSecret {
            name: name.to_owned(),
            source,
            script: cloudflare.map(crate::config::CloudflareConfig::deployed_script),
            environment: cloudflare.and_then(|cloudflare| cloudflare.environment.clone()),
        }
    }

    /// Deploys the Worker after a change of its code or its Wrangler file.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        let cloudflare = self.config.cloudflare.as_ref();
        Deployment { environment: cloudflare.and_then(|cloudflare| cloudflare.environment.clone()) }
    }

    /// Sets the plan of a user or an organization; null removes it.
    pub fn plan_of(&self, holder: &str, before: impl Into<Value>, after: impl Into<Value>) -> ClerkMetadata {
        ClerkMetadata {
            api: self.clerk_api(),
            key_variable: self.config.clerk.secret_key.name.clone(),
            holder: holder.to_owned(),
            key: self.config.clerk.metadata_key.clone(),
            before: before.into(),
            after: after.into(),
        }
    }

    /// Changes a JWT template, or creates one if `id` is `None`.
    #[must_use]
    pub fn template(&self, id: Option<&str>, name: &str, before: Value, after: Value) -> ClerkTemplate {
        ClerkTemplate {
            api: self.clerk_api(),
            key_variable: self.config.clerk.secret_key.name.clone(),
            id: id.map(str::to_owned),
            name: name.to_owned(),
            before,
            after,
        }
    }

    fn clerk_api(&self) -> String {
        self.config.clerk.api_base.as_str().trim_end_matches('/').to_owned()
    }
}

impl Stripe<'_> {
    /// An update of an object in the mode of the key, without fields yet.
    pub fn update(self, resource: StripeResource, id: &str, name: &str) -> StripeChange {
        StripeChange::update(resource, self.mode == Mode::Live, id, name)
    }

    /// A change of one field of an endpoint. Only the dashboard changes an event destination.
    pub fn change_endpoint(
        self,
        endpoint: &Endpoint,
        field: &str,
        before: impl Into<Value>,
        after: impl Into<Value>,
    ) -> Change {
        match endpoint.kind {
            EndpointKind::Classic => self
                .update(StripeResource::WebhookEndpoint, &endpoint.id, &endpoint.url_text)
                .set(field, before, after)
                .into(),
            EndpointKind::Destination => Change::Page(self.dashboard(&format!("webhooks/{}", endpoint.id))),
        }
    }

    /// A new object in the mode of the key, without fields yet.
    pub fn create(self, resource: StripeResource, name: &str) -> StripeChange {
        StripeChange::create(resource, self.mode == Mode::Live, name)
    }

    /// A new endpoint for the Worker, with the events that it handles. `version` is its API version if none is configured.
    pub fn create_endpoint(self, version: Option<&str>) -> StripeChange {
        let webhook = &self.world.config().webhook;
        let endpoint = self
            .create(StripeResource::WebhookEndpoint, webhook.url.as_str())
            .with("url", webhook.url.as_str())
            .with("enabled_events", webhook.events.clone());
        match webhook.api_version.as_deref().or(version) {
            Some(version) => endpoint.with("api_version", version),
            None => endpoint,
        }
    }
}

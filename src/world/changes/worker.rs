//! Changes of the Worker's secrets at Cloudflare.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use super::{ChangeDoor, ChangeRequest, Made, NotMade, Segment};
use crate::change::{Change, SecretSource, WorkerSecret};
use crate::config::Secret;
use crate::world::id::ApiPath;
use crate::world::transport::{Credential, Party, Retry};
use crate::world::usable;

impl ChangeDoor<'_> {
    pub(super) async fn put_secret(&self, secret: &WorkerSecret, change: &Change) -> Result<Made, NotMade> {
        let value = match &secret.source {
            SecretSource::New(value) => self.value(value)?,
            SecretSource::Environment | SecretSource::File => self.local_value(&secret.name)?,
            SecretSource::Entered => {
                return Err(NotMade::Refused(format!("preflight does not know the value of {}", secret.name)));
            }
        };
        let (path, credential) = self.script(secret)?;
        let settings = self.read_cloudflare(path.clone().then("/settings"), &credential).await?;
        let bindings = settings["result"]["bindings"].as_array().cloned().unwrap_or_default();
        let binding = bindings.into_iter().find(|binding| binding["name"] == secret.name.as_str());
        // A variable comes from the Wrangler file, and would come back with the next deployment.
        if let Some(binding) = binding.as_ref().filter(|binding| binding["type"] != "secret_text") {
            return Err(NotMade::Refused(format!(
                "{} is a variable of the Wrangler file ({}), so change it there",
                secret.name, binding["type"]
            )));
        }
        self.record(change, binding.is_some())?;
        let body = value.lend(|value| json!({ "name": secret.name, "text": value, "type": "secret_text" }).to_string());
        self.send_cloudflare(Method::PUT, path.then("/secrets"), body, credential).await
    }

    /// Deletes a secret that a fix set where there was none.
    pub(super) async fn delete_secret(&self, secret: &WorkerSecret) -> Result<Made, NotMade> {
        let (path, credential) = self.script(secret)?;
        let url = self.cloudflare_url(&path.then("/secrets/").id(&Segment(&secret.name)))?;
        let (party, method, retry) = (Party::Cloudflare, Method::DELETE, Retry::Always);
        self.delete(ChangeRequest { party, method, url, headers: HeaderMap::new(), body: None, credential, retry })
            .await
    }

    /// The value of a local variable that the configuration names.
    fn local_value(&self, name: &str) -> Result<Secret, NotMade> {
        let config = &self.world.config;
        let secrets = [&config.stripe.secret_key, &config.stripe.webhook_secret, &config.clerk.secret_key];
        let secret =
            secrets.into_iter().find(|variable| variable.name == name).and_then(|variable| usable(variable).ok());
        secret.cloned().ok_or_else(|| NotMade::Refused(format!("{name} has no usable value in your environment")))
    }

    fn script(&self, secret: &WorkerSecret) -> Result<(ApiPath, Credential), NotMade> {
        let cloudflare = self.world.cloudflare().zip(secret.script.as_ref());
        let (cloudflare, script) =
            cloudflare.ok_or_else(|| NotMade::Refused("[cloudflare] is not configured".to_owned()))?;
        let path = cloudflare.account()?.then("/workers/scripts/").id(&Segment(script));
        let token = usable(&cloudflare.config.api_token)?;
        Ok((path, Credential::new(token, &cloudflare.config.api_base)))
    }

    async fn read_cloudflare(&self, path: ApiPath, credential: &Credential) -> Result<Value, NotMade> {
        self.read(Party::Cloudflare, self.cloudflare_url(&path)?, HeaderMap::new(), credential).await
    }

    fn cloudflare_url(&self, path: &ApiPath) -> Result<Url, NotMade> {
        let cloudflare = self.world.config.cloudflare.as_ref();
        let cloudflare = cloudflare.ok_or_else(|| NotMade::Refused("[cloudflare] is not configured".to_owned()))?;
        Ok(path.at(&cloudflare.api_base))
    }

    async fn send_cloudflare(
        &self,
        method: Method,
        path: ApiPath,
        body: String,
        credential: Credential,
    ) -> Result<Made, NotMade> {
        let (url, body) = (self.cloudflare_url(&path)?, Some(("application/json", body)));
        let (party, headers, retry) = (Party::Cloudflare, HeaderMap::new(), Retry::Always);
        self.send(ChangeRequest { party, method, url, headers, body, credential, retry }).await.map(|_| Made::Changed)
    }
}

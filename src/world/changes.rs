//! The door that changes Stripe, Clerk and Cloudflare: for `fix` alone. Each change is made only if the object still is as it
//! was read, and is in the journal, with what was there before, until then.

use std::path::Path;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::id::{ApiPath, PathId};
use super::journal::ChangeRecord;
use super::stripe::version_header;
use super::transport::{Answer, Credential, OutgoingRequest, Party, Retry};
use super::{NoAnswer, World, key_of_mode, usable};
use crate::change::{
    Change, ClerkMetadata, ClerkTemplate, EnvLine, SecretSource, StripeChange, StripeResource, WorkerSecret,
};
use crate::config::{Mode, Secret};

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    Changed,
    /// Nothing had to be changed: the object was as it should be.
    AlreadyRight,
}

/// Why a change was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotMade {
    /// Someone changed the object after it was read.
    #[error("{object} was changed in the meantime: {field} is now {now}")]
    Moved {
        /// The object.
        object: String,
        /// The field.
        field: String,
        /// Its value now.
        now: String,
    },
    /// The provider refused it, or could not be reached.
    #[error("{0}")]
    Refused(String),
    /// It cannot be taken back.
    #[error("{0}")]
    Lasting(String),
}

impl From<NoAnswer> for NotMade {
    fn from(why: NoAnswer) -> Self {
        Self::Refused(match why {
            NoAnswer::Unknown(reason) => reason,
            NoAnswer::LeftOut(flag) => format!("excluded by {flag}"),
            NoAnswer::Because(cause) => format!("a key cannot be used ({cause:?}); see the failures above"),
        })
    }
}

/// One segment of a path that came from a provider. It is encoded, so it cannot leave its place.
struct Segment<'s>(&'s str);

impl PathId for Segment<'_> {
    const TEMPLATE: &'static str = "{id}";

    fn as_str(&self) -> &str {
        self.0
    }
}

/// The door. `fix` names the group of changes that `--undo` takes back together.
#[derive(Debug, Clone, Copy)]
pub struct ChangeDoor<'w> {
    world: &'w World,
    fix: &'w str,
}

/// A request of one change.
struct ChangeRequest {
    party: Party,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<(&'static str, String)>,
    credential: Credential,
    retry: Retry,
}

impl World {
    /// The door for a group of changes. The one who opens it has shown the changes and asked.
    #[must_use]
    pub const fn change_door<'w>(&'w self, fix: &'w str) -> ChangeDoor<'w> {
        ChangeDoor { world: self, fix }
    }
}

impl ChangeDoor<'_> {
    /// Makes a change.
    ///
    /// # Errors
    /// If the object is not as it was read, or the provider does not accept the change.
    pub async fn make(self, change: &Change) -> Result<Made, NotMade> {
        match change {
            Change::Stripe(stripe) if stripe.id.is_some() => self.update_stripe(stripe, change).await,
            Change::ClerkMetadata(metadata) => self.set_metadata(metadata, change).await,
            Change::ClerkTemplate(template) => self.set_template(template, change).await,
            Change::WorkerSecret(secret) => self.put_secret(secret, change).await,
            Change::EnvLine(line) => self.edit(line, change),
            Change::Stripe(_) | Change::Deploy(_) | Change::Command(_) | Change::Page(_) => {
                Err(NotMade::Refused("only a person can make this change".to_owned()))
            }
        }
    }

    /// Takes a recorded change back.
    ///
    /// # Errors
    /// If the object is not as it was left, or what was there before is not known.
    pub async fn take_back(self, record: &ChangeRecord) -> Result<Made, NotMade> {
        match &record.change {
            Change::Stripe(stripe) => {
                let back = stripe.reversed();
                self.update_stripe(&back, &Change::Stripe(back.clone())).await
            }
            Change::ClerkMetadata(metadata) => {
                let (before, after) = (metadata.after.clone(), metadata.before.clone());
                let back = ClerkMetadata { before, after, ..metadata.clone() };
                self.set_metadata(&back, &Change::ClerkMetadata(back.clone())).await
            }
            Change::ClerkTemplate(template) if template.id.is_some() => {
                let (before, after) = (template.after.clone(), template.before.clone());
                let back = ClerkTemplate { before, after, ..template.clone() };
                self.set_template(&back, &Change::ClerkTemplate(back.clone())).await
            }
            Change::ClerkTemplate(template) => self.delete_template(template, &record.change).await,
            Change::WorkerSecret(secret) if record.existed => Err(NotMade::Lasting(format!(
                "Cloudflare does not show what {} was before, so it stays as it is",
                secret.name
            ))),
            Change::WorkerSecret(secret) => self.delete_secret(secret).await,
            Change::EnvLine(line) => {
                let back = line.reversed();
                self.edit(&back, &Change::EnvLine(back.clone()))
            }
            Change::Deploy(_) | Change::Command(_) | Change::Page(_) => Ok(Made::AlreadyRight),
        }
    }

    /// Records that a group of changes was taken back, so that it is not taken back again.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn note_taken_back(self, fix: &str) -> std::io::Result<()> {
        self.world.journal.note("undo", fix)
    }

    async fn update_stripe(self, stripe: &StripeChange, change: &Change) -> Result<Made, NotMade> {
        let config = &self.world.config;
        let key = key_of_mode(&config.stripe.secret_key, config.project.mode)?;
        if stripe.live != (config.project.mode == Mode::Live) {
            return Err(NotMade::Refused("the object belongs to the other mode".to_owned()));
        }
        let path = stripe_path(stripe);
        let base = &config.stripe.api_base;
        let mut url = base.clone();
        url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), path.as_str()));
        let credential = Credential::new(key, base);
        let read = self.read(Party::Stripe, url.clone(), version_header(), &credential).await?;
        let observed = |field: &str| stripe.observed(&read, field);
        if stripe.fields.iter().all(|field| observed(&field.field) == field.after) {
            return Ok(Made::AlreadyRight);
        }
        if let Some(moved) = stripe.fields.iter().find(|field| observed(&field.field) != field.before) {
            return Err(moved_to(change, &moved.field, &observed(&moved.field)));
        }
        self.record(change, true)?;
        let mut headers = version_header();
        let key = format!("preflight-{}-{:016x}", self.fix, fingerprint(change));
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let mut form = Serializer::new(String::new());
        form.extend_pairs(stripe.parameters());
        let body = Some(("application/x-www-form-urlencoded", form.finish()));
        let (party, method, retry) = (Party::Stripe, Method::POST, Retry::Always);
        self.send(ChangeRequest { party, method, url, headers, body, credential, retry }).await
    }

    async fn set_metadata(self, metadata: &ClerkMetadata, change: &Change) -> Result<Made, NotMade> {
        let path = ApiPath::new("/v1/users/").id(&Segment(&metadata.user));
        let (user, credential) = self.read_clerk(&path).await?;
        let found = user["public_metadata"].get(&metadata.key).cloned().unwrap_or(Value::Null);
        if found == metadata.after {
            return Ok(Made::AlreadyRight);
        }
        if found != metadata.before {
            return Err(moved_to(change, &format!("public_metadata.{}", metadata.key), &found));
        }
        self.record(change, true)?;
        self.send_clerk(Method::PATCH, &path.then("/metadata"), Some(&metadata.body()), credential).await
    }

    async fn set_template(self, template: &ClerkTemplate, change: &Change) -> Result<Made, NotMade> {
        let list = ApiPath::new("/v1/jwt_templates");
        let Some(id) = &template.id else {
            let (all, credential) = self.read_clerk(&list).await?;
            if let Some(found) = named(&all, &template.name) {
                return Err(moved_to(change, "name", &found["name"]));
            }
            self.record(change, false)?;
            return self.send_clerk(Method::POST, &list, Some(&template.body()), credential).await;
        };
        let path = list.then("/").id(&Segment(id));
        let (found, credential) = self.read_clerk(&path).await?;
        let fields = || template.after.as_object().into_iter().flatten();
        if fields().all(|(field, after)| found[field] == *after) {
            return Ok(Made::AlreadyRight);
        }
        if let Some((field, _)) = fields().find(|(field, _)| found[*field] != template.before[*field]) {
            return Err(moved_to(change, field, &found[field]));
        }
        self.record(change, true)?;
        self.send_clerk(Method::PATCH, &path, Some(&template.body()), credential).await
    }

    /// Deletes a template that a fix created.
    async fn delete_template(self, template: &ClerkTemplate, change: &Change) -> Result<Made, NotMade> {
        let (all, credential) = self.read_clerk(&ApiPath::new("/v1/jwt_templates")).await?;
        let Some(found) = named(&all, &template.name) else { return Ok(Made::AlreadyRight) };
        if let Some((field, _)) =
            template.after.as_object().into_iter().flatten().find(|(field, after)| found[*field] != **after)
        {
            return Err(moved_to(change, field, &found[field]));
        }
        let path = ApiPath::new("/v1/jwt_templates/").id(&Segment(found["id"].as_str().unwrap_or_default()));
        self.send_clerk(Method::DELETE, &path, None, credential).await
    }

    async fn put_secret(self, secret: &WorkerSecret, change: &Change) -> Result<Made, NotMade> {
        let value = match &secret.source {
            SecretSource::Known(value) => Secret::new(value.as_str()),
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
        self.send_cloudflare(Method::PUT, path.then("/secrets"), Some(body), credential).await
    }

    /// Changes a line of a file, whose other lines stay as they are.
    fn edit(self, line: &EnvLine, change: &Change) -> Result<Made, NotMade> {
        let failed = |error: std::io::Error| NotMade::Refused(format!("could not change {}: {error}", line.path));
        let text = std::fs::read_to_string(&line.path).map_err(failed)?;
        let Some(changed) = line.applied(&text) else {
            if line.reversed().applied(&text).is_some() {
                return Ok(Made::AlreadyRight);
            }
            return Err(moved_to(change, &line.name, &Value::from("another value")));
        };
        self.record(change, true)?;
        replace(Path::new(&line.path), &changed).map_err(failed)?;
        Ok(Made::Changed)
    }

    /// Deletes a secret that a fix set where there was none.
    async fn delete_secret(self, secret: &WorkerSecret) -> Result<Made, NotMade> {
        let (path, credential) = self.script(secret)?;
        self.send_cloudflare(Method::DELETE, path.then("/secrets/").id(&Segment(&secret.name)), None, credential).await
    }

    /// The value of a local variable that the configuration names.
    fn local_value(self, name: &str) -> Result<Secret, NotMade> {
        let config = &self.world.config;
        let secrets = [&config.stripe.secret_key, &config.stripe.webhook_secret, &config.clerk.secret_key];
        let secret =
            secrets.into_iter().find(|variable| variable.name == name).and_then(|variable| usable(variable).ok());
        secret.cloned().ok_or_else(|| NotMade::Refused(format!("{name} has no usable value in your environment")))
    }

    fn script(self, secret: &WorkerSecret) -> Result<(ApiPath, Credential), NotMade> {
        let cloudflare = self.world.cloudflare().zip(secret.script.as_ref());
        let (cloudflare, script) =
            cloudflare.ok_or_else(|| NotMade::Refused("[cloudflare] is not configured".to_owned()))?;
        let path = cloudflare.account()?.then("/workers/scripts/").id(&Segment(script));
        let token = usable(&cloudflare.config.api_token)?;
        Ok((path, Credential::new(token, &cloudflare.config.api_base)))
    }

    async fn read(self, party: Party, url: Url, headers: HeaderMap, credential: &Credential) -> Result<Value, NotMade> {
        let asked = self.world.reads().get_unremembered(party, url, headers, Some(credential.clone())).await;
        let answer = asked.map_err(|failure| NotMade::Refused(failure.to_string()))?;
        if answer.is_success() { Ok(answer.json()?) } else { Err(refused(&answer)) }
    }

    async fn read_clerk(self, path: &ApiPath) -> Result<(Value, Credential), NotMade> {
        let credential = self.world.clerk().credential()?;
        let url = path.at(&self.world.config.clerk.api_base);
        let value = self.read(Party::Clerk, url, super::clerk::version(), &credential).await?;
        Ok((value, credential))
    }

    async fn read_cloudflare(self, path: ApiPath, credential: &Credential) -> Result<Value, NotMade> {
        self.read(Party::Cloudflare, self.cloudflare_url(&path)?, HeaderMap::new(), credential).await
    }

    fn cloudflare_url(self, path: &ApiPath) -> Result<Url, NotMade> {
        let cloudflare = self.world.config.cloudflare.as_ref();
        let cloudflare = cloudflare.ok_or_else(|| NotMade::Refused("[cloudflare] is not configured".to_owned()))?;
        Ok(path.at(&cloudflare.api_base))
    }

    async fn send_clerk(
        self,
        method: Method,
        path: &ApiPath,
        body: Option<&Value>,
        credential: Credential,
    ) -> Result<Made, NotMade> {
        let url = path.at(&self.world.config.clerk.api_base);
        // A second POST would create a second template.
        let retry = if method == Method::POST { Retry::Never } else { Retry::Always };
        let body = body.map(|body| ("application/json", body.to_string()));
        let (party, headers) = (Party::Clerk, super::clerk::version());
        self.send(ChangeRequest { party, method, url, headers, body, credential, retry }).await
    }

    async fn send_cloudflare(
        self,
        method: Method,
        path: ApiPath,
        body: Option<String>,
        credential: Credential,
    ) -> Result<Made, NotMade> {
        let (url, body) = (self.cloudflare_url(&path)?, body.map(|body| ("application/json", body)));
        let (party, headers, retry) = (Party::Cloudflare, HeaderMap::new(), Retry::Always);
        self.send(ChangeRequest { party, method, url, headers, body, credential, retry }).await
    }

    async fn send(self, request: ChangeRequest) -> Result<Made, NotMade> {
        let ChangeRequest { party, method, url, mut headers, body, credential, retry } = request;
        let body = body.map(|(kind, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            body.into_bytes()
        });
        let _in_flight = self.world.transport.phases().begin();
        let (credential, is_step) = (Some(credential), true);
        let outgoing = OutgoingRequest { party, method, url, headers, body, credential, retry, is_step };
        let answer =
            self.world.transport.ask(outgoing).await.map_err(|failure| NotMade::Refused(failure.to_string()))?;
        if answer.is_success() { Ok(Made::Changed) } else { Err(refused(&answer)) }
    }

    /// Writes the change to the journal before it is made.
    fn record(self, change: &Change, existed: bool) -> Result<(), NotMade> {
        let record = ChangeRecord { fix: self.fix.to_owned(), existed, change: change.clone() };
        self.world.journal.note_change(&record).map_err(|error| {
            NotMade::Refused(format!(
                "nothing was changed, because the change could not first be recorded in {} ({error})",
                self.world.journal.path().display()
            ))
        })
    }
}

/// Replaces the text of a file at once, so that a full disk or a crash leaves the old one. Keeps its permissions.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".preflight");
    let new = path.with_file_name(name);
    // A copy has the permissions of the original.
    let written = std::fs::copy(&path, &new)
        .and_then(|_| std::fs::write(&new, text))
        .and_then(|()| std::fs::File::open(&new)?.sync_all())
        .and_then(|()| std::fs::rename(&new, &path));
    if written.is_err() {
        let _ = std::fs::remove_file(&new);
    }
    written
}

fn stripe_path(stripe: &StripeChange) -> ApiPath {
    let list = match stripe.resource {
        StripeResource::Product => ApiPath::new("/v1/products/"),
        StripeResource::Price => ApiPath::new("/v1/prices/"),
        StripeResource::PromotionCode => ApiPath::new("/v1/promotion_codes/"),
        StripeResource::Subscription => ApiPath::new("/v1/subscriptions/"),
        StripeResource::WebhookEndpoint => ApiPath::new("/v1/webhook_endpoints/"),
        StripeResource::PortalConfiguration => ApiPath::new("/v1/billing_portal/configurations/"),
    };
    list.id(&Segment(stripe.id.as_deref().unwrap_or_default()))
}

/// The template with this name in a list of templates.
fn named<'v>(list: &'v Value, name: &str) -> Option<&'v Value> {
    list.as_array()?.iter().find(|template| template["name"] == name)
}

fn moved_to(change: &Change, field: &str, now: &Value) -> NotMade {
    NotMade::Moved { object: change.object(), field: field.to_owned(), now: now.to_string() }
}

fn refused(answer: &Arc<Answer>) -> NotMade {
    let message = serde_json::from_slice::<Map<String, Value>>(&answer.body)
        .ok()
        .and_then(|body| body.get("error")?["message"].as_str().map(str::to_owned));
    let said = message.map_or_else(|| answer.excerpt(), |message| answer.quote_sentence(&message));
    NotMade::Refused(format!("{} answered {} to {}: {said}", answer.party.name(), answer.status, answer.request))
}

/// Tells the changes of one fix apart, so that each has its own idempotency key.
fn fingerprint(change: &Change) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(change).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

//! Changes at Stripe.

use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use url::form_urlencoded::Serializer;

use super::{ChangeDoor, ChangeRequest, Made, NotMade, Segment, moved_to};
use crate::change::{Change, StripeChange, StripeResource};
use crate::config::Mode;
use crate::world::id::ApiPath;
use crate::world::journal::{ChangeRecord, identity};
use crate::world::key_of_mode;
use crate::world::stripe::version_header;
use crate::world::transport::{Credential, Party, Retry};

/// The metadata key of what a fix created, with the fix.
const MARKER: &str = "preflight_fix";

impl ChangeDoor<'_> {
    pub(super) async fn update_stripe(&self, stripe: &StripeChange, change: &Change) -> Result<Made, NotMade> {
        let credential = self.stripe_key(stripe)?;
        let url = path(stripe.resource, stripe.id.as_deref()).at(&self.world.config.stripe.api_base);
        let read = self.read(Party::Stripe, url.clone(), version_header(), &credential).await?;
        if stripe.is_made(&read) {
            return Ok(Made::AlreadyRight);
        }
        let observed = |field: &str| stripe.observed(&read, field);
        if let Some(moved) = stripe.fields.iter().find(|field| observed(&field.field) != field.before) {
            return Err(moved_to(change, &moved.field, &observed(&moved.field)));
        }
        self.record(change, true)?;
        self.send(self.post(stripe, change, url, credential)).await.map(|_| Made::Changed)
    }

    /// Creates an object, unless there is one like it already.
    pub(super) async fn create_stripe(&self, stripe: &StripeChange, change: &Change) -> Result<Made, NotMade> {
        let credential = self.stripe_key(stripe)?;
        if let Some(id) = self.find_made(stripe, &credential, None).await? {
            return Err(NotMade::Rejected(format!("it already exists as {id}")));
        }
        self.record(change, false)?;
        let url = path(stripe.resource, None).at(&self.world.config.stripe.api_base);
        let created = self.send(self.post(stripe, change, url, credential)).await?;
        self.keep_created(change, &created.json()?)?;
        Ok(Made::Changed)
    }

    /// Takes the creation of an object back. Only an endpoint can be deleted: Stripe keeps products and prices for good.
    pub(super) async fn take_back_created(
        &self,
        stripe: &StripeChange,
        record: &ChangeRecord,
    ) -> Result<Made, NotMade> {
        let credential = self.stripe_key(stripe)?;
        let noted = record.created.get("id").cloned();
        let Some(id) = (match noted {
            Some(id) => Some(id),
            // The fix ended before it could note the ID.
            None => self.find_made(stripe, &credential, Some(&record.fix)).await?,
        }) else {
            return Ok(Made::AlreadyRight);
        };
        if stripe.resource != StripeResource::WebhookEndpoint {
            let archive = StripeChange::update(stripe.resource, stripe.live, id, stripe.name.clone());
            let archive = archive.set("active", true, false);
            return match self.update_stripe(&archive, &Change::Stripe(archive.clone())).await? {
                Made::Changed => Ok(Made::Archived),
                made => Ok(made),
            };
        }
        let url = path(stripe.resource, Some(&id)).at(&self.world.config.stripe.api_base);
        let (party, method, retry) = (Party::Stripe, Method::DELETE, Retry::Always);
        let request = ChangeRequest { party, method, url, headers: version_header(), body: None, credential, retry };
        self.delete(request).await
    }

    /// The ID of an object that is what this change would create, or that this fix created.
    async fn find_made(
        &self,
        stripe: &StripeChange,
        credential: &Credential,
        fix: Option<&str>,
    ) -> Result<Option<String>, NotMade> {
        let list = path(stripe.resource, None).query("limit", 100);
        let list = match stripe.resource {
            StripeResource::Product | StripeResource::Price => list.query("active", true),
            _ => list,
        };
        let url = list.at(&self.world.config.stripe.api_base);
        let list = self.read(Party::Stripe, url, version_header(), credential).await?;
        let made = list["data"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|object| stripe.is_made(object) && fix.is_none_or(|fix| object["metadata"][MARKER] == fix));
        Ok(made.and_then(|object| object["id"].as_str()).map(str::to_owned))
    }

    fn post(&self, stripe: &StripeChange, change: &Change, url: Url, credential: Credential) -> ChangeRequest {
        let mut headers: HeaderMap = version_header();
        let key = format!("preflight-{}-{}", self.fix, identity(change));
        if let Ok(key) = HeaderValue::from_str(&key) {
            headers.insert(HeaderName::from_static("idempotency-key"), key);
        }
        let mut form = Serializer::new(String::new());
        form.extend_pairs(stripe.parameters());
        if stripe.id.is_none() {
            form.append_pair(&format!("metadata[{MARKER}]"), self.fix);
        }
        let body = Some(("application/x-www-form-urlencoded", form.finish()));
        ChangeRequest {
            party: Party::Stripe,
            method: Method::POST,
            url,
            headers,
            body,
            credential,
            retry: Retry::Always,
        }
    }

    fn stripe_key(&self, stripe: &StripeChange) -> Result<Credential, NotMade> {
        let config = &self.world.config;
        if stripe.live != (config.project.mode == Mode::Live) {
            return Err(NotMade::Refused("the object belongs to the other mode".to_owned()));
        }
        let key = key_of_mode(&config.stripe.secret_key, config.project.mode)?;
        Ok(Credential::new(key, &config.stripe.api_base))
    }
}

/// The path of an object, or of its list.
fn path(resource: StripeResource, id: Option<&str>) -> ApiPath {
    let list = ApiPath::new("/v1").then(resource.path());
    match id {
        Some(id) => list.then("/").id(&Segment(id)),
        None => list,
    }
}

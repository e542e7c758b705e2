//! How a rehearsal changes Stripe: each change is in the journal before it is made, and has an idempotency key of this rehearsal.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::record::BillingRecord;
use crate::config::Mode;
use crate::finding::{Answered, NoAnswer};
use crate::world::id::{ApiPath, PathId};
use crate::world::key_of_mode;
use crate::world::rehearsal::{MARKER, RehearsalDoor};
use crate::world::stripe::{StripeError, version_header};
use crate::world::transport::{Answer, Credential, OutgoingRequest, Party, Retry};

/// Most pages of a list that is searched for a rehearsal's objects.
const MOST_PAGES: usize = 50;

/// An object's ID as one segment of a path.
pub(super) struct ObjectId<'i>(pub &'i str);

impl PathId for ObjectId<'_> {
    const TEMPLATE: &'static str = "{object_id}";

    fn as_str(&self) -> &str {
        self.0
    }
}

/// The objects of one rehearsal at Stripe.
#[derive(Debug, Clone, Copy)]
pub(super) struct StripeObjects<'w> {
    pub door: RehearsalDoor<'w>,
    pub record: &'w BillingRecord,
}

/// A parameter of a form.
pub(super) type Parameter = (String, String);

/// Parameters with literal names.
pub(super) fn form<const COUNT: usize>(pairs: [(&str, &str); COUNT]) -> Vec<Parameter> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

impl StripeObjects<'_> {
    /// Creates an object that carries the marker.
    pub async fn create(self, path: ApiPath, mut parameters: Vec<Parameter>) -> Answered<(Value, Arc<Answer>)> {
        parameters.push((format!("metadata[{MARKER}]"), self.record.id.clone()));
        self.post(path, parameters).await
    }

    /// Makes a change.
    pub async fn post(self, path: ApiPath, parameters: Vec<Parameter>) -> Answered<(Value, Arc<Answer>)> {
        let body = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let answer = self.change(Method::POST, &path, body).await?;
        if !answer.is_success() {
            return Err(StripeError::read(&answer)?.unknown());
        }
        Ok((answer.json()?, answer))
    }

    /// Deletes an object. One that does not exist is as good as deleted.
    pub async fn delete(self, path: &ApiPath) -> Answered<Arc<Answer>> {
        let answer = self.change(Method::DELETE, path, String::new()).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        let error = StripeError::read(&answer)?;
        if error.is_missing() { Ok(answer) } else { Err(error.unknown()) }
    }

    /// An object as it is now; `None` if it does not exist.
    pub async fn get(self, path: &ApiPath) -> Answered<Option<Value>> {
        match self.read(path).await? {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.unknown()),
        }
    }

    /// An object as it is now, or Stripe's error.
    pub async fn read(self, path: &ApiPath) -> Answered<Result<Value, StripeError>> {
        let world = self.door.world;
        let (url, credential) = (path.at(&world.config.stripe.api_base), self.credential()?);
        let asked = world.reads().get_unremembered(Party::Stripe, url, version_header(), Some(credential)).await;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        if answer.is_success() { Ok(Ok(answer.json()?)) } else { Ok(Err(StripeError::read(&answer)?)) }
    }

    /// Every object of a list that `is_wanted`.
    pub async fn list(self, path: &ApiPath, is_wanted: impl Fn(&Value) -> bool + Send + Sync) -> Answered<Vec<Value>> {
        let (mut found, mut page) = (Vec::new(), path.clone().query("limit", 100));
        for _ in 0..MOST_PAGES {
            let missing = || NoAnswer::unknown(format!("{} cannot be listed", path.as_str()));
            let list = self.get(&page).await?.ok_or_else(missing)?;
            let items = list["data"].as_array().ok_or_else(missing)?;
            found.extend(items.iter().filter(|item| is_wanted(item)).cloned());
            let cursor = items.last().and_then(|item| item["id"].as_str()).map(str::to_owned);
            match (list["has_more"].as_bool(), cursor) {
                (Some(false), _) => return Ok(found),
                (Some(true), Some(cursor)) => page = path.clone().query("limit", 100).query("starting_after", cursor),
                _ => return Err(missing()),
            }
        }
        Err(NoAnswer::unknown(format!("{} has too many pages to search", path.as_str())))
    }

    /// Whether an object carries this rehearsal's marker. Nothing else is touched.
    pub fn is_marked(self, object: &Value) -> bool {
        object["metadata"][MARKER] == self.record.id.as_str()
    }

    async fn change(self, method: Method, path: &ApiPath, body: String) -> Answered<Arc<Answer>> {
        let (world, Self { door, record }) = (self.door.world, self);
        let mut headers = version_header();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        // Stripe takes these keys for POST only, and a DELETE needs none (docs/providers.md, "Stripe errors").
        if method == Method::POST {
            let key = HeaderValue::from_str(&format!("preflight-{}-{}", world.nonce, world.rehearsal.billing.count()));
            headers.insert(
                HeaderName::from_static("idempotency-key"),
                key.map_err(|error| NoAnswer::unknown(error.to_string()))?,
            );
        }
        let outgoing = OutgoingRequest {
            method: method.clone(),
            headers,
            body: (method == Method::POST).then(|| body.into_bytes()),
            credential: Some(self.credential()?),
            retry: Retry::Always,
            is_step: true,
            ..OutgoingRequest::get(Party::Stripe, path.at(&world.config.stripe.api_base))
        };
        world.journal.note("stripe.change", &format!("{} of rehearsal {}", outgoing.line(), record.id)).map_err(
            |error| {
                NoAnswer::Unknown(format!(
                    "nothing was changed, because the change could not first be recorded in {} ({error})",
                    world.journal.path().display()
                ))
            },
        )?;
        let asked = door.send(outgoing).await;
        world.rehearsal.billing.is_answered(&asked);
        asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))
    }

    fn credential(self) -> Answered<Credential> {
        let config = &self.door.world.config;
        let key = key_of_mode(&config.stripe.secret_key, config.project.mode)?;
        Ok(Credential::new(key, &config.stripe.api_base))
    }

    /// Whether the rehearsal may have created anything. An earlier process may have.
    pub fn may_exist(self) -> bool {
        let world = self.door.world;
        self.record.id != world.nonce || world.rehearsal.billing.has_created.load(Ordering::Relaxed)
    }

    /// Whether this is test mode, which has test cards and test clocks.
    pub fn is_test(self) -> bool {
        self.door.world.config.project.mode == Mode::Test
    }
}

//! The door that changes Stripe, Clerk and Cloudflare: for `fix`, and for the canary of `init`. Each change is made only if the object still is as it
//! was read, and is in the journal, with what was there before, until then.

mod canary;
mod clerk;
mod file;
mod stripe;
mod worker;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::id::PathId;
use super::journal::ChangeRecord;
use super::transport::{Answer, Credential, OutgoingRequest, Party, Retry};
use super::{NoAnswer, World};
use crate::change::{Change, ClerkMetadata, ClerkTemplate, Created, NewValue};
use crate::config::{Secret, hash};

pub use canary::Canary;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It was made.
    Changed,
    /// Nothing had to be changed: the object was as it should be.
    AlreadyRight,
    /// A new object was archived, since it cannot be deleted.
    Archived,
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
    /// It could not be made, or it is not certain that it was.
    #[error("{0}")]
    Refused(String),
    /// The provider rejected it, so nothing was changed.
    #[error("{0}")]
    Rejected(String),
    /// It cannot be taken back.
    #[error("{0}")]
    Lasting(String),
}

impl From<NoAnswer> for NotMade {
    fn from(why: NoAnswer) -> Self {
        Self::Refused(match why {
            NoAnswer::Unknown(reason) => reason,
            NoAnswer::LeftOut(flag) => format!("excluded by {flag}"),
            NoAnswer::Because(_) => "a key cannot be used; see the failures above".to_owned(),
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
pub struct ChangeDoor<'w> {
    world: &'w World,
    fix: &'w str,
    /// The fields of what was created that later changes need. Some are secrets.
    created: Mutex<BTreeMap<Created, Secret>>,
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
    pub fn change_door<'w>(&'w self, fix: &'w str) -> ChangeDoor<'w> {
        ChangeDoor { world: self, fix, created: Mutex::default() }
    }
}

impl ChangeDoor<'_> {
    /// Makes a change.
    ///
    /// # Errors
    /// If the object is not as it was read, or the provider does not accept the change.
    pub async fn make(&self, change: &Change) -> Result<Made, NotMade> {
        let made = self.attempt(change).await;
        if let Err(NotMade::Rejected(_)) = made {
            // Without the note, an undo looks for it in vain.
            let _ = self.world.journal.note_rejected(self.fix, change);
        }
        made
    }

    /// Whether a change can be made once the value that it needs is there.
    ///
    /// # Errors
    /// If a file is not as it was read.
    pub fn can_make(change: &Change) -> Result<(), NotMade> {
        match change {
            Change::EnvLine(line) => file::edited(line, change, "preflight").map(drop),
            _ => Ok(()),
        }
    }

    async fn attempt(&self, change: &Change) -> Result<Made, NotMade> {
        match change {
            Change::Stripe(stripe) if stripe.id.is_some() => self.update_stripe(stripe, change).await,
            Change::Stripe(stripe) => self.create_stripe(stripe, change).await,
            Change::ClerkMetadata(metadata) => self.set_metadata(metadata, change).await,
            Change::ClerkTemplate(template) => self.set_template(template, change).await,
            Change::WorkerSecret(secret) => self.put_secret(secret, change).await,
            Change::EnvLine(line) => self.edit(line, change),
            Change::Deploy(_) | Change::Code(_) | Change::Command(_) | Change::Page(_) => {
                Err(NotMade::Refused("only a person can make this change".to_owned()))
            }
        }
    }

    /// Takes a recorded change back.
    ///
    /// # Errors
    /// If the object is not as it was left, or what was there before is not known.
    pub async fn take_back(&self, record: &ChangeRecord) -> Result<Made, NotMade> {
        let here = self.world.deployment_name();
        if !record.deployment.is_empty() && record.deployment != here {
            return Err(NotMade::Refused(format!("it was made in {}, and this is {here}", record.deployment)));
        }
        match &record.change {
            Change::Stripe(stripe) if stripe.id.is_none() => self.take_back_created(stripe, record).await,
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
            Change::EnvLine(line) => self.take_back_edit(line, record),
            Change::Deploy(_) | Change::Code(_) | Change::Command(_) | Change::Page(_) => Ok(Made::AlreadyRight),
        }
    }

    /// Records that a group of changes was taken back, so that it is not taken back again.
    ///
    /// # Errors
    /// If the journal cannot be written.
    pub fn note_taken_back(&self, fix: &str) -> std::io::Result<()> {
        self.world.journal.note("undo", fix)
    }

    async fn read(
        &self,
        party: Party,
        url: Url,
        headers: HeaderMap,
        credential: &Credential,
    ) -> Result<Value, NotMade> {
        let asked = self.world.reads().get_unremembered(party, url, headers, Some(credential.clone())).await;
        let answer = asked.map_err(|failure| NotMade::Refused(failure.to_string()))?;
        if answer.is_success() { Ok(answer.json()?) } else { Err(refused(&answer)) }
    }

    async fn send(&self, request: ChangeRequest) -> Result<Arc<Answer>, NotMade> {
        let answer = self.ask(request).await?;
        if answer.is_success() { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// Deletes something, which may be gone already.
    async fn delete(&self, request: ChangeRequest) -> Result<Made, NotMade> {
        let answer = self.ask(request).await?;
        match answer.status {
            404 => Ok(Made::AlreadyRight),
            _ if answer.is_success() => Ok(Made::Changed),
            _ => Err(refused(&answer)),
        }
    }

    async fn ask(&self, request: ChangeRequest) -> Result<Arc<Answer>, NotMade> {
        let ChangeRequest { party, method, url, mut headers, body, credential, retry } = request;
        let body = body.map(|(kind, body)| {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            body.into_bytes()
        });
        let _in_flight = self.world.transport.phases().begin();
        let (credential, is_step) = (Some(credential), true);
        let outgoing = OutgoingRequest { party, method, url, headers, body, credential, retry, is_step };
        self.world.transport.ask(outgoing).await.map_err(|failure| NotMade::Refused(failure.to_string()))
    }

    /// A value that a change sets.
    fn value(&self, value: &NewValue) -> Result<Secret, NotMade> {
        let created = match value {
            NewValue::Known(value) => return Ok(Secret::new(value.as_str())),
            NewValue::Created(created) => created,
        };
        let found = self.created.lock().unwrap_or_else(PoisonError::into_inner).get(created).cloned();
        found.ok_or_else(|| NotMade::Refused(format!("the {} was not created", created.object)))
    }

    /// Keeps the fields of a new object for the changes that need them, and notes its IDs for an undo.
    fn keep_created(&self, change: &Change, answer: &Value) -> Result<(), NotMade> {
        let mut kept = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids = BTreeMap::new();
        for field in ["id", "default_price", "secret"] {
            let Some(value) = answer[field].as_str() else { continue };
            kept.insert(Created { object: change.object(), field: field.to_owned() }, Secret::new(value));
            let noted = if field == "secret" { hash(value) } else { value.to_owned() };
            ids.insert(field.to_owned(), noted);
        }
        self.world.journal.note_created(self.fix, change, &ids).map_err(|error| {
            let path = self.world.journal.path().display();
            NotMade::Refused(format!("created as {ids:?}, but that could not be recorded in {path} ({error})"))
        })
    }

    /// Tells the door what the changes of an earlier fix created.
    pub fn remember(&self, records: &[ChangeRecord]) {
        let mut kept = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let created = |field: &String| Created { object: record.change.object(), field: field.clone() };
            kept.extend(record.created.iter().map(|(field, value)| (created(field), Secret::new(value.as_str()))));
        }
    }

    /// Writes the change to the journal before it is made.
    fn record(&self, change: &Change, existed: bool) -> Result<(), NotMade> {
        let (fix, deployment) = (self.fix.to_owned(), self.world.deployment_name());
        let record = ChangeRecord { fix, deployment, existed, change: change.clone(), created: BTreeMap::new() };
        self.world.journal.note_change(&record).map_err(|error| {
            NotMade::Refused(format!(
                "nothing was changed, because the change could not first be recorded in {} ({error})",
                self.world.journal.path().display()
            ))
        })
    }
}

fn moved_to(change: &Change, field: &str, now: &Value) -> NotMade {
    NotMade::Moved { object: change.object(), field: field.to_owned(), now: now.to_string() }
}

fn refused(answer: &Arc<Answer>) -> NotMade {
    let message = serde_json::from_slice::<Map<String, Value>>(&answer.body).ok().and_then(|body| {
        // Stripe has one error, and Clerk and Cloudflare a list.
        let first = body.get("errors").and_then(|errors| errors.get(0));
        let text =
            |error: &Value, field: &str| error[field].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let error = body.get("error").or(first)?;
        text(error, "long_message").or_else(|| text(error, "message"))
    });
    let said = message.map_or_else(|| answer.excerpt(), |message| answer.quote_sentence(&message));
    let words = format!("{} answered {} to {}: {said}", answer.party.name(), answer.status, answer.request);
    if (400..500).contains(&answer.status) { NotMade::Rejected(words) } else { NotMade::Refused(words) }
}

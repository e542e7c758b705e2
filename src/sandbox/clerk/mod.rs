//! Clerk: the Backend API at api.clerk.com and the Frontend API on the customer's domain, over one set of users
//! and organizations.

mod backend;
mod error;
mod frontend_api;
mod keys;
mod listing;
mod organizations;
mod request;
mod sessions;
mod settings;
mod sign_ins;
mod templates;
#[cfg(test)]
mod tests;
mod tokens;
mod user_writes;
mod users;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

pub use backend::backend;
pub use frontend_api::frontend_api;
pub use settings::ClerkSettings;

use self::error::ClerkError;
use self::organizations::Organizations;
use self::sessions::{Session, Sessions};
use self::tokens::Subject;
use self::users::UserStore;
use super::Error;
use super::effects::Effects;
use super::recorded::{Recorded, TimeFormat, by_id};

const RECORDED: &str = include_str!("../healthy/clerk.json");

/// One Clerk application, which both APIs serve.
#[derive(Debug)]
pub struct Clerk {
    settings: ClerkSettings,
    recorded: Recorded,
    effects: Arc<Effects>,
    users: Mutex<UserStore>,
    organizations: Mutex<Organizations>,
    /// The JWT templates, in the order of their creation.
    templates: Mutex<Vec<Value>>,
    sessions: Mutex<Sessions>,
}

impl Clerk {
    /// Clerk as the document describes it.
    ///
    /// # Errors
    ///
    /// If an object has a field that Clerk's objects of its kind do not have.
    pub fn new(settings: ClerkSettings, effects: Arc<Effects>) -> Result<Arc<Self>, Error> {
        keys::prepare();
        let recorded = Recorded::read(RECORDED, TimeFormat::Milliseconds)?;
        let users = UserStore::new(&settings, &recorded)?;
        let organizations = Mutex::new(Organizations::new(&settings, &recorded)?);
        let settings = settings.completed(&recorded)?;
        let templates = Mutex::new(settings.jwt_templates.values().cloned().collect());
        let sessions = Sessions::new(settings.frontend_api.session_task.clone());
        let (users, sessions) = (Mutex::new(users), Mutex::new(sessions));
        Ok(Arc::new(Self { settings, recorded, effects, users, organizations, templates, sessions }))
    }

    /// The JWT templates, and the metadata of every organization and of every named or changed user, by ID.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "jwt_templates": by_id(&*self.templates()),
            "users": self.users().metadata(),
            "organizations": self.organizations().metadata(),
        })
    }

    /// Merges fields into the public metadata of a user or an organization, as a Worker does after a purchase.
    pub(in crate::sandbox) fn merge_public_metadata(&self, id: &str, fields: &Map<String, Value>) {
        if self.organizations().merge_public_metadata(id, fields) {
            return;
        }
        let mut users = self.users();
        if let Some(mut user) = users.find(id) {
            if let Value::Object(metadata) = &mut user["public_metadata"] {
                users::merge(metadata, fields);
            }
            users.store(user, now());
        }
    }

    fn users(&self) -> MutexGuard<'_, UserStore> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn organizations(&self) -> MutexGuard<'_, Organizations> {
        self.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn templates(&self) -> MutexGuard<'_, Vec<Value>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number, for IDs.
    fn serial(&self) -> u64 {
        self.sessions().next()
    }

    /// A token of an active session: the session token, or one from a template.
    fn mint(
        &self,
        session: &Session,
        template: Option<&str>,
        origin: Option<&str>,
        lifetime: Option<u64>,
    ) -> Result<String, ClerkError> {
        let missing = || ClerkError::not_found(format!("No user was found with id {}.", session.user));
        let user = self.users().find(&session.user).ok_or_else(missing)?;
        let organization = session.organization.as_ref().and_then(|id| self.organizations().find(id).cloned());
        let organization = organization.as_ref();
        let subject = Subject { user: &user, organization, session, origin, lifetime, serial: self.serial() };
        let Some(name) = template else { return tokens::session_token(&self.settings, &subject) };
        let found = self.templates().iter().find(|template| template["name"] == name).cloned();
        let found = found.ok_or_else(|| ClerkError::not_found(format!("No JWT template exists with name: {name}")))?;
        tokens::template_token(&self.settings, &found, &subject)
    }

    /// Rejects an organization that the user is not a member of.
    fn require_member(&self, organization: &str, user: &str) -> Result<(), ClerkError> {
        if self.organizations().has_member(organization, user) {
            return Ok(());
        }
        Err(ClerkError::not_found(format!("No organization was found with id {organization} for this user.")))
    }

    fn key_set(&self) -> Value {
        let keys = self.settings.signing.published.iter();
        let keys: Vec<Value> =
            keys.filter_map(|name| keys::public_key(*name, &tokens::kid(&self.settings, *name))).collect();
        json!({ "keys": keys })
    }

    /// Whether both APIs belong to one instance. Only then does a ticket of one work at the other.
    fn is_one_instance(&self) -> bool {
        self.settings.frontend_api.instance.as_ref().is_none_or(|instance| instance == self.settings.instance_id())
    }
}

/// The time in milliseconds, as Clerk writes it.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

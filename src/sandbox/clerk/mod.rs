//! Clerk: the Backend API at api.clerk.com and the Frontend API on the customer's domain, over one set of users.

mod backend;
mod error;
mod frontend_api;
mod keys;
mod listing;
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
        let settings = settings.completed(&recorded)?;
        let templates = Mutex::new(settings.jwt_templates.values().cloned().collect());
        let (users, sessions) = (Mutex::new(users), Mutex::default());
        Ok(Arc::new(Self { settings, recorded, effects, users, templates, sessions }))
    }

    /// The JWT templates, and the metadata of every named or changed user, by ID.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "jwt_templates": by_id(&*self.templates()), "users": self.users().metadata() })
    }

    /// Merges fields into a user's public metadata, as a Worker does after a purchase.
    pub(in crate::sandbox) fn merge_public_metadata(&self, id: &str, fields: &Map<String, Value>) {
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
        let subject = Subject { user: &user, session: &session.id, origin, lifetime, serial: self.serial() };
        let Some(name) = template else { return tokens::session_token(&self.settings, &subject) };
        let found = self.templates().iter().find(|template| template["name"] == name).cloned();
        let found = found.ok_or_else(|| ClerkError::not_found(format!("No JWT template exists with name: {name}")))?;
        tokens::template_token(&self.settings, &found, &subject)
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

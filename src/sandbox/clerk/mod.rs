//! Clerk: the Backend API at api.clerk.com and the Frontend API on the customer's domain, over one set of users.

mod backend;
mod environment;
mod error;
mod frontend_api;
mod keys;
mod listing;
mod request;
mod sessions;
mod sign_ins;
mod state;
#[cfg(test)]
mod tests;
mod tokens;
mod users;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Value, json};

pub use backend::backend;
pub use frontend_api::frontend_api;
pub use state::State;

use self::error::ClerkError;
use self::sessions::{Session, Sessions};
use self::tokens::Subject;
use self::users::UserStore;
use super::effects::Effects;

/// One Clerk application, which both of its APIs answer from.
#[derive(Debug)]
pub struct Clerk {
    state: State,
    effects: Arc<Effects>,
    users: Mutex<UserStore>,
    sessions: Mutex<Sessions>,
}

impl Clerk {
    /// A Clerk that starts from a document and reports what is changed in it.
    #[must_use]
    pub fn new(state: State, effects: Arc<Effects>) -> Arc<Self> {
        keys::prepare();
        let users = UserStore::new(state.users.values().cloned(), state.extra_users);
        Arc::new(Self { state, effects, users: Mutex::new(users), sessions: Mutex::default() })
    }

    fn users(&self) -> MutexGuard<'_, UserStore> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next number, from which ids are made.
    fn serial(&self) -> u64 {
        self.sessions().next()
    }

    /// A token of an active session: the session's own, or one made from a template.
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
        let Some(name) = template else { return tokens::session_token(&self.state, &subject) };
        let found = self.state.jwt_templates.values().find(|template| template.name == name);
        let found = found.ok_or_else(|| ClerkError::not_found(format!("No JWT template exists with name: {name}")))?;
        tokens::template_token(&self.state, found, &subject)
    }

    fn key_set(&self) -> Value {
        let keys = self.state.signing.published.iter();
        let keys: Vec<Value> =
            keys.filter_map(|name| keys::public_key(*name, &tokens::kid(&self.state, *name))).collect();
        json!({ "keys": keys })
    }

    /// Whether browsers and programs talk to one instance: only then does a ticket of the one work at the other.
    fn is_one_instance(&self) -> bool {
        self.state.frontend_api.instance.as_ref().is_none_or(|instance| *instance == self.state.instance.id)
    }
}

/// The time in milliseconds, as Clerk writes it.
fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// One object with the fields of two: an answer may have more fields than one macro can write.
fn joined(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}

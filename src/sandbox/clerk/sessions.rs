//! Sign-in tickets, and the clients and sessions that they create.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The maximum lifetime of a session, in milliseconds: seven days.
const SESSION_LIFETIME: i64 = 7 * 24 * 60 * 60 * 1000;
/// How long until an unused session is abandoned, in milliseconds: thirty days.
const SESSION_ABANDONED: i64 = 30 * 24 * 60 * 60 * 1000;

/// The status of a sign-in token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TicketStatus {
    /// Not used yet.
    Pending,
    /// Used.
    Accepted,
    /// Revoked.
    Revoked,
}

impl TicketStatus {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Revoked => "revoked",
        }
    }
}

/// A sign-in token, which the Frontend API calls a ticket.
#[derive(Debug, Clone)]
pub(super) struct Ticket {
    /// `sit_…`.
    pub id: String,
    /// The ID of the user that it signs in.
    pub user: String,
    /// The secret itself.
    pub token: String,
    /// Its status.
    pub status: TicketStatus,
    /// When it was created, in milliseconds.
    pub created: i64,
    /// When it expires, in milliseconds.
    pub expires: i64,
}

impl Ticket {
    /// The sign-in token as the Backend API shows it. Only the request that creates it gets the secret.
    pub(super) fn show(&self, host: &str, with_secret: bool) -> Value {
        let mut shown = json!({
            "object": "sign_in_token", "id": self.id, "user_id": self.user, "status": self.status.word(),
            "url": null, "created_at": self.created, "updated_at": self.created,
        });
        if with_secret {
            shown["token"] = json!(self.token);
            shown["url"] = json!(format!("https://{host}/v1/tickets/accept?ticket={}", self.token));
        }
        shown
    }
}

/// A session of one user on one client.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// `sess_…`.
    pub id: String,
    /// The ID of the user.
    pub user: String,
    /// The ID of the client.
    pub client: String,
    /// The ID of the active organization.
    pub organization: Option<String>,
    /// What is left to do without one.
    pub task: Option<String>,
    /// `active`, `ended`, `removed` or `revoked`.
    pub status: &'static str,
    /// When it began, in milliseconds.
    pub created: i64,
    /// When its status last changed, in milliseconds.
    pub updated: i64,
}

impl Session {
    /// Whether it can create tokens.
    pub(super) fn is_active(&self) -> bool {
        self.status == "active"
    }

    /// Whether something is left to do, so that its tokens are not accepted.
    pub(super) fn is_pending(&self) -> bool {
        self.is_active() && self.organization.is_none() && self.task.is_some()
    }

    fn shown_status(&self) -> &'static str {
        if self.is_pending() { "pending" } else { self.status }
    }

    fn tasks(&self) -> Option<Value> {
        self.is_pending().then(|| json!([{ "key": self.task }]))
    }

    /// The session as the Backend API shows it.
    pub(super) fn show(&self) -> Value {
        json!({
            "object": "session", "id": self.id, "user_id": self.user, "client_id": self.client, "actor": null,
            "status": self.shown_status(), "last_active_organization_id": self.organization, "last_active_at": self.created,
            "latest_activity": null, "expire_at": self.created + SESSION_LIFETIME,
            "abandon_at": self.created + SESSION_ABANDONED, "updated_at": self.updated, "created_at": self.created,
        })
    }

    /// The session as the Frontend API shows it, with a token if there is one.
    pub(super) fn show_to_client(&self, user: &Value, token: Option<&str>) -> Value {
        json!({
            "object": "session", "id": self.id, "status": self.shown_status(),
            "expire_at": self.created + SESSION_LIFETIME, "abandon_at": self.created + SESSION_ABANDONED,
            "last_active_at": self.created,
            "last_active_token": token.map(|jwt| json!({ "object": "token", "jwt": jwt })),
            "actor": null, "tasks": self.tasks(), "last_active_organization_id": self.organization, "user": user,
            "public_user_data": {
                "first_name": null, "last_name": null, "image_url": "https://img.clerk.com/default",
                "has_image": false, "identifier": user["email_addresses"][0]["email_address"],
                "profile_image_url": "https://img.clerk.com/default", "user_id": self.user,
            },
            "factor_verification_age": [0, -1], "created_at": self.created, "updated_at": self.updated,
        })
    }
}

/// The tickets, clients and sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    serial: u64,
    /// What is left to do in a new session without an organization.
    task: Option<String>,
    /// Tickets by ID.
    pub tickets: BTreeMap<String, Ticket>,
    /// Sessions by ID.
    pub all: BTreeMap<String, Session>,
    /// The IDs of clients, by their tokens.
    pub clients: BTreeMap<String, String>,
}

impl Sessions {
    /// No session yet.
    pub(super) fn new(task: Option<String>) -> Self {
        Self { task, ..Self::default() }
    }

    /// The next number, for IDs.
    pub(super) fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// Begins a session.
    pub(super) fn begin(&mut self, user: &str, client: &str, now: i64) -> Session {
        let session = Session {
            id: format!("sess_2{:026}", self.next()),
            user: user.to_owned(),
            client: client.to_owned(),
            organization: None,
            task: self.task.clone(),
            status: "active",
            created: now,
            updated: now,
        };
        self.all.insert(session.id.clone(), session.clone());
        session
    }

    /// Makes an organization the active one of a session, or none. Returns `None` if the client does not have the session.
    pub(super) fn activate(
        &mut self,
        id: &str,
        client: &str,
        organization: Option<String>,
        now: i64,
    ) -> Option<Session> {
        let session = self.all.get_mut(id).filter(|session| session.client == client && session.is_active())?;
        session.organization = organization;
        session.updated = now;
        Some(session.clone())
    }

    /// Gives an active session this status. Returns `None` if the client does not have the session.
    pub(super) fn end(&mut self, id: &str, client: Option<&str>, status: &'static str, now: i64) -> Option<Session> {
        let session = self.all.get_mut(id)?;
        if client.is_some_and(|client| client != session.client) {
            return None;
        }
        if session.is_active() {
            session.status = status;
            session.updated = now;
        }
        Some(session.clone())
    }

    /// Ends the sessions of a user who was deleted, and revokes the tickets.
    pub(super) fn end_all(&mut self, user: &str, now: i64) {
        for session in self.all.values_mut().filter(|session| session.user == user && session.is_active()) {
            session.status = "ended";
            session.updated = now;
        }
        let pending = |ticket: &&mut Ticket| ticket.user == user && ticket.status == TicketStatus::Pending;
        self.tickets.values_mut().filter(pending).for_each(|ticket| ticket.status = TicketStatus::Revoked);
    }

    /// The active sessions of a client, oldest first.
    pub(super) fn of_client(&self, client: &str) -> Vec<Session> {
        self.all.values().filter(|session| session.client == client && session.is_active()).cloned().collect()
    }
}

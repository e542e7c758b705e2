//! The users: a few with names, and as many more as a scenario wants, which cost nothing until they are asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::joined;
use super::state::User;

/// What the id of a user without a name begins with.
const EXTRA_PREFIX: &str = "user_2extra";
/// When the first of them came, in milliseconds: after everyone with a name.
const EXTRA_EPOCH: i64 = 1_767_225_600_000;
/// Milliseconds from each of them to the next.
const EXTRA_INTERVAL: i64 = 60_000;

/// All users of one instance, newest first.
#[derive(Debug, Default)]
pub(super) struct UserStore {
    named: Vec<User>,
    extra: u64,
    changed: BTreeMap<String, Changed>,
}

/// What happened to a user since the sandbox began.
#[derive(Debug, Clone, Default)]
struct Changed {
    user: Option<User>,
    updated: Option<i64>,
    signed_in: Option<i64>,
}

/// One of the three parts of a user's metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Readable by the user.
    Public,
    /// Hidden from the user.
    Private,
    /// Writable by the user.
    Unsafe,
}

impl Part {
    /// The part that a field of a request names.
    pub(super) fn named(field: &str) -> Option<Self> {
        match field {
            "public_metadata" => Some(Self::Public),
            "private_metadata" => Some(Self::Private),
            "unsafe_metadata" => Some(Self::Unsafe),
            _ => None,
        }
    }

    /// This part of a user.
    pub(super) fn of(self, user: &mut User) -> &mut Map<String, Value> {
        match self {
            Self::Public => &mut user.public_metadata,
            Self::Private => &mut user.private_metadata,
            Self::Unsafe => &mut user.unsafe_metadata,
        }
    }
}

impl UserStore {
    /// The named users and as many others.
    pub(super) fn new(named: impl IntoIterator<Item = User>, extra: u64) -> Self {
        let mut named: Vec<User> = named.into_iter().collect();
        named.sort_by(|one, other| other.created.cmp(&one.created).then_with(|| other.id.cmp(&one.id)));
        Self { named, extra, changed: BTreeMap::new() }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.extra + self.named.len() as u64
    }

    /// Everyone, newest first, made as they are asked for.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = User> + '_ {
        (0..self.count()).map(|position| self.at(position))
    }

    /// The user at a place in the order from the newest to the oldest.
    fn at(&self, position: u64) -> User {
        let user = match position.checked_sub(self.extra) {
            None => extra(self.extra - 1 - position),
            Some(index) => self.named[usize::try_from(index).unwrap_or(usize::MAX)].clone(),
        };
        self.changed.get(&user.id).and_then(|changed| changed.user.clone()).unwrap_or(user)
    }

    /// The place of a user in that order.
    pub(super) fn position(&self, id: &str) -> Option<u64> {
        if let Some(serial) = id.strip_prefix(EXTRA_PREFIX).and_then(|serial| serial.parse::<u64>().ok()) {
            return (serial < self.extra).then(|| self.extra - 1 - serial);
        }
        self.named.iter().position(|user| user.id == id).map(|index| self.extra + index as u64)
    }

    /// The user with that id.
    pub(super) fn find(&self, id: &str) -> Option<User> {
        self.position(id).map(|position| self.at(position))
    }

    /// A page in the usual order, without making the users before it.
    pub(super) fn page(&self, start: u64, limit: usize) -> Vec<User> {
        (start..self.count()).take(limit).map(|position| self.at(position)).collect()
    }

    /// Keeps a user whose metadata changed.
    pub(super) fn store(&mut self, user: User, at: i64) {
        let changed = self.changed.entry(user.id.clone()).or_default();
        changed.updated = Some(at);
        changed.user = Some(user);
    }

    /// Notes that a user signed in.
    pub(super) fn signed_in(&mut self, id: &str, at: i64) {
        self.changed.entry(id.to_owned()).or_default().signed_in = Some(at);
    }

    /// A user as the Backend API shows it.
    pub(super) fn show(&self, user: &User) -> Value {
        let changed = self.changed.get(&user.id).cloned().unwrap_or_default();
        let created = user.created.as_millisecond();
        let updated = changed.updated.unwrap_or(created);
        let address_id = format!("idn_{}", user.id.trim_start_matches("user_"));
        let address = json!({
            "id": address_id, "object": "email_address", "email_address": user.email, "reserved": false,
            "verification": {
                "object": "verification_otp", "status": "verified", "strategy": "email_code",
                "attempts": 1, "expire_at": created + 600_000, "verified_at_client": null,
            },
            "linked_to": [], "matches_sso_connection": false, "created_at": created, "updated_at": created,
        });
        let person = json!({
            "id": user.id, "object": "user", "external_id": null,
            "primary_email_address_id": address_id, "primary_phone_number_id": null, "primary_web3_wallet_id": null,
            "username": null, "first_name": null, "last_name": null, "locale": null,
            "profile_image_url": "https://img.clerk.com/default", "image_url": "https://img.clerk.com/default",
            "has_image": false,
            "public_metadata": user.public_metadata, "private_metadata": user.private_metadata,
            "unsafe_metadata": user.unsafe_metadata,
            "email_addresses": [address], "phone_numbers": [], "web3_wallets": [], "passkeys": [],
            "external_accounts": [], "saml_accounts": [], "enterprise_accounts": [],
        });
        let account = json!({
            "password_enabled": true, "two_factor_enabled": user.second_factor, "totp_enabled": user.second_factor,
            "backup_code_enabled": false, "mfa_enabled_at": null, "mfa_disabled_at": null,
            "password_last_updated_at": created,
            "last_sign_in_at": changed.signed_in, "last_active_at": changed.signed_in,
            "banned": user.banned, "locked": user.locked, "deprovisioned": false,
            "lockout_expires_in_seconds": null, "verification_attempts_remaining": 100,
            "created_at": created, "updated_at": updated,
            "delete_self_enabled": true, "create_organization_enabled": false, "create_organizations_limit": null,
            "legal_accepted_at": null, "bypass_client_trust": false, "scim": null,
        });
        joined(person, account)
    }

    /// What a list can be ordered by besides the time of creation.
    pub(super) fn order_key(&self, user: &User, field: &str) -> (i64, String) {
        let changed = self.changed.get(&user.id).cloned().unwrap_or_default();
        match field {
            "updated_at" => (changed.updated.unwrap_or(user.created.as_millisecond()), user.id.clone()),
            "last_sign_in_at" | "last_active_at" => (changed.signed_in.unwrap_or_default(), user.id.clone()),
            "email_address" => (0, user.email.clone()),
            _ => (0, user.id.clone()),
        }
    }
}

/// A free user without a name; every seventh has the free tier written into the metadata.
fn extra(serial: u64) -> User {
    let after = i64::try_from(serial).unwrap_or(i64::MAX).saturating_mul(EXTRA_INTERVAL);
    let created = Timestamp::from_millisecond(EXTRA_EPOCH.saturating_add(after)).unwrap_or(Timestamp::MAX);
    let public_metadata =
        if serial.is_multiple_of(7) { Map::from_iter([("plan".to_owned(), json!("free"))]) } else { Map::new() };
    User {
        id: format!("{EXTRA_PREFIX}{serial:021}"),
        email: format!("user{serial}@example.com"),
        created,
        public_metadata,
        private_metadata: Map::new(),
        unsafe_metadata: Map::new(),
        banned: false,
        locked: false,
        second_factor: false,
    }
}

/// Merges as Clerk does: objects into each other, at any depth, and a null removes its key.
pub(super) fn merge(target: &mut Map<String, Value>, change: &Map<String, Value>) {
    for (name, value) in change {
        match (target.get_mut(name), value) {
            (_, Value::Null) => {
                target.remove(name);
            }
            (Some(Value::Object(inner)), Value::Object(change)) => merge(inner, change),
            _ => {
                let mut cleaned = value.clone();
                if let Value::Object(fields) = &mut cleaned {
                    let change = std::mem::take(fields);
                    merge(fields, &change);
                }
                target.insert(name.clone(), cleaned);
            }
        }
    }
}

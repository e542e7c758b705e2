//! The users: the named ones, and as many more as a scenario wants, which are made when they are requested.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Error;
use super::super::many_accounts::{Account, ManyAccounts};
use super::super::recorded::Recorded;
use super::settings::ClerkSettings;

/// What the ID of an unnamed user begins with.
const EXTRA_PREFIX: &str = "user_2extra";
/// When the first of them signed up, in milliseconds: after every named one.
const EXTRA_EPOCH: i64 = 1_767_225_600_000;
/// Milliseconds from each of them to the next.
const EXTRA_INTERVAL: i64 = 60_000;

/// All users of one instance, newest first: those created since the start, then the unnamed, then the named ones.
#[derive(Debug, Default)]
pub(super) struct UserStore {
    created: Vec<Value>,
    named: Vec<Value>,
    extra: u64,
    many: ManyAccounts,
    /// What every unnamed user looks like.
    unnamed: Value,
    /// The users that changed since the sandbox started, by ID.
    changed: BTreeMap<String, Value>,
}

impl UserStore {
    /// The named users and the others.
    pub(super) fn new(settings: &ClerkSettings, recorded: &Recorded) -> Result<Self, Error> {
        let complete = |fields: &Value| {
            let mut user = recorded.complete("user", fields)?;
            derive(&mut user);
            Ok(user)
        };
        let mut named = settings.users.values().map(complete).collect::<Result<Vec<_>, Error>>()?;
        let order = |user: &Value| (user["created_at"].as_i64(), user["id"].as_str().map(str::to_owned));
        named.sort_by_key(|user| std::cmp::Reverse(order(user)));
        let unnamed = recorded.complete("user", &json!({ "email_addresses": [{}] }))?;
        let (extra, many) = (settings.extra_users, settings.many_accounts);
        Ok(Self { created: Vec::new(), named, extra, many, unnamed, changed: BTreeMap::new() })
    }

    /// How many users there are.
    pub(super) fn count(&self) -> u64 {
        self.created.len() as u64 + self.extra + self.named.len() as u64 + self.many.count
    }

    /// The ID and the email address of every user, newest first, without making the users.
    pub(super) fn identities(&self) -> impl Iterator<Item = (String, String)> + '_ {
        (0..self.count()).map(|position| match self.place(position) {
            UserPlace::Extra(serial) => extra_identity(serial),
            UserPlace::Many(account) => many_identity(account),
            UserPlace::Named(user) => {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&user["id"]), text(&user["email_addresses"][0]["email_address"]))
            }
        })
    }

    /// The user at a position in the order from the newest to the oldest.
    pub(super) fn at(&self, position: u64) -> Value {
        let user = match self.place(position) {
            UserPlace::Extra(serial) => self.extra_user(serial),
            UserPlace::Many(account) => self.user_of(account),
            UserPlace::Named(user) => user.clone(),
        };
        let changed = user["id"].as_str().and_then(|id| self.changed.get(id));
        changed.cloned().unwrap_or(user)
    }

    fn place(&self, position: u64) -> UserPlace<'_> {
        let created = self.created.len() as u64;
        if position < created {
            return UserPlace::Named(&self.created[usize::try_from(position).unwrap_or(usize::MAX)]);
        }
        let Some(index) = (position - created).checked_sub(self.extra) else {
            return UserPlace::Extra(self.extra - 1 - (position - created));
        };
        match index.checked_sub(self.named.len() as u64) {
            None => UserPlace::Named(&self.named[usize::try_from(index).unwrap_or(usize::MAX)]),
            Some(index) => UserPlace::Many(self.many.account(self.many.count - 1 - index)),
        }
    }

    /// The position of a user in that order.
    pub(super) fn position(&self, id: &str) -> Option<u64> {
        let created = self.created.len() as u64;
        if let Some(serial) = id.strip_prefix(EXTRA_PREFIX).and_then(|serial| serial.parse::<u64>().ok()) {
            return (serial < self.extra).then(|| created + self.extra - 1 - serial);
        }
        if let Some(number) = self.many.of_user(id) {
            return Some(created + self.extra + self.named.len() as u64 + self.many.count - 1 - number);
        }
        let among = |users: &[Value]| users.iter().position(|user| user["id"] == id).map(|index| index as u64);
        among(&self.created).or_else(|| among(&self.named).map(|index| created + self.extra + index))
    }

    /// Adds a new user, which becomes the newest.
    pub(super) fn add(&mut self, mut user: Value) -> Value {
        derive(&mut user);
        self.created.insert(0, user.clone());
        user
    }

    /// Removes a user. Whether it could: an unnamed one is made by formula and stays.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.count();
        self.created.retain(|user| user["id"] != id);
        self.named.retain(|user| user["id"] != id);
        self.changed.remove(id);
        self.count() < before
    }

    /// The user with that ID.
    pub(super) fn find(&self, id: &str) -> Option<Value> {
        self.position(id).map(|position| self.at(position))
    }

    /// Keeps a changed user, and returns it.
    pub(super) fn store(&mut self, mut user: Value, at: i64) -> Value {
        user["updated_at"] = at.into();
        self.changed.insert(user["id"].as_str().unwrap_or_default().to_owned(), user.clone());
        user
    }

    /// The metadata of every named or changed user, by ID.
    pub(super) fn metadata(&self) -> Map<String, Value> {
        let users = self.named.iter().chain(&self.created).chain(self.changed.values());
        let kinds = ["public_metadata", "private_metadata", "unsafe_metadata"];
        let metadata = |user: &Value| kinds.map(|kind| (kind.to_owned(), user[kind].clone())).into_iter().collect();
        users.map(|user| (user["id"].as_str().unwrap_or_default().to_owned(), metadata(user))).collect()
    }

    /// Notes that a user signed in.
    pub(super) fn signed_in(&mut self, id: &str, at: i64) {
        let Some(mut user) = self.find(id) else { return };
        for field in ["last_sign_in_at", "last_active_at"] {
            user[field] = at.into();
        }
        self.changed.insert(id.to_owned(), user);
    }

    /// The user of an account by formula.
    fn user_of(&self, account: Account) -> Value {
        let mut user = self.unnamed.clone();
        let (id, email) = many_identity(account);
        user["id"] = id.into();
        user["created_at"] = (account.created() * 1000).into();
        user["email_addresses"][0]["email_address"] = email.into();
        let (plan, customer, subscription) = account.metadata();
        let metadata =
            [("plan", plan.map(str::to_owned)), ("stripeCustomerId", customer), ("subscriptionId", subscription)];
        let metadata = metadata.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
        user["public_metadata"] = Value::Object(metadata.collect());
        derive(&mut user);
        user
    }

    /// A free user. Every seventh has the free plan in the metadata.
    fn extra_user(&self, serial: u64) -> Value {
        let mut user = self.unnamed.clone();
        let (id, email) = extra_identity(serial);
        let after = i64::try_from(serial).unwrap_or(i64::MAX).saturating_mul(EXTRA_INTERVAL);
        user["id"] = id.into();
        user["created_at"] = EXTRA_EPOCH.saturating_add(after).into();
        user["email_addresses"][0]["email_address"] = email.into();
        if serial.is_multiple_of(7) {
            user["public_metadata"] = json!({ "plan": "free" });
        }
        derive(&mut user);
        user
    }
}

/// Where a user comes from.
enum UserPlace<'a> {
    Extra(u64),
    Many(Account),
    Named(&'a Value),
}

fn many_identity(account: Account) -> (String, String) {
    let id = account.user();
    let email = format!("{}@example.com", id.trim_start_matches("user_2"));
    (id, email)
}

fn extra_identity(serial: u64) -> (String, String) {
    (format!("{EXTRA_PREFIX}{serial:021}"), format!("user{serial}@example.com"))
}

/// Fills in what follows from a user's ID and the time of its creation.
fn derive(user: &mut Value) {
    let created = user["created_at"].as_i64().unwrap_or_default();
    let address_id = format!("idn_{}", user["id"].as_str().unwrap_or_default().trim_start_matches("user_"));
    user["primary_email_address_id"] = address_id.as_str().into();
    for field in ["updated_at", "password_last_updated_at"] {
        user[field] = created.into();
    }
    let Some(address) = user["email_addresses"].get_mut(0) else { return };
    address["id"] = address_id.into();
    for field in ["created_at", "updated_at"] {
        address[field] = created.into();
    }
    address["verification"]["expire_at"] = (created + 600_000).into();
}

/// Merges like Clerk: objects are merged at any depth, and null removes a key.
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

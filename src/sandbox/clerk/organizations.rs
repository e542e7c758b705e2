//! Organizations, their members and their metadata (docs/providers.md, "Clerk API objects and sign-in").

use axum::Json;
use axum::body::Bytes;
use axum::extract::{self, Path, Query};
use serde_json::{Map, Value, json};

use super::super::Error;
use super::super::recorded::Recorded;
use super::error::{ClerkError, ClerkResult};
use super::listing::limit;
use super::request::{Parameters, Shared, change_kinds, fields, no_such};
use super::settings::ClerkSettings;
use super::users::merge;
use super::{Clerk, now};

/// The kinds of metadata that an organization has.
const METADATA: [&str; 2] = ["public_metadata", "private_metadata"];

/// The organizations of one instance, newest first, and their members.
#[derive(Debug, Default)]
pub(super) struct Organizations {
    all: Vec<Value>,
    /// The IDs of the organization and of the user, and the membership.
    memberships: Vec<(String, String, Value)>,
}

impl Organizations {
    /// Those of the document.
    pub(super) fn new(settings: &ClerkSettings, recorded: &Recorded) -> Result<Self, Error> {
        let complete = |fields: &Value| recorded.complete("organization", fields);
        let mut all = settings.organizations.values().map(complete).collect::<Result<Vec<_>, Error>>()?;
        all.sort_by_key(|organization| std::cmp::Reverse(organization["created_at"].as_i64()));
        let mut memberships = Vec::new();
        for (organization, members) in &settings.members {
            for user in members {
                let id = format!("orgmem_2sandbox{:019}", memberships.len());
                let membership = recorded.complete("organization_membership", &json!({ "id": id }))?;
                memberships.push((organization.clone(), user.clone(), membership));
            }
        }
        Ok(Self { all, memberships })
    }

    /// The organization with that ID or slug.
    pub(super) fn find(&self, id: &str) -> Option<&Value> {
        self.all.iter().find(|organization| organization["id"] == id || organization["slug"] == id)
    }

    /// Whether a user may make an organization the active one.
    pub(super) fn has_member(&self, organization: &str, user: &str) -> bool {
        self.memberships.iter().any(|(of, member, _)| of == organization && member == user)
    }

    /// The memberships of a user, each with its organization.
    fn of_user(&self, user: &str) -> Vec<Value> {
        let theirs = self.memberships.iter().filter(|(_, member, _)| member == user);
        let shown = theirs.filter_map(|(organization, _, membership)| {
            let mut membership = membership.clone();
            membership["organization"] = self.find(organization)?.clone();
            Some(membership)
        });
        shown.collect()
    }

    /// Merges fields into public metadata. Whether there is such an organization.
    pub(super) fn merge_public_metadata(&mut self, id: &str, fields: &Map<String, Value>) -> bool {
        let Some(found) = self.all.iter_mut().find(|organization| organization["id"] == id) else { return false };
        if let Value::Object(metadata) = &mut found["public_metadata"] {
            merge(metadata, fields);
        }
        found["updated_at"] = now().into();
        true
    }

    /// The metadata of every organization, by ID.
    pub(super) fn metadata(&self) -> Map<String, Value> {
        let metadata =
            |found: &Value| METADATA.map(|kind| (kind.to_owned(), found[kind].clone())).into_iter().collect();
        self.all.iter().map(|found| (found["id"].as_str().unwrap_or_default().to_owned(), metadata(found))).collect()
    }
}

pub(super) async fn list(extract::State(clerk): Shared, Query(parameters): Parameters) -> ClerkResult {
    let values = |wanted: &str| -> Vec<String> {
        let named = parameters.iter().filter(|(name, _)| name == wanted);
        named.map(|(_, value)| value.trim_start_matches(['+', ' ']).to_owned()).collect()
    };
    let value = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let known = ["limit", "offset", "order_by", "organization_id", "user_id", "__clerk_api_version"];
    if let Some((name, _)) = parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(ClerkError::unknown_parameter(name));
    }
    let (ids, users) = (values("organization_id"), values("user_id"));
    let organizations = clerk.organizations();
    let mut found: Vec<&Value> = organizations.all.iter().collect();
    found.retain(|one| ids.is_empty() || ids.iter().any(|id| one["id"] == id.as_str()));
    let has_member = |one: &&Value, user: &String| {
        one["id"].as_str().is_some_and(|organization| organizations.has_member(organization, user))
    };
    found.retain(|one| users.is_empty() || users.iter().any(|user| has_member(one, user)));
    match value("order_by") {
        None | Some("-created_at") => {}
        Some("+created_at" | " created_at" | "created_at") => found.reverse(),
        Some(_) => {
            let reason = "must be created_at in the sandbox";
            return Err(ClerkError::parameter("form_param_value_invalid", "order_by", reason));
        }
    }
    let total = found.len();
    let (length, offset) = (value("limit").map_or(Ok(10), limit)?, value("offset").map_or(Ok(0), str::parse));
    let offset = offset.map_err(|_| ClerkError::parameter("form_param_value_invalid", "offset", "must be a number"))?;
    let page: Vec<&Value> = found.into_iter().skip(offset).take(length).collect();
    Ok(Json(json!({ "data": page, "total_count": total })))
}

/// Creates an organization whose only member is the user who creates it.
pub(super) async fn create(extract::State(clerk): Shared, body: Bytes) -> ClerkResult {
    let mut given = fields(&body, &["name", "created_by", "public_metadata", "private_metadata", "slug"])?;
    let name = given.get("name").and_then(Value::as_str).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| ClerkError::parameter("form_param_missing", "name", "must be included"))?;
    let slug = name.to_lowercase().replace(' ', "-");
    let creator = given.get("created_by").and_then(Value::as_str).map(str::to_owned);
    if let Some(creator) = &creator {
        clerk.users().find(creator).ok_or_else(|| no_such("user", creator))?;
    }
    let (serial, at) = (clerk.serial(), now());
    given.insert("id".to_owned(), format!("org_2sandbox{serial:019}").into());
    given.insert("created_at".to_owned(), at.into());
    given.insert("updated_at".to_owned(), at.into());
    given.entry("slug").or_insert_with(|| format!("{slug}-{serial}").into());
    let failed = |error: Error| ClerkError::internal(&error.to_string());
    let organization = clerk.recorded.complete("organization", &Value::Object(given)).map_err(failed)?;
    let id = json!({ "id": format!("orgmem_2sandbox{:019}", clerk.serial()) });
    let membership = clerk.recorded.complete("organization_membership", &id).map_err(failed)?;
    let mut organizations = clerk.organizations();
    let id = organization["id"].as_str().unwrap_or_default().to_owned();
    organizations.memberships.extend(creator.map(|creator| (id, creator, membership)));
    organizations.all.insert(0, organization.clone());
    clerk.effects.record("clerk.organization.created");
    Ok(Json(organization))
}

pub(super) async fn get(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    let found = clerk.organizations().find(&id).cloned();
    found.map(Json).ok_or_else(|| no_such("organization", &id))
}

pub(super) async fn of_user(extract::State(clerk): Shared, Path(id): Path<String>) -> ClerkResult {
    clerk.users().find(&id).ok_or_else(|| no_such("user", &id))?;
    let memberships = clerk.organizations().of_user(&id);
    Ok(Json(json!({ "data": memberships, "total_count": memberships.len() })))
}

pub(super) async fn merge_metadata(extract::State(clerk): Shared, Path(id): Path<String>, body: Bytes) -> ClerkResult {
    change_metadata(&clerk, &id, &body, merge)
}

pub(super) async fn replace_metadata(
    extract::State(clerk): Shared,
    Path(id): Path<String>,
    body: Bytes,
) -> ClerkResult {
    change_metadata(&clerk, &id, &body, |target, change| change.clone_into(target))
}

fn change_metadata(
    clerk: &Clerk,
    id: &str,
    body: &[u8],
    change: fn(&mut Map<String, Value>, &Map<String, Value>),
) -> ClerkResult {
    let fields = fields(body, &METADATA)?;
    let mut organizations = clerk.organizations();
    let found = organizations.all.iter_mut().find(|organization| organization["id"] == id);
    let found = found.ok_or_else(|| no_such("organization", id))?;
    change_kinds(found, &fields, change)?;
    found["updated_at"] = now().into();
    clerk.effects.record("clerk.organization.metadata_changed");
    Ok(Json(found.clone()))
}

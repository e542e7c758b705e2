//! `GET /v1/users`: filters, order and pages.

use std::collections::BTreeSet;

use axum::Json;
use serde_json::{Value, json};

use super::error::{ClerkError, ClerkResult};
use super::users::UserStore;

/// The maximum number of users on a page.
const PAGE_LIMIT: usize = 500;
/// The maximum number of values of a repeated filter.
const FILTER_LIMIT: usize = 100;
/// The fields that users can be sorted by.
const ORDERS: [&str; 10] = [
    "created_at",
    "updated_at",
    "email_address",
    "web3wallet",
    "first_name",
    "last_name",
    "phone_number",
    "username",
    "last_active_at",
    "last_sign_in_at",
];

/// The filters, order and page that a caller requests.
#[derive(Debug)]
pub(super) struct Listing {
    emails: Vec<String>,
    ids: Vec<String>,
    query: Option<String>,
    limit: usize,
    offset: u64,
    after: Option<String>,
    order: String,
    ascending: bool,
}

impl Listing {
    /// Reads the query string.
    pub(super) fn read(parameters: &[(String, String)]) -> Result<Self, ClerkError> {
        let mut listing = Self {
            emails: Vec::new(),
            ids: Vec::new(),
            query: None,
            limit: 10,
            offset: 0,
            after: None,
            order: "created_at".to_owned(),
            ascending: false,
        };
        let mut ordered = false;
        for (name, value) in parameters {
            match name.as_str() {
                "email_address" => listing.emails.push(value.to_lowercase()),
                "user_id" => listing.ids.push(value.clone()),
                "query" => listing.query = Some(value.to_lowercase()),
                "limit" => listing.limit = limit(value)?,
                "offset" => listing.offset = value.parse().map_err(|_| invalid("offset", "must be zero or more"))?,
                "starting_after" => listing.after = Some(value.clone()),
                "order_by" if !ordered => {
                    ordered = true;
                    let field = value.trim_start_matches(['+', '-', ' ']);
                    if !ORDERS.contains(&field) {
                        return Err(invalid("order_by", "is not a field that users can be ordered by"));
                    }
                    listing.ascending = !value.starts_with('-');
                    field.clone_into(&mut listing.order);
                }
                "order_by" | "__clerk_api_version" => {}
                other => return Err(ClerkError::unknown_parameter(other)),
            }
        }
        if listing.emails.len() > FILTER_LIMIT || listing.ids.len() > FILTER_LIMIT {
            return Err(invalid("user_id", "takes at most 100 values"));
        }
        if listing.after.is_some() && (listing.order != "created_at" || listing.offset > 0) {
            return Err(invalid("starting_after", "needs the order of creation and no offset"));
        }
        Ok(listing)
    }

    /// How many users match the filters.
    pub(super) fn count(&self, users: &UserStore) -> u64 {
        if self.is_unfiltered() { users.count() } else { self.matching(users).count() as u64 }
    }

    /// One page.
    pub(super) fn page(&self, users: &UserStore) -> Result<Vec<Value>, ClerkError> {
        let cursor =
            self.after.as_ref().map(|id| users.position(id).ok_or_else(|| invalid("starting_after", "is no user")));
        let mut positions: Vec<u64> = self.matching(users).collect();
        if self.order != "created_at" {
            positions.sort_by_cached_key(|position| order_key(&users.at(*position), &self.order));
            positions.reverse();
        }
        if let Some(cursor) = cursor.transpose()? {
            positions.retain(|position| if self.ascending { *position < cursor } else { *position > cursor });
        }
        if self.ascending {
            positions.reverse();
        }
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        Ok(positions.into_iter().skip(offset).take(self.limit).map(|position| users.at(position)).collect())
    }

    /// The positions of the users that match the filters, newest first.
    fn matching<'a>(&'a self, users: &'a UserStore) -> Box<dyn Iterator<Item = u64> + 'a> {
        if self.is_unfiltered() {
            return Box::new(0..users.count());
        }
        // Many users are not made to find a few.
        let is_excluded = |id: &String| id.starts_with('-');
        if self.emails.is_empty() && self.query.is_none() && !self.ids.iter().any(is_excluded) {
            let ids = self.ids.iter().map(|id| id.trim_start_matches(['+', ' ']));
            let positions: BTreeSet<u64> = ids.filter_map(|id| users.position(id)).collect();
            return Box::new(positions.into_iter());
        }
        let identities = (0..).zip(users.identities());
        Box::new(identities.filter(|(_, (id, email))| self.admits(id, email)).map(|(position, _)| position))
    }

    fn is_unfiltered(&self) -> bool {
        self.emails.is_empty() && self.ids.is_empty() && self.query.is_none()
    }

    fn admits(&self, id: &str, email: &str) -> bool {
        let (excluded, included): (Vec<&String>, Vec<&String>) = self.ids.iter().partition(|id| id.starts_with('-'));
        let is = |wanted: &&String| wanted.trim_start_matches(['+', '-', ' ']) == id;
        let matches = |query: &String| email.contains(query.as_str()) || id.to_lowercase().contains(query.as_str());
        (self.emails.is_empty() || self.emails.contains(&email.to_lowercase()))
            && (included.is_empty() || included.iter().any(is))
            && !excluded.iter().any(is)
            && self.query.as_ref().is_none_or(matches)
    }
}

/// The sort key for orders other than the time of creation.
fn order_key(user: &Value, field: &str) -> (i64, String) {
    let id = user["id"].as_str().unwrap_or_default().to_owned();
    match field {
        "updated_at" | "last_sign_in_at" | "last_active_at" => (user[field].as_i64().unwrap_or_default(), id),
        "email_address" => (0, user["email_addresses"][0]["email_address"].as_str().unwrap_or_default().to_owned()),
        _ => (0, id),
    }
}

/// One page of a list in one of two forms: with `paginated=true` an object with the total count, otherwise an
/// array.
pub(super) fn listed(all: Vec<Value>, parameters: &[(String, String)], offset: usize, length: usize) -> ClerkResult {
    let paginated = parameters.iter().find(|(name, _)| name == "paginated").map(|(_, value)| value.as_str());
    let total = all.len();
    let page: Vec<Value> = all.into_iter().skip(offset).take(length).collect();
    match paginated {
        Some("true") => Ok(Json(json!({ "data": page, "total_count": total }))),
        None | Some("false") => Ok(Json(page.into())),
        Some(_) => Err(invalid("paginated", "must be true or false")),
    }
}

/// The length of a page, within Clerk's limits.
pub(super) fn limit(value: &str) -> Result<usize, ClerkError> {
    match value.parse() {
        Ok(limit) if (1..=PAGE_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", "must be between 1 and 500")),
    }
}

fn invalid(name: &'static str, message: &str) -> ClerkError {
    ClerkError::parameter("form_param_value_invalid", name, message)
}

/// An unfiltered list, in pages only if requested.
pub(super) fn whole_list(all: Vec<Value>, parameters: &[(String, String)]) -> ClerkResult {
    let value = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let known = ["paginated", "limit", "offset", "__clerk_api_version"];
    if let Some((name, _)) = parameters.iter().find(|(name, _)| !known.contains(&name.as_str())) {
        return Err(ClerkError::unknown_parameter(name));
    }
    let length = value("limit").map_or(Ok(all.len()), limit)?;
    let offset = value("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    listed(all, parameters, offset, length)
}

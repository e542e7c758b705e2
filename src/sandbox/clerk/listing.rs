//! `GET /v1/users`: filters, order and pages.

use axum::Json;
use serde_json::{Value, json};

use super::error::{ClerkError, ClerkResult};
use super::state::User;
use super::users::UserStore;

/// The most users that one page may have.
const PAGE_LIMIT: usize = 500;
/// How many values a repeated filter may have.
const FILTER_LIMIT: usize = 100;
/// What users can be ordered by.
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

/// What a caller wants to see of the users.
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

    /// How many users the filters leave.
    pub(super) fn count(&self, users: &UserStore) -> u64 {
        if self.is_unfiltered() { users.count() } else { users.all().filter(|user| self.admits(user)).count() as u64 }
    }

    /// One page.
    pub(super) fn page(&self, users: &UserStore) -> Result<Vec<User>, ClerkError> {
        let start = match &self.after {
            None => 0,
            Some(id) => users.position(id).ok_or_else(|| invalid("starting_after", "is no user"))? + 1,
        };
        if self.order == "created_at" && !self.ascending && self.is_unfiltered() {
            return Ok(users.page(start + self.offset, self.limit));
        }
        let mut found: Vec<User> = users.all().collect();
        if self.order != "created_at" {
            found.sort_by_cached_key(|user| users.order_key(user, &self.order));
            if !self.ascending {
                found.reverse();
            }
        } else if self.ascending {
            found.reverse();
        }
        let cursor = self.after.as_ref().and_then(|id| found.iter().position(|user| user.id == *id));
        let skipped = cursor.map_or(0, |position| position + 1);
        let offset = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let admitted = found.into_iter().skip(skipped).filter(|user| self.admits(user));
        Ok(admitted.skip(offset).take(self.limit).collect())
    }

    fn is_unfiltered(&self) -> bool {
        self.emails.is_empty() && self.ids.is_empty() && self.query.is_none()
    }

    fn admits(&self, user: &User) -> bool {
        let (excluded, included): (Vec<&String>, Vec<&String>) = self.ids.iter().partition(|id| id.starts_with('-'));
        let is = |id: &&String| id.trim_start_matches(['+', '-', ' ']) == user.id;
        let matches =
            |query: &String| user.email.contains(query.as_str()) || user.id.to_lowercase().contains(query.as_str());
        (self.emails.is_empty() || self.emails.contains(&user.email.to_lowercase()))
            && (included.is_empty() || included.iter().any(is))
            && !excluded.iter().any(is)
            && self.query.as_ref().is_none_or(matches)
    }
}

/// One page of a list whose callers choose its form: with `paginated=true` it is an object that says how many there are
/// in all, and else an array.
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

/// A page's length, within what Clerk allows.
pub(super) fn limit(value: &str) -> Result<usize, ClerkError> {
    match value.parse() {
        Ok(limit) if (1..=PAGE_LIMIT).contains(&limit) => Ok(limit),
        _ => Err(invalid("limit", "must be between 1 and 500")),
    }
}

fn invalid(name: &'static str, message: &str) -> ClerkError {
    ClerkError::parameter("form_param_value_invalid", name, message)
}

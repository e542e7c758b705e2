//! Users and their metadata.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::id::{ApiPath, UserId, configured};
use super::{Answer, Clerk, Failure, NoAnswer, Seen, success_or_error};
use crate::finding::Answered;
use crate::world::field::{Field, Items};

/// A user (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// `user_…`.
    pub id: String,
    #[serde(default)]
    public_metadata: Field<Map<String, Value>>,
    #[serde(default)]
    unsafe_metadata: Field<Map<String, Value>>,
    #[serde(default)]
    private_metadata: Field<Map<String, Value>>,
    #[serde(default)]
    email_addresses: Field<Items<EmailAddress>>,
    #[serde(default)]
    updated_at: Field<i64>,
}

/// A user's email address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EmailAddress {
    /// The address itself.
    pub email_address: String,
}

impl User {
    /// Metadata that only the backend API can read.
    pub(crate) fn private_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        self.private_metadata.nullable(format_args!("private_metadata of {}", self.id))
    }

    /// The user's email addresses. Unknown if one could not be read.
    pub(crate) fn email_addresses(&self) -> Answered<Vec<EmailAddress>> {
        let name = format!("email_addresses of {}", self.id);
        let (addresses, unread) =
            self.email_addresses.known(&name)?.clone().split(|place| format!("{name}, number {place},"));
        unread.into_iter().next().map_or(Ok(addresses), Err)
    }

    /// Metadata that the backend writes and the browser can read.
    /// Unknown if Clerk does not say: absent metadata is not empty metadata.
    pub(crate) fn public_metadata(&self) -> Answered<&Map<String, Value>> {
        self.public_metadata.known(format_args!("public_metadata of {}", self.id))
    }

    /// Metadata that users can write.
    pub(crate) fn unsafe_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        self.unsafe_metadata.nullable(format_args!("unsafe_metadata of {}", self.id))
    }

    /// When the user was last updated, in milliseconds.
    pub(crate) fn updated_at(&self) -> Answered<i64> {
        self.updated_at.known(format_args!("updated_at of {}", self.id)).copied()
    }
}

/// A list of users, and why others could not be read.
#[derive(Debug, Clone, Default)]
pub struct Users {
    /// Those that could be read.
    pub users: Vec<User>,
    /// One reason for each of the others.
    pub unread: Vec<NoAnswer>,
}

impl Users {
    fn read(items: Items<User>, from: usize) -> Self {
        let (users, unread) = items.split(|place| format!("user {} of GET /v1/users", from + place + 1));
        Self { users, unread }
    }

    /// How many there are, read or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.users.len() + self.unread.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Deserialize)]
struct Count {
    #[serde(default)]
    total_count: Field<usize>,
}

/// Clerk's largest page (docs/providers.md, "Clerk keys and API conventions").
pub const PAGE: usize = 500;
/// A nightly check reads so many users, the newest.
pub const NEWEST_USERS: usize = 10_000;
/// Pages requested at once, to bound memory.
const AT_ONCE: usize = 4;

/// Most IDs in one request (docs/providers.md, "Clerk keys and API conventions").
const IDS_AT_ONCE: usize = 100;

fn page(offset: usize) -> ApiPath {
    ApiPath::new("/v1/users").query("limit", PAGE).query("offset", offset).query("order_by", "-created_at")
}

impl Clerk<'_> {
    /// The user that the configuration names as the canary, if it exists.
    pub(crate) async fn canary(self) -> Answered<Option<Seen<User>>> {
        let id = configured(&self.world.config.clerk.canary_user, UserId::parse)?;
        self.user(&id).await
    }

    /// The user with this ID, if there is one.
    pub(crate) async fn user(self, id: &UserId) -> Answered<Option<Seen<User>>> {
        Self::existing(self.send(&ApiPath::new("/v1/users/").id(id)).await?)
    }

    fn existing(asked: Result<Arc<Answer>, Arc<Failure>>) -> Answered<Option<Seen<User>>> {
        match success_or_error(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => Ok(Some(Seen { value: answer.json()?, answer })),
            Err(error) if error.status == 404 => Ok(None),
            Err(error) => Err(super::blocked_by_key(&error)),
        }
    }

    /// The users with this email address, which must start with a letter or a digit: a leading `+` or `-` has a meaning in
    /// this filter.
    pub(crate) async fn users_with_email(self, email: &str) -> Answered<Users> {
        let path = ApiPath::new("/v1/users").query("limit", IDS_AT_ONCE).query("email_address", email);
        Ok(Users::read(self.ask::<Items<User>>(&path).await?.value, 0))
    }

    /// How many users there are.
    pub(crate) async fn user_count(self) -> Answered<usize> {
        self.ask::<Count>(&ApiPath::new("/v1/users/count"))
            .await?
            .value
            .total_count
            .known("total_count of GET /v1/users/count")
            .copied()
    }

    /// The newest of `total` users, page by page. The memo keeps only the first page.
    pub fn newest_user_pages(self, total: usize) -> impl Stream<Item = Answered<Users>> {
        let first = stream::once(async move { self.newest_users().await.map(|seen| seen.value) });
        let offsets = (PAGE..total.min(NEWEST_USERS)).step_by(PAGE);
        first.chain(stream::iter(offsets).map(move |offset| self.page(offset)).buffered(AT_ONCE))
    }

    /// The first page of users, newest first.
    pub(crate) async fn newest_users(self) -> Answered<Seen<Users>> {
        let Seen { value, answer } = self.ask::<Items<User>>(&page(0)).await?;
        Ok(Seen { value: Users::read(value, 0), answer })
    }

    /// The users with these IDs that exist.
    pub(crate) async fn users_by_id(self, ids: Vec<String>) -> Answered<Users> {
        // A leading `+` or `-` has a meaning in this filter, and a text that is not an ID names no user.
        let ids: Vec<UserId> = ids.iter().filter_map(|id| UserId::parse(id).ok()).collect();
        let asked = ids.chunks(IDS_AT_ONCE).map(|ids| {
            let all = ApiPath::new("/v1/users").query("limit", IDS_AT_ONCE);
            let these = ids.iter().fold(all, |path, id| path.query("user_id", id));
            async move { self.ask::<Items<User>>(&these).await }
        });
        let mut all = Users::default();
        for page in futures::future::join_all(asked).await {
            let Users { users, unread } = Users::read(page?.value, 0);
            all.users.extend(users);
            all.unread.extend(unread);
        }
        Ok(all)
    }

    /// A page of the list of users, oldest first: those who sign up meanwhile are at its end.
    pub(crate) async fn oldest_users(self, offset: usize) -> Answered<Users> {
        let path =
            ApiPath::new("/v1/users").query("limit", PAGE).query("offset", offset).query("order_by", "+created_at");
        let answer = self.past_memo().answer(&path).await?;
        Ok(Users::read(answer.json()?, offset))
    }

    async fn page(self, offset: usize) -> Answered<Users> {
        let answer = self.past_memo().answer(&page(offset)).await?;
        Ok(Users::read(answer.json()?, offset))
    }
}

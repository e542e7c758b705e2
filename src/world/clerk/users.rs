//! Users, and the plans that they have.

use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::id::{ApiPath, UserId, configured};
use super::{Clerk, NoAnswer, Party, Seen, judged, version};
use crate::finding::Answered;
use crate::world::field::{Field, Items};

/// A user, as far as a plan depends on it (facts.md, B2).
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

/// An email address of a user.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EmailAddress {
    /// The address itself.
    pub email_address: String,
}

impl User {
    /// What neither the user nor a browser sees.
    ///
    /// # Errors
    /// Unknown where Clerk does not say it.
    pub fn private_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        self.private_metadata.nullable(format_args!("private_metadata of {}", self.id))
    }

    /// The user's email addresses.
    ///
    /// # Errors
    /// Unknown where Clerk does not say them all.
    pub fn email_addresses(&self) -> Answered<Vec<EmailAddress>> {
        let name = format!("email_addresses of {}", self.id);
        let (addresses, unread) =
            self.email_addresses.known(&name)?.clone().split(|place| format!("{name}, number {place},"));
        unread.into_iter().next().map_or(Ok(addresses), Err)
    }

    /// What the Worker writes and everyone can read.
    ///
    /// # Errors
    /// Unknown where Clerk does not say it: absent metadata is not empty metadata.
    pub fn public_metadata(&self) -> Answered<&Map<String, Value>> {
        self.public_metadata.known(format_args!("public_metadata of {}", self.id))
    }

    /// What users can write themselves.
    ///
    /// # Errors
    /// Unknown where Clerk does not say it.
    pub fn unsafe_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        self.unsafe_metadata.nullable(format_args!("unsafe_metadata of {}", self.id))
    }

    /// When it was last written, in milliseconds.
    ///
    /// # Errors
    /// Unknown where Clerk does not say it.
    pub fn updated_at(&self) -> Answered<i64> {
        self.updated_at.known(format_args!("updated_at of {}", self.id)).copied()
    }
}

/// Some users, and why others could not be read.
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

/// The most that Clerk gives at once (facts.md, B1).
const PAGE: usize = 500;
/// A check that runs every night reads the newest users.
pub const NEWEST_USERS: usize = 10_000;
/// Pages under way at once: what bounds the memory.
const AT_ONCE: usize = 4;

/// So many users can be asked for by their IDs at once (facts.md, B1).
const IDS_AT_ONCE: usize = 100;

fn page(offset: usize) -> ApiPath {
    ApiPath::new("/v1/users").query("limit", PAGE).query("offset", offset).query("order_by", "-created_at")
}

impl Clerk<'_> {
    /// The user kept for checks; `None` where there is no such user.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub async fn canary(self) -> Answered<Option<Seen<User>>> {
        let id = configured(&self.world.config.clerk.canary_user, UserId::parse)?;
        match self.raw(&ApiPath::new("/v1/users/").id(&id)).await? {
            Ok(answer) => Ok(Some(Seen { value: answer.json()?, answer })),
            Err(refusal) if refusal.status == 404 => Ok(None),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }

    /// How many users there are.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub async fn user_count(self) -> Answered<usize> {
        self.ask::<Count>(&ApiPath::new("/v1/users/count"))
            .await?
            .value
            .total_count
            .known("total_count of GET /v1/users/count")
            .copied()
    }

    /// The newest of `total` users, page by page. None of the pages but the first is kept.
    pub fn newest_user_pages(self, total: usize) -> impl Stream<Item = Answered<Users>> {
        let first = stream::once(async move { self.newest_users().await.map(|seen| seen.value) });
        let offsets = (PAGE..total.min(NEWEST_USERS)).step_by(PAGE);
        first.chain(stream::iter(offsets).map(move |offset| self.page(offset)).buffered(AT_ONCE))
    }

    /// The newest users: the one page of the list that several checks read, and that is remembered.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub async fn newest_users(self) -> Answered<Seen<Users>> {
        let Seen { value, answer } = self.ask::<Items<User>>(&page(0)).await?;
        Ok(Seen { value: Users::read(value, 0), answer })
    }

    /// The users with these IDs, as far as there are such users.
    ///
    /// # Errors
    /// Where it cannot be told.
    pub async fn users_by_id(self, ids: Vec<String>) -> Answered<Users> {
        // To Clerk, a sign before an ID means that user or all the others; what is no ID is no user either.
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

    async fn page(self, offset: usize) -> Answered<Users> {
        let key = self.key()?;
        let url = page(offset).at(&self.world.config.clerk.api_base);
        let credential = Some(self.credential(key));
        let asked = self.world.reads().get_unremembered(Party::Clerk, url, version(), credential).await;
        match judged(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => Ok(Users::read(answer.json()?, offset)),
            Err(refusal) => Err(super::blocked_by_key(&refusal)),
        }
    }
}

//! Users and organizations, and their metadata.

use std::sync::Arc;

use futures::{Stream, StreamExt, stream};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::super::id::{ApiPath, HolderId, OrganizationId, PathId, UserId};
use super::{Answer, Clerk, Failure, NoAnswer, Seen, success_or_error};
use crate::finding::Answered;
use crate::holder::HolderKind;
use crate::world::field::{Field, Items};

/// A user or an organization: what may have a plan (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Debug, Clone, Deserialize)]
pub struct Holder {
    /// `user_…` or `org_…`.
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

impl Holder {
    /// Whether it is a user or an organization.
    pub(crate) fn kind(&self) -> HolderKind {
        HolderKind::of_id(&self.id)
    }

    /// Metadata that only the backend API can read.
    pub(crate) fn private_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        self.private_metadata.nullable(format_args!("private_metadata of {}", self.id))
    }

    /// A user's email addresses; an organization has none. Unknown if one could not be read.
    pub(crate) fn email_addresses(&self) -> Answered<Vec<EmailAddress>> {
        if self.kind() == HolderKind::Organization {
            return Ok(Vec::new());
        }
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

    /// Metadata that users can write; an organization has none.
    pub(crate) fn unsafe_metadata(&self) -> Answered<Option<&Map<String, Value>>> {
        if self.kind() == HolderKind::Organization {
            return Ok(None);
        }
        self.unsafe_metadata.nullable(format_args!("unsafe_metadata of {}", self.id))
    }

    /// When it was last updated, in milliseconds.
    pub(crate) fn updated_at(&self) -> Answered<i64> {
        self.updated_at.known(format_args!("updated_at of {}", self.id)).copied()
    }
}

/// A list of holders, and why others could not be read.
#[derive(Debug, Clone, Default)]
pub struct Holders {
    /// Those that could be read.
    pub holders: Vec<Holder>,
    /// One reason for each of the others.
    pub unread: Vec<NoAnswer>,
}

impl Holders {
    fn read(items: Items<Holder>, kind: HolderKind, from: usize) -> Self {
        let word = kind.word();
        let name = |place: usize| format!("{word} {} of GET /v1/{}", from + place + 1, kind.plural());
        let (holders, unread) = items.split(name);
        Self { holders, unread }
    }

    /// How many there are, read or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.holders.len() + self.unread.len()
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

/// A page of organizations. Users are listed without an envelope (docs/providers.md, "Clerk API objects and sign-in").
#[derive(Deserialize)]
#[serde(bound(deserialize = "T: DeserializeOwned"))]
struct Enveloped<T> {
    data: Items<T>,
}

#[derive(Debug, Clone, Deserialize)]
struct Membership {
    organization: Holder,
}

/// Clerk's largest page (docs/providers.md, "Clerk keys and API conventions").
pub const PAGE: usize = 500;
/// A nightly check reads so many holders, the newest.
pub const NEWEST_HOLDERS: usize = 10_000;
/// Pages requested at once, to bound memory.
const AT_ONCE: usize = 4;

/// Most IDs in one request (docs/providers.md, "Clerk keys and API conventions").
const IDS_AT_ONCE: usize = 100;

/// The orders of a list.
const NEWEST_FIRST: &str = "-created_at";
const OLDEST_FIRST: &str = "+created_at";

fn page(kind: HolderKind, offset: usize, order: &str) -> ApiPath {
    ApiPath::of_holders(kind).query("limit", PAGE).query("offset", offset).query("order_by", order)
}

fn items<T: DeserializeOwned>(kind: HolderKind, answer: &Answer) -> Answered<Items<T>> {
    match kind {
        HolderKind::User => answer.json(),
        HolderKind::Organization => answer.json::<Enveloped<T>>().map(|page| page.data),
    }
}

impl Clerk<'_> {
    /// What has plans in this deployment.
    const fn kind(self) -> HolderKind {
        self.world.config.entitlement.holder
    }

    /// The user or the organization with this ID, if there is one.
    pub(crate) async fn holder(self, id: &HolderId) -> Answered<Option<Seen<Holder>>> {
        Self::existing(self.send(&id.path()).await?)
    }

    fn existing(asked: Result<Arc<Answer>, Arc<Failure>>) -> Answered<Option<Seen<Holder>>> {
        match success_or_error(asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?)? {
            Ok(answer) => Ok(Some(Seen { value: answer.json()?, answer })),
            Err(error) if error.status == 404 => Ok(None),
            Err(error) => Err(super::blocked_by_key(&error)),
        }
    }

    /// The users with this email address, which must start with a letter or a digit: a leading `+` or `-` has a meaning in
    /// this filter.
    pub(crate) async fn users_with_email(self, email: &str) -> Answered<Holders> {
        let path = ApiPath::of_holders(HolderKind::User).query("limit", IDS_AT_ONCE).query("email_address", email);
        Ok(Holders::read(self.ask::<Items<Holder>>(&path).await?.value, HolderKind::User, 0))
    }

    /// Whether a user is a member of an organization. A user who does not exist is none.
    pub(crate) async fn is_member(self, user: &UserId, organization: &OrganizationId) -> Answered<bool> {
        let Some(organizations) = self.organizations_of(user).await? else { return Ok(false) };
        let is_member = organizations.iter().any(|one| one.id == organization.as_str());
        if !is_member && organizations.len() >= IDS_AT_ONCE {
            let words =
                format!("{user} is a member of {IDS_AT_ONCE} organizations or more, of which so many were read");
            return Err(NoAnswer::Unknown(words));
        }
        Ok(is_member)
    }

    /// The organizations that a user is a member of: the first page of them. `None` if there is no such user.
    pub(crate) async fn organizations_of(self, user: &UserId) -> Answered<Option<Vec<Holder>>> {
        let path = ApiPath::new("/v1/users/").id(user).then("/organization_memberships").query("limit", IDS_AT_ONCE);
        let answer = match self.try_ask(&path).await? {
            Ok(answer) => answer,
            Err(error) if error.status == 404 => return Ok(None),
            Err(error) => return Err(super::blocked_by_key(&error)),
        };
        let page: Enveloped<Membership> = answer.json()?;
        let (memberships, unread) = page.data.split(|place| format!("membership {} of {user}", place + 1));
        if let Some(unread) = unread.into_iter().next() {
            return Err(unread);
        }
        Ok(Some(memberships.into_iter().map(|membership| membership.organization).collect()))
    }

    /// How many holders there are.
    pub(crate) async fn holder_count(self) -> Answered<usize> {
        let (path, name) = match self.kind() {
            HolderKind::User => (ApiPath::new("/v1/users/count"), "total_count of GET /v1/users/count"),
            HolderKind::Organization => (
                ApiPath::of_holders(HolderKind::Organization).query("limit", 1),
                "total_count of GET /v1/organizations",
            ),
        };
        self.ask::<Count>(&path).await?.value.total_count.known(name).copied()
    }

    /// The newest of `total` holders, page by page. The memo keeps only the first page.
    pub fn newest_holder_pages(self, total: usize) -> impl Stream<Item = Answered<Holders>> {
        let first = stream::once(async move { self.newest_holders().await.map(|seen| seen.value) });
        let offsets = (PAGE..total.min(NEWEST_HOLDERS)).step_by(PAGE);
        first.chain(stream::iter(offsets).map(move |offset| self.page(offset, NEWEST_FIRST)).buffered(AT_ONCE))
    }

    /// The first page of holders, newest first.
    pub(crate) async fn newest_holders(self) -> Answered<Seen<Holders>> {
        let answer = self.answer(&page(self.kind(), 0, NEWEST_FIRST)).await?;
        Ok(Seen { value: Holders::read(items(self.kind(), &answer)?, self.kind(), 0), answer })
    }

    /// The holders with these IDs that exist.
    pub(crate) async fn holders_by_id(self, ids: Vec<String>) -> Answered<Holders> {
        let kind = self.kind();
        let filter = match kind {
            HolderKind::User => "user_id",
            HolderKind::Organization => "organization_id",
        };
        // A leading `+` or `-` has a meaning in this filter, and a text that is not an ID names no holder.
        let ids: Vec<HolderId> = ids.iter().filter_map(|id| HolderId::parse(kind, id).ok()).collect();
        let asked = ids.chunks(IDS_AT_ONCE).map(|ids| {
            let all = ApiPath::of_holders(kind).query("limit", IDS_AT_ONCE);
            let these = ids.iter().fold(all, |path, id| path.query(filter, id));
            async move { items::<Holder>(kind, &*self.answer(&these).await?) }
        });
        let mut all = Holders::default();
        for page in futures::future::join_all(asked).await {
            let Holders { holders, unread } = Holders::read(page?, kind, 0);
            all.holders.extend(holders);
            all.unread.extend(unread);
        }
        Ok(all)
    }

    /// A page of the list of holders, oldest first: those that are created meanwhile are at its end.
    pub(crate) async fn oldest_holders(self, offset: usize) -> Answered<Holders> {
        self.page(offset, OLDEST_FIRST).await
    }

    async fn page(self, offset: usize, order: &str) -> Answered<Holders> {
        let answer = self.past_memo().answer(&page(self.kind(), offset, order)).await?;
        Ok(Holders::read(items(self.kind(), &answer)?, self.kind(), offset))
    }
}

//! The ID of a user or an organization, whichever has plans.

use std::fmt;

use super::{ApiPath, MalformedId, OrganizationId, PathId, UserId};
use crate::holder::HolderKind;

/// The ID of a holder of plans.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HolderId {
    /// `user_…`.
    User(UserId),
    /// `org_…`.
    Organization(OrganizationId),
}

impl HolderId {
    /// Parses an ID of this kind.
    ///
    /// # Errors
    /// If the text has another form.
    pub fn parse(kind: HolderKind, text: &str) -> Result<Self, MalformedId> {
        match kind {
            HolderKind::User => UserId::parse(text).map(Self::User),
            HolderKind::Organization => OrganizationId::parse(text).map(Self::Organization),
        }
    }

    /// Parses an ID of either kind.
    ///
    /// # Errors
    /// If the text has another form.
    pub fn parse_any(text: &str) -> Result<Self, MalformedId> {
        Self::parse(HolderKind::of_id(text), text)
    }

    /// What it is the ID of.
    #[must_use]
    pub const fn kind(&self) -> HolderKind {
        match self {
            Self::User(_) => HolderKind::User,
            Self::Organization(_) => HolderKind::Organization,
        }
    }

    /// The ID as Clerk writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::User(id) => id.as_str(),
            Self::Organization(id) => id.as_str(),
        }
    }

    /// Its path in Clerk's backend API.
    pub(in crate::world) fn path(&self) -> ApiPath {
        match self {
            Self::User(id) => ApiPath::of_holders(HolderKind::User).then("/").id(id),
            Self::Organization(id) => ApiPath::of_holders(HolderKind::Organization).then("/").id(id),
        }
    }
}

impl ApiPath {
    /// All holders of a kind in Clerk's backend API.
    pub(in crate::world) fn of_holders(kind: HolderKind) -> Self {
        Self::new(match kind {
            HolderKind::User => "/v1/users",
            HolderKind::Organization => "/v1/organizations",
        })
    }
}

impl fmt::Display for HolderId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::HolderId;
    use crate::holder::HolderKind;

    #[test]
    fn an_id_leads_to_its_own_kind_of_object() {
        let path = |text: &str| HolderId::parse_any(text).unwrap().path().template().to_owned();
        assert_eq!(path("user_1"), "/v1/users/{user_id}");
        assert_eq!(path("org_1"), "/v1/organizations/{organization_id}");
        assert!(HolderId::parse(HolderKind::Organization, "user_1").is_err());
        assert!(HolderId::parse(HolderKind::User, "org_1").is_err());
        assert!(HolderId::parse_any("org_1/../../users/user_1/ban").is_err());
    }
}

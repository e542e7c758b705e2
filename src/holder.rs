//! Who has a plan: each user, or each organization.

/// `entitlement.holder`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HolderKind {
    /// The user who signs in.
    #[default]
    User,
    /// The Clerk organization that is active in the session. Its members share the plan.
    Organization,
}

impl HolderKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::User, Self::Organization];

    /// `user` or `organization`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organization => "organization",
        }
    }

    /// `users` or `organizations`: also the last part of the path in Clerk's API and dashboard (docs/providers.md, "Clerk API
    /// objects and sign-in").
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::User => "users",
            Self::Organization => "organizations",
        }
    }

    /// Where a list of Clerk's has its items: users are listed without an envelope (docs/providers.md, "Clerk API objects and
    /// sign-in").
    #[must_use]
    pub const fn list(self) -> &'static str {
        match self {
            Self::User => "",
            Self::Organization => "data",
        }
    }

    /// `a user` or `an organization`.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::User => "a user",
            Self::Organization => "an organization",
        }
    }

    /// `who` or `that`, for a clause that tells which one: `the organization that pays`.
    #[must_use]
    pub const fn that(self) -> &'static str {
        match self {
            Self::User => "who",
            Self::Organization => "that",
        }
    }

    /// `who` or `which`, for a clause after a comma.
    #[must_use]
    pub const fn who(self) -> &'static str {
        match self {
            Self::User => "who",
            Self::Organization => "which",
        }
    }

    /// The start of an ID.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::User => "user_",
            Self::Organization => "org_",
        }
    }

    /// The form of an ID, for a person to fill in.
    #[must_use]
    pub const fn blank_id(self) -> &'static str {
        match self {
            Self::User => "user_…",
            Self::Organization => "org_…",
        }
    }

    /// The kind of holder that has this ID.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        if id.starts_with(Self::Organization.prefix()) { Self::Organization } else { Self::User }
    }

    /// The other kind.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::User => Self::Organization,
            Self::Organization => Self::User,
        }
    }

    /// The other kind, if the ID belongs to it.
    #[must_use]
    pub fn other_of(self, id: &str) -> Option<Self> {
        let found = Self::of_id(id);
        (found != self && id.starts_with(found.prefix())).then_some(found)
    }

    /// What a JWT template calls its public metadata: `{{user.public_metadata.plan}}`, `{{org.public_metadata.plan}}`
    /// (docs/providers.md, "Clerk tokens and claims").
    #[must_use]
    pub const fn public_metadata(self) -> &'static str {
        match self {
            Self::User => "user.public_metadata",
            Self::Organization => "org.public_metadata",
        }
    }

    /// The metadata key for its ID that most Workers use: the default of `entitlement.user_key`. Also the name that examples
    /// of code use for the ID.
    #[must_use]
    pub const fn usual_key(self) -> &'static str {
        match self {
            Self::User => "userId",
            Self::Organization => "orgId",
        }
    }

    /// Whose metadata carries the canary's plan, after `the`.
    #[must_use]
    pub const fn canary(self) -> &'static str {
        match self {
            Self::User => "canary",
            Self::Organization => "canary's organization",
        }
    }
}

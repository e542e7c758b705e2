//! Where a request is sent.

/// Where a request is sent. If a provider cannot be reached, the check is unknown; if the deployment cannot, that is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Stripe's API.
    Stripe,
    /// Stripe's API in test mode, to compare with live mode. It has its own rate limits.
    StripeTest,
    /// Clerk's backend API.
    Clerk,
    /// Clerk's frontend API on the customer's domain, part of the deployment.
    ClerkDomain,
    /// Cloudflare's API.
    Cloudflare,
    /// The Worker, part of the deployment.
    Worker,
    /// The frontend, part of the deployment.
    Frontend,
    /// The URL of a `[[probe]]`, or a page that customers are linked to: part of the deployment.
    Elsewhere,
}

impl Party {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Stripe,
        Self::StripeTest,
        Self::Clerk,
        Self::ClerkDomain,
        Self::Cloudflare,
        Self::Worker,
        Self::Frontend,
        Self::Elsewhere,
    ];

    /// The name in the request log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::StripeTest => "stripe-test",
            Self::Clerk => "clerk",
            Self::ClerkDomain => "clerk-domain",
            Self::Cloudflare => "cloudflare",
            Self::Worker => "worker",
            Self::Frontend => "frontend",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// The name in a sentence.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stripe | Self::StripeTest => "Stripe",
            Self::Clerk => "Clerk",
            Self::ClerkDomain => "Clerk's frontend API",
            Self::Cloudflare => "Cloudflare",
            Self::Worker => "the Worker",
            Self::Frontend => "the frontend",
            Self::Elsewhere => "another address",
        }
    }
}

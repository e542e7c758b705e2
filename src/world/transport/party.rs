//! Whom requests are sent to.

/// Whom a request is sent to. Trouble in reaching a provider is `unknown`; trouble in reaching what is judged is a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Party {
    /// Stripe's API.
    Stripe,
    /// Stripe's API, asked about the test mode that a live one is compared with: it has limits of its own.
    StripeTest,
    /// Clerk's backend API.
    Clerk,
    /// Clerk's frontend API on the customer's own domain: it is judged.
    ClerkDomain,
    /// Cloudflare's API.
    Cloudflare,
    /// The Worker: it is judged.
    Worker,
    /// The frontend: it is judged.
    Frontend,
    /// Whom a `[[probe]]` of the configuration asks: it is judged.
    Elsewhere,
}

impl Party {
    /// The word that the request log uses.
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

    /// The name that a sentence uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stripe | Self::StripeTest => "Stripe",
            Self::Clerk => "Clerk",
            Self::ClerkDomain => "Clerk's frontend API",
            Self::Cloudflare => "Cloudflare",
            Self::Worker => "the Worker",
            Self::Frontend => "the frontend",
            Self::Elsewhere => "the address of a probe",
        }
    }
}

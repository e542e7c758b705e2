//! What every check reports: what is wrong, the evidence, how to fix it, and why a question has no answer. This module
//! imports nothing from the rest of the crate but [`crate::change`].

use crate::change::Fix;

/// A problem that a check found, with its evidence and fix.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The kind of problem, and its severity.
    pub code: Code,
    /// One sentence that says what is wrong.
    pub message: String,
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
    /// The requests and fields that show it.
    pub evidence: Vec<Evidence>,
    /// How to fix it.
    pub fix: Fix,
}

/// A kind of problem that a check can find. `codes!` declares it in the check's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    name: &'static str,
    severity: Severity,
    harm: Harm,
    documentation: &'static str,
}

impl Code {
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(name: &'static str, severity: Severity, documentation: &'static str) -> Self {
        let harm = match severity {
            Severity::Failure => Harm::Service,
            Severity::Warning | Severity::Note => Harm::Other,
        };
        Self { name, severity, harm, documentation }
    }

    #[doc(hidden)]
    #[must_use]
    pub const fn harming(self, harm: Harm) -> Self {
        Self { harm, ..self }
    }

    /// The name, stable within its check: `other-mode`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The default severity.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// What it does if it is not fixed. Reports show the worst first.
    #[must_use]
    pub const fn harm(self) -> Harm {
        self.harm
    }

    /// The meaning, in one line of Markdown.
    #[must_use]
    pub fn meaning(self) -> String {
        self.documentation.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The same code with the severity and the harm that a saved report says.
    #[must_use]
    pub const fn graded(self, severity: Severity, harm: Harm) -> Self {
        Self { severity, harm, ..self }
    }

    /// The same code as a warning.
    #[must_use]
    pub const fn as_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

/// How severe a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, and often intended. Changes neither the status of its check nor the verdict, and is never counted.
    Note,
    /// Should be looked at. Does not change the verdict.
    Warning,
    /// A paying customer does not get what they pay for, or someone gets it without paying.
    Failure,
}

impl Severity {
    /// What follows the name of a finding that is not a failure: ` (warning)`.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Note => " (note)",
            Self::Warning => " (warning)",
            Self::Failure => "",
        }
    }
}

/// What a problem does if it is not fixed, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Harm {
    /// Someone gets in, or gets a secret.
    Exposure,
    /// Money is not taken, or taken wrongly.
    Money,
    /// A paying customer is not served.
    Service,
    /// Anything else.
    Other,
}

/// One field of a response or a file that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The request, such as `GET /v1/prices/price_1…`, or the place in a file.
    pub request: String,
    /// The HTTP status, if there was a response.
    pub status: Option<u16>,
    /// The provider's ID for the request, to quote to support.
    pub request_id: Option<String>,
    /// The field.
    pub field: String,
    /// Its value.
    pub seen: String,
}

/// The answer to a question, or why there is none. An error never becomes a pass.
pub type Answered<T = ()> = Result<T, NoAnswer>;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// The answer could not be read, and why: an outage, a missing permission, a response that makes no sense.
    Unknown(String),
    /// Something that the question depends on is wrong. The check that owns the cause reports it.
    Because(Cause),
    /// The user left it out, with this flag.
    LeftOut(String),
}

impl NoAnswer {
    /// The answer could not be read, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }
}

impl std::fmt::Display for NoAnswer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown(reason) => formatter.write_str(reason),
            Self::Because(_) => formatter.write_str("another finding of this run is the reason"),
            Self::LeftOut(flag) => write!(formatter, "excluded by {flag}"),
        }
    }
}

/// A problem that leaves other questions without an answer. Exactly one check owns and reports each cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A value in the environment is missing, malformed or of the wrong kind.
    ValueUnusable,
    /// A key belongs to the other mode.
    KeyOfOtherMode,
    /// Stripe does not accept the secret key.
    StripeKeyRejected,
    /// The secret key belongs to a different account than the configured one.
    StripeAccountDiffers,
    /// The account cannot take payments.
    StripeAccountRestricted,
    /// A tier's price does not exist for this key, in this mode.
    PriceNotFound,
    /// A tier's price has different terms than the tier, or belongs to another tier.
    PriceTermsDiffer,
    /// The metadata of a tier's product does not have the tier's value.
    ProductMetadataDiffers,
    /// Cloudflare has no script with that name.
    WorkerNotDeployed,
    /// Secrets that the Worker needs are not set on the script.
    WorkerSecretsMissing,
    /// A variable on the script has a different value than the local one.
    WorkerVariableDiffers,
    /// No enabled endpoint delivers to the webhook URL.
    EndpointNotRegistered,
    /// The endpoint does not select the events that the Worker handles.
    EventsNotSelected,
    /// Deliveries do not reach the webhook handler.
    WebhookUnreachable,
    /// The Worker does not accept a correctly signed event.
    SignedEventNotAccepted,
    /// Clerk does not accept the secret key.
    ClerkKeyRejected,
    /// Clerk's secret key and publishable key belong to different instances.
    ClerkInstancesDiffer,
    /// Clerk's frontend API does not answer on its domain.
    ClerkDomainUnreachable,
    /// The JWT template is missing, or its plan claim cannot be trusted.
    JwtTemplateUnusable,
    /// The canary does not exist, or its token does not carry its plan.
    PlanClaimDiffers,
    /// A user's plan is not the value of any tier.
    PlanUnknown,
    /// The Worker does not answer on any route.
    WorkerDown,
    /// The Worker answers every request with a list of missing variables.
    WorkerMissesBindings,
    /// The Worker announces different tiers than are for sale.
    AnnouncedTiersDiffer,
    /// The Worker accepts requests without a valid token.
    WorkerUnauthenticated,
    /// The Worker rejects a valid token.
    TokenRejectedByWorker,
    /// The Worker's Stripe key belongs to another mode or account, or Stripe rejects it.
    WorkerStripeKeyDiffers,
    /// The customer portal has no usable configuration.
    PortalUnavailable,
    /// The frontend's page is not served.
    FrontendNotServed,
    /// The Worker takes the tier for another subscription than the user's current one.
    SubscriptionNotCompared,
    /// The Worker's Checkout does not name the user in the subscription, so no later event can be led back to the user.
    SubscriptionNamesNoUser,
}

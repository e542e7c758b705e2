//! The vocabulary of every check: what is wrong, what shows it, how to fix it, and why a question has no answer. A leaf: it
//! imports nothing of ours.

/// Something that is wrong, with what was seen and how to fix it. Every field is mandatory.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Which of the things that its check can find, and how much it matters.
    pub code: Code,
    /// One sentence: what is wrong, where.
    pub message: String,
    /// What should have been there.
    pub expected: String,
    /// What was there.
    pub actual: String,
    /// Where it was seen.
    pub evidence: Vec<Evidence>,
    /// How to fix it.
    pub fix: Fix,
}

/// One thing that a check can find. Declared once, by `codes!` in the check's file, and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code {
    name: &'static str,
    severity: Severity,
    documentation: &'static str,
}

impl Code {
    #[doc(hidden)]
    #[must_use]
    pub const fn declared(name: &'static str, severity: Severity, documentation: &'static str) -> Self {
        Self { name, severity, documentation }
    }

    /// Its name, stable within its check: `other-mode`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// How much it matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        self.severity
    }

    /// What it means, in one line of Markdown.
    #[must_use]
    pub fn meaning(self) -> String {
        self.documentation.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The same code where it is only a warning.
    #[must_use]
    pub const fn as_warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the verdict stays.
    Warning,
    /// A paying customer would not get what was paid for, or someone gets it without paying.
    Failure,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The request, `GET /v1/prices/price_1…`, or the place in a file.
    pub request: String,
    /// The HTTP status, where there was an answer.
    pub status: Option<u16>,
    /// The provider's name for the request, to quote to its support.
    pub request_id: Option<String>,
    /// The field that was looked at.
    pub field: String,
    /// What was there.
    pub seen: String,
}

/// How to fix a finding: exact commands, exact pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// One sentence that says what to do.
    pub summary: String,
    /// Commands to type, in order.
    pub commands: Vec<String>,
    /// Pages to open, in order.
    pub links: Vec<String>,
}

impl Fix {
    /// A fix that is said in one sentence.
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), commands: Vec::new(), links: Vec::new() }
    }

    /// Adds a command to type.
    #[must_use]
    pub fn command(mut self, command: impl Into<String>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// Adds a page to open.
    #[must_use]
    pub fn link(mut self, link: impl Into<String>) -> Self {
        self.links.push(link.into());
        self
    }
}

/// What a question is answered with. An error can never become a pass.
pub type Answered<T = ()> = Result<T, NoAnswer>;

/// Why a question has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// Could not look, and why: a provider's trouble, a permission, an answer that makes no sense.
    Unknown(String),
    /// What would have to be asked with is wrong itself, which is the finding of the check that owns the cause.
    Because(Cause),
    /// Left out by hand, and by which flag.
    LeftOut(String),
}

impl NoAnswer {
    /// Could not look, and why.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }
}

/// What is wrong with something that other questions are asked with. Exactly one check owns each cause, and reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A value in the environment is missing, damaged or of the wrong kind.
    ValueUnusable,
    /// A key is of the other mode.
    KeyOfOtherMode,
    /// Stripe does not accept the secret key.
    StripeKeyRejected,
    /// The secret key belongs to another account than the one configured.
    StripeAccountDiffers,
    /// The account cannot take payments.
    StripeAccountRestricted,
    /// A tier's price does not exist for this key, in this mode.
    PriceNotFound,
    /// A tier's price has other terms than the tier, or belongs to another tier.
    PriceTermsDiffer,
    /// A tier's product does not carry the tier's value.
    ProductMetadataDiffers,
    /// Cloudflare has no script of that name.
    WorkerNotDeployed,
    /// Names that the Worker needs are not set on the script.
    WorkerSecretsMissing,
    /// A variable on the script has another value than was checked here.
    WorkerVariableDiffers,
    /// No enabled endpoint delivers to the webhook URL.
    EndpointNotRegistered,
    /// The endpoint selects none of the events that the Worker handles.
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
    /// The JWT template is missing, or its claim cannot be trusted.
    JwtTemplateUnusable,
    /// The canary does not exist, or its token does not carry its plan.
    PlanClaimDiffers,
    /// A user's plan is not the value of any tier.
    PlanUnknown,
    /// The Worker does not answer on any route.
    WorkerDown,
    /// The Worker answers every route with a list of names that are not set on it.
    WorkerMissesBindings,
    /// The Worker announces other tiers than are sold.
    AnnouncedTiersDiffer,
    /// The Worker accepts requests without a valid token.
    WorkerUnauthenticated,
    /// The Worker rejects a valid token.
    TokenRejectedByWorker,
    /// The Worker's Stripe key is of another mode or account, or Stripe rejects it.
    WorkerStripeKeyDiffers,
    /// The customer portal has no configuration that can be used.
    PortalUnavailable,
    /// The frontend's page is not served.
    FrontendNotServed,
}

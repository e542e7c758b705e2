//! What should be deployed: `preflight.toml`, and the operator's copies of the values that it names.
//!
//! [`load`] reads both and returns either a [`Config`], in which every key has its value or its default, or [`Problems`]:
//! all errors at once, each at its place. A missing or damaged value is not an error here: `config/hygiene` reports it (see
//! [`Variable`]).

mod build;
mod checkout;
mod clerk;
mod dotenv;
mod exposed;
mod file;
mod fingerprint;
mod hardcoded;
mod kind;
mod lines;
mod money;
mod nearest;
mod options;
mod placeholder;
mod problem;
mod publishable;
mod raw;
mod redactor;
#[cfg(test)]
mod sample;
mod schema;
mod secret;
mod secret_formats;
mod source;
mod stray;
mod swapped_keys;
mod tier;
mod value_problem;
mod values;
mod variable;
mod wrangler;

use std::path::PathBuf;

use jiff::civil::Date;
use reqwest::Method;
use reqwest::header::HeaderMap;
use url::Url;

use crate::holder::HolderKind;

pub use build::is_loopback;
pub use checkout::{CheckoutRequest, CheckoutRoute, Choice, filled_path};
pub use clerk::ClerkConfig;
pub use exposed::{Exposed, exposed};
pub use file::load;
pub(crate) use fingerprint::hash;
pub use kind::Kind;
pub use money::Money;
pub use options::Options;
pub(crate) use placeholder::is as is_placeholder;
pub use problem::{Problem, Problems};
pub use publishable::frontend_api_of;
pub use redactor::Redactor;
pub use schema::schema;
pub use secret::Secret;
pub(crate) use secret::{account_of, mode_of};
pub use secret_formats::Issuer;
pub(crate) use secret_formats::is_secret;
pub use source::Text;
pub use tier::{Interval, Limit, Tier, TierPrice};
pub use value_problem::ValueProblem;
pub(crate) use value_problem::fits;
pub use values::{Origin, Values};
pub use variable::{Described, Variable};
pub use wrangler::{Declared, KvNamespace, Wrangler};

/// Whether money is real. Stripe's and Clerk's keys are each of one mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Real money; Clerk's production instance.
    Live,
    /// Stripe's test mode or a sandbox; Clerk's development instance.
    Test,
}

impl Mode {
    /// The word that keys and reports use: `live` or `test`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
        }
    }

    /// The mode that Stripe's `livemode` field means.
    #[must_use]
    pub const fn of_livemode(livemode: bool) -> Self {
        if livemode { Self::Live } else { Self::Test }
    }
}

/// Every key of `preflight.toml` with its value or its default.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, for findings that point into it.
    pub path: PathBuf,
    /// The last env file, where a new value can be kept.
    pub env_file: Option<PathBuf>,
    /// The hash of the file's text.
    hash: String,
    /// Where its tables and keys stand.
    lines: lines::Lines,
    /// The project.
    pub project: Project,
    /// Stripe.
    pub stripe: StripeConfig,
    /// The webhook route and its registration.
    pub webhook: WebhookConfig,
    /// How the Worker learns the tier that was bought.
    pub entitlement: Entitlement,
    /// Clerk.
    pub clerk: ClerkConfig,
    /// Cloudflare, where it is configured.
    pub cloudflare: Option<CloudflareConfig>,
    /// The Worker.
    pub worker: WorkerConfig,
    /// The frontend, where it is configured.
    pub frontend: Option<FrontendConfig>,
    /// The user's own checks.
    pub probes: Vec<Probe>,
    /// What only a person can check.
    pub manual: Vec<Manual>,
    /// The tiers, in the order of the file.
    pub tiers: Vec<Tier>,
    /// Known exceptions.
    pub waivers: Vec<Waiver>,
    /// Secrets in the wrong place: in a variable for something else, or in the Wrangler file. They must not be printed either.
    pub misplaced: Vec<Secret>,
}

impl Config {
    /// The line of a table or key of the file, such as `tiers.pro.price`, or else of the table around it. Counted from 1.
    #[must_use]
    pub fn line(&self, path: &str) -> Option<usize> {
        self.lines.of_setting(path)
    }
}

/// `[project]`.
#[derive(Debug, Clone)]
pub struct Project {
    /// The title of the report.
    pub name: String,
    /// The mode that must be deployed.
    pub mode: Mode,
}

/// `[stripe]`.
#[derive(Debug, Clone)]
pub struct StripeConfig {
    /// `sk_live_…` or a restricted `rk_live_…`.
    pub secret_key: Variable<Secret>,
    /// `pk_live_…`; optional.
    pub publishable_key: Variable<String>,
    /// The endpoint's signing secret, `whsec_…`.
    pub webhook_secret: Variable<Secret>,
    /// `bpc_…`; optional: the default is the account's default configuration.
    pub portal_configuration: Variable<String>,
    /// `sk_test_…`; optional: for the same products in test mode.
    pub test_secret_key: Variable<Secret>,
    /// `acct_…`: the account that the key must belong to.
    pub account: Option<String>,
    /// Whether Stripe is meant to be the merchant of record.
    pub managed_payments: bool,
    /// Without a trailing slash.
    pub api_base: Url,
}

/// `[webhook]`.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The one URL that Stripe must deliver to.
    pub url: Url,
    /// Other hosts that lead to the same Worker.
    pub hosts: Vec<String>,
    /// The event types that the Worker handles.
    pub events: Vec<String>,
    /// The API version that the Worker's SDK is pinned to.
    pub api_version: Option<String>,
    /// What the response to a signed event must contain.
    pub expect: serde_json::Map<String, serde_json::Value>,
    /// A slower response is a warning. Milliseconds.
    pub max_response_ms: u64,
}

/// `[entitlement]`.
#[derive(Debug, Clone)]
pub struct Entitlement {
    /// Where the Worker finds the tier.
    pub source: Source,
    /// The metadata key at Stripe.
    pub key: String,
    /// Who has a plan.
    pub holder: HolderKind,
    /// Where the Worker finds the holder of an event's plan.
    pub user_from: UserFrom,
    /// Where the Worker finds the holder's ID in an event's metadata.
    pub user_key: String,
    /// Where it finds the tier, with [`Source::SubscriptionMetadata`].
    pub tier_key: String,
    /// The subscription statuses that grant the tier.
    pub entitling_statuses: Vec<String>,
    /// The IDs of holders that have a tier without paying.
    pub comped: Vec<String>,
}

/// `entitlement.source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The product's metadata.
    ProductMetadata,
    /// The subscription's metadata, set at checkout.
    SubscriptionMetadata,
    /// The price's metadata.
    PriceMetadata,
    /// The Worker's own table of price IDs.
    PriceId,
}

/// `entitlement.user_from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserFrom {
    /// The metadata of the subscription in the event, under `user_key`.
    Metadata,
    /// The customer in the event, which the Worker looks up.
    Customer,
}

/// `[cloudflare]`.
#[derive(Debug, Clone)]
pub struct CloudflareConfig {
    /// 32 hexadecimal digits.
    pub account_id: Variable<String>,
    /// A token that may read Workers scripts.
    pub api_token: Variable<Secret>,
    /// The script's name without the environment.
    pub script: String,
    /// A named Wrangler environment.
    pub environment: Option<String>,
    /// What the Wrangler file says, where one is named.
    pub wrangler: Option<Wrangler>,
    /// The names that must be set on the deployed script.
    pub secrets: Vec<String>,
    /// Without a trailing slash.
    pub api_base: Url,
}

/// `[worker]`: its address and its routes; `None` is a route that this Worker does not offer.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// The origin, without a path.
    pub url: Url,
    /// Answers 200 while the Worker is up.
    pub health: Option<String>,
    /// Announces the tiers.
    pub tiers: Option<String>,
    /// Returns a user's plan and usage.
    pub usage: Option<String>,
    /// Makes a Checkout Session.
    pub checkout: Option<CheckoutRoute>,
    /// Opens the customer portal.
    pub portal: Option<String>,
    /// Counts one use for each call.
    pub metered: Option<String>,
    /// Where it reads the user's token.
    pub auth: TokenPlace,
}

/// `worker.auth`: where the Worker reads the user's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TokenPlace {
    /// In the header `Authorization: Bearer`.
    Bearer,
    /// In the cookie `__session`, which Clerk sets on the frontend's own host. It holds the session token, never a template's.
    Cookie,
}

/// `[frontend]`.
#[derive(Debug, Clone)]
pub struct FrontendConfig {
    /// The page that a customer opens.
    pub url: Url,
}

/// `[[probe]]`: the user's own check.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The user's name for it.
    pub name: String,
    /// The URL to request.
    pub url: Url,
    /// GET, or another method.
    pub method: Method,
    /// Headers to send.
    pub headers: HeaderMap,
    /// What the response must be.
    pub expect: Expectation,
    /// Its line in the file, counted from 1.
    pub line: usize,
}

impl Probe {
    /// Its part of the check's id: letters and digits in lower case, with hyphens between words.
    #[must_use]
    pub fn slug(&self) -> String {
        let words = self.name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
    }

    /// Whether HTTP defines its method as read-only.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.method.is_safe()
    }
}

/// What the response to a [`Probe`] must be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The HTTP status.
    pub status: u16,
    /// JSON pointers and the values they must have.
    pub json: Vec<(String, serde_json::Value)>,
    /// A slower response fails. Milliseconds.
    pub max_ms: Option<u64>,
}

/// `[[manual]]`: something only a person can check.
#[derive(Debug, Clone)]
pub struct Manual {
    /// The name in the id.
    pub id: String,
    /// What must be true.
    pub title: String,
    /// Who checked it; `None` while it is open.
    pub signed_off_by: Option<String>,
    /// When it was checked.
    pub on: Option<Date>,
    /// The last day on which the sign-off is valid.
    pub expires: Option<Date>,
    /// Its line in the file, counted from 1.
    pub line: usize,
}

/// `[[waive]]`: a known exception, until a date.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// The check's id.
    pub check: String,
    /// One finding of it; without it all.
    pub finding: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who is responsible for it.
    pub owner: String,
    /// The last day on which it is valid.
    pub expires: Date,
    /// Its line in the file, counted from 1.
    pub line: usize,
}

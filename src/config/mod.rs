//! What is intended: `preflight.toml`, and the operator's copies of the values that it names.
//!
//! [`load`] reads both and either returns a [`Config`] in which every key has its value or its default, or
//! [`Problems`]: every error at once, each at its place. A value that is absent or damaged is no error here: it is what
//! `config/hygiene` judges (see [`Variable`]).

mod build;
mod dotenv;
mod exposed;
mod file;
mod hardcoded;
mod kind;
mod money;
mod nearest;
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
mod shape;
mod source;
mod stray;
mod swapped_keys;
mod value_problem;
mod values;
mod variable;
mod wrangler;

use std::path::PathBuf;

use jiff::civil::Date;
use url::Url;

pub use exposed::{Exposed, exposed};
pub use file::{Options, load};
pub use kind::Kind;
pub use money::Money;
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
pub use value_problem::ValueProblem;
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

/// The intention, whole: every key of `preflight.toml` with its value or its default.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where it was read, for findings that point into it (`preflight.toml`).
    pub path: PathBuf,
    /// The project.
    pub project: Project,
    /// Stripe.
    pub stripe: Stripe,
    /// The webhook route and its registration.
    pub webhook: Webhook,
    /// How the Worker learns the tier that was bought.
    pub entitlement: Entitlement,
    /// Clerk.
    pub clerk: Clerk,
    /// Cloudflare, where it is configured.
    pub cloudflare: Option<Cloudflare>,
    /// The Worker.
    pub worker: Worker,
    /// The frontend, where it is configured.
    pub frontend: Option<Frontend>,
    /// Checks of the user's own.
    pub probes: Vec<Probe>,
    /// What a machine cannot see.
    pub manual: Vec<Manual>,
    /// The tiers, in the order of the file.
    pub tiers: Vec<Tier>,
    /// Known exceptions.
    pub waivers: Vec<Waiver>,
    /// Secrets that stand where none belongs: in a variable for something else, or in the Wrangler file. Kept so that
    /// they are not printed either.
    pub misplaced: Vec<Secret>,
}

/// `[project]`.
#[derive(Debug, Clone)]
pub struct Project {
    /// What the report is titled.
    pub name: String,
    /// The mode that the deployment ought to be in.
    pub mode: Mode,
}

/// `[stripe]`.
#[derive(Debug, Clone)]
pub struct Stripe {
    /// `sk_live_…` or a restricted `rk_live_…`.
    pub secret_key: Variable<Secret>,
    /// `pk_live_…`; optional.
    pub publishable_key: Variable<String>,
    /// The endpoint's signing secret, `whsec_…`.
    pub webhook_secret: Variable<Secret>,
    /// `bpc_…`; optional: without it the account's default configuration is judged.
    pub portal_configuration: Variable<String>,
    /// `sk_test_…`; optional: with it the test-mode twin can be looked at.
    pub test_secret_key: Variable<Secret>,
    /// `acct_…`: the account that it must be.
    pub account: Option<String>,
    /// Without a trailing slash.
    pub api_base: Url,
}

/// `[webhook]`.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The one URL that Stripe must deliver to.
    pub url: Url,
    /// Other hosts that lead to the same Worker.
    pub hosts: Vec<String>,
    /// The event types that the Worker handles.
    pub events: Vec<String>,
    /// The API version that the Worker's SDK is pinned to.
    pub api_version: Option<String>,
    /// Must be part of the answer to a signed event.
    pub expect: serde_json::Map<String, serde_json::Value>,
    /// An answer that takes longer is a warning. Milliseconds.
    pub max_response_ms: u64,
}

/// `[entitlement]`.
#[derive(Debug, Clone)]
pub struct Entitlement {
    /// Where the Worker finds the tier.
    pub source: Source,
    /// The metadata key at Stripe.
    pub key: String,
    /// Where the Worker finds the Clerk user in an event's metadata.
    pub user_key: String,
    /// Where it finds the tier, with [`Source::SubscriptionMetadata`].
    pub tier_key: String,
    /// The subscription statuses that grant the tier.
    pub entitling_statuses: Vec<String>,
    /// Clerk users that have a tier without paying.
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

/// `[clerk]`.
#[derive(Debug, Clone)]
pub struct Clerk {
    /// `sk_live_…` of Clerk.
    pub secret_key: Variable<Secret>,
    /// `pk_live_…` of Clerk, which names the frontend API's host.
    pub publishable_key: Variable<String>,
    /// The template's name, or `None` where the session token itself carries the claim.
    pub jwt_template: Option<String>,
    /// The claim that the Worker reads.
    pub plan_claim: String,
    /// The key in the user's public metadata.
    pub metadata_key: String,
    /// Where the Worker keeps the Stripe customer's ID in public metadata.
    pub customer_key: String,
    /// Where it keeps the subscription's.
    pub subscription_key: String,
    /// A user kept for checks: a tier, no subscription.
    pub canary_user: Variable<String>,
    /// Without a trailing slash.
    pub api_base: Url,
    /// Overrides what the publishable key says.
    pub frontend_api: Option<Url>,
}

/// `[cloudflare]`.
#[derive(Debug, Clone)]
pub struct Cloudflare {
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
pub struct Worker {
    /// The origin, without a path.
    pub url: Url,
    /// Answers 200 while the Worker is up.
    pub health: Option<String>,
    /// Announces the tiers.
    pub tiers: Option<String>,
    /// Tells a user's plan and use.
    pub usage: Option<String>,
    /// Makes a Checkout Session.
    pub checkout: Option<String>,
    /// Opens the customer portal.
    pub portal: Option<String>,
}

/// `[frontend]`.
#[derive(Debug, Clone)]
pub struct Frontend {
    /// The page that a customer opens.
    pub url: Url,
}

/// `[[probe]]`: a check of the user's own.
#[derive(Debug, Clone)]
pub struct Probe {
    /// The user's name for it; in the id with everything but letters and digits made a hyphen.
    pub name: String,
    /// What is asked.
    pub url: Url,
    /// GET, or another method.
    pub method: String,
    /// Headers to send.
    pub headers: Vec<(String, String)>,
    /// What must come back.
    pub expect: Expectation,
    /// Where it stands in the file: a line, counted from 1.
    pub line: usize,
}

impl Probe {
    /// Its part of the check's id: letters and digits in lower case, everything between them one hyphen.
    #[must_use]
    pub fn slug(&self) -> String {
        let words = self.name.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
    }

    /// Whether its request changes nothing, by HTTP's own rules.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS")
    }
}

/// What a [`Probe`] must be answered with.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The HTTP status.
    pub status: u16,
    /// JSON pointers and the values that must stand there.
    pub json: Vec<(String, serde_json::Value)>,
    /// An answer that takes longer fails. Milliseconds.
    pub max_ms: Option<u64>,
}

/// `[[manual]]`: something that a machine cannot see.
#[derive(Debug, Clone)]
pub struct Manual {
    /// The name in the id.
    pub id: String,
    /// What has to be so.
    pub title: String,
    /// Who says that it is so; `None` until somebody does.
    pub signed_off_by: Option<String>,
    /// When it was said.
    pub on: Option<Date>,
    /// The last day on which the word holds.
    pub expires: Option<Date>,
    /// Where it stands in the file: a line, counted from 1.
    pub line: usize,
}

/// `[tiers.NAME]`.
#[derive(Debug, Clone)]
pub struct Tier {
    /// The tier's name.
    pub name: String,
    /// Uses in a period.
    pub limit: Limit,
    /// The value that metadata and the plan claim must have, byte for byte.
    pub metadata: String,
    /// What it is sold at; empty for a free tier.
    pub prices: Vec<TierPrice>,
    /// Where it stands in the file: a line, counted from 1.
    pub line: usize,
}

/// A tier's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Uses in a period.
    Uses(u64),
    /// Any number of uses.
    Unlimited,
}

/// One price of a paid tier.
#[derive(Debug, Clone)]
pub struct TierPrice {
    /// What is charged each time.
    pub money: Money,
    /// How often.
    pub interval: Interval,
    /// Every how many intervals.
    pub interval_count: u64,
    /// `price_…`.
    pub price_id: Variable<String>,
}

/// Stripe's billing intervals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Interval {
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl Interval {
    /// Stripe's word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// `[[waive]]`: a known exception, for a while.
#[derive(Debug, Clone)]
pub struct Waiver {
    /// The check's id.
    pub check: String,
    /// One finding of it; without it all.
    pub finding: Option<String>,
    /// Why it may stand.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds.
    pub expires: Date,
    /// Where it stands in the file: a line, counted from 1.
    pub line: usize,
}

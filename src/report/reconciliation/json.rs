//! The JSON of `preflight reconcile`, in the shape that `preflight schema reconcile` publishes. Fields are only ever added.

use schemars::JsonSchema;
use serde::Serialize;

use super::super::text::clean;
use super::sums::Sums;
use crate::config::{Mode, Money};
use crate::reconcile::{self, Bucket, Monthly, Reconciliation, Resumed};

/// The version of the shape. It changes when a field is removed or changes its meaning, not when one is added.
const SCHEMA_VERSION: u32 = 1;

/// The result of `preflight reconcile`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "preflight reconciliation")]
struct Document {
    /// The version of this shape. Fields may be added within a version.
    schema_version: u32,
    /// The program that compared.
    tool: Tool,
    /// `project.name` of the configuration.
    project: String,
    /// The mode that was compared.
    mode: Mode,
    /// When it started: RFC 3339, UTC.
    started_at: String,
    /// How long it took.
    duration_ms: u64,
    /// Only accounts that changed since then were compared: RFC 3339, UTC. Null for all.
    since: Option<String>,
    /// `no-drift`: everything was compared, and agrees. `drift`: accounts differ. `incomplete`: no drift was seen, but not
    /// everything could be compared.
    outcome: Outcome,
    /// The exit status: 0 (no drift), 1 (drift), 2 (incomplete), 130 or 143 (stopped).
    exit_code: u8,
    /// Whether everything was compared. If not, `accounts` may lack some.
    complete: bool,
    /// Whether it was stopped before it was done.
    interrupted: bool,
    /// The interrupted comparison that it went on from. Null if it read everything itself.
    resumed: Option<ResumedFrom>,
    /// Whether the same command reads only what is missing, if it is run again within an hour.
    resumable: bool,
    /// How many subscriptions were read.
    subscriptions: u64,
    /// How many users were read, or organizations, whichever have plans.
    users: u64,
    /// How many of them pay for the tier that they have.
    agree: u64,
    /// The money at risk in a month, without buckets for information. Before discounts and tax.
    at_risk: Sum,
    /// Each bucket, the worst first.
    buckets: Vec<BucketSum>,
    /// Each account that differs, the worst first.
    accounts: Vec<Account>,
    /// What could not be compared.
    not_compared: Vec<NotCompared>,
}

/// What an interrupted comparison had read.
#[derive(Debug, Serialize, JsonSchema)]
struct ResumedFrom {
    /// When reading began: RFC 3339, UTC.
    began: String,
    /// How many subscriptions.
    subscriptions: u64,
    /// How many users or organizations.
    users: u64,
}

/// The program.
#[derive(Debug, Serialize, JsonSchema)]
struct Tool {
    /// `preflight`.
    name: &'static str,
    /// Its version.
    version: &'static str,
}

/// The outcome.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    NoDrift,
    Drift,
    Incomplete,
}

/// Money in a month.
#[derive(Debug, Serialize, JsonSchema)]
struct Sum {
    /// The known amounts, one for each currency.
    amounts: Vec<Amount>,
    /// How many amounts are unknown: prices with usage, tiers or fractions of a cent.
    unknown: u64,
}

/// An amount of money.
#[derive(Debug, Serialize, JsonSchema)]
struct Amount {
    /// In the currency's smallest unit.
    minor: i64,
    /// Three lowercase letters.
    currency: String,
}

/// A bucket.
#[derive(Debug, Serialize, JsonSchema)]
struct BucketSum {
    /// Its name.
    bucket: Bucket,
    /// Whether it is drift, and not only information.
    drift: bool,
    /// How many accounts are in it.
    accounts: usize,
    /// Their money in a month.
    monthly: Sum,
}

/// An account that differs.
#[derive(Debug, Serialize, JsonSchema)]
struct Account {
    /// How.
    bucket: Bucket,
    /// The ID of the user or the organization at Clerk, if one is known.
    user: Option<String>,
    /// The customer's ID at Stripe, if one is known.
    customer: Option<String>,
    /// The IDs of the subscriptions that it is about.
    subscriptions: Vec<String>,
    /// The status of the first one.
    status: Option<String>,
    /// The plan in its public metadata.
    plan: Option<String>,
    /// The value of the tier that is paid for, if it is one.
    pays_for: Option<String>,
    /// The money at risk in a month: of the subscription's own prices, or of the tier if there is no subscription.
    monthly: Sum,
    /// What is wrong, in a sentence.
    message: String,
    /// How to fix it.
    fix: String,
}

/// What could not be compared.
#[derive(Debug, Serialize, JsonSchema)]
struct NotCompared {
    /// Why.
    reason: String,
    /// How many accounts are concerned; 0 if that is unknown.
    accounts: u64,
}

/// The whole result as one JSON document and a line end. `exit_code` is the status that the program ends with.
#[must_use]
pub fn render(found: &Reconciliation, exit_code: u8) -> String {
    // Serializing strings and numbers cannot fail, and every reader would notice an empty document.
    let mut document = serde_json::to_string_pretty(&document(found, exit_code)).unwrap_or_default();
    document.push('\n');
    // Escape what a CI would run as a command. JSON parsers read the same text.
    document.replace("##[", "#\\u0023[")
}

/// The JSON Schema of what [`render`] writes.
#[must_use]
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document)
}

fn document(found: &Reconciliation, exit_code: u8) -> Document {
    let drifted = found.accounts.iter().filter(|account| account.bucket.is_drift());
    Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
        project: clean(&found.project),
        mode: found.mode,
        started_at: found.started_at.to_string(),
        duration_ms: u64::try_from(found.took.as_millis()).unwrap_or(u64::MAX),
        since: found.since.map(|since| since.to_string()),
        outcome: match (found.drifted(), found.is_complete()) {
            (0, true) => Outcome::NoDrift,
            (0, false) => Outcome::Incomplete,
            _ => Outcome::Drift,
        },
        exit_code,
        complete: found.is_complete(),
        interrupted: found.is_interrupted,
        resumed: found.resumed.map(|Resumed { began, subscriptions, holders }| ResumedFrom {
            began: began.to_string(),
            subscriptions,
            users: holders,
        }),
        resumable: found.can_go_on,
        subscriptions: found.subscriptions,
        users: found.holders,
        agree: found.agree,
        at_risk: Sum::of(&Sums::of(drifted).monthly),
        buckets: Bucket::ALL.into_iter().map(|bucket| of_bucket(found, bucket)).collect(),
        accounts: found.accounts.iter().map(Account::of).collect(),
        not_compared: found.not_compared.iter().map(NotCompared::of).collect(),
    }
}

fn of_bucket(found: &Reconciliation, bucket: Bucket) -> BucketSum {
    let sums = Sums::of(found.of(bucket));
    BucketSum { bucket, drift: bucket.is_drift(), accounts: sums.accounts, monthly: Sum::of(&sums.monthly) }
}

impl Sum {
    fn of(monthly: &Monthly) -> Self {
        let amounts = monthly.amounts().map(|Money { minor, currency }| Amount { minor, currency: clean(&currency) });
        Self { amounts: amounts.collect(), unknown: monthly.unknown_amounts() }
    }
}

impl Account {
    fn of(account: &reconcile::DriftedAccount) -> Self {
        let optional = |text: &Option<String>| text.as_deref().map(clean);
        Self {
            bucket: account.bucket,
            user: optional(&account.holder),
            customer: optional(&account.customer),
            subscriptions: account.subscriptions.iter().map(|id| clean(id)).collect(),
            status: optional(&account.status),
            plan: optional(&account.plan),
            pays_for: optional(&account.pays_for),
            monthly: Sum::of(&account.monthly),
            message: clean(&account.message),
            fix: clean(&account.fix),
        }
    }
}

impl NotCompared {
    fn of(open: &reconcile::NotCompared) -> Self {
        Self { reason: clean(&open.reason), accounts: open.accounts }
    }
}

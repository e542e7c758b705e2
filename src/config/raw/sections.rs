//! The tables of `preflight.toml`, with the defaults of the reference stack.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{
    Amount, ApiVersion, At, Checkout, Currency, Day, EventType, HolderId, HttpMethod, Id, Json, Limit, PublicVariable,
    Route, SecretVariable, Status, StripeAccount, Template, Word,
};
use crate::config::{Interval, Mode, Source, TokenPlace, UserFrom};
use crate::holder::HolderKind;

/// `[project]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["name"]))]
pub struct Project {
    /// The title of the report.
    pub name: Option<At<Word>>,
    /// The mode that must be deployed. Use "test" to check everything before you go live.
    pub mode: Mode,
}

impl Default for Project {
    fn default() -> Self {
        Self { name: None, mode: Mode::Live }
    }
}

/// `[stripe]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Stripe {
    /// The secret key, or a restricted key with the permissions that the checks need.
    pub secret_key: At<SecretVariable>,
    /// The publishable key; optional.
    pub publishable_key: At<PublicVariable>,
    /// The signing secret of the live endpoint.
    pub webhook_secret: At<SecretVariable>,
    /// The customer portal's configuration, bpc_…; optional: the default is the account's default configuration.
    pub portal_configuration: At<PublicVariable>,
    /// A test-mode key; optional: compares the products in test mode.
    pub test_secret_key: At<SecretVariable>,
    /// The account that the key must belong to, acct_…
    pub account: Option<At<StripeAccount>>,
    /// Whether Stripe is meant to sell in your place, as the merchant of record (Managed Payments).
    pub managed_payments: bool,
    /// The URL of Stripe's API; for tests and proxies.
    pub api_base: At<Word>,
}

impl Default for Stripe {
    fn default() -> Self {
        Self {
            secret_key: At::unwritten("STRIPE_SECRET_KEY"),
            publishable_key: At::unwritten("STRIPE_PUBLISHABLE_KEY"),
            webhook_secret: At::unwritten("STRIPE_WEBHOOK_SECRET"),
            portal_configuration: At::unwritten("STRIPE_PORTAL_CONFIG_ID"),
            test_secret_key: At::unwritten("STRIPE_TEST_SECRET_KEY"),
            account: None,
            managed_payments: false,
            api_base: At::unwritten("https://api.stripe.com"),
        }
    }
}

/// `[webhook]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Webhook {
    /// The one URL that Stripe must deliver to. Default: `/webhook/stripe` on the Worker.
    pub url: Option<At<Word>>,
    /// Other hosts that lead to the same Worker, such as a custom domain beside workers.dev.
    pub hosts: Vec<At<Word>>,
    /// The event types that the Worker handles.
    #[schemars(length(min = 1))]
    pub events: Vec<At<EventType>>,
    /// The API version that the Worker's SDK is pinned to.
    pub api_version: Option<At<ApiVersion>>,
    /// What the response to a signed event must contain.
    pub expect: BTreeMap<String, Json>,
    /// A slower response is a warning. Milliseconds.
    #[schemars(range(min = 1))]
    pub max_response_ms: u64,
}

impl Default for Webhook {
    fn default() -> Self {
        let events = [
            "checkout.session.completed",
            "customer.subscription.created",
            "customer.subscription.updated",
            "customer.subscription.deleted",
        ];
        Self {
            url: None,
            hosts: Vec::new(),
            events: events.into_iter().map(At::unwritten).collect(),
            api_version: None,
            expect: BTreeMap::from([("received".to_owned(), Json(Value::Bool(true)))]),
            max_response_ms: 1000,
        }
    }
}

/// `[entitlement]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Entitlement {
    /// Where the Worker finds the tier that was bought.
    pub source: Source,
    /// The metadata key at Stripe.
    pub key: Word,
    /// Who has a plan: each user, or each organization, whose members share it.
    pub holder: HolderKind,
    /// Where the Worker finds the user, or the organization, of an event: in the subscription's metadata, or by the customer, which it looks up in
    /// its own database or at Stripe.
    pub user_from: UserFrom,
    /// The metadata key under which the Worker finds the ID of the user, or of the organization. Default: "userId", or "orgId"
    /// if `holder` is "organization".
    pub user_key: Option<Word>,
    /// The metadata key under which it finds the tier, with source "subscription-metadata".
    pub tier_key: Word,
    /// The subscription statuses that grant the tier; add `past_due` if you have a grace period.
    #[schemars(length(min = 1))]
    pub entitling_statuses: Vec<Status>,
    /// Users, or organizations, that have a tier without paying: user_… or org_…
    pub comped: Vec<At<HolderId>>,
}

impl Default for Entitlement {
    fn default() -> Self {
        Self {
            source: Source::ProductMetadata,
            key: "plan".into(),
            holder: HolderKind::User,
            user_from: UserFrom::Metadata,
            user_key: None,
            tier_key: "tier".into(),
            entitling_statuses: ["active", "trialing"].map(|status| Status(status.to_owned())).into(),
            comped: Vec::new(),
        }
    }
}

/// `[clerk]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Clerk {
    /// The secret key.
    pub secret_key: At<SecretVariable>,
    /// The publishable key, which also names the frontend API.
    pub publishable_key: At<PublicVariable>,
    /// The JWT template, or false: the session token itself carries the claim. Default: "pan-api", or false if `worker.auth`
    /// is "cookie".
    pub jwt_template: Option<At<Template>>,
    /// The claim that the Worker reads.
    pub plan_claim: Word,
    /// The key of the tier in the public metadata of a user, or of an organization.
    pub metadata_key: Word,
    /// Where the Worker keeps the Stripe customer's ID in public metadata.
    pub customer_key: Word,
    /// Where it keeps the subscription's ID.
    pub subscription_key: Word,
    /// A user just for checks: with a paid plan, without a subscription.
    pub canary_user: At<PublicVariable>,
    /// An organization just for checks, if organizations have the plans: with a paid plan, without a subscription, and with the
    /// canary as a member. Default: the environment variable `PREFLIGHT_CANARY_ORGANIZATION`.
    pub canary_organization: Option<At<PublicVariable>>,
    /// The URL of Clerk's Backend API; for tests and proxies.
    pub api_base: At<Word>,
    /// The URL of Clerk's Frontend API. Default: the one in the publishable key.
    pub frontend_api: Option<At<Word>>,
}

impl Default for Clerk {
    fn default() -> Self {
        Self {
            secret_key: At::unwritten("CLERK_SECRET_KEY"),
            publishable_key: At::unwritten("CLERK_PUBLISHABLE_KEY"),
            jwt_template: None,
            plan_claim: "plan".into(),
            metadata_key: "plan".into(),
            customer_key: "stripeCustomerId".into(),
            subscription_key: "subscriptionId".into(),
            canary_user: At::unwritten("PREFLIGHT_CANARY_USER"),
            canary_organization: None,
            api_base: At::unwritten("https://api.clerk.com"),
            frontend_api: None,
        }
    }
}

/// `[cloudflare]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cloudflare {
    /// The account's ID.
    pub account_id: At<PublicVariable>,
    /// A token that may read Workers scripts.
    pub api_token: At<SecretVariable>,
    /// The Worker's name without the environment. Default: the Wrangler file's, or "pan-api".
    pub script: Option<Word>,
    /// A named Wrangler environment.
    pub environment: Option<At<Word>>,
    /// The Wrangler file: .toml, .json or .jsonc. Default: api/wrangler.toml, where there is one.
    pub wrangler: Option<At<Word>>,
    /// The names that must be set on the deployed script. Default: Stripe's and Clerk's secret keys, the webhook secret,
    /// the price IDs, and secrets.required of the Wrangler file.
    pub secrets: Option<Vec<Word>>,
    /// The URL of Cloudflare's API; for tests and proxies.
    pub api_base: At<Word>,
}

impl Default for Cloudflare {
    fn default() -> Self {
        Self {
            account_id: At::unwritten("CLOUDFLARE_ACCOUNT_ID"),
            api_token: At::unwritten("CLOUDFLARE_API_TOKEN"),
            script: None,
            environment: None,
            wrangler: None,
            secrets: None,
            api_base: At::unwritten("https://api.cloudflare.com/client/v4"),
        }
    }
}

/// `[worker]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["url"]))]
pub struct Worker {
    /// Its address, without a path.
    pub url: Option<At<Word>>,
    /// Answers 200 while the Worker is up.
    pub health: At<Route>,
    /// Announces the tiers.
    pub tiers: At<Route>,
    /// Returns the plan and the usage of the user who asks. Here, in `portal` and in `metered`, `{user}` and, where organizations
    /// have the plans, `{organization}` stand for the canary's IDs.
    pub usage: At<Route>,
    /// Makes a Checkout Session: the path of a POST with the tier's name, or a table with the whole request.
    pub checkout: At<Checkout>,
    /// Opens the customer portal.
    pub portal: At<Route>,
    /// Counts one use for each POST. Only `rehearse` calls it, once.
    pub metered: At<Route>,
    /// Where the Worker reads the user's token: in the header Authorization, or in the cookie `__session`.
    pub auth: TokenPlace,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            url: None,
            health: At::unwritten("/health"),
            tiers: At::unwritten("/api/tiers"),
            usage: At::unwritten("/api/usage"),
            checkout: At::unwritten("/api/create-checkout"),
            portal: At::unwritten("/api/customer-portal"),
            metered: At::unwritten("/api/data"),
            auth: TokenPlace::Bearer,
        }
    }
}

/// `[frontend]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Frontend {
    /// The page that a customer opens.
    #[schemars(required)]
    pub url: Option<At<Word>>,
}

/// `[tiers.NAME]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The amount charged each time. Leave it out for a free tier.
    pub price: Option<At<Amount>>,
    /// Three letters. Default: "usd".
    pub currency: Option<At<Currency>>,
    /// How often it is charged. Default: "month".
    pub interval: Option<At<Interval>>,
    /// Every how many intervals. Default: 1.
    #[schemars(range(min = 1))]
    pub interval_count: Option<At<u64>>,
    /// The price at Stripe. Default: the variable `STRIPE_PRICE_ID_` and the tier's name.
    pub price_id: Option<At<PublicVariable>>,
    /// What customers pay in other currencies for the same price ID: `{ eur = "27.00" }`.
    #[serde(default)]
    pub currency_options: BTreeMap<At<String>, At<Amount>>,
    /// How many uses it includes. Without it, the tier's limit is not judged.
    pub limit: Option<Limit>,
    /// The value that metadata and the plan claim must have. Default: the tier's name.
    pub metadata: Option<At<Word>>,
    /// Several prices, instead of one.
    #[schemars(length(min = 1))]
    pub prices: Option<Vec<At<Price>>>,
}

/// `[[tiers.NAME.prices]]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the file's keys are what they are")]
pub struct Price {
    /// The amount charged each time.
    #[schemars(required)]
    pub price: Option<At<Amount>>,
    /// Three letters. Default: "usd".
    pub currency: Option<At<Currency>>,
    /// How often it is charged. Default: "month".
    pub interval: Option<At<Interval>>,
    /// Every how many intervals. Default: 1.
    #[schemars(range(min = 1))]
    pub interval_count: Option<At<u64>>,
    /// The price ID at Stripe. Default: the tier's variable and what differs from the other prices, as in
    /// `STRIPE_PRICE_ID_PRO_YEAR`.
    pub price_id: Option<At<PublicVariable>>,
    /// What customers pay in other currencies for the same price ID: `{ eur = "27.00" }`.
    #[serde(default)]
    pub currency_options: BTreeMap<At<String>, At<Amount>>,
}

/// `[[probe]]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Its name in the report.
    #[schemars(required)]
    pub name: Option<At<Word>>,
    /// The URL to request.
    #[schemars(required)]
    pub url: Option<At<Word>>,
    /// The method. Default: "GET".
    pub method: Option<HttpMethod>,
    /// Headers to send. Do not put a secret here.
    #[serde(default)]
    pub headers: BTreeMap<At<String>, At<String>>,
    /// What the response must be.
    #[serde(default)]
    pub expect: Expectation,
}

/// What the response to a probe must be.
#[derive(Debug, Deserialize, serde::Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Expectation {
    /// The HTTP status.
    #[schemars(range(min = 100, max = 599))]
    pub status: u16,
    /// JSON pointers into the response, such as "/status", and the values they must have.
    pub json: BTreeMap<At<String>, Json>,
    /// A slower response fails. Milliseconds.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<u64>,
}

impl Default for Expectation {
    fn default() -> Self {
        Self { status: 200, json: BTreeMap::new(), max_ms: None }
    }
}

/// `[[manual]]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Its name in the report.
    #[schemars(required)]
    pub id: Option<At<Id>>,
    /// What must be true.
    #[schemars(required)]
    pub title: Option<Word>,
    /// Who checked it.
    pub signed_off_by: Option<At<Word>>,
    /// When it was checked.
    pub on: Option<At<Day>>,
    /// The last day on which the sign-off is valid.
    pub expires: Option<At<Day>>,
}

/// `[[waive]]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The check, such as "stripe/catalogue".
    #[schemars(required)]
    pub check: Option<Word>,
    /// One finding of the check. Default: all.
    pub finding: Option<Word>,
    /// Why it is accepted.
    #[schemars(required)]
    pub reason: Option<Word>,
    /// Who is responsible for it.
    #[schemars(required)]
    pub owner: Option<Word>,
    /// The last day on which the waiver is valid.
    #[schemars(required)]
    pub expires: Option<Day>,
}

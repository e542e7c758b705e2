//! The document's part `worker`: how the Worker's code behaves, and its defects.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How the Worker behaves. Its secrets and variables are separate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// Its tiers, by name.
    pub tiers: BTreeMap<String, Tier>,
    /// Where it reads which tier was bought.
    pub entitlement: Entitlement,
    /// Where Stripe sends customers back to.
    pub return_to: String,
    /// The origins that may read its responses. Other origins are sent the first one.
    pub allowed_origins: Vec<String>,
    /// Which origins it allows.
    #[serde(default)]
    pub cross_origin: CrossOrigin,
    /// The `azp` claims that it accepts; empty for any.
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    /// The previous webhook secret, if it is still accepted.
    #[serde(default)]
    pub previous_webhook_secret: Option<String>,
    /// The content type of the webhook's responses.
    pub webhook_content_type: String,
    /// The content type of all other responses.
    pub content_type: String,
    /// The Stripe API version of its SDK.
    pub stripe_version: String,
    /// The delay of a slow Worker, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// The plan in `/api/usage`, if it does not come from the token.
    #[serde(default)]
    pub usage_plan: Option<String>,
    /// More variables that every route needs.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Responses to events in place of the handler's, by what the event is signed with.
    #[serde(default)]
    pub webhook_answers: BTreeMap<SignedWith, CannedResponse>,
    /// How customers ask for a Checkout Session.
    pub checkout_route: CheckoutRoute,
    /// What it calls what it keeps.
    pub keys: Keys,
    /// Other paths of its routes: the path of the reference stack, by the path that is served instead.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// Whether organizations have the plans, and not users.
    #[serde(default)]
    pub organizations: bool,
    /// Whether it reads the token from Clerk's cookies instead of the header Authorization.
    #[serde(default)]
    pub reads_cookies: bool,
    /// JSON pointers of claims that a token must have.
    #[serde(default)]
    pub requires_claims: Vec<String>,
    /// The JSON pointer of the plan in a token's claims.
    pub plan_claim: String,
    /// What it passes to Stripe with every Checkout Session, beside what it passes anyway or in place of it.
    pub checkout: BTreeMap<String, String>,
    /// Subscriptions by user in its own database.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, String>,
    /// Its defects, each set to true.
    #[serde(default)]
    pub defects: BTreeMap<Defect, bool>,
}

impl WorkerSettings {
    /// Whether it has that defect.
    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.get(&defect).copied().unwrap_or_default()
    }
}

/// The keys of metadata that the Worker writes and reads.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The user, or the organization, in the metadata of sessions and subscriptions.
    pub user: String,
    /// The tier, in the same.
    pub tier: String,
    /// The tier, in public metadata at Clerk.
    pub plan: String,
    /// The Stripe customer, in the same.
    pub customer: String,
    /// The subscription, in the same.
    pub subscription: String,
}

/// How customers ask for a Checkout Session.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckoutRoute {
    /// `POST`, or `GET` with the wish in the query.
    pub method: String,
    /// The path.
    pub path: String,
    /// The field that says what is bought.
    pub field: String,
    /// What it names.
    pub names: Named,
    /// The field of the answer that holds the session's URL. Without it, the answer redirects there.
    #[serde(default)]
    pub answer: Option<String>,
}

/// What a customer names to buy a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Named {
    /// The tier.
    Tier,
    /// The price ID of the tier.
    Price,
}

/// What an event is signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SignedWith {
    /// The Worker's secret.
    #[serde(rename = "signed")]
    Secret,
    /// Nothing.
    #[serde(rename = "unsigned")]
    Nothing,
    /// Anything else.
    #[serde(rename = "forged")]
    AnythingElse,
}

/// A fixed response.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CannedResponse {
    /// Its status.
    pub status: u16,
    /// Its body.
    #[serde(default)]
    pub text: String,
    /// Where it redirects to.
    #[serde(default)]
    pub location: Option<String>,
}

/// A tier in the Worker's table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// The name that customers see.
    pub name: String,
    /// The price in whole units of the currency.
    pub price: f64,
    /// The limit per month.
    pub limit: Limit,
    /// The limit in `/api/tiers`, if it is another one.
    #[serde(default)]
    pub announced_limit: Option<Limit>,
    /// Whether `/api/tiers` shows it.
    #[serde(default = "yes")]
    pub announced: bool,
    /// The variable with its price ID. A free tier has none.
    #[serde(default)]
    pub price_id: Option<String>,
    /// The error status of checkouts for it, if they fail.
    #[serde(default)]
    pub order_status: Option<u16>,
}

const fn yes() -> bool {
    true
}

/// A usage limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// A number of uses.
    Of(u64),
    /// No limit.
    Unlimited(Unlimited),
}

/// The word `unlimited`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    /// No limit at all.
    Unlimited,
}

impl Limit {
    /// The remaining uses, as the Worker writes them.
    pub(super) fn remaining(self, used: u64) -> Value {
        match self {
            Self::Of(limit) => json!(limit.saturating_sub(used)),
            Self::Unlimited(word) => json!(word),
        }
    }

    /// Whether it allows one more use.
    pub(super) fn admits(self, used: u64) -> bool {
        match self {
            Self::Of(limit) => used < limit,
            Self::Unlimited(_) => true,
        }
    }
}

/// Where the Worker reads which tier was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entitlement {
    /// In `plan` in the product's metadata, or in the event if it names no product.
    ProductMetadata,
    /// In `tier` in the subscription's metadata.
    SubscriptionMetadata,
    /// In `plan` in the price's metadata.
    PriceMetadata,
    /// In its table of price IDs.
    PriceId,
}

/// Which origins the Worker allows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrossOrigin {
    /// Only the allowed origins.
    #[default]
    AllowList,
    /// All, by `*`.
    Wildcard,
    /// All, by `*`, with cookies.
    WildcardWithCredentials,
    /// Whatever origin sends a request.
    Reflects,
    /// The allowed origins and every project on Vercel, with cookies.
    AnyPreview,
}

/// What can be wrong with a Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// Accepts events without a signature.
    AcceptsUnsigned,
    /// Accepts any well-formed signature.
    AcceptsWrongSignature,
    /// Ignores a signature's age.
    AcceptsStale,
    /// Does not compare a known signature with the body again.
    AcceptsTampered,
    /// Answers a bad signature with 200 and an error in the text.
    SwallowsBadSignatures,
    /// Re-serializes the body before verifying its signature.
    ReSerialises,
    /// Checks only the first of several signatures.
    ReadsFirstSignature,
    /// Calls the library's synchronous function, which does not run in Workers.
    SynchronousCrypto,
    /// The webhook's address redirects.
    Redirects,
    /// Middleware redirects requests without a session to the sign-in page.
    LoginRedirect,
    /// Clerk's middleware rejects requests without a session.
    LoginRefusal,
    /// A bot challenge blocks requests.
    Challenge,
    /// A website responds in its place.
    ServesWebSite,
    /// The webhook's route does not exist.
    RouteMissing,
    /// The webhook's route expects another method.
    WrongMethod,
    /// The webhook's route fails immediately.
    Breaks,
    /// Rejects event types that it does not handle.
    RefusesUnhandled,
    /// Is slow for each event.
    Slow,
    /// Is slow for each request, in middleware.
    SlowEverywhere,
    /// Does not catch the exception for a bad signature: 500 with the library's message.
    ThrowsOnBadSignature,
    /// Never responds to an event.
    Hangs,
    /// Fails on the second delivery of an event.
    NotIdempotent,
    /// Accepts tokens with `alg: none`.
    AcceptsAlgorithmNone,
    /// Accepts tokens signed with the public key as a shared secret.
    AcceptsPublicKeyAsSecret,
    /// Reads tokens without verifying them.
    AcceptsForeignTokens,
    /// Does not require a token.
    Open,
    /// Checkout returns to whatever `Origin` was sent.
    TrustsOrigin,
    /// Checkout does not catch the exception for a body that is not JSON.
    BreaksOnBadJson,
    /// Checkout passes the price of any tier on to Stripe, known or not.
    SellsUnknownTiers,
    /// Checkout sells Pro if the tier is not known.
    SellsProByDefault,
    /// Checkout Sessions do not name the user.
    CheckoutWithoutUser,
    /// Checkout Sessions do not name the tier.
    CheckoutWithoutTier,
    /// Checkout does not name the user in the subscription.
    CheckoutWithoutSubscriptionMetadata,
    /// Does not store the customer's ID.
    ForgetsCustomers,
    /// Checkout creates a customer for users without one, and does not store its ID.
    MakesCustomers,
    /// Starts without price IDs, and fails when the tier without one is bought.
    LooksUpPricesLate,
    /// Answers 200 to every event and does nothing.
    SwallowsEvents,
    /// Handles events of the other mode.
    AcceptsTestEvents,
    /// Lets an older event that arrives late take effect.
    OlderEventWins,
    /// Does nothing when a subscription is deleted.
    IgnoresDeleted,
    /// Takes the tier when any subscription of the user is deleted.
    OldDeletedFrees,
    /// Takes the tier as soon as a subscription is set to end.
    EndsEarly,
    /// Grants the tier whatever the subscription's status is.
    IgnoresStatus,
    /// Leaves the tier to subscriptions that are past due.
    KeepsTierPastDue,
    /// Leaves the tier to subscriptions that are unpaid.
    KeepsTierUnpaid,
    /// Grants the tier before the first payment.
    GrantsIncomplete,
    /// Grants the tier although the first payment never came.
    GrantsIncompleteExpired,
    /// Does not give the tier back when a failed renewal is paid.
    IgnoresRecovery,
    /// Removes the subscription's ID when a Checkout Session is completed.
    ErasesSubscription,
    /// Writes the free tier when a Checkout Session is completed, because that does not name the product.
    FreesAtCheckout,
    /// Takes the tier for a subscription that was never paid, although another one is active.
    UnpaidTakesActive,
    /// Ignores subscriptions of users who had one before.
    IgnoresReturning,
    /// Takes one paid tier for the other.
    MixesUpTiers,
    /// Replaces all of the user's public metadata.
    ReplacesMetadata,
    /// Does not count uses.
    CountsNoUses,
    /// Counts each use twice.
    CountsTwice,
    /// Keeps the plan that a user had first.
    CachesPlans,
    /// Accepts tokens that have expired.
    AcceptsExpiredTokens,
}

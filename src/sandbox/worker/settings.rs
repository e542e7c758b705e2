//! What the Worker's own code says, as a document, and what can be wrong with it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The Worker as it was written; its secrets and variables come beside it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerSettings {
    /// What can be bought, by the tier's name.
    pub tiers: BTreeMap<String, Tier>,
    /// How it learns which tier was bought.
    pub entitlement: Entitlement,
    /// Where customers return to from Stripe.
    pub return_to: String,
    /// The origins that may read its answers; the first is named to all others.
    pub allowed_origins: Vec<String>,
    /// How it treats origins.
    #[serde(default)]
    pub cross_origin: CrossOrigin,
    /// The `azp` that tokens must carry; empty where it does not care.
    #[serde(default)]
    pub authorized_parties: Vec<String>,
    /// The webhook secret before the last roll, where it is still accepted.
    #[serde(default)]
    pub previous_webhook_secret: Option<String>,
    /// The content type of the webhook's answers.
    pub webhook_content_type: String,
    /// The content type of all other answers.
    pub content_type: String,
    /// The version of Stripe's API that its library asks for.
    pub stripe_version: String,
    /// Milliseconds that a slow Worker takes before it answers an event.
    #[serde(default)]
    pub delay_ms: u64,
    /// What `/api/usage` says the plan is, whatever the token says.
    #[serde(default)]
    pub usage_plan: Option<String>,
    /// Further names without which no route works, beside those of the reference stack.
    #[serde(default)]
    pub requires: Vec<String>,
    /// What answers an event in the handler's place, by what the event is signed with.
    #[serde(default)]
    pub webhook_answers: BTreeMap<SignedWith, CannedResponse>,
    /// Its own record of who has which subscription, beside what Clerk holds.
    #[serde(default)]
    pub subscriptions: BTreeMap<String, String>,
    /// What is wrong with it: the defects that it has are true.
    #[serde(default)]
    pub defects: BTreeMap<Defect, bool>,
}

impl WorkerSettings {
    /// Whether it has that defect.
    pub(super) fn has(&self, defect: Defect) -> bool {
        self.defects.get(&defect).copied().unwrap_or_default()
    }
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

/// An answer that is given without a look at the event.
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
    /// What customers read.
    pub name: String,
    /// In whole units of the currency.
    pub price: f64,
    /// Uses in each month.
    pub limit: Limit,
    /// What `/api/tiers` says the limit is, where that is something else.
    #[serde(default)]
    pub announced_limit: Option<Limit>,
    /// Whether `/api/tiers` shows it.
    #[serde(default = "yes")]
    pub announced: bool,
    /// The variable that holds its price ID; a free tier has none.
    #[serde(default)]
    pub price_id: Option<String>,
    /// The status with which an order for it is refused.
    #[serde(default)]
    pub order_status: Option<u16>,
}

const fn yes() -> bool {
    true
}

/// How often something may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Limit {
    /// That often.
    Of(u64),
    /// As often as one likes.
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
    /// What is left of it, as the Worker writes it.
    pub(super) fn remaining(self, used: u64) -> Value {
        match self {
            Self::Of(limit) => json!(limit.saturating_sub(used)),
            Self::Unlimited(word) => json!(word),
        }
    }

    /// Whether one more use is within it.
    pub(super) fn admits(self, used: u64) -> bool {
        match self {
            Self::Of(limit) => used < limit,
            Self::Unlimited(_) => true,
        }
    }
}

/// How the Worker learns which tier was bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entitlement {
    /// From `plan` in the metadata of the product, and from the event where it names no product.
    ProductMetadata,
    /// From `tier` in the metadata of the subscription.
    SubscriptionMetadata,
}

/// How the Worker treats origins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrossOrigin {
    /// Only those on its list.
    #[default]
    AllowList,
    /// Everybody, by `*`.
    Wildcard,
    /// Everybody, by `*`, and says that cookies may come along.
    WildcardWithCredentials,
    /// Whoever asks is told that it may.
    Reflects,
    /// Those on its list, and every project on Vercel, as previews have such names; cookies may come along.
    AnyPreview,
}

/// What can be wrong with a Worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// An event without a signature is taken.
    AcceptsUnsigned,
    /// Any well-formed signature is taken.
    AcceptsWrongSignature,
    /// The signature's age does not matter.
    AcceptsStale,
    /// A signature that was right once is not compared with the body again.
    AcceptsTampered,
    /// A bad signature is answered with 200 and an error in the text.
    SwallowsBadSignatures,
    /// The body is parsed and written anew before its signature is verified.
    ReSerialises,
    /// Of several signatures only the first is looked at.
    ReadsFirstSignature,
    /// The library's synchronous function is called, which Workers cannot run.
    SynchronousCrypto,
    /// The webhook's address moved, and answers with a redirect.
    Redirects,
    /// A middleware sends everybody without a session to the sign-in page.
    LoginRedirect,
    /// A middleware refuses everybody without a session, in Clerk's words.
    LoginRefusal,
    /// A bot challenge stands in front.
    Challenge,
    /// A web site answers in its place.
    ServesWebSite,
    /// The webhook's route is not there.
    RouteMissing,
    /// The webhook's route wants another method.
    WrongMethod,
    /// The webhook's route breaks before it looks at anything.
    Breaks,
    /// Event types that it does not handle are refused.
    RefusesUnhandled,
    /// It takes its time over each event.
    Slow,
    /// It takes its time over each request, in middleware.
    SlowEverywhere,
    /// An exception for a bad signature is not caught: 500, with the library's words.
    ThrowsOnBadSignature,
    /// It never answers an event.
    Hangs,
    /// The second delivery of an event breaks it.
    NotIdempotent,
    /// Tokens that claim to need no signature are taken.
    AcceptsAlgorithmNone,
    /// Tokens signed with the public key as if it were a shared secret are taken.
    AcceptsPublicKeyAsSecret,
    /// Tokens are read and not verified.
    AcceptsForeignTokens,
    /// Nobody needs a token.
    Open,
    /// Checkout returns to whatever `Origin` was sent.
    TrustsOrigin,
    /// Checkout Sessions do not say who is paying.
    CheckoutWithoutUser,
    /// Checkout Sessions do not say for what.
    CheckoutWithoutTier,
    /// Checkout computes taxes, which is no defect where Stripe can.
    ComputesTaxes,
    /// Checkout makes a customer for whoever has none, and keeps nobody's.
    MakesCustomers,
    /// It starts without price IDs, and misses one when the tier is bought.
    LooksUpPricesLate,
}

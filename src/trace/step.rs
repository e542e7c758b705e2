//! What a trace consists of: links, what was seen of each, and where the path ends.

use jiff::Timestamp;

use super::mask::mask;
use crate::change::Fix;

/// One customer's path.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What was seen, in the order of the links.
    pub steps: Vec<Step>,
    /// Where the path ends.
    pub verdict: Verdict,
    /// How many requests were made.
    pub requests: usize,
}

/// Something that was seen of one link.
#[derive(Debug, Clone)]
pub struct Step {
    /// The link.
    pub link: Link,
    /// Whether it is as it should be.
    pub state: State,
    /// When it happened, if it has a time.
    pub at: Option<Timestamp>,
    /// What was seen.
    pub words: String,
}

/// A link between a customer's payment and what they get for it, in the order in which a purchase passes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Link {
    /// Stripe: the customer.
    Customer,
    /// Stripe: the Checkout Session.
    Checkout,
    /// Stripe: the subscription.
    Subscription,
    /// Stripe: the price, and the tier that it belongs to.
    Price,
    /// Stripe: the user, or the organization, that the subscription names.
    User,
    /// Stripe: the endpoint.
    Endpoint,
    /// Stripe: the events that the endpoint selects.
    Events,
    /// Stripe: the delivery of an event.
    Delivery,
    /// Clerk: the plan in public metadata.
    Metadata,
    /// Clerk: the claim in the user's token.
    Claim,
    /// The Worker: the tier that it grants.
    Worker,
}

/// Whether a link is as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Ok,
    /// It is not, but the customer is served anyway.
    Note,
    /// It is the first that is not.
    Broken,
    /// It could not be read.
    Unknown,
}

/// Where a customer's path ends.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// The customer has the tier. The sentence says which.
    Served(String),
    /// The customer has no tier and should have none. The sentence says why.
    NoTier(Link, String),
    /// A link is broken.
    Broken(Break),
    /// It could not be seen, and why.
    Unknown(String),
}

/// The first broken link.
#[derive(Debug, Clone)]
pub struct Break {
    /// The link.
    pub link: Link,
    /// What is wrong and what it does to the customer, in one sentence or two.
    pub message: String,
    /// How to fix it.
    pub fix: Fix,
}

impl Link {
    /// Every link, in order.
    pub const ALL: [Self; 11] = [
        Self::Customer,
        Self::Checkout,
        Self::Subscription,
        Self::Price,
        Self::User,
        Self::Endpoint,
        Self::Events,
        Self::Delivery,
        Self::Metadata,
        Self::Claim,
        Self::Worker,
    ];

    /// Its name: `checkout`, `metadata`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Checkout => "checkout",
            Self::Subscription => "subscription",
            Self::Price => "price",
            Self::User => "user",
            Self::Endpoint => "endpoint",
            Self::Events => "events",
            Self::Delivery => "delivery",
            Self::Metadata => "metadata",
            Self::Claim => "claim",
            Self::Worker => "worker",
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn system(self) -> &'static str {
        match self {
            Self::Metadata | Self::Claim => "Clerk",
            Self::Worker => "the Worker",
            _ => "Stripe",
        }
    }
}

impl State {
    /// Its word in the table.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
        }
    }
}

impl Verdict {
    /// The exit status: 0 if the customer has what is due, 1 if a link is broken, 2 if that could not be seen.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Served(_) | Self::NoTier(..) => 0,
            Self::Broken(_) => 1,
            Self::Unknown(_) => 2,
        }
    }
}

impl Trace {
    /// The same with every email address masked, so that it can be pasted into a ticket.
    #[must_use]
    pub fn masked(mut self) -> Self {
        let hide = |text: &mut String| *text = mask(text);
        self.steps.iter_mut().for_each(|step| hide(&mut step.words));
        match &mut self.verdict {
            Verdict::Served(words) | Verdict::NoTier(_, words) | Verdict::Unknown(words) => hide(words),
            Verdict::Broken(broken) => {
                hide(&mut broken.message);
                broken.fix.for_each_text(&hide);
            }
        }
        self
    }

    /// The links that were not looked at, because one before them is broken.
    pub fn not_checked(&self) -> impl Iterator<Item = Link> {
        let broken = if let Verdict::Broken(broken) = &self.verdict { Some(broken.link) } else { None };
        Link::ALL.into_iter().filter(move |link| broken.is_some_and(|broken| *link > broken && *link > Link::User))
    }
}

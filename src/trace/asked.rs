//! Who is traced: an ID, or an email address.

use std::fmt;
use std::str::FromStr;

use crate::pattern::patterns;
use crate::world::{CheckoutSessionId, CustomerId, EventId, OrganizationId, SubscriptionId, UserId};

patterns! {
    /// An ID inside a longer text, such as a page of a dashboard.
    INSIDE = "(?:user|org|cus|sub|cs_live|cs_test|evt)_[A-Za-z0-9]{6,}";
}

/// Who is traced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// A Clerk user.
    User(UserId),
    /// A Clerk organization.
    Organization(OrganizationId),
    /// An email address, which Clerk or Stripe may know.
    Email(String),
    /// A Stripe customer.
    Customer(CustomerId),
    /// A Stripe subscription.
    Subscription(SubscriptionId),
    /// A Checkout Session.
    Session(CheckoutSessionId),
    /// A Stripe event.
    Event(EventId),
}

/// Why a text names no customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotTraceable(String);

/// What can be traced, for a message.
const KINDS: &str = "a Clerk ID of a user (user_…) or an organization (org_…), an email address, or a Stripe ID of a customer (cus_…), subscription (sub_…), Checkout Session (cs_…) or event (evt_…)";
/// Other IDs and what to trace instead.
const OTHERS: [(&str, &str, &str); 13] = [
    ("in_", "an invoice", "the invoice's customer (cus_…)"),
    ("pi_", "a payment", "the payment's customer (cus_…)"),
    ("ch_", "a charge", "the charge's customer (cus_…)"),
    ("pm_", "a payment method", "its customer (cus_…)"),
    ("si_", "an item of a subscription", "its subscription (sub_…)"),
    ("price_", "a price", "one of its subscriptions (sub_…)"),
    ("prod_", "a product", "one of its subscriptions (sub_…)"),
    ("we_", "a webhook endpoint", "one of its events (evt_…)"),
    ("req_", "a request", "the customer of the request (cus_…)"),
    ("acct_", "an account", "one of its customers (cus_…)"),
    ("sess_", "a Clerk session", "the session's user (user_…)"),
    ("idn_", "an email address in Clerk", "its user (user_…)"),
    ("usr_", "not a Clerk user ID", "an ID that starts with user_"),
];
/// How much of an invalid text is repeated.
const SHOWN: usize = 60;
/// The longest email address.
const LONGEST_EMAIL: usize = 254;

impl FromStr for Asked {
    type Err = NotTraceable;

    fn from_str(text: &str) -> Result<Self, NotTraceable> {
        let text = text.trim();
        let parsed = match text.split_once('_').map_or("", |(prefix, _)| prefix) {
            "user" => UserId::parse(text).ok().map(Self::User),
            "org" => OrganizationId::parse(text).ok().map(Self::Organization),
            "cus" => CustomerId::parse(text).ok().map(Self::Customer),
            "sub" => SubscriptionId::parse(text).ok().map(Self::Subscription),
            "cs" => CheckoutSessionId::parse(text).ok().map(Self::Session),
            "evt" => EventId::parse(text).ok().map(Self::Event),
            _ => None,
        };
        parsed.or_else(|| email(text)).ok_or_else(|| NotTraceable(why(text)))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => id.fmt(formatter),
            Self::Organization(id) => id.fmt(formatter),
            Self::Email(email) => formatter.write_str(email),
            Self::Customer(id) => id.fmt(formatter),
            Self::Subscription(id) => id.fmt(formatter),
            Self::Session(id) => id.fmt(formatter),
            Self::Event(id) => id.fmt(formatter),
        }
    }
}

/// An email address. In Clerk's filter, a leading `+` or `-` has a meaning, so the first character is a letter or a digit.
fn email(text: &str) -> Option<Asked> {
    let (local, domain) = text.rsplit_once('@')?;
    let is_plain = |letter: char| !letter.is_control() && !letter.is_whitespace() && !"\"'<>@,;\\".contains(letter);
    let is_address = local.starts_with(char::is_alphanumeric)
        && text.len() <= LONGEST_EMAIL
        && local.chars().chain(domain.chars()).all(is_plain)
        && domain.split('.').count() > 1
        && domain.split('.').all(|label| !label.is_empty());
    is_address.then(|| Asked::Email(text.to_owned()))
}

fn why(text: &str) -> String {
    if ["sk_", "rk_", "pk_", "whsec_"].iter().any(|key| text.contains(key)) {
        return format!("that is a key, not a customer; expected {KINDS}");
    }
    if text.is_empty() {
        return format!("expected {KINDS}");
    }
    let mut shown: String = text.escape_debug().take(SHOWN).collect();
    if text.escape_debug().count() > SHOWN {
        shown.push('…');
    }
    let lower = text.to_lowercase();
    let inside = INSIDE.find(text).map(|found| found.as_str().to_owned());
    // Everything in the ID but its prefix may have capital letters.
    let prefix = text.split('_').next().unwrap_or_default();
    let recased = (prefix != prefix.to_lowercase()).then(|| text.replacen(prefix, &prefix.to_lowercase(), 1));
    let recased = recased.filter(|id| id.parse::<Asked>().is_ok());
    if let Some(id) = inside.or(recased).filter(|id| id != text) {
        return format!("`{shown}` is not an ID; did you mean `{id}`?");
    }
    if let Some((_, what, instead)) = OTHERS.iter().find(|(prefix, ..)| lower.starts_with(prefix)) {
        let is = if what.starts_with("not ") { "is" } else { "is the ID of" };
        return format!("`{shown}` {is} {what}; trace {instead} instead");
    }
    format!("`{shown}` names no customer; expected {KINDS}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        text.parse::<Asked>().unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_id_is_recognized() {
        for text in ["user_2abc", "org_2abc", "a+b@c.example", "cus_Q1", "sub_1Q", "cs_live_a1", "cs_test_a1", "evt_1Q"]
        {
            assert_eq!(text.parse::<Asked>().unwrap().to_string(), text);
        }
        assert_eq!(" cus_Q1\n".parse::<Asked>().unwrap().to_string(), "cus_Q1");
    }

    #[test]
    fn the_id_of_something_else_says_what_to_trace_instead() {
        assert_eq!(why("in_1Q"), "`in_1Q` is the ID of an invoice; trace the invoice's customer (cus_…) instead");
        assert_eq!(why("usr_1"), "`usr_1` is not a Clerk user ID; trace an ID that starts with user_ instead");
    }

    #[test]
    fn an_id_inside_a_page_or_in_capitals_is_suggested() {
        let page = "https://dashboard.stripe.com/customers/cus_QpanAda0000001";
        assert!(why(page).ends_with("did you mean `cus_QpanAda0000001`?"), "{}", why(page));
        assert!(why("CUS_Qabc").ends_with("did you mean `cus_Qabc`?"));
    }

    #[test]
    fn a_key_is_not_repeated() {
        assert!(!why("sk_live_51abcdef").contains("51abcdef"));
    }

    #[test]
    fn a_text_that_could_break_a_terminal_or_a_request_is_rejected_and_escaped() {
        for hostile in ["cus_1\u{1b}[31m", "\u{1b}]0;x\u{7}a@b.example", "a\u{202e}b", "cus_1/../x", "+a@b.example"] {
            let why = why(hostile);
            assert!(!why.chars().any(char::is_control) && !why.contains('\u{202e}'), "{why:?}");
        }
    }
}

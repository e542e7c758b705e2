//! What the text of a Worker's answer says: a session, a changed subscription, or Stripe's error.

use serde_json::Value;

use crate::config::Mode;
use crate::pattern::patterns;
use crate::world::id::CheckoutSessionId;
use crate::world::transport::Answer;

/// Why there is no session, if the answer says so: in the Worker's words, or in those of Stripe's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckoutProblem {
    /// The Worker's key is from the other mode.
    OtherMode,
    /// The Worker's key is from another account or sandbox: one of our own prices does not exist for it.
    OtherAccount,
    /// A price does not exist for the Worker's key.
    UnknownPrice(String),
    /// The Worker has no price ID for the tier.
    PriceUnset,
    /// The canary's customer does not exist for the Worker's key.
    UnknownCustomer(String),
    /// The portal configuration does not exist for the Worker's key.
    UnknownConfiguration(String),
    /// Stripe rejects the Worker's key.
    KeyRejected,
    /// Stripe cannot compute taxes.
    Tax,
    /// The session has what Managed Payments does not allow.
    ManagedPayments,
    /// The answer does not say.
    Unexplained,
}

/// How Workers and Stripe name a price ID.
macro_rules! price {
    () => {
        r"(?:price[ _-]?ids?|stripe[ _-]price(?-u:\w*)|line_items\[[0-9]+\]\[price\])"
    };
}

/// How Workers say that a value is not set.
macro_rules! unset {
    () => {
        r"(?-u:\b(?:no|missing|undefined|unset|empty|not (?:set|configured|defined|found))\b)"
    };
}

patterns! {
    SESSION = "cs_(?:live|test)_[A-Za-z0-9]{1,200}";
    STRIPE_ERROR = r"(?-u)No such [a-z_ ]{3,40}: '|\breq_[A-Za-z0-9]{8,40}\b|Stripe[A-Z]\w{2,40}Error|Received unknown parameter|You passed an empty string for";
    MANAGED_PAYMENTS = "(?i)managed payments";
    KEY_MODE = "a (live|test) mode key was used";
    NO_SUCH = "No such (price|plan|customer|configuration): '([^']*)'";
    UNSET_PRICE = concat!(r"(?i)", unset!(), r"[^.{}]{0,40}", price!());
    PRICE_UNSET = concat!(r"(?i)", price!(), r"[^.{}]{0,40}", unset!());
    SUBSCRIPTION = r"(?-u)\bsub_[A-Za-z0-9]{6,200}";
    NO_CHANGE = r#"(?-u)\bstripe\.com\b|"error"|"success"\s*:\s*false"#;
    CHANGE = r#"(?i-u)"subscription(?:_?id)?"\s*:\s*["{]|\b(?:updated|upgraded|downgraded|changed|switched|prorat\w*)\b|[?&]success=|"success"\s*:\s*true"#;
}

impl Answer {
    /// Whether it redirects to a Checkout Session.
    #[must_use]
    pub fn redirects_to_session(&self) -> bool {
        !self.is_success() && session_in(self).is_some()
    }

    /// Whether it passes on the words of Stripe's API: an error message, or the ID of a request.
    #[must_use]
    pub fn shows_stripe_error(&self) -> bool {
        STRIPE_ERROR.is_match(&self.text())
    }
}

/// The Checkout Session in an answer: Workers return its address, its ID, its client secret or several of these, or redirect
/// to it. An ID at the very end of a JSON text may be cut off and does not count.
pub(super) fn session_in(answer: &Answer) -> Option<CheckoutSessionId> {
    match answer.status {
        300..=399 => named_session(answer.header("location")?),
        _ => answer.is_success().then(|| named_session(&answer.text()))?,
    }
}

/// The Checkout Session in the value at a JSON pointer of an answer.
pub(super) fn session_at(answer: &Answer, pointer: &str) -> Option<CheckoutSessionId> {
    let Ok(body) = answer.json::<Value>() else { return None };
    named_session(body.pointer(pointer)?.as_str()?)
}

fn named_session(text: &str) -> Option<CheckoutSessionId> {
    let found = SESSION.find(text)?;
    let is_json = text.trim_start().starts_with(['{', '[', '"']);
    if is_json && found.end() == text.len() {
        return None;
    }
    CheckoutSessionId::parse(found.as_str()).ok()
}

/// A subscription that was created or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubscriptionChange {
    /// The answer names its ID.
    Named(String),
    /// The answer only says that there is one.
    Unnamed,
}

/// The change that a success without a Checkout Session shows. Workers of this stack change the subscription of a customer
/// who has one, and say so in many ways.
pub(super) fn change_in(text: &str) -> Option<SubscriptionChange> {
    if let Some(id) = SUBSCRIPTION.find(text) {
        return Some(SubscriptionChange::Named(id.as_str().to_owned()));
    }
    // On a Stripe page, such as the customer portal, customers make the change themselves; an error changes nothing.
    (!NO_CHANGE.is_match(text) && CHANGE.is_match(text)).then_some(SubscriptionChange::Unnamed)
}

/// How Stripe says that it does not take a key (docs/providers.md, "Stripe errors").
const REJECTED_KEY: [&str; 6] =
    ["Invalid API Key", "Expired API Key", "api_key_expired", "rak_", "publishable API key", "secret_key_required"];

/// The problem that an answer names, often in the words of Stripe's error (docs/providers.md, "Stripe errors"). `ours`
/// are the tier's price IDs.
pub(in crate::world::worker) fn problem_in(text: &str, wanted: Mode, ours: &[&str]) -> CheckoutProblem {
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if KEY_MODE.captures(text).is_some_and(|found| &found[1] != wanted.word()) {
        return CheckoutProblem::OtherMode;
    }
    // Its errors name parameters and taxes, too.
    if MANAGED_PAYMENTS.is_match(text) {
        return CheckoutProblem::ManagedPayments;
    }
    match NO_SUCH.captures(text).map(|found| (found[1].to_owned(), found[2].to_owned())) {
        Some((kind, id)) if kind == "customer" => CheckoutProblem::UnknownCustomer(id),
        Some((kind, id)) if kind == "configuration" => CheckoutProblem::UnknownConfiguration(id),
        Some((_, id)) if ours.contains(&id.as_str()) => CheckoutProblem::OtherAccount,
        Some((_, id)) => CheckoutProblem::UnknownPrice(id),
        None if says(&REJECTED_KEY) => CheckoutProblem::KeyRejected,
        None if says(&["automatic tax", "Stripe Tax"]) => CheckoutProblem::Tax,
        None if names_unset_price(text) => CheckoutProblem::PriceUnset,
        None => CheckoutProblem::Unexplained,
    }
}

/// Whether an answer says that the Worker has no price ID: in its own words, or in Stripe's for an empty one.
fn names_unset_price(text: &str) -> bool {
    PRICE_UNSET.is_match(text) || UNSET_PRICE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::{CheckoutProblem, SubscriptionChange, change_in, named_session, problem_in};
    use crate::config::Mode;
    use crate::world::id::PathId;

    fn problem(text: &str) -> CheckoutProblem {
        problem_in(text, Mode::Live, &["price_1ours"])
    }

    #[test]
    fn a_cut_off_id_does_not_count() {
        let whole = named_session(r#"{"url":"https://checkout.stripe.com/c/pay/cs_live_a1b2#fid"}"#);
        assert_eq!(whole.unwrap().as_str(), "cs_live_a1b2");
        assert_eq!(named_session("cs_live_a1b2").unwrap().as_str(), "cs_live_a1b2");
        assert_eq!(named_session(r#"{"url":"https://checkout.stripe.com/c/pay/cs_live_a1"#), None);
    }

    #[test]
    fn an_id_ends_where_its_letters_end() {
        let hostile = named_session(r#"{"sessionId":"cs_live_a1/../../../v1/refunds"}"#);
        assert_eq!(hostile.unwrap().as_str(), "cs_live_a1");
    }

    #[test]
    fn stripes_error_says_which_value_is_wrong() {
        let other = "No such price: 'price_1x'; a similar object exists in live mode, but a test mode key was used to make this request.";
        assert_eq!(problem(other), CheckoutProblem::OtherMode);
        let test = "No such price: 'price_1x'; a similar object exists in test mode, but a live mode key was used to make this request.";
        assert_eq!(problem(test), CheckoutProblem::UnknownPrice("price_1x".to_owned()));
        assert_eq!(problem("No such price: 'price_1ours'"), CheckoutProblem::OtherAccount);
        assert_eq!(problem("No such customer: 'cus_1'"), CheckoutProblem::UnknownCustomer("cus_1".to_owned()));
        assert_eq!(problem("Expired API Key provided: rk_live_***123"), CheckoutProblem::KeyRejected);
        let publishable = "This API call cannot be made with a publishable API key. Please use a secret API key.";
        assert_eq!(problem(publishable), CheckoutProblem::KeyRejected);
        assert_eq!(
            problem("You must have a valid head office address to enable automatic tax calculation"),
            CheckoutProblem::Tax
        );
        assert_eq!(
            problem("No such configuration: 'bpc_1test'; a similar object exists in test mode"),
            CheckoutProblem::UnknownConfiguration("bpc_1test".to_owned())
        );
        assert_eq!(problem("Internal error"), CheckoutProblem::Unexplained);
    }

    #[test]
    fn managed_payments_is_named_by_each_of_its_errors() {
        for text in [
            "automatic_tax cannot be used with Managed Payments, which is enabled by default on your account.",
            "Invalid line_items[0]: the product tax code is missing. Product tax code is required for managed payments, which \
             is enabled by default on your account.",
        ] {
            assert_eq!(problem(text), CheckoutProblem::ManagedPayments, "{text}");
        }
        assert_eq!(problem("Received unknown parameter: managed_payments"), CheckoutProblem::Unexplained);
    }

    #[test]
    fn workers_say_in_many_ways_that_a_price_id_is_not_set() {
        for text in [
            r#"{"error":"No price ID configured for tier: enterprise"}"#,
            r#"{"error":"STRIPE_PRICE_ID_ENTERPRISE is not set"}"#,
            r#"{"error":"Missing environment variable STRIPE_PRICE_ENTERPRISE"}"#,
            "You passed an empty string for 'line_items[0][price]'.",
        ] {
            assert_eq!(problem(text), CheckoutProblem::PriceUnset, "{text}");
        }
        for text in [r#"{"error":"Invalid price ID"}"#, r#"{"error":"User not found"}"#, "No such plan"] {
            assert_eq!(problem(text), CheckoutProblem::Unexplained, "{text}");
        }
    }

    #[test]
    fn an_answer_without_a_session_may_show_a_changed_subscription() {
        let named = change_in(r#"{"ok":1,"id":"sub_1Rlivecme7"}"#);
        assert_eq!(named, Some(SubscriptionChange::Named("sub_1Rlivecme7".to_owned())));
        for shown in [
            r#"{"url":"https://app.acme.com/dashboard?success=true"}"#,
            r#"{"message":"Plan upgraded"}"#,
            r#"{"subscription":{"status":"active"}}"#,
        ] {
            assert_eq!(change_in(shown), Some(SubscriptionChange::Unnamed), "{shown}");
        }
        for other in [
            r#"{"url":"https://billing.stripe.com/p/session/live_abc"}"#,
            r#"{"error":"Your plan was not changed"}"#,
            r#"{"status":"queued"}"#,
        ] {
            assert_eq!(change_in(other), None, "{other}");
        }
    }
}

//! IDs and names that may be part of a path. Each has a type that accepts only its own form.
//!
//! IDs come from responses, from user metadata and from the configuration, and none of these may choose a path:
//! `../users/user_…/ban` in place of a session ID would be a different request.

mod holder;
mod path;

use std::fmt;

use super::transport::Answer;
use crate::config::{Mode, Variable};
use crate::finding::NoAnswer;

pub use holder::HolderId;
pub(super) use path::{ApiPath, PathId};

/// The longest ID of any provider.
const MAX_LENGTH: usize = 255;
/// How many characters of an invalid ID are shown.
const SHOWN: usize = 80;

/// Text that does not have the form of the expected ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" is not {kind}")]
pub struct MalformedId {
    kind: &'static str,
    shown: String,
}

impl MalformedId {
    /// Why `answer` cannot be used: it contains an invalid ID.
    pub fn in_answer(&self, answer: &Answer) -> NoAnswer {
        let (party, status, request) = (answer.party.name(), answer.status, &answer.request);
        NoAnswer::unknown(format!("{party} returned {status} for {request} with an invalid ID: {self}"))
    }

    /// Why `place` cannot be used: it contains an invalid ID.
    pub fn in_place(&self, place: &str) -> NoAnswer {
        NoAnswer::unknown(format!("{place} contains an invalid ID: {self}"))
    }
}

/// Defines a type for each form of ID: a prefix, then letters and digits; or one safe path segment.
macro_rules! ids {
    ($($(#[$comment:meta])* $name:ident: $kind:literal, $template:literal, $form:expr;)+) => {$(
        $(#[$comment])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Parses an ID.
            ///
            /// # Errors
            /// If the text has another form.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                let form: fn(&str) -> bool = $form;
                if text.len() <= MAX_LENGTH && form(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(MalformedId { kind: $kind, shown: shown(text, SHOWN) })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl PathId for $name {
            const TEMPLATE: &'static str = $template;

            fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

ids! {
    /// A Clerk session.
    SessionId: "the ID of a Clerk session (sess_…)", "{session_id}", |text| follows(text, "sess_");
    /// A Clerk user.
    UserId: "the ID of a Clerk user (user_…)", "{user_id}", |text| follows(text, "user_");
    /// A Clerk organization.
    OrganizationId: "the ID of a Clerk organization (org_…)", "{organization_id}", |text| follows(text, "org_");
    /// A Clerk JWT template, by its name.
    TemplateName: "a name that can be part of a path", "{template_name}", is_segment;
    /// A Stripe Checkout Session.
    CheckoutSessionId: "the ID of a Checkout Session (cs_live_… or cs_test_…)", "{checkout_session_id}",
        |text| follows(text, "cs_live_") || follows(text, "cs_test_");
    /// A Stripe price. An old plan's ID can be any text (docs/providers.md, "Stripe keys and IDs").
    PriceId: "the ID of a price", "{price_id}", is_segment;
    /// A Stripe product. Its ID may be custom text.
    ProductId: "the ID of a product", "{product_id}", is_segment;
    /// A Stripe customer.
    CustomerId: "the ID of a customer (cus_…)", "{customer_id}", |text| follows(text, "cus_");
    /// A Stripe subscription.
    SubscriptionId: "the ID of a subscription (sub_…)", "{subscription_id}", |text| follows(text, "sub_");
    /// A Stripe event.
    EventId: "the ID of an event (evt_…)", "{event_id}", |text| follows(text, "evt_");
    /// A Stripe customer portal configuration.
    PortalConfigurationId: "the ID of a portal configuration (bpc_…)", "{portal_configuration_id}",
        |text| follows(text, "bpc_");
    /// A Cloudflare account.
    CloudflareAccountId: "the ID of a Cloudflare account (32 hexadecimal digits)", "{account_id}",
        |text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    /// A Cloudflare script, by its name.
    ScriptName: "a script name that can be part of a path", "{script_name}", is_segment;
}

impl CheckoutSessionId {
    /// The mode in the ID.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of_livemode(self.0.starts_with("cs_live_"))
    }
}

/// The ID in a variable.
///
/// # Errors
/// Blocked if the variable is unusable, and unknown if the value has another form.
pub(super) fn configured<I>(
    variable: &Variable<String>,
    parse: impl FnOnce(&str) -> Result<I, MalformedId>,
) -> Result<I, NoAnswer> {
    parse(super::usable(variable)?).map_err(|malformed| malformed.in_place(&variable.name))
}

/// Whether the text is `prefix` and then only letters and digits.
fn follows(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether the text is one path segment, even if it is decoded twice.
fn is_segment(text: &str) -> bool {
    let cuts = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '?' | '#' | '%');
    !text.is_empty() && !matches!(text, "." | "..") && !text.chars().any(cuts)
}

/// Outside text for a sentence or the journal: invisible characters are escaped, and it is cut after `most` characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut letters = text.chars();
    for letter in letters.by_ref().take(most) {
        if is_unseen(letter) {
            shown.extend(letter.escape_unicode());
        } else {
            shown.push(letter);
        }
    }
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Control characters, changes of writing direction, and zero-width characters.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || matches!(letter, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{
        ApiPath, CheckoutSessionId, CustomerId, PriceId, ProductId, ScriptName, SessionId, TemplateName, UserId, shown,
    };
    use crate::config::Mode;

    #[test]
    fn text_that_would_change_the_request_is_not_an_id() {
        let ban = "../users/user_1/ban";
        for hostile in [ban, "sess_1/../../users/user_1/ban", "sess_1?x=1", "sess_1#", "sess_%2e%2e", "sess_", ""] {
            assert!(SessionId::parse(hostile).is_err(), "{hostile}");
        }
        for hostile in [ban, "cs_live_a/../../refunds", "cs_live_", "cs_other_a1", "xcs_live_a1", "cs_live_a1\n"] {
            assert!(CheckoutSessionId::parse(hostile).is_err(), "{hostile}");
        }
        for hostile in ["cus_1/sources", "cus_1?expand[]=x", "../charges", "cus_1 ", "sub_1"] {
            assert!(CustomerId::parse(hostile).is_err(), "{hostile}");
        }
        assert!(UserId::parse(&format!("user_{}", "a".repeat(300))).is_err());
    }

    #[test]
    fn names_are_one_path_segment() {
        for hostile in [".", "..", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a\u{0}b", ""] {
            assert!(PriceId::parse(hostile).is_err() && ProductId::parse(hostile).is_err(), "{hostile}");
            assert!(TemplateName::parse(hostile).is_err() && ScriptName::parse(hostile).is_err(), "{hostile}");
        }
        let gold = PriceId::parse("gold é+1").unwrap();
        assert_eq!(ApiPath::new("/v1/prices/").id(&gold).as_str(), "/v1/prices/gold%20%C3%A9%2B1");
    }

    #[test]
    fn a_checkout_session_id_contains_its_mode() {
        assert_eq!(CheckoutSessionId::parse("cs_test_a1").unwrap().mode(), Mode::Test);
        assert_eq!(CheckoutSessionId::parse("cs_live_a1").unwrap().mode(), Mode::Live);
    }

    #[test]
    fn outside_text_is_escaped_and_cut() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b", 20), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(shown(&"x".repeat(100), 3), "xxx…");
        let malformed = SessionId::parse("../\u{7}").unwrap_err();
        assert_eq!(malformed.to_string(), "\"../\\u{7}\" is not the ID of a Clerk session (sess_…)");
    }
}

//! IDs and names that may stand in a path: each has a type that only its own form can make.
//!
//! An ID comes from an answer, from a user's metadata or from the configuration, and none of them is to be trusted with a
//! path: `../users/user_…/ban` in the place of a session ID would be a request of its own.

mod path;

use std::fmt;

use super::transport::Answer;
use crate::config::{Mode, Variable};
use crate::finding::NoAnswer;

pub(super) use path::{ApiPath, PathId};

/// No ID of any provider is longer.
const LONGEST: usize = 255;
/// So much of a text from outside is shown.
const SHOWN: usize = 80;

/// A text that has not the form of the ID that it ought to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" is not {kind}")]
pub struct MalformedId {
    kind: &'static str,
    shown: String,
}

impl MalformedId {
    /// That `answer` cannot be used, since it holds an ID of a wrong form.
    pub fn in_answer(&self, answer: &Answer) -> NoAnswer {
        let (party, status, request) = (answer.party.name(), answer.status, &answer.request);
        NoAnswer::unknown(format!("{party} answered {status} to {request} with an ID of a wrong form: {self}"))
    }

    /// That `place` holds an ID of a wrong form.
    pub fn in_place(&self, place: &str) -> NoAnswer {
        NoAnswer::unknown(format!("{place} holds an ID of a wrong form: {self}"))
    }
}

/// Makes a type of ID for each form: `prefix` and then letters and digits, or one safe segment.
macro_rules! ids {
    ($($(#[$comment:meta])* $name:ident: $kind:literal, $template:literal, $form:expr;)+) => {$(
        $(#[$comment])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// Reads an ID.
            ///
            /// # Errors
            /// Where the text has another form.
            pub fn parse(text: &str) -> Result<Self, MalformedId> {
                let form: fn(&str) -> bool = $form;
                if text.len() <= LONGEST && form(text) {
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
    /// A session of Clerk's.
    SessionId: "the ID of a Clerk session (sess_…)", "{session_id}", |text| follows(text, "sess_");
    /// A user of Clerk's.
    UserId: "the ID of a Clerk user (user_…)", "{user_id}", |text| follows(text, "user_");
    /// A JWT template of Clerk's, by the name that a person chose.
    TemplateName: "a name that can stand in a path", "{template_name}", is_segment;
    /// A Checkout Session of Stripe's.
    CheckoutSessionId: "the ID of a Checkout Session (cs_live_… or cs_test_…)", "{checkout_session_id}",
        |text| follows(text, "cs_live_") || follows(text, "cs_test_");
    /// A price of Stripe's; an old plan's ID can be any text (facts.md, A1).
    PriceId: "the ID of a price", "{price_id}", is_segment;
    /// A product of Stripe's, whose ID whoever made it may have chosen.
    ProductId: "the ID of a product", "{product_id}", is_segment;
    /// A customer of Stripe's.
    CustomerId: "the ID of a customer (cus_…)", "{customer_id}", |text| follows(text, "cus_");
    /// A subscription of Stripe's.
    SubscriptionId: "the ID of a subscription (sub_…)", "{subscription_id}", |text| follows(text, "sub_");
    /// A configuration of Stripe's customer portal.
    PortalConfigurationId: "the ID of a portal configuration (bpc_…)", "{portal_configuration_id}",
        |text| follows(text, "bpc_");
    /// An account of Cloudflare's.
    CloudflareAccountId: "the ID of a Cloudflare account (32 hexadecimal digits)", "{account_id}",
        |text| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    /// A script of Cloudflare's, by the name that a person chose.
    ScriptName: "a script's name that can stand in a path", "{script_name}", is_segment;
}

impl CheckoutSessionId {
    /// The mode that the ID names.
    #[must_use]
    pub fn mode(&self) -> Mode {
        Mode::of_livemode(self.0.starts_with("cs_live_"))
    }
}

/// The ID in a variable that `config/hygiene` has nothing against.
///
/// # Errors
/// Blocked by `config/hygiene` where it has, and unknown where the value has another form.
pub(super) fn configured<I>(
    variable: &Variable<String>,
    parse: impl FnOnce(&str) -> Result<I, MalformedId>,
) -> Result<I, NoAnswer> {
    parse(super::sound(variable)?).map_err(|malformed| malformed.in_place(&variable.name))
}

/// `prefix`, then letters and digits alone.
fn follows(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// One segment of a path, whoever reads it: decoded twice, it is still the same one.
fn is_segment(text: &str) -> bool {
    let cuts = |letter: char| letter.is_control() || matches!(letter, '/' | '\\' | '?' | '#' | '%');
    !text.is_empty() && !matches!(text, "." | "..") && !text.chars().any(cuts)
}

/// A text from outside, for a sentence or the journal: what no reader sees is written as an escape, and it is cut after
/// `most` letters.
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

/// Control characters, what turns the direction of writing, and what has no width.
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
    fn an_id_that_names_another_request_is_no_id() {
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
    fn what_people_name_is_one_segment_of_a_path() {
        for hostile in [".", "..", "a/b", "a\\b", "a?b", "a#b", "%2e%2e", "a\u{0}b", ""] {
            assert!(PriceId::parse(hostile).is_err() && ProductId::parse(hostile).is_err(), "{hostile}");
            assert!(TemplateName::parse(hostile).is_err() && ScriptName::parse(hostile).is_err(), "{hostile}");
        }
        let gold = PriceId::parse("gold é+1").unwrap();
        assert_eq!(ApiPath::new("/v1/prices/").id(&gold).as_str(), "/v1/prices/gold%20%C3%A9%2B1");
    }

    #[test]
    fn a_checkout_sessions_id_names_its_mode() {
        assert_eq!(CheckoutSessionId::parse("cs_test_a1").unwrap().mode(), Mode::Test);
        assert_eq!(CheckoutSessionId::parse("cs_live_a1").unwrap().mode(), Mode::Live);
    }

    #[test]
    fn a_text_from_outside_is_shown_escaped_and_bounded() {
        assert_eq!(shown("a\u{1b}[31m\u{202e}b", 20), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(shown(&"x".repeat(100), 3), "xxx…");
        let malformed = SessionId::parse("../\u{7}").unwrap_err();
        assert_eq!(malformed.to_string(), "\"../\\u{7}\" is not the ID of a Clerk session (sess_…)");
    }
}

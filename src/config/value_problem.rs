//! What is wrong with a value, seen without sending anything.

use super::stray::{bare, is_invisible, is_quote};
use super::{Kind, kind, placeholder};

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueProblem {
    /// It is not set, or empty.
    Missing,
    /// It has stray white space, a newline or a separator; completes "there is …": `a newline after it`.
    Whitespace(String),
    /// It is wrapped in quotes.
    Quotes,
    /// It is an example's text, never filled in.
    Placeholder,
    /// It is something else; completes "it is …": `a product ID`.
    WrongKind(String),
    /// It and the value of another variable are swapped; that variable's name.
    Swapped(String),
    /// It may be something else, and only using it can prove that; completes "it may be …".
    Doubtful(String),
}

impl ValueProblem {
    /// Whether the value may still be used.
    #[must_use]
    pub const fn is_warning(&self) -> bool {
        matches!(self, Self::Doubtful(_))
    }
}

/// Whether a value can be used as one of this kind.
pub(crate) fn fits(kind: Kind, value: &str) -> bool {
    find(kind, true, Some(value)).is_none_or(|problem| problem.is_warning())
}

/// The most serious problem of a value: a placeholder that ends in a newline must be replaced, not trimmed, and a product
/// ID in quotes is still a product ID without them.
pub(super) fn find(kind: Kind, required: bool, value: Option<&str>) -> Option<ValueProblem> {
    let Some(value) = value else { return required.then_some(ValueProblem::Missing) };
    let trimmed = value.trim_matches(is_invisible);
    let quoted = trimmed.starts_with(is_quote) || trimmed.ends_with(is_quote);
    let text = trimmed.trim_matches(is_quote);
    let (text, escape) = without_end(text.trim_matches(is_invisible));
    let bare = bare(text);
    if placeholder::is(text) {
        return Some(ValueProblem::Placeholder);
    }
    if let Some(instead) = kind::mismatch(kind, &bare) {
        return Some(ValueProblem::WrongKind(instead));
    }
    if quoted {
        return Some(ValueProblem::Quotes);
    }
    if let Some(place) = whitespace(value).or(escape) {
        return Some(ValueProblem::Whitespace(place));
    }
    kind::doubt(kind, &bare).map(ValueProblem::Doubtful)
}

/// What was copied along: a newline written as `\n` that never became one, or the separator of a list.
fn without_end(text: &str) -> (&str, Option<String>) {
    for (end, words) in [
        ("\\r\\n", "a literal \\r\\n"),
        ("\\n", "a literal \\n"),
        ("\\r", "a literal \\r"),
        (",", "a comma"),
        (";", "a semicolon"),
    ] {
        if let Some(text) = text.strip_suffix(end) {
            return (text, Some(format!("{words} after it")));
        }
    }
    (text, None)
}

/// White space before, after and inside a value, in words.
fn whitespace(value: &str) -> Option<String> {
    let core = value.trim_matches(is_invisible);
    let start = value.len() - value.trim_start_matches(is_invisible).len();
    let (before, after) = (&value[..start], &value[start + core.len()..]);
    let within: String = core.chars().filter(|letter| is_invisible(*letter)).collect();
    let parts = [(before, "before it"), (after, "after it"), (within.as_str(), "inside it")];
    let named: Vec<String> = parts
        .into_iter()
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, place)| format!("{} {place}", describe(text)))
        .collect();
    (!named.is_empty()).then(|| named.join(" and "))
}

/// Invisible characters by name.
fn describe(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let all_alike = letters.all(|letter| letter == first);
    let count = text.chars().count();
    let (one, several) = match first {
        _ if !all_alike => return format!("{count} characters of white space"),
        ' ' => ("a space", "spaces"),
        '\t' => ("a tab", "tabs"),
        '\n' => ("a newline", "newlines"),
        '\r' => ("a carriage return", "carriage returns"),
        '\u{a0}' => ("a no-break space", "no-break spaces"),
        '\u{200b}' => ("a zero-width space", "zero-width spaces"),
        '\u{feff}' => ("a byte order mark", "byte order marks"),
        other => {
            let code = format!("U+{:04X}", u32::from(other));
            return if count == 1 {
                format!("an invisible character ({code})")
            } else {
                format!("{count} invisible characters ({code})")
            };
        }
    };
    if count == 1 { one.to_owned() } else { format!("{count} {several}") }
}

#[cfg(test)]
mod tests {
    use super::{Kind, ValueProblem, find};
    use crate::config::sample::{CLERK_PUBLISHABLE, CLERK_SECRET, STRIPE_SECRET};

    fn problem(kind: Kind, value: &str) -> Option<ValueProblem> {
        find(kind, true, Some(value))
    }

    fn instead(kind: Kind, value: &str) -> String {
        match problem(kind, value) {
            Some(ValueProblem::WrongKind(instead)) => instead,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn good_values_have_no_problem() {
        let legacy = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
        for (kind, value) in [
            (Kind::StripeSecretKey, STRIPE_SECRET),
            (Kind::StripeSecretKey, legacy),
            (Kind::StripeSecretKey, "rk_live_51PgafTB7WZ01zgkWr8Yp2QmZt4LkWv7RbNc"),
            (Kind::StripePublishableKey, "pk_live_51PgafTB7WZ01zgkWr8Yp2QmZt4LkWv7RbNc"),
            (Kind::StripeWebhookSecret, "whsec_r8Yp2QmZt4LkWv7RbNcYd3fGh5JkMnPq"),
            (Kind::StripePriceId, "price_1PgafTB7WZ01zgkWr8Yp2QmZ"),
            (Kind::StripePriceId, "gold"),
            (Kind::StripePriceId, "plan_ABC"),
            (Kind::StripePortalConfigurationId, "bpc_1PgafTB7WZ01zgkWr8Yp2QmZ"),
            (Kind::ClerkSecretKey, CLERK_SECRET),
            (Kind::ClerkPublishableKey, CLERK_PUBLISHABLE),
            (Kind::ClerkUserId, "user_2r8Yp2QmZt4LkWv7RbNcYd3fGh5"),
            (Kind::CloudflareAccountId, "0123456789abcdef0123456789abcdef"),
            (Kind::CloudflareApiToken, "r8Yp2QmZt4-kWv7RbNcYd3fGh5JkMnPqStUv_xYz"),
        ] {
            assert_eq!(problem(kind, value), None, "{value}");
        }
    }

    #[test]
    fn a_required_value_that_is_not_set_is_missing() {
        assert_eq!(find(Kind::StripeSecretKey, true, None), Some(ValueProblem::Missing));
        assert_eq!(find(Kind::StripeSecretKey, false, None), None);
    }

    #[test]
    fn white_space_is_reported_with_its_place() {
        for (stray, expected) in [
            ("{}\n", "a newline after it"),
            ("{}\r\n", "a newline after it"),
            ("  {}", "2 spaces before it"),
            (" {}\n", "a space before it and a newline after it"),
            ("{}\u{a0}", "a no-break space after it"),
            ("\u{feff}{}", "a byte order mark before it"),
            ("{} \t", "2 characters of white space after it"),
            ("{}\u{7}", "an invisible character (U+0007) after it"),
            ("{}\\n", "a literal \\n after it"),
            ("{},", "a comma after it"),
            ("{};", "a semicolon after it"),
        ] {
            let value = stray.replace("{}", STRIPE_SECRET);
            assert_eq!(
                problem(Kind::StripeSecretKey, &value),
                Some(ValueProblem::Whitespace(expected.to_owned())),
                "{stray:?}"
            );
        }
        let within = Some(ValueProblem::Whitespace("a newline inside it".to_owned()));
        assert_eq!(problem(Kind::CloudflareAccountId, "0123456789abcdef\n0123456789abcdef"), within);
    }

    #[test]
    fn quotes_of_every_kind_are_reported() {
        for quoted in ["\"{}\"", "'{}'", "“{}”", "\"{}", "{}'", " \"{}\"\n"] {
            let value = quoted.replace("{}", STRIPE_SECRET);
            assert_eq!(problem(Kind::StripeSecretKey, &value), Some(ValueProblem::Quotes), "{quoted}");
        }
    }

    #[test]
    fn a_placeholder_is_only_a_placeholder() {
        for value in ["sk_live_YOUR_KEY_HERE", "\"<your key>\"", "xxx\n", "pk_live_xxx", "your key here"] {
            assert_eq!(problem(Kind::StripeSecretKey, value), Some(ValueProblem::Placeholder), "{value}");
        }
    }

    #[test]
    fn the_wrong_kind_is_named() {
        use Kind::{ClerkPublishableKey, ClerkSecretKey, ClerkUserId, CloudflareApiToken, StripePriceId};
        use Kind::{StripePortalConfigurationId, StripePublishableKey, StripeSecretKey, StripeWebhookSecret};
        for (kind, value, expected) in [
            (StripeSecretKey, "pk_live_51PgafTB7WZ01zgkW", "a publishable key"),
            (StripeSecretKey, "whsec_r8Yp2QmZt4LkWv7RbNcY", "a webhook's signing secret"),
            (StripeSecretKey, "rkcs_test_r8Yp2QmZt4", "a key of a temporary sandbox of the Stripe CLI"),
            (StripeSecretKey, "oak_r8Yp2QmZt4", "an access key of the Stripe CLI's sign-in"),
            (StripeSecretKey, "sk_live_51Pg...c3D4", "a shortened value from a dashboard; copy all of it"),
            (StripeSecretKey, "hello", "something else"),
            (StripePublishableKey, STRIPE_SECRET, "a secret key"),
            (StripePublishableKey, CLERK_PUBLISHABLE, "Clerk's publishable key"),
            (StripeWebhookSecret, "we_1PgafTB7WZ01zgkW", "a webhook endpoint ID"),
            (StripeWebhookSecret, STRIPE_SECRET, "a secret key"),
            (StripeWebhookSecret, "https://api.acme.com", "a URL"),
            (StripePriceId, "prod_Qx1PgafTB7WZ01", "a product ID"),
            (StripePriceId, "https://buy.stripe.com/x", "a URL"),
            (StripePortalConfigurationId, "price_1PgafTB7WZ01", "a price ID"),
            (ClerkSecretKey, STRIPE_SECRET, "Stripe's secret key"),
            (ClerkSecretKey, "rk_live_51PgafTB7WZ01", "a restricted key of Stripe"),
            (ClerkPublishableKey, "pk_live_51PgafTB7WZ01zgkW", "Stripe's publishable key"),
            (ClerkPublishableKey, CLERK_SECRET, "a secret key"),
            (ClerkUserId, "ana@acme.com", "an email address"),
            (ClerkUserId, "cus_Qx1PgafTB7WZ01", "a Stripe customer ID"),
        ] {
            assert_eq!(instead(kind, value), expected, "{value}");
        }
        assert!(instead(StripeSecretKey, "sk_org_live_r8Yp2QmZt4").starts_with("an organization's key"));
        assert!(instead(StripeWebhookSecret, "whsec_r8Yp2QmZ+4LkWv7R/NcYd3fGh5JkMnP=").contains("Svix"));
        assert!(instead(ClerkPublishableKey, "pk_live_Y2xlcmsuYWNtZS5jb20").contains("without a host"));
        assert!(instead(CloudflareApiToken, "0123456789abcdef0123456789abcdef").contains("32 hexadecimal digits"));
    }

    #[test]
    fn a_whole_line_or_header_is_the_wrong_kind() {
        let line = format!("STRIPE_SECRET_KEY={STRIPE_SECRET}");
        assert!(instead(Kind::StripeSecretKey, &line).starts_with("a whole line of an env file"));
        assert!(instead(Kind::CloudflareApiToken, "Bearer r8Yp2QmZt4LkWv7RbNc").contains("Authorization header"));
    }

    #[test]
    fn of_two_problems_the_more_serious_one_is_reported() {
        assert_eq!(instead(Kind::StripePriceId, "\"prod_Qx1PgafTB7WZ01\"\n"), "a product ID");
    }

    #[test]
    fn a_secret_of_the_stripe_cli_is_a_warning() {
        let value = format!("whsec_{}", "0123456789abcdef".repeat(4));
        let problem = problem(Kind::StripeWebhookSecret, &value).unwrap();
        assert!(
            problem.is_warning()
                && matches!(&problem, ValueProblem::Doubtful(words) if words.contains("stripe listen")),
            "{problem:?}"
        );
    }
}

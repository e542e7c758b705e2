//! What is wrong with a value, before anybody is asked.
//!
//! A value has at most one slip: the gravest. A placeholder that ends in a line end has to be replaced, not trimmed; a
//! product ID in quotes stays a product ID without them.

use super::form::{self, bare, is_invisible, is_quote};
use super::{Kind, Slip, placeholder};

/// Whether there is nothing in a value but what does not belong there.
pub(super) fn is_empty(value: &str) -> bool {
    bare(value).is_empty()
}

/// The slips of a value; none where it is as it should be, or optional and not set.
pub(super) fn slips(kind: Kind, required: bool, value: Option<&str>) -> Vec<Slip> {
    let slip = match value {
        None if required => Some(Slip::Missing),
        None => None,
        Some(value) => slip(kind, value),
    };
    slip.into_iter().collect()
}

fn slip(kind: Kind, value: &str) -> Option<Slip> {
    let trimmed = value.trim_matches(is_invisible);
    let quoted = trimmed.starts_with(is_quote) || trimmed.ends_with(is_quote);
    let text = trimmed.trim_matches(is_quote);
    let (text, escape) = without_escape(text.trim_matches(is_invisible));
    let bare = bare(text);
    if placeholder::is(text) {
        return Some(Slip::Placeholder);
    }
    if let Some(instead) = form::wrong(kind, &bare) {
        return Some(Slip::WrongKind(instead));
    }
    if quoted {
        return Some(Slip::Quotes);
    }
    if let Some(where_it_is) = whitespace(value).or(escape) {
        return Some(Slip::Whitespace(where_it_is));
    }
    form::doubtful(kind, &bare).map(Slip::Doubtful)
}

/// A line end that was written as `\n`, and never became one.
fn without_escape(text: &str) -> (&str, Option<String>) {
    for escape in ["\\r\\n", "\\n", "\\r"] {
        if let Some(text) = text.strip_suffix(escape) {
            return (text, Some(format!("the letters {escape} after it, where a line end was meant or none")));
        }
    }
    (text, None)
}

/// White space before, after and within a value, in words.
fn whitespace(value: &str) -> Option<String> {
    let core = value.trim_matches(is_invisible);
    let start = value.len() - value.trim_start_matches(is_invisible).len();
    let (before, after) = (&value[..start], &value[start + core.len()..]);
    let within: String = core.chars().filter(|letter| is_invisible(*letter)).collect();
    let parts = [(before, "before it"), (after, "after it"), (within.as_str(), "within it")];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, place)| format!("{} {place}", named(text)))
        .collect();
    (!told.is_empty()).then(|| told.join(" and "))
}

/// Invisible characters by their names; of several kinds, the first.
fn named(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let all_alike = letters.all(|letter| letter == first);
    let count = text.chars().count();
    let (one, several) = match first {
        _ if !all_alike => return format!("{count} characters of white space"),
        ' ' => ("a space", "spaces"),
        '\t' => ("a tab", "tabs"),
        '\n' => ("a line end", "line ends"),
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
    use super::{Kind, Slip, slips};
    use crate::config::sample::{CLERK_PUBLISHABLE, CLERK_SECRET, STRIPE_SECRET};

    fn slip(kind: Kind, value: &str) -> Option<Slip> {
        slips(kind, true, Some(value)).pop()
    }

    fn instead(kind: Kind, value: &str) -> String {
        match slip(kind, value) {
            Some(Slip::WrongKind(instead)) => instead,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn good_values_have_no_slip() {
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
            assert_eq!(slip(kind, value), None, "{value}");
        }
    }

    #[test]
    fn what_is_required_and_not_set_is_missing() {
        assert_eq!(slips(Kind::StripeSecretKey, true, None), [Slip::Missing]);
        assert_eq!(slips(Kind::StripeSecretKey, false, None), []);
    }

    #[test]
    fn white_space_is_told_with_its_place() {
        for (stray, told) in [
            ("{}\n", "a line end after it"),
            ("{}\r\n", "a line end after it"),
            ("  {}", "2 spaces before it"),
            (" {}\n", "a space before it and a line end after it"),
            ("{}\u{a0}", "a no-break space after it"),
            ("\u{feff}{}", "a byte order mark before it"),
            ("{} \t", "2 characters of white space after it"),
            ("{}\u{7}", "an invisible character (U+0007) after it"),
            ("{}\\n", "the letters \\n after it, where a line end was meant or none"),
        ] {
            let value = stray.replace("{}", STRIPE_SECRET);
            assert_eq!(slip(Kind::StripeSecretKey, &value), Some(Slip::Whitespace(told.to_owned())), "{stray:?}");
        }
        let within = Some(Slip::Whitespace("a line end within it".to_owned()));
        assert_eq!(slip(Kind::CloudflareAccountId, "0123456789abcdef\n0123456789abcdef"), within);
    }

    #[test]
    fn quotes_of_every_kind_are_told() {
        for quoted in ["\"{}\"", "'{}'", "“{}”", "\"{}", "{}'", " \"{}\"\n"] {
            let value = quoted.replace("{}", STRIPE_SECRET);
            assert_eq!(slip(Kind::StripeSecretKey, &value), Some(Slip::Quotes), "{quoted}");
        }
    }

    #[test]
    fn a_placeholder_is_nothing_else_as_well() {
        for value in ["sk_live_YOUR_KEY_HERE", "\"<your key>\"", "xxx\n", "pk_live_xxx", "your key here"] {
            assert_eq!(slip(Kind::StripeSecretKey, value), Some(Slip::Placeholder), "{value}");
        }
    }

    #[test]
    fn the_wrong_kind_is_named() {
        use Kind::{ClerkPublishableKey, ClerkSecretKey, ClerkUserId, CloudflareApiToken, StripePriceId};
        use Kind::{StripePortalConfigurationId, StripePublishableKey, StripeSecretKey, StripeWebhookSecret};
        for (kind, value, told) in [
            (StripeSecretKey, "pk_live_51PgafTB7WZ01zgkW", "a publishable key"),
            (StripeSecretKey, "whsec_r8Yp2QmZt4LkWv7RbNcY", "a webhook's signing secret"),
            (StripeSecretKey, "rkcs_test_r8Yp2QmZt4", "a key of a temporary sandbox of the Stripe CLI"),
            (StripeSecretKey, "oak_r8Yp2QmZt4", "an access key of the Stripe CLI's sign-in"),
            (StripeSecretKey, "sk_live_51Pg...c3D4", "an abbreviation, as a dashboard shows it; copy the whole"),
            (StripeSecretKey, "hello", "not a secret key of Stripe, sk_live_… or rk_live_…"),
            (StripePublishableKey, STRIPE_SECRET, "a secret key"),
            (StripePublishableKey, CLERK_PUBLISHABLE, "Clerk's publishable key"),
            (StripeWebhookSecret, "we_1PgafTB7WZ01zgkW", "the ID of a webhook endpoint"),
            (StripeWebhookSecret, STRIPE_SECRET, "a secret key"),
            (StripeWebhookSecret, "https://api.acme.com", "a URL"),
            (StripePriceId, "prod_Qx1PgafTB7WZ01", "a product ID"),
            (StripePriceId, "https://buy.stripe.com/x", "a URL"),
            (StripePortalConfigurationId, "price_1PgafTB7WZ01", "a price ID"),
            (ClerkSecretKey, STRIPE_SECRET, "Stripe's secret key"),
            (ClerkSecretKey, "rk_live_51PgafTB7WZ01", "a restricted key of Stripe"),
            (ClerkPublishableKey, "pk_live_51PgafTB7WZ01zgkW", "Stripe's publishable key"),
            (ClerkPublishableKey, CLERK_SECRET, "a secret key"),
            (ClerkUserId, "ana@acme.com", "an e-mail address"),
            (ClerkUserId, "cus_Qx1PgafTB7WZ01", "the ID of a Stripe customer"),
        ] {
            assert_eq!(instead(kind, value), told, "{value}");
        }
        assert!(instead(StripeSecretKey, "sk_org_live_r8Yp2QmZt4").starts_with("an organization's key"));
        assert!(instead(StripeWebhookSecret, "whsec_r8Yp2QmZ+4LkWv7R/NcYd3fGh5JkMnP=").contains("Svix"));
        assert!(instead(ClerkPublishableKey, "pk_live_Y2xlcmsuYWNtZS5jb20").contains("names no host"));
        assert!(instead(CloudflareApiToken, "0123456789abcdef0123456789abcdef").contains("32 hexadecimal digits"));
    }

    #[test]
    fn a_whole_line_or_header_is_the_wrong_kind() {
        let line = format!("STRIPE_SECRET_KEY={STRIPE_SECRET}");
        assert!(instead(Kind::StripeSecretKey, &line).starts_with("a whole line of an env file"));
        assert!(instead(Kind::CloudflareApiToken, "Bearer r8Yp2QmZt4LkWv7RbNc").contains("Authorization header"));
    }

    #[test]
    fn of_two_slips_the_graver_is_told() {
        assert_eq!(instead(Kind::StripePriceId, "\"prod_Qx1PgafTB7WZ01\"\n"), "a product ID");
    }

    #[test]
    fn a_secret_of_the_stripe_cli_is_a_warning() {
        let value = format!("whsec_{}", "0123456789abcdef".repeat(4));
        let slip = slip(Kind::StripeWebhookSecret, &value).unwrap();
        assert!(
            slip.is_warning() && matches!(&slip, Slip::Doubtful(told) if told.contains("stripe listen")),
            "{slip:?}"
        );
    }
}

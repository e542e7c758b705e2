//! What secrets look like: the one list for redaction, the search for exposed secrets, and the check of values.

use std::sync::LazyLock;

use regex::Regex;

use super::stray::bare;
use crate::pattern::compiled;

/// Who issued a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Issuer {
    /// A secret or restricted key of Stripe.
    Stripe,
    /// A secret key of Clerk.
    Clerk,
    /// The signing secret of a webhook endpoint.
    Webhook,
    /// A token of Cloudflare.
    Cloudflare,
    /// Another service.
    Other,
}

/// A prefix that marks a secret.
#[derive(Debug)]
pub(super) struct Prefix {
    /// The prefix itself: it names the kind and the mode, and is not secret.
    pub text: &'static str,
    /// What it is; completes "it is …".
    pub words: &'static str,
    /// Who issued it. `None`: Stripe and Clerk use the same prefix.
    issuer: Option<Issuer>,
    /// A pattern for each character after the prefix.
    letters: &'static str,
}

const KEY: &str = "[A-Za-z0-9_]";

const ORGANIZATION: &str = "an organization's key, which preflight does not support: use a key of the account itself";

/// Stripe's and Clerk's, longer ones first (docs/providers.md, "Stripe keys and IDs" and "Clerk keys and API conventions").
pub(super) const PREFIXES: [Prefix; 12] = [
    Prefix { text: "sk_org_live_", words: ORGANIZATION, issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix { text: "sk_org_test_", words: ORGANIZATION, issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix { text: "rk_org_live_", words: ORGANIZATION, issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix { text: "rk_org_test_", words: ORGANIZATION, issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix { text: "sk_org_", words: ORGANIZATION, issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix {
        text: "rkcs_",
        words: "a key of a temporary sandbox of the Stripe CLI",
        issuer: Some(Issuer::Stripe),
        letters: KEY,
    },
    Prefix {
        text: "oak_",
        words: "an access key of the Stripe CLI's sign-in",
        issuer: Some(Issuer::Stripe),
        letters: KEY,
    },
    Prefix { text: "sk_live_", words: "a secret key", issuer: None, letters: KEY },
    Prefix { text: "sk_test_", words: "a secret key", issuer: None, letters: KEY },
    Prefix { text: "rk_live_", words: "a restricted key of Stripe", issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix { text: "rk_test_", words: "a restricted key of Stripe", issuer: Some(Issuer::Stripe), letters: KEY },
    Prefix {
        text: "whsec_",
        words: "a webhook's signing secret",
        issuer: Some(Issuer::Webhook),
        letters: "[A-Za-z0-9+/_-]",
    },
];

/// Secrets of other services. The first group is the secret.
const OTHERS: [&str; 4] = [
    r"(-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----(?:\\r|\\n|\s)*[A-Za-z0-9+/=]{40,})",
    r"(gh[pousr]_[A-Za-z0-9]{36,})",
    r"(sk-(?:proj|svcacct|ant)-[A-Za-z0-9_-]{32,})",
    r"(SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43})",
];

/// Credentials without a prefix: a JWT, a bearer token, the password in a URL. Public pages have such tokens, so these are
/// hidden but are not leaks.
const CREDENTIALS: [&str; 3] = [
    r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?)",
    r"[Bb][Ee][Aa][Rr][Ee][Rr](?:[ \t]+|%20|\+)([A-Za-z0-9._~+/-]{20,}=*)",
    r#"://[^ \t\n/:@"']*:([^ \t\n/@"']+)@"#,
];

/// What may come before a secret: nothing that could be part of the same word. In nested text, an escaped newline or an
/// encoded character looks like letters.
const BEFORE: &str = r"(?:^|[^A-Za-z0-9_]|\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2})";

/// Everything that must be hidden, even if cut short. The first group is the secret.
pub(super) static HIDDEN: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    // With one pattern for all keys a text is read once for them.
    let keys = PREFIXES.iter().map(|prefix| format!("{}{}{{8,}}=*", prefix.text, prefix.letters));
    let keys = format!("{BEFORE}({})", keys.collect::<Vec<_>>().join("|"));
    std::iter::once(keys.as_str()).chain(OTHERS).chain(CREDENTIALS).map(compiled).collect()
});

/// A complete secret, and who issued it. The first group is the secret.
pub(super) static WHOLE: LazyLock<Vec<(Regex, Option<Issuer>)>> = LazyLock::new(|| {
    let keys = PREFIXES.iter().map(|prefix| {
        let rest = match prefix.issuer {
            Some(Issuer::Webhook) => "[A-Za-z0-9+/]{24,}={0,2}",
            // The mode of a temporary sandbox's key is not always there.
            _ if prefix.text == "rkcs_" => "(?:live_|test_)?[A-Za-z0-9]{24,}",
            _ => "[A-Za-z0-9]{24,}",
        };
        (compiled(&format!("{BEFORE}({}{rest})", prefix.text)), prefix.issuer)
    });
    // Nothing else looks like the first line of a private key, whatever comes before it.
    let others = OTHERS.iter().map(|shape| {
        let before = if shape.starts_with("(-") { "" } else { BEFORE };
        (compiled(&format!("{before}{shape}")), Some(Issuer::Other))
    });
    keys.chain(others).collect()
});

/// The prefix that marks a value as a secret.
pub(super) fn prefix_of(value: &str) -> Option<&'static Prefix> {
    PREFIXES.iter().find(|prefix| value.starts_with(prefix.text))
}

/// Whether a value has the prefix of a secret.
pub(crate) fn is_secret(value: &str) -> bool {
    prefix_of(&bare(value)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(WHOLE.len(), PREFIXES.len() + OTHERS.len());
        assert_eq!(HIDDEN.len(), 1 + OTHERS.len() + CREDENTIALS.len());
    }

    #[test]
    fn a_longer_prefix_comes_before_a_shorter_one() {
        for (at, prefix) in PREFIXES.iter().enumerate() {
            assert!(PREFIXES[..at].iter().all(|earlier| !prefix.text.starts_with(earlier.text)), "{}", prefix.text);
        }
    }

    #[test]
    fn every_kind_of_secret_is_hidden_and_is_a_leak() {
        let body = "Qm2ZkR7vLb3NcYd8WpXqTuA1s5fTaDe9";
        for prefix in &PREFIXES {
            let text = format!("x=\"{}{body}\"", prefix.text);
            assert!(HIDDEN.iter().any(|shape| shape.is_match(&text)), "{text}");
            assert!(WHOLE.iter().any(|(shape, _)| shape.is_match(&text)), "{text}");
        }
    }
}

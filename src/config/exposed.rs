//! Secrets in a public text: the ones in this configuration, and anything in the format of one.

use super::secret_formats::{Issuer, WHOLE, is_secret};
use super::{Config, Secret, Variable, account_of, is_placeholder};

/// A secret in a text.
#[derive(Debug, Clone)]
pub struct Exposed {
    /// Who issued it.
    pub issuer: Issuer,
    /// The secret.
    pub secret: Secret,
    /// The variable that holds it; `None` if it is not in this configuration.
    pub variable: Option<String>,
    /// Its offset in the text, in bytes.
    pub at: usize,
}

/// The bodies of keys in Stripe's public documentation, which libraries repeat.
const PRINTED_BY_STRIPE: [&str; 3] =
    ["4eC39HqLyjWDarjtT1zdp7dc", "BQokikJOvBiI2HlWgH4olfQ2", "26PHem9AhJZvU623DfE1x4sd"];

/// The most of one kind that are reported for one text.
const MOST: usize = 200;

/// Every secret in `text`, in order: the ones in `config`, in plain text or base64, and anything in the format of one. Not
/// what a program says about secrets: a bare prefix, an example, a placeholder.
#[must_use]
pub fn exposed(text: &str, config: &Config) -> Vec<Exposed> {
    let mut found: Vec<Exposed> = ours(config)
        .flat_map(|(issuer, variable, secret)| {
            let places = secret.find_in(text).into_iter().take(MOST);
            places.map(move |at| Exposed { issuer, secret: secret.clone(), variable: variable.clone(), at })
        })
        .collect();
    for (shape, issuer) in WHOLE.iter() {
        let most = found.len() + MOST;
        for shown in shape.captures_iter(text).filter_map(|captures| captures.get(1)) {
            if found.len() >= most {
                break;
            }
            let known = found.iter().any(|known| shown.range().contains(&known.at));
            if !known && (*issuer == Some(Issuer::Other) || is_plausible(shown.as_str())) {
                let issuer = issuer.unwrap_or_else(|| issuer_of(shown.as_str()));
                found.push(Exposed { issuer, secret: Secret::new(shown.as_str()), variable: None, at: shown.start() });
            }
        }
    }
    found.sort_by_key(|exposed| exposed.at);
    found
}

fn ours(config: &Config) -> impl Iterator<Item = (Issuer, Option<String>, &Secret)> {
    let token = config.cloudflare.as_ref().map(|cloudflare| (Issuer::Cloudflare, &cloudflare.api_token));
    let named = [
        (Issuer::Stripe, &config.stripe.secret_key),
        (Issuer::Stripe, &config.stripe.test_secret_key),
        (Issuer::Clerk, &config.clerk.secret_key),
        (Issuer::Webhook, &config.stripe.webhook_secret),
    ];
    // A publishable key in place of a secret key is not a secret.
    let named = named.into_iter().chain(token).filter_map(|(issuer, variable): (Issuer, &Variable<Secret>)| {
        let secret = variable.value.as_ref()?;
        let is_secret = variable.is_usable() || secret.lend(is_secret);
        is_secret.then(|| (issuer, Some(variable.name.clone()), secret))
    });
    named.chain(config.misplaced.iter().map(|secret| (Issuer::Other, None, secret)))
}

/// Whether it is random, and not an example.
fn is_plausible(key: &str) -> bool {
    let body = body(key);
    let mut letters: Vec<u8> = body.bytes().collect();
    letters.sort_unstable();
    letters.dedup();
    let mixed = letters.iter().any(u8::is_ascii_digit) && letters.iter().any(u8::is_ascii_alphabetic);
    letters.len() >= 10 && mixed && !is_placeholder(key) && !PRINTED_BY_STRIPE.contains(&body)
}

/// Stripe and Clerk use one prefix. Stripe's keys begin with `51` and the account, or are old and short
/// (docs/providers.md, "Stripe keys and IDs" and "Clerk keys and API conventions").
fn issuer_of(key: &str) -> Issuer {
    let of_stripe =
        key.starts_with("rk_") || key.contains("_org_") || account_of(key).is_some() || body(key).len() <= 32;
    if of_stripe { Issuer::Stripe } else { Issuer::Clerk }
}

fn body(key: &str) -> &str {
    key.rsplit('_').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::{Exposed, Issuer, exposed};
    use crate::config::sample;

    fn found(text: &str) -> Vec<Issuer> {
        let config = sample::loaded(sample::MINIMAL);
        exposed(text, &config).into_iter().map(|Exposed { issuer, .. }| issuer).collect()
    }

    /// Written in two halves, so that no scanner takes this file for a leak.
    fn key(prefix: &str, body: &str) -> String {
        format!("const k=\"{prefix}{body}\"")
    }

    #[test]
    fn an_unknown_secret_is_found_by_its_format() {
        let stripe = "51Hq8TzAbCdEfGhIjKlMnOpQrStUvWxYz0123456789";
        let clerk = "a8GkRqZ0m3X5V7b9N1cPdQeRfSgThUiVjWkXlYmZn1";
        assert_eq!(found(&key("sk_live_", stripe)), [Issuer::Stripe]);
        assert_eq!(found(&key("rk_test_", stripe)), [Issuer::Stripe]);
        assert_eq!(found(&key("sk_live_", clerk)), [Issuer::Clerk]);
        assert_eq!(found(&key("whsec_", "fTaDe9Qm2ZkR7vLb3NcYd8WpXqTuA1s5")), [Issuer::Webhook]);
        assert_eq!(found(&key("\\nsk_live_", stripe)), [Issuer::Stripe]);
    }

    #[test]
    fn a_private_key_is_a_secret_but_its_first_line_alone_is_not() {
        let begin = concat!("-----BEGIN PRIVATE", " KEY-----");
        assert_eq!(found(&format!("{begin}\\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ")), [Issuer::Other]);
        assert_eq!(found(&format!("pem.replace(\"{begin}\",\"\")")), []);
    }

    #[test]
    fn text_about_secrets_is_not_a_secret() {
        for text in [
            r#"k.startsWith("sk_live_")"#,
            "Use your sk_live_... key",
            "sk_live_YOUR_SECRET_KEY_GOES_HERE_PLEASE",
            "sk_test_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            "sk_test_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa1",
            r"/^(sk|rk)_(live|test)_[A-Za-z0-9]{24,}$/",
            "task_live_runner0123456789012345678901234",
            "whsec_aBunchOfWordsAboutSecretsOnly",
        ] {
            assert_eq!(found(text), [], "{text}");
        }
        assert_eq!(found(&key("sk_test_", "4eC39HqLyjWDarjtT1zdp7dc")), []);
    }
}

//! Secrets out of text.

use regex::Regex;

use super::Secret;

/// Takes secrets out of text: those that the configuration knows, and whatever else has the shape of one.
#[derive(Debug)]
pub struct Redactor<'s> {
    known: &'s [&'s Secret],
    shapes: Vec<Regex>,
}

/// Stripe's and Clerk's secret keys and signing secrets, which Stripe's own command-line tool recognises by the same shapes
/// (facts.md, A1), and tokens of three parts.
const SHAPES: [&str; 3] = [
    r"\b(?:sk|rk)_(?:live|test)_[A-Za-z0-9_]{8,}",
    r"\bwhsec_[A-Za-z0-9+/]{8,}=*",
    r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+",
];

impl<'s> Redactor<'s> {
    /// Knows `known`, and the shapes of the others.
    #[must_use]
    pub fn new(known: &'s [&'s Secret]) -> Self {
        Self { known, shapes: SHAPES.iter().filter_map(|shape| Regex::new(shape).ok()).collect() }
    }

    /// `text` with every secret replaced by what may be shown of it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let known = self.known.iter().fold(text.to_owned(), |text, secret| secret.redact(&text));
        self.shapes.iter().fold(known, |text, shape| {
            let hide = |found: &regex::Captures<'_>| Secret::new(&found[0]).to_string();
            shape.replace_all(&text, hide).into_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Redactor, Secret};

    #[test]
    fn a_secret_that_the_configuration_knows_is_shown_by_its_end() {
        let secret = Secret::new("an-api-token-of-cloudflare-1234");
        assert_eq!(Redactor::new(&[&secret]).redact("token an-api-token-of-cloudflare-1234!"), "token …1234!");
    }

    #[test]
    fn a_secret_of_somebody_else_is_known_by_its_shape() {
        let text = "Invalid key sk_live_51AAAAAAAAAAAAAAAAAAAAbcd and whsec_BBBBBBBBBBBBBBBBwxyz";
        assert_eq!(Redactor::new(&[]).redact(text), "Invalid key sk_live_…Abcd and whsec_…wxyz");
    }

    #[test]
    fn a_token_is_taken_out() {
        let text = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";
        assert!(!Redactor::new(&[]).redact(text).contains("eyJzdWIi"));
    }

    #[test]
    fn what_is_masked_already_stays() {
        assert_eq!(Redactor::new(&[]).redact("sk_live_…a1b2"), "sk_live_…a1b2");
    }
}

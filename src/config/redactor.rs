//! Secrets out of text.

use std::sync::{PoisonError, RwLock};

use regex::Captures;

use super::Secret;
use super::secret_formats::HIDDEN;

/// Takes secrets out of text: those that it was told of, also in the encodings in which a server repeats them, and whatever
/// else has the shape of one.
#[derive(Debug, Default)]
pub struct Redactor {
    known: RwLock<Vec<Known>>,
}

/// A secret in every form in which it is looked for.
#[derive(Debug)]
struct Known {
    fingerprint: u64,
    forms: Vec<String>,
    shown: String,
}

/// How much of a text is read to quote its beginning: far more than is quoted, since secrets get shorter.
const READ: usize = 16 << 10;

impl Redactor {
    /// Knows `secrets`, and the shapes of the others.
    #[must_use]
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s Secret>) -> Self {
        let redactor = Self::default();
        secrets.into_iter().for_each(|secret| redactor.learn(secret));
        redactor
    }

    /// Takes one more secret out of everything from now on: a session's token, a ticket, a cookie.
    pub fn learn(&self, secret: &Secret) {
        let fingerprint = secret.fingerprint();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|known| known.fingerprint == fingerprint) {
            known.push(Known { fingerprint, forms: secret.forms(), shown: secret.to_string() });
            // The longest first: one secret may contain another.
            known.sort_by_key(|known| std::cmp::Reverse(known.forms.first().map_or(0, String::len)));
        }
    }

    /// `text` with every secret replaced by what may be shown of it.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for known in self.known.read().unwrap_or_else(PoisonError::into_inner).iter() {
            for form in known.forms.iter().filter(|form| form.len() <= text.len()).collect::<Vec<_>>() {
                if text.contains(form.as_str()) {
                    text = text.replace(form.as_str(), &known.shown);
                }
            }
        }
        for shape in HIDDEN.iter() {
            if shape.is_match(&text) {
                text = shape.replace_all(&text, hide).into_owned();
            }
        }
        text
    }

    /// The beginning of a text from outside: without secrets, on one line, and at most `most` characters and an ellipsis.
    /// Secrets are taken out before the text is cut, since half a secret has no shape.
    #[must_use]
    pub fn quote(&self, text: &str, most: usize) -> String {
        let (beginning, cut) = beginning(text);
        let words = beginning.split_whitespace().collect::<Vec<_>>().join(" ");
        let redacted = self.redact(&words);
        let mut letters = redacted.chars();
        let mut quoted: String = letters.by_ref().take(most).collect();
        if cut || letters.next().is_some() {
            quoted.push('…');
        }
        quoted
    }
}

/// As much of a text as is read, up to the last place at which no secret is cut in two.
fn beginning(text: &str) -> (&str, bool) {
    if text.len() <= READ {
        return (text, false);
    }
    let read = &text[..text.floor_char_boundary(READ)];
    let ends = read.rfind(|letter: char| letter.is_whitespace() || matches!(letter, '"' | ',' | ';' | '<' | '>' | '&'));
    // A text without any such place is one word; what is cut off its end was not to be quoted anyway.
    (&read[..ends.unwrap_or(READ / 2)], true)
}

/// What stands in the place of a match: all of it but for the secret in it.
fn hide(found: &Captures<'_>) -> String {
    let (Some(whole), Some(secret)) = (found.get(0), found.get(1)) else { return String::new() };
    let (from, to) = (secret.start() - whole.start(), secret.end() - whole.start());
    let (before, after) = (&whole.as_str()[..from], &whole.as_str()[to..]);
    format!("{before}{}{after}", Secret::new(secret.as_str()))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::{Redactor, Secret};

    const NOTHING: [&Secret; 0] = [];

    #[test]
    fn a_secret_that_the_configuration_knows_is_shown_by_its_end() {
        let secret = Secret::new("an-api-token-of-cloudflare-1234");
        assert_eq!(Redactor::new([&secret]).redact("token an-api-token-of-cloudflare-1234!"), "token …1234!");
    }

    #[test]
    fn a_secret_of_somebody_else_is_known_by_its_shape() {
        let text = "Invalid key sk_live_51AAAAAAAAAAAAAAAAAAAAbcd and whsec_BBBBBBBBBBBBBBBBwxyz";
        assert_eq!(Redactor::new(NOTHING).redact(text), "Invalid key sk_live_…Abcd and whsec_…wxyz");
    }

    #[test]
    fn every_kind_of_key_is_known_by_its_shape() {
        for prefix in ["sk_org_live_", "sk_org_", "rkcs_test_", "oak_", "rk_test_", "whsec_"] {
            let redacted = Redactor::new(NOTHING).redact(&format!("{prefix}51AAAAAAAAAAAAAAAAAAAAbcd"));
            assert!(redacted.len() < prefix.len() + 9 && redacted.ends_with("…Abcd"), "{redacted}");
        }
    }

    #[test]
    fn a_secret_in_an_escaped_or_encoded_text_is_known_by_its_shape() {
        let redactor = Redactor::new(NOTHING);
        assert_eq!(redactor.redact(r"a\nsk_live_51AAAAAAAAAAAAAAAAAAAAbcd"), r"a\nsk_live_…Abcd");
        assert_eq!(redactor.redact("key%3Dsk_live_51AAAAAAAAAAAAAAAAAAAAbcd"), "key%3Dsk_live_…Abcd");
    }

    #[test]
    fn a_known_secret_is_taken_out_in_every_encoding() {
        let secret = Secret::new("whsec_ab+cd/efGH12ij+kl/mnOP34==");
        let redactor = Redactor::new([&secret]);
        for around in ["", "x", "xy"] {
            let text = format!("{around}whsec_ab+cd/efGH12ij+kl/mnOP34==");
            for written in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(redactor.redact(&written).contains('…'), "{written}");
            }
        }
        for written in [
            "whsec_ab%2Bcd%2FefGH12ij%2Bkl%2FmnOP34%3D%3D",
            "whsec_ab%2bcd%2fefGH12ij%2bkl%2fmnOP34%3d%3d",
            r"whsec_ab+cd\/efGH12ij+kl\/mnOP34==",
        ] {
            assert!(!redactor.redact(written).contains("mnOP"), "{written}: {}", redactor.redact(written));
        }
    }

    #[test]
    fn a_secret_is_taken_out_without_the_quotes_that_it_is_wrapped_in() {
        let redactor = Redactor::new([&Secret::new("'whsec_0123456789abcdefXYZ'\n")]);
        assert_eq!(redactor.redact("it said whsec_0123456789abcdefXYZ."), "it said whsec_…fXYZ.");
    }

    #[test]
    fn a_word_is_no_secret() {
        assert_eq!(Redactor::new([&Secret::new("x")]).redact("exact"), "exact");
    }

    #[test]
    fn a_token_is_taken_out() {
        let text = "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";
        assert!(!Redactor::new(NOTHING).redact(text).contains("eyJzdWIi"));
    }

    #[test]
    fn what_is_masked_already_stays() {
        assert_eq!(Redactor::new(NOTHING).redact("sk_live_…a1b2"), "sk_live_…a1b2");
    }

    #[test]
    fn a_secret_learned_later_is_taken_out_too() {
        let redactor = Redactor::default();
        redactor.learn(&Secret::new("__client=a-cookie-of-the-canary-9876"));
        assert_eq!(redactor.redact("cookie: __client=a-cookie-of-the-canary-9876"), "cookie: …9876");
    }

    #[test]
    fn a_secret_at_the_end_of_a_quotation_is_not_cut_in_two() {
        let text = format!("{} sk_live_51AAAAAAAAAAAAAAAAAAAAbcd and more", "x".repeat(180));
        let quoted = Redactor::new(NOTHING).quote(&text, 200);
        assert!(!quoted.contains("51AA") && quoted.contains("sk_live_…"), "{quoted}");
    }

    #[test]
    fn a_quotation_of_a_text_of_megabytes_is_short() {
        for text in ["x".repeat(8 << 20), "é ".repeat(4 << 20), " ".repeat(8 << 20), "\"🦀\",".repeat(1 << 20)] {
            let quoted = Redactor::new(NOTHING).quote(&text, 200);
            assert!(quoted.chars().count() <= 201 && quoted.ends_with('…'), "{quoted}");
        }
    }
}

//! A value that can be used but not read.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::Mode;
use super::secret_formats::prefix_of;
use super::stray::{bare, is_invisible, is_quote};

/// A secret. It cannot be serialized, and only its kind, its mode and its last four characters are printed.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Hides a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself, to check it before it is used.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The mode that the prefix names: `sk_live_…` is live.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        mode_of(self.0.expose_secret())
    }

    /// Whether Stripe calls it a restricted key, `rk_…`.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        self.0.expose_secret().starts_with("rk_")
    }

    /// The value of an `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> Option<reqwest::header::HeaderValue> {
        sensitive(&format!("Bearer {}", self.0.expose_secret()))
    }

    /// The value of a `Cookie` header in which it is the token of a signed-in browser. Clerk's SDK reads `__session` only beside
    /// `__client_uat`, the time of the sign-in, which may not be later than the token, and for a development instance only
    /// beside a `__clerk_db_jwt` (docs/providers.md, "Clerk API objects and sign-in").
    #[must_use]
    pub fn session_cookies(&self, is_development: bool) -> Option<reqwest::header::HeaderValue> {
        let browser = if is_development { "; __clerk_db_jwt=preflight" } else { "" };
        sensitive(&format!("__session={}; __client_uat=1{browser}", self.0.expose_secret()))
    }

    /// The hexadecimal HMAC-SHA256 that Stripe signs a delivery with: of `<timestamp>.<body>`, keyed by the whole secret,
    /// `whsec_` included (docs/providers.md, "Stripe keys and IDs" and "Stripe webhook delivery").
    #[must_use]
    pub fn sign(&self, timestamp: i64, body: &[u8]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose_secret().as_bytes());
        let mut context = hmac::Context::with_key(&key);
        context.update(timestamp.to_string().as_bytes());
        context.update(b".");
        context.update(body);
        context.sign().as_ref().iter().fold(String::new(), |mut hex, byte| {
            use fmt::Write;
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    /// Lends the value to an operation that lives elsewhere and keeps no copy: a token is verified, a ticket is handed in.
    pub(crate) fn lend<R>(&self, operation: impl FnOnce(&str) -> R) -> R {
        operation(self.0.expose_secret())
    }

    /// A number that differs between two secrets in a run, and reveals nothing else.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        self.0.expose_secret().hash(&mut hasher);
        hasher.finish()
    }

    /// The offsets of the secret in a text, in bytes: in plain text, or inside base64.
    #[must_use]
    pub fn find_in(&self, text: &str) -> Vec<usize> {
        let value = bare(self.0.expose_secret());
        let value = value.trim();
        // A shorter text can be anywhere by chance.
        if value.len() < 16 || super::placeholder::is(value) {
            return Vec::new();
        }
        let written = in_base64(value.as_bytes(), &STANDARD_NO_PAD);
        let forms = std::iter::once(value.to_owned()).chain(written);
        let mut found: Vec<usize> =
            forms.flat_map(|form| text.match_indices(&form).map(|(at, _)| at).collect::<Vec<_>>()).collect();
        found.sort_unstable();
        found
    }

    /// Every encoding in which a server may repeat the secret: plain, escaped in JSON, percent-encoded, base64.
    pub(super) fn forms(&self) -> Vec<String> {
        // Without the quotes and newlines around a value by mistake: the text may not have them.
        let stray = |letter: char| is_invisible(letter) || is_quote(letter);
        let value = self.0.expose_secret().trim_matches(stray);
        // A placeholder such as "x" is not a secret, and is part of many words.
        if value.len() < 8 {
            return Vec::new();
        }
        let mut forms = vec![value.to_owned(), value.replace('/', r"\/")];
        forms.extend(serde_json::to_string(value).map(|text| text.trim_matches('"').to_owned()));
        for digits in ["0123456789ABCDEF", "0123456789abcdef"] {
            forms.push(percent_encoded(value, digits.as_bytes()));
        }
        if value.len() >= 16 {
            forms.extend(in_base64(value.as_bytes(), &STANDARD_NO_PAD));
            forms.extend(in_base64(value.as_bytes(), &URL_SAFE_NO_PAD));
        }
        let mut seen = std::collections::HashSet::new();
        forms.retain(|form| seen.insert(form.clone()));
        forms
    }
}

/// The part that the base64 of every text with `bytes` has. There are three, for the three offsets in a group of three
/// bytes; the characters at either end also depend on the bytes next to them.
fn in_base64(bytes: &[u8], alphabet: &impl Engine) -> [String; 3] {
    [(0, 0), (1, 2), (2, 3)].map(|(before, shared)| {
        let bytes: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
        let written = alphabet.encode(bytes);
        written.get(shared..written.len().saturating_sub(2)).unwrap_or_default().to_owned()
    })
}

fn percent_encoded(text: &str, digits: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 15].map(|half| char::from(digits[usize::from(half)])));
        }
        encoded
    })
}

impl fmt::Display for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = bare(self.0.expose_secret());
        let prefix = prefix_of(&value).map_or("", |prefix| prefix.text);
        let body: Vec<char> = value[prefix.len()..].chars().collect();
        // Four characters would be most of a short value.
        let end: String = if body.len() < 12 { String::new() } else { body[body.len() - 4..].iter().collect() };
        write!(formatter, "{prefix}…{end}")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({self})")
    }
}

/// The mode that the prefix of a key names.
pub(crate) fn mode_of(key: &str) -> Option<Mode> {
    match key.split('_').nth(1)? {
        "live" => Some(Mode::Live),
        "test" => Some(Mode::Test),
        _ => None,
    }
}

/// The account that the body of a Stripe key names, `acct_1…`. Undocumented by Stripe but consistent: the body is `51`, then
/// the account's last fifteen characters (docs/providers.md, "Stripe keys and IDs"). `None` if the key does not have that
/// layout.
pub(crate) fn account_of(key: &str) -> Option<String> {
    let body = key.splitn(3, '_').nth(2)?;
    // Keys of the older kind are 24 random characters, of which some begin with 51 as well.
    let account = if body.len() > 24 { body.strip_prefix("51")?.get(..15)? } else { return None };
    account.bytes().all(|byte| byte.is_ascii_alphanumeric()).then(|| format!("acct_1{account}"))
}

/// A header's value that is never printed.
fn sensitive(value: &str) -> Option<reqwest::header::HeaderValue> {
    let mut value = reqwest::header::HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::{Secret, account_of};

    #[test]
    fn a_secret_is_shown_as_kind_mode_and_last_four() {
        assert_eq!(Secret::new("sk_live_51HqABCdefGhIjKlMa1b2").to_string(), "sk_live_…a1b2");
        assert_eq!(Secret::new("\"sk_live_51HqABCdefGhIjKlMa1b2\"\n").to_string(), "sk_live_…a1b2");
        assert_eq!(format!("{:?}", Secret::new("sk_live_short")), "Secret(sk_live_…)");
    }

    #[test]
    fn an_old_key_does_not_name_an_account() {
        let modern = format!("pk_live_51HqABCdefGhIjKlM{}", "x".repeat(82));
        assert_eq!(account_of(&modern).as_deref(), Some("acct_1HqABCdefGhIjKlM"));
        assert_eq!(account_of("pk_live_51HqABCdefGhIjKlM0123456"), None);
    }

    #[test]
    fn a_secret_is_found_as_it_is_and_in_base64() {
        use base64::Engine;
        let secret = Secret::new("sk_live_51HqABCdefGhIjKlMa1b2");
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        assert_eq!(secret.find_in("key:\"sk_live_51HqABCdefGhIjKlMa1b2\""), [5]);
        for around in
            ["sk_live_51HqABCdefGhIjKlMa1b2:", "x:sk_live_51HqABCdefGhIjKlMa1b2", "xy=sk_live_51HqABCdefGhIjKlMa1b2;z"]
        {
            assert_eq!(secret.find_in(&encode(around)).len(), 1, "{around}");
        }
        assert_eq!(secret.find_in("sk_live_51HqABCdefGhIjKlM"), Vec::<usize>::new());
    }

    #[test]
    fn a_placeholder_is_not_found() {
        assert_eq!(Secret::new("sk_live_YOUR_KEY_HERE").find_in("set sk_live_YOUR_KEY_HERE"), Vec::<usize>::new());
    }
}

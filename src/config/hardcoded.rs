//! Secrets written into a file that must hold none.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::placeholder;
use super::secret_formats::HIDDEN;
use crate::pattern::compiled;

/// Secrets that only a configuration shows by their look, beside those that show themselves anywhere. The first group is
/// what must be hidden.
static BY_LOOK: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // In a sentence the same words may be about authentication.
        r"[Bb][Aa][Ss][Ii][Cc][ \t]+([A-Za-z0-9+/]{8,}=*)",
        // Anything where a secret is asked for, even in a line that does not parse; in a comment, what is long enough.
        r#"(?m)^[ \t]*(?:test_)?(?:secret_key|webhook_secret|api_token)[ \t]*=[ \t]*["']?([^ \t\r\n"'{}#,]{6,})"#,
        r#"(?:secret_key|webhook_secret|api_token)["']?[ \t]*=[ \t]*["']?([A-Za-z0-9._~+/=-]{20,})"#,
    ]
    .map(compiled)
    .into()
});

/// Where in a text a secret stands.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let patterns = HIDDEN.iter().chain(BY_LOOK.iter());
    let groups = patterns.flat_map(|pattern| pattern.captures_iter(text)).filter_map(|found| found.get(1));
    let ranges = groups.map(|group| group.range());
    let secrets = ranges.filter(|range| {
        let found = &text[range.clone()];
        !(is_variable_name(found) || in_comment(text, range.start) && is_prose(found))
    });
    merged(secrets.collect())
}

/// Whether a `#` outside quotes stands before it on its line.
fn in_comment(text: &str, offset: usize) -> bool {
    let line = &text[text[..offset].rfind('\n').map_or(0, |at| at + 1)..offset];
    let (mut quoted, mut comment) = (false, false);
    for letter in line.chars() {
        match letter {
            '"' | '\'' => quoted = !quoted,
            '#' if !quoted => comment = true,
            _ => {}
        }
    }
    comment
}

/// Words about a secret: `sk_live_of_the_account`, `whsec_YOUR_SECRET`.
fn is_prose(text: &str) -> bool {
    let one_case = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    placeholder::is(text) || (one_case && text.matches('_').count() > 2)
}

/// Whether it is long and mixed enough to have been made by a machine. The name of an environment variable is not.
pub(super) fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=.~".contains(&byte);
    let any = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let mixed = any(u8::is_ascii_lowercase) && any(u8::is_ascii_uppercase) && any(u8::is_ascii_digit);
    let hexadecimal = text.len() > 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    text.len() >= 20 && text.bytes().all(allowed) && (mixed || hexadecimal)
}

/// Whether text names an environment variable rather than being a value: `STRIPE_SECRET_KEY`.
pub(super) fn is_variable_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.contains('_')
        && text.bytes().all(allowed)
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && !is_token(text)
}

/// Sorted, and what overlaps made one.
pub(super) fn merged(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{find, is_token};

    fn hidden(text: &str) -> String {
        let mut shown = text.to_owned();
        for range in find(text).into_iter().rev() {
            shown.replace_range(range, "…");
        }
        shown
    }

    #[test]
    fn every_kind_of_secret_is_found_wherever_it_stands() {
        assert_eq!(hidden("secret_key = \"sk_live_51Hq8TzAbCdEf\""), "secret_key = \"…\"");
        assert_eq!(hidden("# the old one: rk_test_51Hq8TzAbCdEf, revoked"), "# the old one: …, revoked");
        assert_eq!(hidden("x = [\"whsec_abc+defgh/ijk=\"]"), "x = [\"…\"]");
        assert_eq!(hidden("Authorization = \"Bearer 8aX9p2QmZt4LkWv7RbNc\""), "Authorization = \"Bearer …\"");
        assert_eq!(hidden("url = \"https://me:hunter2@acme.com\""), "url = \"https://me:…@acme.com\"");
    }

    #[test]
    fn a_token_is_found_in_a_line_that_does_not_parse() {
        assert_eq!(hidden("api_token = 8aX9p2QmZt4LkWv7RbNc"), "api_token = …");
        assert_eq!(hidden("webhook_secret = 'hunter2"), "webhook_secret = '…");
    }

    #[test]
    fn words_about_a_secret_are_none() {
        for text in [
            "# sk_live_… or rk_live_…",
            "# starts with sk_live_YOUR_KEY_HERE",
            "# the whsec_of_the_endpoint",
            "name = \"task_live_runner_2026\"",
            "secret_key = { env = \"STRIPE_SECRET_KEY_OF_ACME\" }",
            "secret_key = \"STRIPE_SECRET_KEY\"",
            "# secret_key = the live one",
        ] {
            assert_eq!(hidden(text), text);
        }
    }

    #[test]
    fn the_name_of_a_variable_is_no_token() {
        assert!(!is_token("STRIPE_SECRET_KEY_OF_ACME_2026"));
        assert!(is_token("8aX9p2QmZt4LkWv7RbNcYd3f"));
    }
}

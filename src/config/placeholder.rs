//! Example text that was never filled in.

/// Words that say by themselves that something has yet to be put there.
const TELLING: [&str; 12] = [
    "changeme",
    "changeit",
    "placeholder",
    "replaceme",
    "fillme",
    "fixme",
    "tbd",
    "todo",
    "redacted",
    "insert",
    "dummy",
    "xxx",
];

/// Words that say so in the company of each other only: an old plan may well be called `example-pro`.
const VAGUE: [&str; 9] = ["example", "sample", "replace", "change", "enter", "paste", "put", "here", "my"];

/// What such text is about.
const TOPICS: [&str; 34] = [
    "a",
    "account",
    "actual",
    "api",
    "cloudflare",
    "clerk",
    "config",
    "configuration",
    "dashboard",
    "endpoint",
    "from",
    "id",
    "in",
    "it",
    "key",
    "live",
    "me",
    "price",
    "product",
    "publishable",
    "real",
    "secret",
    "signing",
    "stripe",
    "test",
    "the",
    "this",
    "token",
    "user",
    "value",
    "webhook",
    "with",
    "env",
    "pro",
];

/// What a value that is no secret may begin with and still be a placeholder.
const PREFIXES: [&str; 10] =
    ["pk_live_", "pk_test_", "sk_", "pk_", "price_", "prod_", "bpc_", "acct_", "user_", "plan_"];

/// Whether a value is an example's text. A random key that happens to contain `xxx` is none: only whole words count,
/// and keys have no gaps between words.
pub(crate) fn is(value: &str) -> bool {
    let value = value.trim();
    let prefix = super::secret_formats::prefix_of(value).map(|prefix| prefix.text);
    let prefix = prefix.or_else(|| PREFIXES.into_iter().find(|prefix| value.starts_with(prefix)));
    let body = &value[prefix.map_or(0, str::len)..];
    // Just the prefix, or `sk_live_xxxx`, `price_...`, `whsec_****`.
    body.chars().all(|letter| matches!(letter, 'x' | 'X' | '.' | '…' | '*' | '•' | '_' | '-' | '?' | '#'))
        || is_bracketed(body)
        || is_bracketed(value)
        || is_counting(body)
        || says_so(body)
}

/// `<your key>`, `[key]`, `{{ key }}`, `${KEY}`.
fn is_bracketed(text: &str) -> bool {
    [("<", ">"), ("[", "]"), ("{", "}"), ("${", "}"), ("%", "%")]
        .into_iter()
        .any(|(open, close)| text.len() > 1 && text.starts_with(open) && text.ends_with(close))
}

/// `123`, `1234567890`.
fn is_counting(text: &str) -> bool {
    (3..=10).contains(&text.len()) && "1234567890".starts_with(text)
}

fn says_so(text: &str) -> bool {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let telling = |word: &str| {
        let your = word.starts_with("your") && word.bytes().all(|byte| byte.is_ascii_alphabetic());
        let crosses = word.len() > 2 && word.bytes().all(|byte| byte == b'x');
        TELLING.contains(&word) || your || crosses
    };
    let known = |word: &str| telling(word) || VAGUE.contains(&word) || TOPICS.contains(&word);
    // "todo" alone is a placeholder; "todo-app-2024" is somebody's plan. "your" is nobody's.
    let all_known = words.iter().all(|word| known(word));
    words.iter().any(|word| telling(word) && (all_known || word.starts_with("your") || *word == "changeme"))
        || (all_known && words.iter().any(|word| VAGUE.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn what_was_never_filled_in_is_a_placeholder() {
        for text in [
            "sk_live_YOUR_KEY_HERE",
            "YOUR_STRIPE_SECRET_KEY",
            "xxx",
            "sk_test_xxxxxxxxxxxx",
            "sk_live_",
            "price_...",
            "price_XXXX",
            "<secret>",
            "sk_live_<key>",
            "changeme",
            "change-me",
            "todo",
            "TODO",
            "example",
            "replace_me",
            "sk_live_replace_me",
            "whsec_…",
            "sk_live_****",
            "your-api-token",
            "yourkeyhere",
            "insert key here",
            "my_secret_key",
            "${STRIPE_SECRET_KEY}",
            "{{ key }}",
            "price_1234567890",
            "user_123",
            "placeholder",
            "price_YOUR_PRO_PRICE",
        ] {
            assert!(is(text), "{text}");
        }
    }

    #[test]
    fn a_real_value_is_none() {
        for text in [
            "sk_live_51HxxxTzAbCdEfGhIjKlMnOpQrStUvWxYz0123456789",
            "sk_live_a8GyourKqZ0m3X5xxxV7b9N1c",
            "price_1QexampleAbCdEfGhIjKlMn",
            "whsec_fTODOx9Qm2ZkR7vLb3NcYd8WpXxxA1s5",
            "gold",
            "example-pro-2024",
            "todo-app-monthly",
            "pro_monthly",
            "whsec_test_secret",
            "user_2abcDEFghiJKLmno",
            "9xxXQ_todoZ-exAmple0_4kLmNpQrStUvWxYz12a",
        ] {
            assert!(!is(text), "{text}");
        }
    }
}

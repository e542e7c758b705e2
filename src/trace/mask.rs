//! Email addresses, masked so that a trace can be pasted into a ticket.

use regex::Captures;

use crate::pattern::patterns;

patterns! {
    /// Anything in the form of an email address, also in a URL.
    ADDRESS = r#"("[^"]*"|[^\s@"'<>(),;:=&?/{}]+)(@|%40)([^\s@"'<>(),;:=&?/\[\]{}]+)"#;
}

/// `text` with `a…@e….com` in place of `ada@example.com`.
#[must_use]
pub fn mask(text: &str) -> String {
    ADDRESS.replace_all(text, masked).into_owned()
}

fn masked(found: &Captures<'_>) -> String {
    let first = |part: &str| part.chars().find(|letter| letter.is_alphanumeric()).map(String::from).unwrap_or_default();
    let domain = found[3].trim_end_matches('.');
    let end = domain.rsplit_once('.').map(|(_, end)| format!(".{end}")).unwrap_or_default();
    let dot = if domain.len() < found[3].len() { "." } else { "" };
    format!("{}…@{}…{end}{dot}", first(&found[1]), first(domain))
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn an_address_is_masked_wherever_it_is() {
        assert_eq!(mask("customer cus_1 (ada@example.com)."), "customer cus_1 (a…@e….com).");
        assert_eq!(
            mask("GET /v1/customers?email=ada%40example.com&limit=1"),
            "GET /v1/customers?email=a…@e….com&limit=1"
        );
        assert_eq!(mask("Ask ada.l+x@mail.example.co.uk."), "Ask a…@m….uk.");
        assert_eq!(mask("\"ada l\"@example.com"), "a…@e….com");
        assert_eq!(mask("a\u{1b}[31m@b.example"), "a…@b….example");
    }

    #[test]
    fn other_text_stays() {
        for text in ["user_1 has no plan", "https://pan-api.acme.workers.dev/webhook/stripe", "10 % @ 5"] {
            assert_eq!(mask(text), text);
        }
    }
}

//! `JSON.stringify(JSON.parse(body))`: the same document in other bytes.

/// The re-serialized body: no whitespace, the shortest escapes, plain numbers, the same order of keys.
pub(super) fn reserialized(body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let mut written = String::with_capacity(body.len());
    let mut rest = body.as_ref();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '-' | '0'..='9' => {
                rest.find(|other| !matches!(other, '-' | '+' | '.' | 'e' | 'E' | '0'..='9')).unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, remainder) = rest.split_at(length);
        match first {
            '"' => written.push_str(&string(token)),
            '-' | '0'..='9' => written.push_str(&number(token)),
            ' ' | '\n' | '\r' | '\t' => {}
            _ => written.push_str(token),
        }
        rest = remainder;
    }
    written
}

/// The length of the string at the start of a text, including its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (index, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

fn string(token: &str) -> String {
    let content: Option<String> = serde_json::from_str(token).ok();
    content.and_then(|content| serde_json::to_string(&content).ok()).unwrap_or_else(|| token.to_owned())
}

fn number(token: &str) -> String {
    if token.bytes().all(|byte| byte.is_ascii_digit()) {
        return token.to_owned();
    }
    token.parse::<f64>().map_or_else(|_| token.to_owned(), |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compact_body_does_not_change() {
        let body =
            r#"{"id":"evt_1","object":"event","created":1790000000,"livemode":true,"data":{"object":{"a":null}}}"#;
        assert_eq!(reserialized(body.as_bytes()), body);
    }

    #[test]
    fn whitespace_escapes_and_long_numbers_are_normalized() {
        assert_eq!(reserialized(br#"{ "z" : "\u0061\/b" , "a" : 1.50e1 }"#), r#"{"z":"a/b","a":15}"#);
    }

    #[test]
    fn the_order_of_keys_stays() {
        assert_eq!(reserialized(br#"{"z":1, "a":2}"#), r#"{"z":1,"a":2}"#);
    }
}

//! Reads a response's body with limits, so that no response can exhaust this machine's memory.

use reqwest::StatusCode;

use super::budget::{Budget, BudgetShare};
use super::{OutgoingRequest, Party, Trouble};

/// The largest body in bytes: a page of a provider's list, or a script.
const LARGEST: usize = 8 << 20;
/// The largest body from the Worker or a probe, in bytes.
const LARGEST_FROM_WORKER: usize = 1 << 20;
/// How many bytes of an error are read: enough for its message.
const LARGEST_ERROR: usize = 256 << 10;
/// The longest JSON string that is kept, in bytes. The longest that a check needs is a Worker's variable, 5 KB.
const LONGEST_STRING: usize = 16 << 10;
/// The most values in one JSON body. A page of a list has at most 500 objects.
const MAX_VALUES: usize = 400_000;

/// Reads a body and cuts JSON strings that are too long.
#[derive(Debug)]
pub(super) struct BodyReader {
    read: Vec<u8>,
    received: usize,
    largest: usize,
    /// Whether a body that is too large is cut, not rejected.
    is_cut: bool,
    kind: ContentKind,
    values: usize,
    string: Option<JsonString>,
    share: BudgetShare,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentKind {
    /// Only white space so far.
    Unknown,
    Json,
    Other,
}

/// A JSON string that is being read.
#[derive(Debug, Default)]
struct JsonString {
    length: usize,
    escape: Escape,
    /// Whether the last character was the first half of a surrogate pair, `\ud83d`.
    is_half: bool,
    is_full: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    Begun,
    /// How many hexadecimal digits are left, and the value of those read.
    Digits(u8, u32),
}

impl BodyReader {
    /// A reader for the response to `outgoing`.
    pub fn new(outgoing: &OutgoingRequest, status: StatusCode, budget: &Budget) -> Self {
        let is_error = !status.is_success();
        let largest = match outgoing.party {
            _ if is_error => LARGEST_ERROR,
            Party::Worker | Party::Elsewhere => LARGEST_FROM_WORKER,
            _ => LARGEST,
        };
        // A script is text, whatever it starts with.
        let kind = if outgoing.party == Party::Frontend { ContentKind::Other } else { ContentKind::Unknown };
        Self {
            read: Vec::new(),
            received: 0,
            largest,
            is_cut: is_error,
            kind,
            values: 0,
            string: None,
            share: budget.share(outgoing.party),
        }
    }

    /// Takes the next chunk. Returns `false` once no more is needed.
    pub fn take(&mut self, chunk: &[u8]) -> Result<bool, Trouble> {
        let room = self.largest - self.received;
        if chunk.len() > room && !self.is_cut {
            return Err(Trouble::TooLarge);
        }
        let wanted = &chunk[..chunk.len().min(room)];
        self.received += wanted.len();
        if self.kind == ContentKind::Unknown {
            self.kind = match wanted.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b'[' | b'"') => ContentKind::Json,
                Some(_) => ContentKind::Other,
                None => ContentKind::Unknown,
            };
        }
        let kept = self.read.len();
        if self.kind == ContentKind::Json {
            self.json(wanted);
            if self.values > MAX_VALUES {
                return Err(Trouble::TooLarge);
            }
        } else {
            self.read.extend_from_slice(wanted);
        }
        self.share.take(self.read.len() - kept)?;
        Ok(wanted.len() == chunk.len())
    }

    /// The bytes, and their share of the budget.
    pub fn finish(mut self) -> (Vec<u8>, BudgetShare) {
        self.read.shrink_to_fit();
        (self.read, self.share)
    }

    fn json(&mut self, mut rest: &[u8]) {
        while let Some(first) = rest.first() {
            let run = self.run(rest);
            self.read.extend_from_slice(&rest[..run]);
            rest = &rest[run..];
            if run == 0 {
                self.json_byte(*first);
                rest = &rest[1..];
            }
        }
    }

    /// How many bytes are next that need no decision, and counts them: most of a page, so they are not taken one by one.
    fn run(&mut self, rest: &[u8]) -> usize {
        match &mut self.string {
            None => {
                let run = rest.iter().position(|byte| *byte == b'"').unwrap_or(rest.len());
                self.values += rest[..run].iter().filter(|byte| begins_value(**byte)).count();
                run
            }
            Some(text) if matches!(text.escape, Escape::None) && !text.is_full => {
                let room = &rest[..rest.len().min(LONGEST_STRING.saturating_sub(text.length))];
                let run = room.iter().position(|byte| matches!(byte, b'"' | b'\\')).unwrap_or(room.len());
                text.length += run;
                text.is_half &= run == 0;
                run
            }
            Some(_) => 0,
        }
    }

    fn json_byte(&mut self, byte: u8) {
        let Some(text) = &mut self.string else {
            // Only a quote ends a run outside of strings.
            self.string = Some(JsonString::default());
            return self.read.push(byte);
        };
        if text.length >= LONGEST_STRING && !text.is_full && text.is_between(byte) && byte != b'"' {
            text.is_full = true;
            self.read.extend_from_slice("…".as_bytes());
        }
        let ends = text.next(byte);
        if !text.is_full || ends {
            self.read.push(byte);
        }
        if ends {
            self.string = None;
        }
    }
}

/// Whether a byte outside of strings comes before a value.
const fn begins_value(byte: u8) -> bool {
    matches!(byte, b',' | b':' | b'[' | b'{')
}

impl JsonString {
    /// Whether the string may be cut before `byte`: not inside a character or an escape.
    fn is_between(&self, byte: u8) -> bool {
        matches!(self.escape, Escape::None) && !self.is_half && byte & 0b1100_0000 != 0b1000_0000
    }

    /// Takes a byte, and returns whether it ends the string.
    fn next(&mut self, byte: u8) -> bool {
        self.length += 1;
        let (escape, ends) = match (self.escape, byte) {
            (Escape::None, b'"') => (Escape::None, true),
            (Escape::None, b'\\') => (Escape::Begun, false),
            (Escape::Begun, b'u') => (Escape::Digits(4, 0), false),
            (Escape::None | Escape::Begun, _) => {
                self.is_half = false;
                (Escape::None, false)
            }
            (Escape::Digits(left, code), digit) => {
                let code = code << 4 | char::from(digit).to_digit(16).unwrap_or(0);
                if left == 1 {
                    self.is_half = (0xD800..0xDC00).contains(&code);
                    (Escape::None, false)
                } else {
                    (Escape::Digits(left - 1, code), false)
                }
            }
        };
        self.escape = escape;
        ends
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use url::Url;

    use super::*;

    fn body(party: Party, status: StatusCode) -> BodyReader {
        BodyReader::new(
            &OutgoingRequest::get(party, Url::parse("https://api.acme.com/").unwrap()),
            status,
            &Budget::default(),
        )
    }

    /// What is kept of a body that arrives in odd-sized chunks.
    fn kept(text: &str) -> Vec<u8> {
        let mut body = body(Party::Stripe, StatusCode::OK);
        for chunk in text.as_bytes().chunks(4097) {
            assert!(body.take(chunk).unwrap());
        }
        body.finish().0
    }

    #[test]
    fn a_body_of_normal_size_is_kept_unchanged() {
        for text in [r#"{"a": "b\"\\", "c": [1, 2]}"#, "<html>\"", "", " \n", r#""word""#, "{\"cut off"] {
            assert_eq!(kept(text), text.as_bytes());
        }
    }

    #[test]
    fn a_string_of_megabytes_is_cut_and_the_rest_is_kept() {
        for letter in ["x", "é", "🦀", r#"\""#, r"\\", r"\ud83e\udd80", r"\u00e9\n"] {
            let text = format!(r#"{{"name": "{}", "id": "price_1"}}"#, letter.repeat((7 << 20) / letter.len()));
            let kept = kept(&text);
            assert!(kept.len() < LONGEST_STRING + 100, "{letter}: {}", kept.len());
            let value: Value = serde_json::from_slice(&kept).unwrap();
            assert_eq!(value["id"], "price_1", "{letter}");
            assert!(value["name"].as_str().unwrap().ends_with('…'), "{letter}");
        }
    }

    #[test]
    fn a_body_with_too_many_values_is_rejected() {
        let mut body = body(Party::Clerk, StatusCode::OK);
        assert_eq!(body.take(format!("[{}1]", "1,".repeat(MAX_VALUES)).as_bytes()), Err(Trouble::TooLarge));
    }

    #[test]
    fn a_large_error_is_cut_and_a_large_success_is_rejected() {
        let megabytes = vec![b'x'; LARGEST_FROM_WORKER + 1];
        let mut error = body(Party::Worker, StatusCode::BAD_GATEWAY);
        assert_eq!(error.take(&megabytes), Ok(false));
        assert_eq!(error.finish().0.len(), LARGEST_ERROR);
        assert_eq!(body(Party::Worker, StatusCode::OK).take(&megabytes), Err(Trouble::TooLarge));
        assert_eq!(body(Party::Frontend, StatusCode::OK).take(&megabytes), Ok(true));
    }
}

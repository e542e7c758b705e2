//! The body of an answer, bounded while it is read: no answer may cost more than what is looked at in it.

use reqwest::StatusCode;

use super::budget::{Budget, Share};
use super::{Ask, Party, Trouble};

/// No answer that a check looks at is larger: a page of a provider's list, a script.
const LARGEST: usize = 8 << 20;
/// An answer of the Worker or of another address, which says a few things about one user.
const LARGEST_OF_A_WORKER: usize = 1 << 20;
/// What is read of an error: enough for its words.
const LARGEST_ERROR: usize = 256 << 10;
/// No value in a JSON text that a check looks at is longer, in bytes: the largest is a variable of a Worker, 5 KB.
const LONGEST_STRING: usize = 16 << 10;
/// A page of a list has 500 objects at most. More parts than this are not made values of.
const MOST_PARTS: usize = 400_000;

/// A body that is being read. The strings of a JSON text are cut where they are too long to be looked at.
#[derive(Debug)]
pub(super) struct Body {
    read: Vec<u8>,
    received: usize,
    largest: usize,
    /// Whether what is beyond the largest is left out, and not the whole answer refused.
    is_cut: bool,
    kind: Kind,
    parts: usize,
    string: Option<Text>,
    share: Share,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Nothing but white space was seen.
    Unknown,
    Json,
    Other,
}

/// A string of a JSON text, as far as it was read.
#[derive(Debug, Default)]
struct Text {
    length: usize,
    escape: Escape,
    /// Whether the last letter was the first half of a pair, `\ud83d`.
    is_half: bool,
    is_full: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    Begun,
    /// So many hexadecimal digits are still to come, and what the first ones say.
    Digits(u8, u32),
}

impl Body {
    /// For the answer to `ask`.
    pub fn new(ask: &Ask, status: StatusCode, budget: &Budget) -> Self {
        let is_error = !status.is_success();
        let largest = match ask.party {
            _ if is_error => LARGEST_ERROR,
            Party::Worker | Party::Elsewhere => LARGEST_OF_A_WORKER,
            _ => LARGEST,
        };
        // A script is text, whatever it begins with.
        let kind = if ask.party == Party::Frontend { Kind::Other } else { Kind::Unknown };
        Self {
            read: Vec::new(),
            received: 0,
            largest,
            is_cut: is_error,
            kind,
            parts: 0,
            string: None,
            share: budget.share(ask.party),
        }
    }

    /// Takes the next part; `false` where no more is wanted.
    pub fn take(&mut self, chunk: &[u8]) -> Result<bool, Trouble> {
        let room = self.largest - self.received;
        if chunk.len() > room && !self.is_cut {
            return Err(Trouble::TooLarge);
        }
        let wanted = &chunk[..chunk.len().min(room)];
        self.received += wanted.len();
        if self.kind == Kind::Unknown {
            self.kind = match wanted.iter().find(|byte| !byte.is_ascii_whitespace()) {
                Some(b'{' | b'[' | b'"') => Kind::Json,
                Some(_) => Kind::Other,
                None => Kind::Unknown,
            };
        }
        let kept = self.read.len();
        if self.kind == Kind::Json {
            for byte in wanted {
                self.json(*byte);
            }
            if self.parts > MOST_PARTS {
                return Err(Trouble::TooLarge);
            }
        } else {
            self.read.extend_from_slice(wanted);
        }
        self.share.take(self.read.len() - kept)?;
        Ok(wanted.len() == chunk.len())
    }

    /// The bytes, and what they hold of the budget.
    pub fn finish(mut self) -> (Vec<u8>, Share) {
        self.read.shrink_to_fit();
        (self.read, self.share)
    }

    fn json(&mut self, byte: u8) {
        let Some(text) = &mut self.string else {
            match byte {
                b'"' => self.string = Some(Text::default()),
                b',' | b':' | b'[' | b'{' => self.parts += 1,
                _ => {}
            }
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

impl Text {
    /// Whether the string may be cut before `byte`: not within a letter, and not within an escape.
    fn is_between(&self, byte: u8) -> bool {
        matches!(self.escape, Escape::None) && !self.is_half && byte & 0b1100_0000 != 0b1000_0000
    }

    /// Takes a byte; whether it ends the string.
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

    fn body(party: Party, status: StatusCode) -> Body {
        Body::new(&Ask::get(party, Url::parse("https://api.acme.com/").unwrap()), status, &Budget::default())
    }

    /// What is kept of a body that arrives in parts of an awkward size.
    fn kept(text: &str) -> Vec<u8> {
        let mut body = body(Party::Stripe, StatusCode::OK);
        for chunk in text.as_bytes().chunks(4097) {
            assert!(body.take(chunk).unwrap());
        }
        body.finish().0
    }

    #[test]
    fn a_body_of_usual_size_is_kept_as_it_came() {
        for text in [r#"{"a": "b\"\\", "c": [1, 2]}"#, "<html>\"", "", " \n", r#""word""#, "{\"cut off"] {
            assert_eq!(kept(text), text.as_bytes());
        }
    }

    #[test]
    fn a_name_of_megabytes_is_cut_and_what_follows_is_not() {
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
    fn an_answer_of_too_many_parts_is_refused() {
        let mut body = body(Party::Clerk, StatusCode::OK);
        assert_eq!(body.take(format!("[{}1]", "1,".repeat(MOST_PARTS)).as_bytes()), Err(Trouble::TooLarge));
    }

    #[test]
    fn an_error_is_cut_and_an_answer_that_is_too_large_is_refused() {
        let megabytes = vec![b'x'; LARGEST_OF_A_WORKER + 1];
        let mut error = body(Party::Worker, StatusCode::BAD_GATEWAY);
        assert_eq!(error.take(&megabytes), Ok(false));
        assert_eq!(error.finish().0.len(), LARGEST_ERROR);
        assert_eq!(body(Party::Worker, StatusCode::OK).take(&megabytes), Err(Trouble::TooLarge));
        assert_eq!(body(Party::Frontend, StatusCode::OK).take(&megabytes), Ok(true));
    }
}

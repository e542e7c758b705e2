//! What is wrong with a value, before anybody is asked.
//!
//! A value has at most one slip: the gravest. A placeholder that ends in a line end has to be replaced, not trimmed; a
//! product ID in quotes stays a product ID without them.

use super::form::{self, bare, is_invisible, is_quote};
use super::{Kind, Slip, placeholder};

/// Whether there is nothing in a value but what does not belong there.
pub(super) fn is_empty(value: &str) -> bool {
    bare(value).is_empty()
}

/// The slips of a value; none where it is as it should be, or optional and not set.
pub(super) fn slips(kind: Kind, required: bool, value: Option<&str>) -> Vec<Slip> {
    let slip = match value {
        None if required => Some(Slip::Missing),
        None => None,
        Some(value) => slip(kind, value),
    };
    slip.into_iter().collect()
}

fn slip(kind: Kind, value: &str) -> Option<Slip> {
    let trimmed = value.trim_matches(is_invisible);
    let quoted = trimmed.starts_with(is_quote) || trimmed.ends_with(is_quote);
    let text = trimmed.trim_matches(is_quote);
    let (text, escape) = without_escape(text.trim_matches(is_invisible));
    let bare = bare(text);
    if placeholder::is(text) {
        return Some(Slip::Placeholder);
    }
    if let Some(instead) = form::wrong(kind, &bare) {
        return Some(Slip::WrongKind(instead));
    }
    if quoted {
        return Some(Slip::Quotes);
    }
    if let Some(where_it_is) = whitespace(value).or(escape) {
        return Some(Slip::Whitespace(where_it_is));
    }
    form::doubtful(kind, &bare).map(Slip::Doubtful)
}

/// A line end that was written as `\n`, and never became one.
fn without_escape(text: &str) -> (&str, Option<String>) {
    for escape in ["\\r\\n", "\\n", "\\r"] {
        if let Some(text) = text.strip_suffix(escape) {
            return (text, Some(format!("the letters {escape} after it, where a line end was meant or none")));
        }
    }
    (text, None)
}

/// White space before, after and within a value, in words.
fn whitespace(value: &str) -> Option<String> {
    let core = value.trim_matches(is_invisible);
    let start = value.len() - value.trim_start_matches(is_invisible).len();
    let (before, after) = (&value[..start], &value[start + core.len()..]);
    let within: String = core.chars().filter(|letter| is_invisible(*letter)).collect();
    let parts = [(before, "before it"), (after, "after it"), (within.as_str(), "within it")];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(text, _)| !text.is_empty())
        .map(|(text, place)| format!("{} {place}", named(text)))
        .collect();
    (!told.is_empty()).then(|| told.join(" and "))
}

/// Invisible characters by their names; of several kinds, the first.
fn named(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let all_alike = letters.all(|letter| letter == first);
    let count = text.chars().count();
    let (one, several) = match first {
        _ if !all_alike => return format!("{count} characters of white space"),
        ' ' => ("a space", "spaces"),
        '\t' => ("a tab", "tabs"),
        '\n' => ("a line end", "line ends"),
        '\r' => ("a carriage return", "carriage returns"),
        '\u{a0}' => ("a no-break space", "no-break spaces"),
        '\u{200b}' => ("a zero-width space", "zero-width spaces"),
        '\u{feff}' => ("a byte order mark", "byte order marks"),
        other => {
            let code = format!("U+{:04X}", u32::from(other));
            return if count == 1 {
                format!("an invisible character ({code})")
            } else {
                format!("{count} invisible characters ({code})")
            };
        }
    };
    if count == 1 { one.to_owned() } else { format!("{count} {several}") }
}

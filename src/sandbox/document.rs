//! The document that describes a world, and the edits that scenarios make to it.

use toml::{Table, Value};

use super::Error;

/// The parts of the document: a name at its top level, and the healthy text.
const PARTS: [(&str, &str); 8] = [
    ("environment", include_str!("healthy/environment.toml")),
    ("configuration", include_str!("healthy/configuration.toml")),
    ("network", include_str!("healthy/network.toml")),
    ("stripe", include_str!("healthy/stripe.toml")),
    ("clerk", include_str!("healthy/clerk.toml")),
    ("cloudflare", include_str!("healthy/cloudflare.toml")),
    ("worker", include_str!("healthy/worker.toml")),
    ("frontend", include_str!("healthy/frontend.toml")),
];

/// What fills up shortened keys. Secret scanners would report complete keys in a file, so the document has
/// `sk_live_51Acme…` for a key of the usual length.
const FILLER: &str = "Fake";

/// Why a path does not lead anywhere.
pub(super) type PathProblem = &'static str;

/// The document: one table for each part.
#[derive(Debug, Clone)]
pub(super) struct Document(Table);

impl Document {
    /// The document of the healthy world.
    pub(super) fn healthy() -> Result<Self, Error> {
        let mut document = Table::new();
        for (name, text) in PARTS {
            let part: Table = toml::from_str(text).map_err(|error| Error::Document(format!("{name}: {error}")))?;
            document.insert(name.to_owned(), Value::Table(part));
        }
        Ok(Self(document))
    }

    /// Copies the value at `from` to `to`.
    pub(super) fn copy(&mut self, to: &str, from: &str) -> Result<(), PathProblem> {
        let (place, key) = parent(&mut self.0, from)?;
        let value = entry(place, &key).ok_or("is not there")?.clone();
        self.set(to, value)
    }

    /// Sets the value at a path; `-` as the last key appends to an array. Everything before the last key must exist.
    pub(super) fn set(&mut self, path: &str, value: Value) -> Result<(), PathProblem> {
        let (place, key) = parent(&mut self.0, path)?;
        match place {
            Value::Table(table) => drop(table.insert(key, value)),
            // As in a JSON Patch.
            Value::Array(items) if key == "-" => items.push(value),
            other => *entry(other, &key).ok_or("leads through something that is not there")? = value,
        }
        Ok(())
    }

    /// Removes a key from a table, or a string from an array of strings.
    pub(super) fn remove(&mut self, path: &str) -> Result<(), PathProblem> {
        let (place, key) = parent(&mut self.0, path)?;
        let removed = match place {
            Value::Table(table) => table.remove(&key),
            Value::Array(items) => {
                let index = items.iter().position(|item| item.as_str() == Some(&key));
                index.map(|index| items.remove(index))
            }
            _ => return Err("leads through something that is neither a table nor an array"),
        };
        removed.map(drop).ok_or("is not there")
    }

    /// The document with every shortened key at its full length.
    pub(super) fn finish(self) -> Value {
        let mut whole = Value::Table(self.0);
        lengthen(&mut whole);
        whole
    }
}

/// The keys in a dotted path. A key that contains a dot is in double quotes.
fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut quoted = false;
    for character in path.chars() {
        match character {
            '"' => quoted = !quoted,
            '.' if !quoted => keys.push(String::new()),
            other => keys.last_mut().into_iter().for_each(|key| key.push(other)),
        }
    }
    keys
}

/// The table or array that the last key of a path is in, and that key.
fn parent<'a>(document: &'a mut Table, path: &str) -> Result<(&'a mut Value, String), PathProblem> {
    let mut keys = keys(path);
    let last = keys.pop().unwrap_or_default();
    let first = keys.first().ok_or("leads to no part of the document")?;
    let mut place = document.get_mut(first).ok_or("leads through something that is not there")?;
    for key in keys.iter().skip(1) {
        place = entry(place, key).ok_or("leads through something that is not there")?;
    }
    Ok((place, last))
}

/// What a table has under a key, or an array at an index.
fn entry<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    match value {
        Value::Table(table) => table.get_mut(key),
        Value::Array(items) => items.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    }
}

/// Replaces every shortened key by one of the usual length.
fn lengthen(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some(whole) = whole_key(text) {
                *text = whole;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(lengthen),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| lengthen(value)),
        _ => {}
    }
}

/// The complete key for its beginning and an ellipsis. Keeps what follows the ellipsis.
fn whole_key(text: &str) -> Option<String> {
    let (beginning, end) = text.split_once('…')?;
    // Quotes and spaces before a key do not count toward its length.
    let key = beginning.trim_start_matches(['"', '\'', ' ']);
    let length = if key.starts_with("whsec_") {
        "whsec_".len() + 32
    } else if ["sk_", "rk_", "pk_"].iter().any(|kind| key.starts_with(kind)) {
        let body = key.splitn(3, '_').nth(2)?;
        // Stripe's keys begin with `51` and the account; Clerk's do not, and are shorter.
        if body.starts_with("51") { 107 } else { "sk_live_".len() + 42 }
    } else {
        return None;
    };
    let filler = FILLER.chars().cycle().take(length.saturating_sub(key.len()));
    Some(beginning.chars().chain(filler).chain(end.chars()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortened_key_gets_the_usual_length() {
        assert_eq!(whole_key("sk_live_51QpanAcme7Launch…").map(|key| key.len()), Some(107));
        assert_eq!(whole_key("sk_live_clerk…").map(|key| key.len()), Some(50));
        assert_eq!(whole_key("whsec_Acme…").map(|key| key.len()), Some(38));
    }

    #[test]
    fn what_follows_the_ellipsis_is_kept() {
        assert!(whole_key("sk_live_51QpanAcme7Launch…\n").is_some_and(|key| key.ends_with('\n')));
    }

    #[test]
    fn a_quoted_key_is_as_long_within_its_quotes() {
        assert_eq!(whole_key("\"sk_live_51QpanAcme7Launch…\"").map(|key| key.len()), Some(109));
    }

    #[test]
    fn a_string_can_be_removed_from_an_array() {
        let mut document = Document(toml::from_str("a = { list = ['one.two', 'three'] }").unwrap());
        document.remove(r#"a.list."one.two""#).unwrap();
        assert_eq!(document.0["a"]["list"], Value::from(vec!["three"]));
    }

    #[test]
    fn other_text_keeps_its_ellipsis() {
        assert_eq!(whole_key("and so on…"), None);
    }

    #[test]
    fn a_key_with_dots_in_it_is_quoted() {
        assert_eq!(keys(r#"network."api.acme.com".resolves"#), ["network", "api.acme.com", "resolves"]);
    }
}

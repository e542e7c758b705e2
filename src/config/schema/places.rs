//! The values of a TOML file as JSON, each with its place.

use std::ops::Range;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value of the file.
pub(super) struct Place<'d> {
    /// Its JSON pointer, which the validator uses.
    pub pointer: String,
    /// Its path as the file writes it: `tiers.pro.prices[0].price`.
    pub path: String,
    pub key: Range<usize>,
    pub value: &'d Spanned<DeValue<'d>>,
}

/// A table as JSON, for the validator, and the place of each value.
pub(super) fn json_table<'d>(table: &'d DeTable<'d>, pointer: &str, path: &str, places: &mut Vec<Place<'d>>) -> Value {
    let json = table.iter().map(|(key, value)| {
        let name = key.get_ref();
        let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
        (name.to_string(), json(Place { pointer, path: joined(path, name), key: key.span(), value }, places))
    });
    json.collect()
}

/// A date becomes text, and a number that JSON cannot hold becomes null.
fn json<'d>(place: Place<'d>, places: &mut Vec<Place<'d>>) -> Value {
    let json = match place.value.get_ref() {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().into(),
        DeValue::Float(number) => number.as_str().parse().ok().and_then(Number::from_f64).into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Table(table) => json_table(table, &place.pointer, &place.path, places),
        DeValue::Array(items) => {
            let items = items.iter().enumerate().map(|(at, value)| {
                let (pointer, path) = (format!("{}/{at}", place.pointer), format!("{}[{at}]", place.path));
                json(Place { pointer, path, key: place.key.clone(), value }, places)
            });
            items.collect()
        }
    };
    places.push(place);
    json
}

/// Removes the key whose value, or an item of its list, is at a place.
pub(super) fn remove(table: &mut DeTable<'_>, span: &Range<usize>) {
    let lost = table.iter_mut().filter_map(|(key, value)| is_lost(value, span).then(|| key.get_ref().to_string()));
    for key in lost.collect::<Vec<_>>() {
        table.remove(key.as_str());
    }
}

fn is_lost(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    value.span() == *span
        || match value.get_mut() {
            DeValue::Table(table) => {
                remove(table, span);
                false
            }
            DeValue::Array(items) => items.iter_mut().any(|item| is_lost(item, span)),
            _ => false,
        }
}

/// The path of a key within a table.
pub(in crate::config) fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

//! The schema in words: what a value may be, and how to say so.

use serde_json::Value;
use toml::de::DeValue;

/// A schema whose references can be followed.
#[derive(Clone, Copy)]
pub(super) struct Schema<'s> {
    pub root: &'s Value,
}

impl<'s> Schema<'s> {
    /// The forms that a value may have, references followed.
    pub fn forms(self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#')) {
            return self.root.pointer(name).map(|schema| self.forms(schema)).unwrap_or_default();
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        alternatives.map_or_else(|| vec![schema], |forms| forms.iter().flat_map(|form| self.forms(form)).collect())
    }

    /// In words, what a value must be.
    pub fn expected(self, schema: &Value) -> String {
        let named =
            schema.get("$ref").and_then(Value::as_str).and_then(|name| self.root.pointer(name.strip_prefix('#')?));
        let title = schema.get("title").or_else(|| named?.get("title")).and_then(Value::as_str);
        if let Some(title) = title {
            return title.to_owned();
        }
        if let Some(named) = named {
            return self.expected(named);
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        if let Some(alternatives) = alternatives {
            let words: Vec<&str> = alternatives.iter().flat_map(words).collect();
            return one_of(&words);
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => "text in quotes",
            Some("integer") => "a whole number",
            Some("number") => "a number",
            Some("boolean") => "true or false",
            Some("array") => "a list, [ … ]",
            Some("object") => "a table",
            _ => "a value that JSON has too",
        }
        .to_owned()
    }
}

/// Whether a value is of the form's type. A form without a type takes everything that JSON has.
pub(super) fn fits(value: &DeValue<'_>, form: &Value) -> bool {
    let date = form.get("format").is_some_and(|format| format == "date");
    match (value, form.get("type").and_then(Value::as_str)) {
        (DeValue::Datetime(at), Some("string")) => date && at.date.is_some() && at.time.is_none(),
        (DeValue::String(_), Some("string")) => !date,
        (DeValue::Integer(_), Some("integer" | "number"))
        | (DeValue::Float(_), Some("number"))
        | (DeValue::Boolean(_), Some("boolean"))
        | (DeValue::Array(_), Some("array"))
        | (DeValue::Table(_), Some("object")) => true,
        (value, None) => is_json(value),
        _ => false,
    }
}

/// Whether JSON can say it.
fn is_json(value: &DeValue<'_>) -> bool {
    match value {
        DeValue::Datetime(_) => false,
        DeValue::Float(number) => number.as_str().parse().is_ok_and(f64::is_finite),
        DeValue::Array(array) => array.iter().all(|item| is_json(item.get_ref())),
        DeValue::Table(table) => table.values().all(|value| is_json(value.get_ref())),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Boolean(_) => true,
    }
}

pub(super) const fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(true) => "true",
        DeValue::Boolean(false) => "false",
        DeValue::Datetime(at) if at.time.is_some() => "a date with a time",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str())
}

/// The words that a form consists of.
pub(super) fn words(form: &Value) -> Vec<&str> {
    let listed = form.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(form.get("const")).filter_map(Value::as_str).collect()
}

pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [some @ .., last] if !some.is_empty() => format!("{} or {last}", some.join(", ")),
        _ => quoted.concat(),
    }
}

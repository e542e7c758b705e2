//! The schema in words: what a value must be, and what it is.

use serde_json::Value;
use toml::de::DeValue;

use crate::config::nearest::nearest;

/// A schema whose references can be followed.
#[derive(Clone, Copy)]
pub(super) struct Schema<'s> {
    pub root: &'s Value,
}

impl<'s> Schema<'s> {
    /// The schema of the value at a JSON pointer.
    pub fn at(self, pointer: &str) -> Option<&'s Value> {
        pointer.split('/').skip(1).try_fold(self.root, |schema, token| {
            self.forms(schema).into_iter().find_map(|form| {
                let named = form.get("properties").and_then(|properties| properties.get(token));
                named.or_else(|| form.get("items")).or_else(|| form.get("additionalProperties"))
            })
        })
    }

    /// The forms that a value may have, references followed.
    pub fn forms(self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(named) = self.named(schema) {
            return self.forms(named);
        }
        alternatives(schema)
            .map_or_else(|| vec![schema], |forms| forms.iter().flat_map(|form| self.forms(form)).collect())
    }

    fn named(self, schema: &Value) -> Option<&'s Value> {
        self.root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// In words, what a value must be.
    pub fn expected(self, schema: &Value) -> String {
        if let Some(title) = schema.get("title").and_then(Value::as_str) {
            return title.to_owned();
        }
        if let Some(named) = self.named(schema) {
            return self.expected(named);
        }
        let words: Vec<&str> = alternatives(schema).into_iter().flatten().chain([schema]).flat_map(words).collect();
        if !words.is_empty() {
            return one_of(&words);
        }
        let bound = |name| schema.get(name).and_then(Value::as_i64);
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => "text in quotes".to_owned(),
            Some("integer") => match (bound("minimum").unwrap_or(0), bound("maximum")) {
                (least, Some(most)) => format!("a whole number from {least} to {most}"),
                (least, None) => format!("a whole number, {least} or more"),
            },
            Some("array") if bound("minItems").is_some() => "a list that is not empty, [ … ]".to_owned(),
            Some("array") => "a list, [ … ]".to_owned(),
            _ => "a table".to_owned(),
        }
    }
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array)
}

/// In words, what a value is that has none of these forms.
pub(super) fn found(value: &DeValue<'_>, forms: &[&Value]) -> String {
    match value {
        DeValue::String(text) => {
            let words: Vec<&str> = forms.iter().flat_map(|form| words(form)).collect();
            let is_date = forms.iter().any(|form| form.get("format").is_some_and(|format| format == "date"));
            if let Some(meant) = nearest(text, words.iter().copied()) {
                return format!("did you mean \"{meant}\"?");
            }
            if text.trim().is_empty() {
                "this is empty"
            } else if !words.is_empty() {
                "none of these"
            } else if !is_date && forms.iter().any(|form| form.get("type").is_some_and(|name| name == "string")) {
                "this has another format"
            } else {
                "this is text"
            }
        }
        DeValue::Integer(number) => return format!("this is the number {}", number.as_str()),
        DeValue::Float(number) => return format!("this is the number {}", number.as_str()),
        DeValue::Boolean(true) => "this is true",
        DeValue::Boolean(false) => "this is false",
        DeValue::Datetime(at) if at.time.is_some() => "this is a date with a time",
        DeValue::Datetime(_) => "this is a date",
        DeValue::Array(array) if array.is_empty() => "this list is empty",
        DeValue::Array(_) => "this is a list",
        DeValue::Table(_) => "this is a table",
    }
    .to_owned()
}

pub(super) fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key.as_str())
}

/// The words that a form consists of.
fn words(form: &Value) -> Vec<&str> {
    let listed = form.get("enum").and_then(Value::as_array).into_iter().flatten();
    listed.chain(form.get("const")).filter_map(Value::as_str).collect()
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [some @ .., last] if !some.is_empty() => format!("{} or {last}", some.join(", ")),
        _ => quoted.concat(),
    }
}

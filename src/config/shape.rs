//! Whether a document has the shape that the schema describes: every key known, every value of its form.
//!
//! What is wrong is told and taken out, so that one reading finds everything and what remains can be deserialised.

use std::ops::Range;

use regex::Regex;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::literal;
use super::nearest::nearest;
use super::source::{Fault, Faults};

/// Tells all that is wrong with the shape of a document, and takes it out.
pub(super) fn check(document: &mut DeTable<'_>, schema: &Value, faults: &mut Faults<'_>) {
    Shape { root: schema, faults }.table(document, schema, "", None);
}

struct Shape<'s, 'f, 't> {
    root: &'s Value,
    faults: &'f mut Faults<'t>,
}

/// The schema of a secret: text in its place is one, whatever it looks like.
const SECRET: &str = "#/$defs/SecretVariable";

impl<'s> Shape<'s, '_, '_> {
    fn table(&mut self, table: &mut DeTable<'_>, schema: &'s Value, path: &str, header: Option<Range<usize>>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| **others != Value::Bool(false));
        let mut rejected: Vec<String> = Vec::new();
        // A key that was misspelled is not missing as well.
        let mut meant: Vec<String> = Vec::new();
        for (key, value) in &mut *table {
            let name = key.get_ref().as_ref();
            let path = joined(path, name);
            let keep = match properties.and_then(|properties| properties.get(name)).or(others) {
                Some(schema) => self.value(value, schema, &path),
                None => {
                    meant.extend(self.unknown_key(name, key.span(), schema, &path).map(str::to_owned));
                    false
                }
            };
            if !keep {
                rejected.push(name.to_owned());
                self.faults.reject(path);
            }
        }
        for required in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
        {
            if table.get(required).is_none() && !meant.iter().any(|meant| meant == required) {
                self.missing(
                    required,
                    properties.and_then(|properties| properties.get(required)),
                    path,
                    header.clone(),
                );
            }
        }
        for key in &rejected {
            table.remove(key.as_str());
        }
        for key in &meant {
            self.faults.reject(joined(path, key));
        }
    }

    /// Whether the value may stay.
    fn value(&mut self, value: &mut toml::Spanned<DeValue<'_>>, schema: &'s Value, path: &str) -> bool {
        let span = value.span();
        let forms = self.forms(schema);
        let Some(form) = forms.iter().copied().find(|form| fits(value.get_ref(), form)) else {
            self.wrong_type(value.get_ref(), span, schema, path);
            return false;
        };
        if form.get("type").is_none() {
            return true;
        }
        match value.get_mut() {
            DeValue::Table(table) => {
                self.table(table, form, path, Some(span));
                true
            }
            DeValue::Array(array) => {
                let least = form.get("minItems").and_then(Value::as_u64).unwrap_or(0);
                if (array.len() as u64) < least {
                    self.faults.add(Fault::at(span, format!("`{path}` must not be empty")).label("an empty list"));
                    return false;
                }
                let Some(items) = form.get("items") else { return true };
                // An element that is taken out would move the others; the list goes as a whole.
                let kept =
                    array.iter_mut().enumerate().map(|(at, item)| self.value(item, items, &format!("{path}[{at}]")));
                kept.fold(true, |all, kept| all && kept)
            }
            DeValue::String(text) => self.text(text, span, &forms, schema, path),
            DeValue::Integer(number) => {
                let number: i128 = number.to_string().parse().unwrap_or(i128::MAX);
                let bound = |name| form.get(name).and_then(Value::as_i64).map(i128::from);
                let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum").unwrap_or(i128::from(i64::MAX)));
                let within = (least..=most).contains(&number);
                if !within {
                    let range = if most == i128::from(i64::MAX) {
                        format!("{least} or more")
                    } else {
                        format!("{least} to {most}")
                    };
                    self.faults.add(Fault::at(span, format!("`{path}` must be {range}")).label("out of range"));
                }
                within
            }
            DeValue::Boolean(value) => {
                let right = form.get("const").is_none_or(|expected| *expected == Value::Bool(*value));
                if !right {
                    let message = format!("`{path}` must be {}", self.expected(schema));
                    self.faults.add(Fault::at(span, message).label(format!("this is {value}")));
                }
                right
            }
            DeValue::Datetime(_) | DeValue::Float(_) => true,
        }
    }

    /// Text must be one of the words, if there are words, and have the form, if there is one.
    fn text(&mut self, text: &str, span: Range<usize>, forms: &[&'s Value], schema: &'s Value, path: &str) -> bool {
        let texts: Vec<&Value> =
            forms.iter().copied().filter(|form| form.get("type").is_some_and(|name| name == "string")).collect();
        let words: Vec<&str> = texts.iter().flat_map(|form| words(form)).collect();
        let fault = if words.is_empty() {
            let right = texts.iter().all(|form| {
                let pattern = form.get("pattern").and_then(Value::as_str).and_then(|pattern| Regex::new(pattern).ok());
                pattern.is_none_or(|pattern| pattern.is_match(text))
            });
            (!right).then(|| {
                let found = if text.trim().is_empty() { "this is empty" } else { "this is something else" };
                Fault::at(span, format!("`{path}` must be {}", self.expected(schema))).label(found)
            })
        } else {
            (!words.contains(&text)).then(|| {
                let meant = nearest(text, words.iter().copied());
                let label = meant.map_or("none of these".to_owned(), |meant| format!("did you mean \"{meant}\"?"));
                let expected = if texts.len() < forms.len() { self.expected(schema) } else { one_of(&words) };
                Fault::at(span, format!("`{path}` must be {expected}")).label(label)
            })
        };
        let right = fault.is_none();
        fault.into_iter().for_each(|fault| self.faults.add(fault));
        right
    }

    fn wrong_type(&mut self, value: &DeValue<'_>, span: Range<usize>, schema: &Value, path: &str) {
        let mut fault = Fault::at(span.clone(), format!("`{path}` must be {}", self.expected(schema)));
        if let (DeValue::String(text), true) = (value, schema.get("$ref").is_some_and(|name| name == SECRET)) {
            if is_variable_name(text) {
                fault = fault.help(format!("to name the variable, write {{ env = \"{text}\" }}"));
            } else {
                // Without its quotes, which show that it was text.
                self.faults.secret(span.start + 1..span.end.saturating_sub(1));
                return;
            }
        }
        self.faults.add(fault.label(format!("this is {}", found(value))));
    }

    fn missing(&mut self, key: &str, schema: Option<&Value>, path: &str, header: Option<Range<usize>>) {
        let place = if path.is_empty() { format!("[{key}]") } else { format!("`{path}.{key}`") };
        let expected = schema.map(|schema| self.expected(schema)).unwrap_or_default();
        let fault = Fault::at(header, format!("{place} is missing"));
        self.faults.add(match key {
            "project" => fault.help("begin the file with [project] and name = \"your product\""),
            "worker" => fault.help("add [worker] and url = \"https://your-worker.example.workers.dev\""),
            "tiers" => fault.help("add a [tiers.NAME] for each tier, with its limit and, where it is paid, its price"),
            _ => fault.label(format!("expected `{key}`: {expected}")),
        });
    }

    /// Tells of a key that does not exist, and answers which of this table was meant.
    fn unknown_key(&mut self, key: &str, span: Range<usize>, schema: &'s Value, path: &str) -> Option<&'s str> {
        let table = path.strip_suffix(key).unwrap_or_default().trim_end_matches('.');
        let place =
            if table.is_empty() { "at the top of the file".to_owned() } else { format!("in {}", header(table)) };
        let keys: Vec<&str> = keys(schema).collect();
        let elsewhere = self.tables_with(key);
        let fault = Fault::at(span, format!("unknown key `{key}` {place}"));
        let meant = nearest(key, keys.iter().copied());
        self.faults.add(match meant {
            Some(meant) if elsewhere.is_empty() => fault.label(format!("did you mean `{meant}`?")),
            _ if !elsewhere.is_empty() => fault.label(format!("this key belongs in {}", elsewhere.join(" or "))),
            _ => fault.label("there is no such key").help(format!("known keys: {}", keys.join(", "))),
        });
        meant.filter(|_| elsewhere.is_empty())
    }

    /// The tables of the file that have a key of this name.
    fn tables_with(&self, key: &str) -> Vec<String> {
        let tables = self.root.get("properties").and_then(Value::as_object).into_iter().flatten();
        let named = tables.filter_map(|(name, schema)| {
            let form = *self.forms(schema).first()?;
            if let Some(items) = form.get("items") {
                let item = *self.forms(items).first()?;
                return keys(item).any(|known| known == key).then(|| format!("[[{name}]]"));
            }
            if let Some(others) = form.get("additionalProperties").filter(|others| others.is_object()) {
                let other = *self.forms(others).first()?;
                return keys(other).any(|known| known == key).then(|| format!("[{name}.NAME]"));
            }
            keys(form).any(|known| known == key).then(|| format!("[{name}]"))
        });
        named.collect()
    }

    /// The forms that a value may have, references followed.
    fn forms(&self, schema: &'s Value) -> Vec<&'s Value> {
        if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#')) {
            return self.root.pointer(name).map(|schema| self.forms(schema)).unwrap_or_default();
        }
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf")).and_then(Value::as_array);
        alternatives.map_or_else(|| vec![schema], |forms| forms.iter().flat_map(|form| self.forms(form)).collect())
    }

    /// In words, what a value must be.
    fn expected(&self, schema: &Value) -> String {
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
fn fits(value: &DeValue<'_>, form: &Value) -> bool {
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

const fn found(value: &DeValue<'_>) -> &'static str {
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

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn keys(schema: &Value) -> impl Iterator<Item = &str> {
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

/// A table's path as the file's headers write it: `tiers.pro.prices[0]` as `[[tiers.pro.prices]]`.
fn header(path: &str) -> String {
    path.split_once('[').map_or_else(|| format!("[{path}]"), |(table, _)| format!("[[{table}]]"))
}

/// Whether text names an environment variable rather than being a value: `STRIPE_SECRET_KEY`.
pub(super) fn is_variable_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.contains('_')
        && text.bytes().all(allowed)
        && text.starts_with(|first: char| first.is_ascii_uppercase())
        && !literal::is_token(text)
}

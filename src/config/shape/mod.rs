//! Whether a document has the shape that the schema describes: every key known, every value of its form.
//!
//! What is wrong is told and taken out, so that one reading finds everything and what remains can be deserialised.

mod expectation;

use std::collections::HashMap;
use std::ops::Range;

use regex::Regex;
use serde_json::Value;
use toml::de::{DeInteger, DeTable, DeValue};

use expectation::{Schema, fits, found, keys, one_of, words};

use super::hardcoded::is_variable_name;
use super::nearest::nearest;
use super::source::{Fault, Faults};
use crate::pattern::compiled;

/// Tells all that is wrong with the shape of a document, and takes it out.
pub(super) fn check(document: &mut DeTable<'_>, schema: &Value, faults: &mut Faults<'_>) {
    Shape { schema: Schema { root: schema }, faults, patterns: HashMap::new() }.table(document, schema, "", None);
}

struct Shape<'s, 'f, 't> {
    schema: Schema<'s>,
    faults: &'f mut Faults<'t>,
    // One pattern has many users, and takes longer to compile than to match.
    patterns: HashMap<&'s str, Regex>,
}

/// The schema of a secret: text in its place is one, whatever it looks like.
const SECRET: &str = "#/$defs/SecretVariable";

impl<'s> Shape<'s, '_, '_> {
    fn table(&mut self, table: &mut DeTable<'_>, schema: &'s Value, path: &str, header: Option<&Range<usize>>) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|others| **others != Value::Bool(false));
        let mut rejected: Vec<String> = Vec::new();
        // A key that was misspelled is not missing as well.
        let mut meant: Vec<String> = Vec::new();
        for (key, value) in &mut *table {
            let name = key.get_ref().as_ref();
            let path = joined(path, name);
            let keep = if let Some(schema) = properties.and_then(|properties| properties.get(name)).or(others) {
                self.value(value, schema, &path)
            } else {
                meant.extend(self.unknown_key(name, key.span(), schema, &path).map(str::to_owned));
                false
            };
            if !keep {
                rejected.push(name.to_owned());
                self.faults.reject(path);
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for key in required.filter(|key| table.get(*key).is_none() && !meant.iter().any(|meant| meant == key)) {
            self.missing(key, properties.and_then(|properties| properties.get(key)), path, header.cloned());
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
        let forms = self.schema.forms(schema);
        let Some(form) = forms.iter().copied().find(|form| fits(value.get_ref(), form)) else {
            self.wrong_type(value.get_ref(), span, schema, path);
            return false;
        };
        if form.get("type").is_none() {
            return true;
        }
        match value.get_mut() {
            DeValue::Table(table) => {
                self.table(table, form, path, Some(&span));
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
                let mut whole = true;
                for (at, item) in array.iter_mut().enumerate() {
                    whole &= self.value(item, items, &format!("{path}[{at}]"));
                }
                whole
            }
            DeValue::String(text) => self.text(text, span, &forms, schema, path),
            DeValue::Integer(number) => self.number(number, span, form, path),
            DeValue::Boolean(value) => {
                let right = form.get("const").is_none_or(|expected| *expected == Value::Bool(*value));
                if !right {
                    let message = format!("`{path}` must be {}", self.schema.expected(schema));
                    self.faults.add(Fault::at(span, message).label(format!("this is {value}")));
                }
                right
            }
            DeValue::Datetime(_) | DeValue::Float(_) => true,
        }
    }

    /// A number must be in the form's range; no number here is below 0.
    fn number(&mut self, number: &DeInteger<'_>, span: Range<usize>, form: &Value, path: &str) -> bool {
        let number = i128::from_str_radix(number.as_str(), number.radix()).unwrap_or(i128::MAX);
        let bound = |name| form.get(name).and_then(Value::as_i64).map(i128::from);
        let (least, most) = (bound("minimum").unwrap_or(0), bound("maximum"));
        let within = number >= least && number <= most.unwrap_or(i128::from(i64::MAX));
        if !within {
            let range = most.map_or_else(|| format!("{least} or more"), |most| format!("{least} to {most}"));
            self.faults.add(Fault::at(span, format!("`{path}` must be {range}")).label("out of range"));
        }
        within
    }

    /// Text must be one of the words, if there are words, and have the form, if there is one.
    fn text(&mut self, text: &str, span: Range<usize>, forms: &[&'s Value], schema: &'s Value, path: &str) -> bool {
        let texts: Vec<&'s Value> =
            forms.iter().copied().filter(|form| form.get("type").is_some_and(|name| name == "string")).collect();
        let words: Vec<&str> = texts.iter().flat_map(|form| words(form)).collect();
        let fault = if words.is_empty() {
            let mut patterns = texts.iter().filter_map(|form| form.get("pattern").and_then(Value::as_str));
            let right = patterns.all(|pattern| self.matches(pattern, text));
            (!right).then(|| {
                let found = if text.trim().is_empty() { "this is empty" } else { "this is something else" };
                Fault::at(span, format!("`{path}` must be {}", self.schema.expected(schema))).label(found)
            })
        } else {
            (!words.contains(&text)).then(|| {
                let meant = nearest(text, words.iter().copied());
                let label = meant.map_or("none of these".to_owned(), |meant| format!("did you mean \"{meant}\"?"));
                let expected = if texts.len() < forms.len() { self.schema.expected(schema) } else { one_of(&words) };
                Fault::at(span, format!("`{path}` must be {expected}")).label(label)
            })
        };
        let right = fault.is_none();
        if let Some(fault) = fault {
            self.faults.add(fault);
        }
        right
    }

    fn matches(&mut self, pattern: &'s str, text: &str) -> bool {
        let pattern = self.patterns.entry(pattern).or_insert_with(|| compiled(pattern));
        pattern.is_match(text)
    }

    fn wrong_type(&mut self, value: &DeValue<'_>, span: Range<usize>, schema: &Value, path: &str) {
        let mut fault = Fault::at(span.clone(), format!("`{path}` must be {}", self.schema.expected(schema)));
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
        let expected = schema.map(|schema| self.schema.expected(schema)).unwrap_or_default();
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
        let tables = self.schema.root.get("properties").and_then(Value::as_object).into_iter().flatten();
        let named = tables.filter_map(|(name, schema)| {
            let form = *self.schema.forms(schema).first()?;
            if let Some(items) = form.get("items") {
                let item = *self.schema.forms(items).first()?;
                return keys(item).any(|known| known == key).then(|| format!("[[{name}]]"));
            }
            if let Some(others) = form.get("additionalProperties").filter(|others| others.is_object()) {
                let other = *self.schema.forms(others).first()?;
                return keys(other).any(|known| known == key).then(|| format!("[{name}.NAME]"));
            }
            keys(form).any(|known| known == key).then(|| format!("[{name}]"))
        });
        named.collect()
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A table's path as the file's headers write it: `tiers.pro.prices[0]` as `[[tiers.pro.prices]]`.
fn header(path: &str) -> String {
    path.split_once('[').map_or_else(|| format!("[{path}]"), |(table, _)| format!("[[{table}]]"))
}

#[cfg(test)]
mod tests {
    use crate::config::Limit;
    use crate::config::sample::{loaded, minimal_with, refused};

    fn with(keys: &str) -> String {
        minimal_with("[tiers.free]", &format!("{keys}\n[tiers.free]"))
    }

    fn told(keys: &str, message: &str, label: &str) {
        let rendered = refused(&with(keys));
        assert!(rendered.contains(message) && rendered.contains(label), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        told("[stripe]\nsecret_kye = 1", "unknown key `secret_kye` in [stripe]", "^ did you mean `secret_key`?");
        told("[clark]", "unknown key `clark` at the top of the file", "^ did you mean `clerk`?");
        told("[[probe]]\nname=\"a\"\nurl=\"https://a.b\"\nheader = {}", "in [[probe]]", "^ did you mean `headers`?");
    }

    #[test]
    fn a_key_of_another_table_is_sent_there() {
        told(
            "[stripe]\njwt_template = \"x\"",
            "unknown key `jwt_template` in [stripe]",
            "^ this key belongs in [clerk]",
        );
        told("[frontend]\nurl = \"https://a.b\"\ninterval = 1", "unknown key `interval`", "belongs in [tiers.NAME]");
        told("[frontend]\nurl = \"https://a.b\"\nsecret_key = 1", "unknown key", "belongs in [clerk] or [stripe]");
    }

    #[test]
    fn an_unknown_key_that_is_like_no_other_gets_the_list() {
        told("[frontend]\nurl = \"https://a.b\"\ncolour = 1", "unknown key `colour`", "known keys: url");
    }

    #[test]
    fn a_misspelled_key_is_not_missing_as_well() {
        told("[frontend]\nurk = \"https://a.b\"", "unknown key `urk`", "did you mean `url`?");
    }

    #[test]
    fn a_missing_key_is_told_at_its_table() {
        told("[frontend]", "`frontend.url` is missing", "^^ expected `url`: text in quotes");
    }

    #[test]
    fn a_value_of_another_type_is_told_with_what_was_expected() {
        told(
            "[webhook]\nmax_response_ms = \"1s\"",
            "`webhook.max_response_ms` must be a whole number",
            "^ this is text",
        );
        told("[webhook]\nevents = \"x.y\"", "`webhook.events` must be a list", "^ this is text");
        told("[frontend]\nurl = 5", "`frontend.url` must be text in quotes", "^ this is a number");
    }

    #[test]
    fn another_word_is_told_with_the_words_there_are() {
        told("[entitlement]\nsource = \"product_metadata\"", "or \"price-id\"", "^ did you mean \"product-metadata\"?");
        told("[entitlement]\nentitling_statuses = [\"x\"]", "\"past_due\"", "^ none of these");
    }

    #[test]
    fn a_route_is_a_path_or_false() {
        let routed = |route: &str| minimal_with("workers.dev\"", &format!("workers.dev\"\n{route}"));
        assert_eq!(loaded(&routed("health = false")).worker.health, None);
        for route in [
            "health = true",
            "health = \"health\"",
            "health = \"https://a.b/c\"",
            "health = \"//a.b\"",
            "health = \"/a b\"",
        ] {
            let rendered = refused(&routed(route));
            assert!(rendered.contains("must be a path, such as \"/health\", or false"), "{rendered}");
        }
    }

    #[test]
    fn a_limit_is_a_number_or_unlimited() {
        for limit in ["\"many\"", "true", "1.5"] {
            let rendered = refused(&minimal_with("limit = 10", &format!("limit = {limit}")));
            assert!(rendered.contains("`tiers.free.limit` must be a whole number, or \"unlimited\""), "{rendered}");
        }
        assert!(refused(&minimal_with("limit = 10", "limit = -1")).contains("must be 0 or more"));
        for limit in ["1_000", "0x3E8"] {
            assert_eq!(
                loaded(&minimal_with("limit = 10", &format!("limit = {limit}"))).tiers[0].limit,
                Limit::Uses(1000)
            );
        }
    }

    #[test]
    fn a_number_out_of_range_is_told_with_the_range() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        told(
            &format!("{probe}expect = {{ status = 99 }}"),
            "`probe[0].expect.status` must be 100 to 599",
            "out of range",
        );
    }

    #[test]
    fn an_empty_list_or_text_is_refused_where_nothing_makes_no_sense() {
        told("[webhook]\nevents = []", "`webhook.events` must not be empty", "^ an empty list");
        told("[clerk]\nplan_claim = \" \"", "`clerk.plan_claim` must be text in quotes, not empty", "^ this is empty");
    }

    #[test]
    fn the_name_of_a_variable_as_text_is_told_how_to_write_it() {
        told("[stripe]\nsecret_key = \"MY_KEY\"", "`stripe.secret_key` must be", "write { env = \"MY_KEY\" }");
    }

    #[test]
    fn an_expected_answer_is_what_json_can_say() {
        told(
            "[webhook]\nexpect = { at = 2026-01-01 }",
            "`webhook.expect.at` must be a value that JSON has too",
            "this is a date",
        );
        assert_eq!(loaded(&with("[webhook]\nexpect = { a = { b = [1] } }")).webhook.expect["a"]["b"][0], 1);
    }
}

//! Validates the file against its own JSON Schema and reports every error at its place in the TOML.
//!
//! What is wrong is reported and removed, so that one reading finds everything and the rest can be deserialized.

use std::ops::Range;
use std::sync::LazyLock;

use boon::{Compiler, ErrorKind, InstanceToken, SchemaIndex, Schemas, ValidationError};
use serde::Deserialize;
use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::words::{Schema, found, keys};
use crate::config::hardcoded::{is_token, is_variable_name};
use crate::config::nearest::nearest;
use crate::config::raw;
use crate::config::source::{Fault, Faults};

/// The schema of a secret: text in its place is one, whatever it looks like.
const SECRET: &str = "#/$defs/SecretVariable";

/// What the validator calls the schema; nothing is loaded from there.
const URL: &str = "https://preflight.invalid/config.json";

/// The schema, and what the validator made of it.
static SCHEMA: LazyLock<(Value, Result<(Schemas, SchemaIndex), String>)> = LazyLock::new(|| {
    let (schema, mut schemas, mut compiler) = (super::schema(), Schemas::new(), Compiler::new());
    let added = compiler.add_resource(URL, schema.clone());
    let compiled = added.and_then(|()| compiler.compile(URL, &mut schemas)).map_err(|error| error.to_string());
    (schema, compiled.map(|index| (schemas, index)))
});

/// Where a value is: keys and indices from the top of the file.
type Path<'p> = [InstanceToken<'p>];

/// The file without what is wrong in it, which is reported. `None` if it cannot be read at all.
pub(in crate::config) fn read(mut document: Spanned<DeTable<'_>>, faults: &mut Faults<'_>) -> Option<raw::File> {
    let mut reader = Reader { schema: Schema { root: &SCHEMA.0 }, faults };
    reader.validate(document.get_mut());
    loop {
        // The types tell apart what is the same in JSON: a date and text, 5 and 5.0.
        match raw::File::deserialize(Deserializer::from(document.clone())) {
            Ok(file) => return Some(file),
            Err(error) => reader.wrong_type(document.get_mut(), &error)?,
        }
    }
}

struct Reader<'f, 't> {
    schema: Schema<'static>,
    faults: &'f mut Faults<'t>,
}

impl Reader<'_, '_> {
    fn validate(&mut self, document: &mut DeTable<'_>) {
        let (schemas, index) = match &SCHEMA.1 {
            Ok(compiled) => compiled,
            Err(error) => {
                let message = format!("preflight's schema is invalid, which is a bug: {error}");
                return self.faults.add(Fault::at(None, message));
            }
        };
        let instance = json_table(document);
        let Err(error) = schemas.validate(&instance, *index) else { return };
        let mut errors = leaves(error);
        // A misspelled key is not missing as well.
        errors.sort_by_key(|error| !matches!(error.kind, ErrorKind::AdditionalProperties { .. }));
        for error in &errors {
            let path = &error.instance_location.tokens;
            match &error.kind {
                ErrorKind::AdditionalProperties { got } => {
                    got.iter().for_each(|key| self.unknown_key(document, path, key));
                }
                ErrorKind::Required { want } => want.iter().for_each(|key| self.missing_key(document, path, key)),
                _ => self.wrong_value(document, path),
            }
        }
        for error in &errors {
            let path = &error.instance_location.tokens;
            match &error.kind {
                ErrorKind::AdditionalProperties { got } => {
                    got.iter().for_each(|key| self.reject(document, &child(path, key)));
                }
                ErrorKind::Required { .. } => {}
                _ => self.reject(document, path),
            }
        }
    }

    fn wrong_value(&mut self, document: &DeTable<'_>, path: &Path<'_>) {
        let Some(value) = value_at(document, path) else { return };
        let (span, schema) = (value.span(), self.schema.at(path));
        let expected =
            schema.map_or_else(|| "a value that JSON has too".to_owned(), |schema| self.schema.expected(schema));
        let mut fault = Fault::at(span.clone(), format!("`{}` must be {expected}", shown(path)));
        if let DeValue::String(text) = value.get_ref() {
            let names_variable = matches!(path.last(), Some(InstanceToken::Prop(key)) if key == "env");
            let holds_secret = schema.is_some_and(|schema| schema.get("$ref").is_some_and(|name| name == SECRET));
            if holds_secret && !is_variable_name(text) || names_variable && is_token(text) {
                // Without its quotes, which show that it was text.
                return self.faults.secret(span.start + 1..span.end.saturating_sub(1));
            }
            if holds_secret {
                fault = fault.help(format!("to name the variable, write {{ env = \"{text}\" }}"));
            }
        }
        let forms = schema.map(|schema| self.schema.forms(schema)).unwrap_or_default();
        self.faults.add(fault.label(found(value.get_ref(), &forms)));
    }

    /// Reports and removes a value that only the types refuse. `None` if it has no place.
    fn wrong_type(&mut self, document: &mut DeTable<'_>, error: &toml::de::Error) -> Option<()> {
        let Some(path) = error.span().and_then(|span| path_of(document, &span)) else {
            self.faults.add(Fault::at(error.span(), error.message()));
            return None;
        };
        // A table in which a key is missing was reported already.
        if !self.faults.is_rejected(&shown(&path)) {
            self.wrong_value(document, &path);
        }
        self.reject(document, &path);
        Some(())
    }

    fn missing_key(&mut self, document: &DeTable<'_>, path: &Path<'_>, key: &str) {
        let key_path = child(path, key);
        // The types need the name of a variable, too.
        if key == "env" {
            self.faults.reject(shown(path));
        }
        if self.faults.is_rejected(&shown(&key_path)) {
            return;
        }
        let expected = self.schema.at(&key_path).map(|schema| self.schema.expected(schema)).unwrap_or_default();
        let place = if path.is_empty() { format!("[{key}]") } else { format!("`{}`", shown(&key_path)) };
        let fault = Fault::at(value_at(document, path).map(Spanned::span), format!("{place} is missing"));
        self.faults.add(match key {
            "project" => fault.help("start the file with [project] and name = \"your product\""),
            "worker" => fault.help("add [worker] and url = \"https://your-worker.example.workers.dev\""),
            "tiers" => fault.help("add a [tiers.NAME] for each tier, with its limit and, if it is paid, its price"),
            _ => fault.label(format!("expected `{key}`: {expected}")),
        });
    }

    /// Reports a key that does not exist, and suggests one that does.
    fn unknown_key(&mut self, document: &DeTable<'_>, path: &Path<'_>, key: &str) {
        let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in {}", header(path)) };
        let fault = Fault::at(key_span(document, path, key), format!("unknown key `{key}` {place}"));
        let forms = self.schema.at(path).map(|schema| self.schema.forms(schema)).unwrap_or_default();
        let keys: Vec<&str> = forms.into_iter().flat_map(keys).collect();
        let elsewhere = self.tables_with(key);
        let meant = nearest(key, keys.iter().copied()).filter(|_| elsewhere.is_empty());
        self.faults.add(match meant {
            Some(meant) => fault.label(format!("did you mean `{meant}`?")),
            None if elsewhere.is_empty() => {
                fault.label("there is no such key").help(format!("known keys: {}", keys.join(", ")))
            }
            None => fault.label(format!("this key belongs in {}", elsewhere.join(" or "))),
        });
        for key in [key].into_iter().chain(meant) {
            self.faults.reject(shown(&child(path, key)));
        }
    }

    /// The tables of the file that have a key of this name.
    fn tables_with(&self, key: &str) -> Vec<String> {
        let tables = self.schema.root.get("properties").and_then(Value::as_object).into_iter().flatten();
        let has_key = |schema| self.schema.forms(schema).into_iter().flat_map(keys).any(|known| known == key);
        let named = tables.filter_map(|(name, schema)| {
            let form = *self.schema.forms(schema).first()?;
            if let Some(items) = form.get("items") {
                return has_key(items).then(|| format!("[[{name}]]"));
            }
            if let Some(others) = form.get("additionalProperties").filter(|others| others.is_object()) {
                return has_key(others).then(|| format!("[{name}.NAME]"));
            }
            has_key(form).then(|| format!("[{name}]"))
        });
        named.collect()
    }

    /// Removes a value that cannot be used. A list goes as a whole: without one of its elements the others would move.
    fn reject(&mut self, document: &mut DeTable<'_>, path: &Path<'_>) {
        let end = path.iter().rposition(|token| matches!(token, InstanceToken::Prop(_))).map_or(0, |at| at + 1);
        self.faults.reject(shown(&path[..end]));
        remove(document, &path[..end]);
    }
}

/// The errors at the leaves of the tree. If a value fits none of several alternatives, only errors inside the value count;
/// without any, the value itself is the error.
fn leaves<'s, 'v>(mut error: ValidationError<'s, 'v>) -> Vec<ValidationError<'s, 'v>> {
    let causes = std::mem::take(&mut error.causes);
    let depth = error.instance_location.tokens.len();
    let mut inner: Vec<_> = causes.into_iter().flat_map(leaves).collect();
    if matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_)) {
        inner.retain(|inner| {
            inner.instance_location.tokens.len() > depth
                || matches!(inner.kind, ErrorKind::AdditionalProperties { .. } | ErrorKind::Required { .. })
        });
    }
    if inner.is_empty() { vec![error] } else { inner }
}

/// The document as JSON, for the validator: a date becomes text, and a number that JSON cannot hold becomes null.
fn json_table(table: &DeTable<'_>) -> Value {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok().into(),
        DeValue::Float(number) => number.as_str().parse().ok().and_then(Number::from_f64).into(),
        DeValue::Boolean(value) => (*value).into(),
        DeValue::Datetime(at) => at.to_string().into(),
        DeValue::Array(array) => array.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => json_table(table),
    }
}

fn value_at<'d, 'i>(document: &'d DeTable<'i>, path: &Path<'_>) -> Option<&'d Spanned<DeValue<'i>>> {
    let (InstanceToken::Prop(first), rest) = path.split_first()? else { return None };
    rest.iter().try_fold(document.get(first.as_ref())?, |value, token| match (value.get_ref(), token) {
        (DeValue::Table(table), InstanceToken::Prop(key)) => table.get(key.as_ref()),
        (DeValue::Array(array), InstanceToken::Item(at)) => array.get(*at),
        _ => None,
    })
}

fn key_span(document: &DeTable<'_>, path: &Path<'_>, key: &str) -> Option<Range<usize>> {
    let table = match value_at(document, path).map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => table,
        _ => document,
    };
    table.get_key_value(key).map(|(key, _)| key.span())
}

/// The path of the innermost value at a place.
fn path_of(document: &DeTable<'_>, span: &Range<usize>) -> Option<Vec<InstanceToken<'static>>> {
    document.iter().find_map(|(key, value)| within(InstanceToken::Prop(key.get_ref().to_string().into()), value, span))
}

fn within(
    token: InstanceToken<'static>,
    value: &Spanned<DeValue<'_>>,
    span: &Range<usize>,
) -> Option<Vec<InstanceToken<'static>>> {
    let inner = match value.get_ref() {
        DeValue::Table(table) => path_of(table, span),
        DeValue::Array(array) => {
            array.iter().enumerate().find_map(|(at, item)| within(InstanceToken::Item(at), item, span))
        }
        _ => None,
    };
    let path = inner.or_else(|| (value.span() == *span).then(Vec::new))?;
    Some([token].into_iter().chain(path).collect())
}

fn remove(document: &mut DeTable<'_>, path: &Path<'_>) {
    match path {
        [] => {}
        [InstanceToken::Prop(key)] => {
            document.remove(key.as_ref());
        }
        [InstanceToken::Prop(key), rest @ ..] => {
            let Some(mut value) = document.get_mut(key.as_ref()).map(Spanned::get_mut) else { return };
            let items = rest.iter().take_while(|token| matches!(token, InstanceToken::Item(_))).count();
            for token in &rest[..items] {
                let (DeValue::Array(array), InstanceToken::Item(at)) = (value, token) else { return };
                let Some(item) = array.get_mut(*at) else { return };
                value = item.get_mut();
            }
            if let DeValue::Table(table) = value {
                remove(table, &rest[items..]);
            }
        }
        [InstanceToken::Item(_), ..] => {}
    }
}

fn child<'p>(path: &Path<'p>, key: &str) -> Vec<InstanceToken<'p>> {
    path.iter().cloned().chain([InstanceToken::Prop(key.to_owned().into())]).collect()
}

/// A path as the file writes it: `tiers.pro.prices[0].price`.
fn shown(path: &Path<'_>) -> String {
    path.iter().fold(String::new(), |shown, token| match token {
        InstanceToken::Prop(key) if shown.is_empty() => key.to_string(),
        InstanceToken::Prop(key) => format!("{shown}.{key}"),
        InstanceToken::Item(at) => format!("{shown}[{at}]"),
    })
}

/// A table's path as the file's headers write it: `tiers.pro.prices[0]` as `[[tiers.pro.prices]]`.
fn header(path: &Path<'_>) -> String {
    let shown = shown(path);
    shown.split_once('[').map_or_else(|| format!("[{shown}]"), |(table, _)| format!("[[{table}]]"))
}

#[cfg(test)]
mod tests {
    use crate::config::Limit;
    use crate::config::sample::{loaded, minimal_with, refused};

    fn with(keys: &str) -> String {
        minimal_with("[tiers.free]", &format!("{keys}\n[tiers.free]"))
    }

    fn reports(keys: &str, message: &str, label: &str) {
        let rendered = refused(&with(keys));
        assert!(rendered.contains(message) && rendered.contains(label), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 1, "{rendered}");
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        reports("[stripe]\nsecret_kye = 1", "unknown key `secret_kye` in [stripe]", "^ did you mean `secret_key`?");
        reports("[clark]", "unknown key `clark` at the top of the file", "^ did you mean `clerk`?");
        reports("[[probe]]\nname=\"a\"\nurl=\"https://a.b\"\nheader = {}", "in [[probe]]", "^ did you mean `headers`?");
    }

    #[test]
    fn a_key_in_the_wrong_table_names_the_right_one() {
        reports(
            "[stripe]\njwt_template = \"x\"",
            "unknown key `jwt_template` in [stripe]",
            "^ this key belongs in [clerk]",
        );
        reports("[frontend]\nurl = \"https://a.b\"\ninterval = 1", "unknown key `interval`", "belongs in [tiers.NAME]");
        reports("[frontend]\nurl = \"https://a.b\"\nsecret_key = 1", "unknown key", "belongs in [clerk] or [stripe]");
    }

    #[test]
    fn an_unknown_key_without_a_near_match_lists_the_keys() {
        reports("[frontend]\nurl = \"https://a.b\"\ncolour = 1", "unknown key `colour`", "known keys: url");
    }

    #[test]
    fn a_misspelled_key_is_not_missing_as_well() {
        reports("[frontend]\nurk = \"https://a.b\"", "unknown key `urk`", "did you mean `url`?");
    }

    #[test]
    fn a_missing_key_is_reported_at_its_table() {
        reports("[frontend]", "`frontend.url` is missing", "^^ expected `url`: text in quotes");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_with_the_right_type() {
        reports(
            "[webhook]\nmax_response_ms = \"1s\"",
            "`webhook.max_response_ms` must be a whole number, 1 or more",
            "^ this is text",
        );
        reports("[webhook]\nevents = \"x.y\"", "`webhook.events` must be a list", "^ this is text");
        reports("[frontend]\nurl = 5", "`frontend.url` must be text in quotes", "^ this is the number 5");
    }

    #[test]
    fn a_wrong_word_is_reported_with_the_right_words() {
        reports(
            "[entitlement]\nsource = \"product_metadata\"",
            "or \"price-id\"",
            "^ did you mean \"product-metadata\"?",
        );
        reports("[entitlement]\nentitling_statuses = [\"x\"]", "\"past_due\"", "^ none of these");
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
        for limit in ["\"many\"", "true", "1.5", "5.0", "-1", "99999999999999999999"] {
            let rendered = refused(&minimal_with("limit = 10", &format!("limit = {limit}")));
            assert!(
                rendered.contains("`tiers.free.limit` must be a whole number, 0 or more, or \"unlimited\""),
                "{rendered}"
            );
        }
        for limit in ["1_000", "0x3E8"] {
            assert_eq!(
                loaded(&minimal_with("limit = 10", &format!("limit = {limit}"))).tiers[0].limit,
                Limit::Uses(1000)
            );
        }
    }

    #[test]
    fn a_number_out_of_range_is_reported_with_the_range() {
        let probe = "[[probe]]\nname = \"a\"\nurl = \"https://a.b\"\n";
        reports(
            &format!("{probe}expect = {{ status = 99 }}"),
            "`probe[0].expect.status` must be a whole number from 100 to 599",
            "this is the number 99",
        );
    }

    #[test]
    fn an_empty_list_or_text_is_rejected_where_a_value_is_needed() {
        reports("[webhook]\nevents = []", "`webhook.events` must be a list that is not empty", "^ this list is empty");
        reports(
            "[clerk]\nplan_claim = \" \"",
            "`clerk.plan_claim` must be text in quotes, not empty",
            "^ this is empty",
        );
    }

    #[test]
    fn a_variable_name_as_text_explains_how_to_name_a_variable() {
        reports("[stripe]\nsecret_key = \"MY_KEY\"", "`stripe.secret_key` must be", "write { env = \"MY_KEY\" }");
    }

    #[test]
    fn an_expected_response_holds_only_json_values() {
        reports(
            "[webhook]\nexpect = { at = 2026-01-01 }",
            "`webhook.expect.at` must be a value that JSON has too",
            "this is a date",
        );
        assert_eq!(loaded(&with("[webhook]\nexpect = { a = { b = [1] } }")).webhook.expect["a"]["b"][0], 1);
    }

    #[test]
    fn an_error_inside_a_variable_is_reported_once() {
        reports("[stripe]\npublishable_key = { evn = \"X\" }", "unknown key `evn`", "^ did you mean `env`?");
        reports(
            "[stripe]\nwebhook_secret = {}",
            "`stripe.webhook_secret.env` is missing",
            "the name of an environment",
        );
    }

    #[test]
    fn several_dates_with_a_time_are_reported_at_once() {
        let item = "[[manual]]\nid = \"tax\"\ntitle = \"Tax\"\nsigned_off_by = \"ana\"\n";
        let rendered = refused(&with(&format!("{item}on = 2026-01-01T10:00:00Z\nexpires = \"2026-01-01\"")));
        assert!(rendered.contains("`manual[0].on` must be a date without quotes"), "{rendered}");
        assert!(rendered.contains("`manual[0].expires` must be a date without quotes"), "{rendered}");
        assert_eq!(rendered.matches("error:").count(), 2, "{rendered}");
    }

    #[test]
    fn a_token_in_place_of_a_variable_name_is_hidden() {
        let rendered = refused(&with("[stripe]\nsecret_key = { env = \"8aX9-p2QmZt4LkWv7RbNcYd3f\" }"));
        assert!(!rendered.contains("p2QmZt4"), "{rendered}");
    }
}

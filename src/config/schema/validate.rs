//! Validates the file against its own JSON Schema and reports every error at its place in the TOML.
//!
//! What is wrong is reported and removed, so that one reading finds everything and the rest can be deserialized.

use std::ops::Range;
use std::sync::LazyLock;

use boon::{Compiler, ErrorKind, SchemaIndex, Schemas, ValidationError};
use serde::Deserialize;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::places::{Place, joined, json_table, remove};
use super::words::{Schema, found, keys};
use crate::config::hardcoded::{is_token, is_variable_name};
use crate::config::nearest::nearest;
use crate::config::raw;
use crate::config::source::{Diagnostic, Diagnostics};

/// The schema of a secret: text in its place is one, whatever it looks like.
const SECRET: &str = "#/$defs/SecretVariable";

/// What the validator calls the schema; nothing is loaded from there.
const URL: &str = "https://preflight.invalid/config.json";

/// The schema, and the validator made from it.
static SCHEMA: LazyLock<(Value, Validator)> = LazyLock::new(|| {
    let (schema, mut schemas, mut compiler) = (super::schema(), Schemas::new(), Compiler::new());
    let compiled = match compiler.add_resource(URL, schema.clone()) {
        Ok(()) => compiler.compile(URL, &mut schemas),
        Err(error) => Err(error),
    };
    (schema, compiled.map(|index| (schemas, index)).map_err(|error| error.to_string()))
});

type Validator = Result<(Schemas, SchemaIndex), String>;

/// The file without what is wrong in it, which is reported. `None` if it cannot be read at all.
pub(in crate::config) fn read<'d>(
    document: &'d Spanned<DeTable<'d>>,
    diagnostics: &mut Diagnostics<'_>,
) -> Option<raw::File> {
    let mut rest = document.clone();
    let mut places = Vec::new();
    let instance = json_table(document.get_ref(), "", "", &mut places);
    let mut reader = Reader { schema: Schema { root: &SCHEMA.0 }, places, rest: rest.get_mut(), diagnostics };
    reader.validate(&instance);
    loop {
        // The types tell apart what is the same in JSON: a date and text, 5 and 5.0.
        let rest = Spanned::new(document.span(), reader.rest.clone());
        match raw::File::deserialize(Deserializer::from(rest)) {
            Ok(file) => return Some(file),
            Err(error) => reader.wrong_type(&error)?,
        }
    }
}

struct Reader<'d, 'r, 't> {
    schema: Schema<'static>,
    places: Vec<Place<'d>>,
    rest: &'r mut DeTable<'d>,
    diagnostics: &'r mut Diagnostics<'t>,
}

impl<'d> Reader<'d, '_, '_> {
    fn validate(&mut self, instance: &Value) {
        let (schemas, index) = match &SCHEMA.1 {
            Ok(compiled) => compiled,
            Err(error) => {
                let message = format!("preflight's schema is invalid, which is a bug: {error}");
                return self.diagnostics.add(Diagnostic::at(None, message));
            }
        };
        let Err(error) = schemas.validate(instance, *index) else { return };
        let mut errors = leaves(error);
        // A misspelled key is not missing as well.
        errors.sort_by_key(|error| !matches!(error.kind, ErrorKind::AdditionalProperties { .. }));
        for ValidationError { instance_location, kind, .. } in errors {
            let pointer = instance_location.to_string();
            match kind {
                ErrorKind::AdditionalProperties { got } => {
                    for key in &got {
                        self.unknown_key(&pointer, key);
                    }
                }
                ErrorKind::Required { want } => {
                    for key in want {
                        self.missing_key(&pointer, key);
                    }
                }
                _ => self.wrong_value(&pointer),
            }
        }
    }

    fn place(&self, pointer: &str) -> Option<&Place<'d>> {
        self.places.iter().find(|place| place.pointer == pointer)
    }

    /// The path of a table, and of a key in it.
    fn paths(&self, table: &str, key: &str) -> (String, String) {
        let path = self.place(table).map(|place| place.path.clone()).unwrap_or_default();
        let key = joined(&path, key);
        (path, key)
    }

    fn wrong_value(&mut self, pointer: &str) {
        let Some(Place { path, value, .. }) = self.place(pointer) else { return };
        let (path, value, schema) = (path.clone(), *value, self.schema.at(pointer));
        self.reject(&path, &value.span());
        let expected =
            schema.map_or_else(|| "a value that JSON has too".to_owned(), |schema| self.schema.expected(schema));
        let mut diagnostic = Diagnostic::at(value.span(), format!("`{path}` must be {expected}"));
        if let DeValue::String(text) = value.get_ref() {
            let holds_secret = schema.is_some_and(|schema| schema.get("$ref").is_some_and(|name| name == SECRET));
            if holds_secret && !is_variable_name(text) || pointer.ends_with("/env") && is_token(text) {
                // Without its quotes, which show that it was text.
                return self.diagnostics.secret(value.span().start + 1..value.span().end.saturating_sub(1));
            }
            if holds_secret {
                diagnostic = diagnostic.help(format!("to name the variable, write {{ env = \"{text}\" }}"));
            }
        }
        let forms = schema.map(|schema| self.schema.forms(schema)).unwrap_or_default();
        self.diagnostics.add(diagnostic.label(found(value.get_ref(), &forms)));
    }

    /// Reports a value that only the types reject. `None` if it has no place.
    fn wrong_type(&mut self, error: &toml::de::Error) -> Option<()> {
        let innermost = self.places.iter().find(|place| Some(place.value.span()) == error.span());
        let Some(Place { pointer, path, value, .. }) = innermost else {
            self.diagnostics.add(Diagnostic::at(error.span(), error.message()));
            return None;
        };
        let (pointer, path, span) = (pointer.clone(), path.clone(), value.span());
        // A table with a missing key was reported already.
        if self.diagnostics.is_rejected(&path) {
            self.reject(&path, &span);
        } else {
            self.wrong_value(&pointer);
        }
        Some(())
    }

    fn missing_key(&mut self, table: &str, key: &str) {
        let (path, key_path) = self.paths(table, key);
        // The types need the name of a variable, too.
        if key == "env" {
            self.diagnostics.reject(path.clone());
        }
        if self.diagnostics.is_rejected(&key_path) {
            return;
        }
        let schema = self.schema.at(&format!("{table}/{key}"));
        let expected = schema.map(|schema| self.schema.expected(schema)).unwrap_or_default();
        let message = if path.is_empty() { format!("[{key}] is missing") } else { format!("`{key_path}` is missing") };
        let diagnostic = Diagnostic::at(self.place(table).map(|place| place.value.span()), message);
        self.diagnostics.add(match key {
            "project" => diagnostic.help("start the file with [project] and name = \"your product\""),
            "worker" => diagnostic.help("add [worker] and url = \"https://your-worker.example.workers.dev\""),
            "tiers" => diagnostic.help("add a [tiers.NAME] for each tier, with its price if it is paid"),
            _ => diagnostic.label(format!("expected `{key}`: {expected}")),
        });
    }

    /// Reports a key that does not exist, and suggests one that does.
    fn unknown_key(&mut self, table: &str, key: &str) {
        let (path, key_path) = self.paths(table, key);
        let Some(Place { key: span, value, .. }) = self.places.iter().find(|place| place.path == key_path) else {
            return;
        };
        let (span, value) = (span.clone(), value.span());
        let header = path.split_once('[').map_or_else(|| format!("[{path}]"), |(list, _)| format!("[[{list}]]"));
        let place = if path.is_empty() { "at the top of the file".to_owned() } else { format!("in {header}") };
        let diagnostic = Diagnostic::at(span, format!("unknown key `{key}` {place}"));
        let forms = self.schema.at(table).map(|schema| self.schema.forms(schema)).unwrap_or_default();
        let keys: Vec<&str> = forms.into_iter().flat_map(keys).collect();
        let elsewhere = self.tables_with(key);
        let similar = nearest(key, keys.iter().copied()).filter(|_| elsewhere.is_empty());
        self.diagnostics.add(match similar {
            Some(similar) => diagnostic.label(format!("did you mean `{similar}`?")),
            None if elsewhere.is_empty() => {
                diagnostic.label("there is no such key").help(format!("known keys: {}", keys.join(", ")))
            }
            None => diagnostic.label(format!("this key belongs in {}", elsewhere.join(" or "))),
        });
        self.reject(&key_path, &value);
        if let Some(similar) = similar {
            self.diagnostics.reject(joined(&path, similar));
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

    /// Removes a value that cannot be used, and the whole list that it is an item of: the other items would move.
    fn reject(&mut self, path: &str, span: &Range<usize>) {
        let mut key = path;
        while let Some((list, _)) = key.rsplit_once('[').filter(|_| key.ends_with(']')) {
            key = list;
        }
        self.diagnostics.reject(key.to_owned());
        remove(self.rest, span);
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
                Some(Limit::Uses(1000))
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

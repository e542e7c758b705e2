//! The JSON Schema of `preflight.toml`: for editors, and for preflight itself, which validates the file against it.

mod places;
mod validate;
mod words;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::raw;

pub(super) use places::joined;
pub(super) use validate::read;

/// The JSON Schema (draft 2020-12) of `preflight.toml`: what [`load`](super::load) accepts, but for what only the values
/// together can tell.
#[must_use]
pub fn schema() -> Value {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::File>().to_value();
    without_null(&mut schema);
    schema
}

/// TOML has no null: what may be left out is left out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.get("default").is_some_and(Value::is_null) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(words)) = object.get_mut("enum") {
                words.retain(|word| !word.is_null());
            }
            let alternatives = object.get_mut("anyOf").and_then(Value::as_array_mut);
            let only = alternatives.and_then(|alternatives| {
                alternatives.retain(|alternative| alternative.get("type").is_none_or(|name| name != "null"));
                if alternatives.len() == 1 { alternatives.pop() } else { None }
            });
            if let Some(Value::Object(only)) = only {
                object.remove("anyOf");
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
            object.values_mut().for_each(without_null);
        }
        Value::Array(values) => values.iter_mut().for_each(without_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::schema;

    fn each(schema: &Value, look: &mut impl FnMut(&serde_json::Map<String, Value>)) {
        match schema {
            Value::Object(object) => {
                look(object);
                object.values().for_each(|value| each(value, look));
            }
            Value::Array(values) => values.iter().for_each(|value| each(value, look)),
            _ => {}
        }
    }

    #[test]
    fn every_key_is_described() {
        each(&schema(), &mut |object| {
            let Some(Value::Object(properties)) = object.get("properties") else { return };
            for (name, property) in properties {
                assert!(property.get("description").is_some() || property.get("$ref").is_some(), "{name}: {property}");
            }
        });
    }

    #[test]
    fn nothing_is_null() {
        assert!(!schema().to_string().contains("null"));
    }

    #[test]
    fn a_default_is_published() {
        let schema = schema();
        assert_eq!(schema["$defs"]["Worker"]["properties"]["health"]["default"], "/health");
        assert_eq!(
            schema["$defs"]["Stripe"]["properties"]["secret_key"]["default"],
            json!({ "env": "STRIPE_SECRET_KEY" })
        );
        assert_eq!(schema["$defs"]["Entitlement"]["properties"]["source"]["default"], "product-metadata");
    }

    #[test]
    fn required_keys_are_published() {
        assert_eq!(schema()["required"], json!(["project", "worker", "tiers"]));
        assert_eq!(schema()["$defs"]["Worker"]["required"], json!(["url"]));
    }
}

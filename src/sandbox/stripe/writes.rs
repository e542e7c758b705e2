//! What all changes to objects have in common: which fields a form can set, and metadata.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use super::error::StripeError;
use super::object_kind::ObjectKind;
use super::parameters::Parameters;
use super::request::{Call, StripeResult};

/// Why a customer cancels, as the portal asks and a subscription records it.
pub(super) const CANCELLATION_REASONS: &[&str] = &[
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
];

/// What a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    Boolean,
    /// A whole number, at least this one.
    AtLeast(i64),
    /// A text that cannot be removed.
    Text,
    /// A text that an empty value removes.
    OptionalText,
    /// A URL that an empty value removes.
    OptionalUrl,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of these words, which an empty value empties.
    AnyOf(&'static [&'static str]),
}

/// A field that a form can set: the parameter's name, which is also the field's place in the object, and its shape.
pub(super) type Field = (&'static str, Shape);

/// Sets the fields of an object that the parameters name. Under a name with brackets, such as `features`, anything
/// else is an unknown parameter.
pub(super) fn set_fields(parameters: &Parameters, fields: &[Field], object: &mut Value) -> Result<(), StripeError> {
    for (name, _) in parameters.iter() {
        let base = name.split('[').next().unwrap_or_default();
        let is_nested = fields.iter().any(|(field, _)| field.split_once('[').is_some_and(|(field, _)| field == base));
        let name = name.strip_suffix("[]").unwrap_or(name);
        if is_nested && !fields.iter().any(|(field, _)| *field == name) {
            return Err(StripeError::unknown_parameter(name));
        }
    }
    for (name, shape) in fields {
        if let Some(value) = read(parameters, name, *shape)? {
            let pointer = format!("/{}", name.replace('[', "/").replace(']', ""));
            let (parent, field) = pointer.rsplit_once('/').unwrap_or_default();
            if let Some(parent) = object.pointer_mut(parent) {
                parent[field] = value;
            }
        }
    }
    Ok(())
}

/// The new value of a field, if a parameter sets it.
fn read(parameters: &Parameters, name: &str, shape: Shape) -> Result<Option<Value>, StripeError> {
    if let Shape::AnyOf(words) = shape {
        let all = parameters.all(name);
        if let Some(other) = all.iter().find(|given| !words.contains(given)) {
            return Err(not_one_of(name, other, words));
        }
        return Ok((!all.is_empty() || parameters.get(name) == Some("")).then(|| json!(all)));
    }
    let Some(given) = parameters.get(name) else { return Ok(None) };
    let value = match shape {
        Shape::Boolean => json!(parameters.boolean(name)?),
        Shape::AtLeast(least) => match parameters.integer(name)? {
            Some(number) if number < least => {
                let message = format!("This value must be greater than or equal to {least}.");
                return Err(StripeError::bad(message).about(name));
            }
            number => json!(number),
        },
        Shape::OptionalText | Shape::OptionalUrl if given.is_empty() => Value::Null,
        Shape::OptionalUrl => json!(web_address(name, given)?),
        _ if given.is_empty() => return Err(StripeError::empty(name)),
        Shape::OneOf(words) if !words.contains(&given) => return Err(not_one_of(name, given, words)),
        _ => json!(given),
    };
    Ok(Some(value))
}

fn not_one_of(name: &str, given: &str, words: &[&str]) -> StripeError {
    let words = words.join(", ");
    StripeError::bad(format!("Invalid {name}: must be one of {words}, and not {given}")).about(name)
}

/// A URL as it was given, if it is one.
pub(super) fn web_address<'a>(name: &str, given: &'a str) -> Result<&'a str, StripeError> {
    let is_web = Url::parse(given).is_ok_and(|url| url.has_host() && ["http", "https"].contains(&url.scheme()));
    let invalid = || StripeError::bad("Not a valid URL").coded("url_invalid").about(name);
    is_web.then_some(given).ok_or_else(invalid)
}

/// Changes an object's metadata: an empty value removes its key, and an empty `metadata` removes every key.
pub(super) fn set_metadata(parameters: &Parameters, object: &mut Value) -> Result<(), StripeError> {
    let Some(metadata) = object["metadata"].as_object_mut() else { return Ok(()) };
    match parameters.get("metadata") {
        Some("") => metadata.clear(),
        Some(_) => return Err(StripeError::bad("Invalid object").about("metadata")),
        None => {}
    }
    for (key, value) in parameters.map("metadata") {
        let text = value.as_str().unwrap_or_default();
        let about = || format!("metadata[{key}]");
        if key.chars().count() > 40 {
            let message = format!("Metadata keys can have up to 40 characters ({key}).");
            return Err(StripeError::bad(message).about(about()));
        }
        if text.chars().count() > 500 {
            let message = format!("Metadata values can have up to 500 characters ({key}).");
            return Err(StripeError::bad(message).about(about()));
        }
        if text.is_empty() {
            metadata.remove(&key);
        } else {
            metadata.insert(key, value);
        }
    }
    if metadata.len() > 50 {
        return Err(StripeError::bad("You can have up to 50 metadata keys.").about("metadata"));
    }
    Ok(())
}

impl Call<'_> {
    /// Changes the object in the path, completely or, after an error, not at all.
    pub(super) fn update(&self, change: impl FnOnce(&mut Value) -> Result<(), StripeError>) -> StripeResult {
        let mut store = self.stripe.store();
        let object = store.find_mut(self.kind, self.id, &self.caller)?;
        let mut changed = object.clone();
        change(&mut changed)?;
        if changed.get("updated").is_some() {
            changed["updated"] = Timestamp::now().as_second().into();
        }
        object.clone_from(&changed);
        self.stripe.effects.record(&format!("stripe.{}.updated", self.kind.effect()));
        Ok(self.shown(&store, self.kind, changed))
    }

    /// Adds an object of the route's kind with these fields and then this change.
    pub(super) fn create(
        &self,
        fields: &Value,
        change: impl FnOnce(&mut Value) -> Result<(), StripeError>,
    ) -> StripeResult {
        let object = self.new_object(self.kind, fields, change)?;
        Ok(self.keep(self.kind, object))
    }

    /// An object with these fields and then this change, and the time and mode of the call, which is not kept yet.
    pub(super) fn new_object(
        &self,
        kind: ObjectKind,
        fields: &Value,
        change: impl FnOnce(&mut Value) -> Result<(), StripeError>,
    ) -> StripeResult {
        let mut object = self.complete(kind.object(), fields)?;
        let now = Timestamp::now().as_second();
        for field in ["created", "updated"] {
            if object.get(field).is_some() {
                object[field] = now.into();
            }
        }
        object["livemode"] = self.caller.livemode.into();
        change(&mut object)?;
        Ok(object)
    }

    /// Adds a new object.
    pub(super) fn keep(&self, kind: ObjectKind, object: Value) -> Value {
        let mut store = self.stripe.store();
        store.insert(kind, &self.caller.account, object.clone());
        self.stripe.effects.record(&format!("stripe.{}.created", kind.effect()));
        self.shown(&store, kind, object)
    }

    /// An ID for a new object.
    pub(super) fn new_id(&self, prefix: &str) -> Result<String, StripeError> {
        self.account()?;
        Ok(self.stripe.new_id(&self.caller, prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(form: &str, metadata: &Value) -> Result<Value, StripeError> {
        let mut object = json!({ "metadata": metadata });
        set_metadata(&Parameters::read(form.as_bytes()), &mut object)?;
        Ok(object["metadata"].take())
    }

    #[test]
    fn metadata_is_merged_and_an_empty_value_removes_its_key() {
        let metadata = after("metadata[plan]=pro&metadata[old]=", &json!({ "old": "1", "kept": "2" })).unwrap();
        assert_eq!(metadata, json!({ "plan": "pro", "kept": "2" }));
    }

    #[test]
    fn empty_metadata_removes_every_key() {
        assert_eq!(after("metadata=", &json!({ "old": "1" })).unwrap(), json!({}));
    }

    #[test]
    fn metadata_has_limits() {
        let (key, value) = ("k".repeat(41), "v".repeat(501));
        assert!(after(&format!("metadata[{key}]=1"), &json!({})).is_err());
        assert!(after(&format!("metadata[k]={value}"), &json!({})).is_err());
        let many: Vec<String> = (0..51).map(|number| format!("metadata[k{number}]=1")).collect();
        assert!(after(&many.join("&"), &json!({})).is_err());
    }

    #[test]
    fn a_text_that_is_required_cannot_be_removed() {
        let set = |shape| set_fields(&Parameters::read(b"name="), &[("name", shape)], &mut json!({ "name": "Pro" }));
        assert!(set(Shape::Text).is_err() && set(Shape::OptionalText).is_ok());
    }
}

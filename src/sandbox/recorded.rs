//! Objects as the providers' APIs return them, recorded once each, and completed with what the document says of one.

use jiff::{Span, SpanRelativeTo, Timestamp};
use serde_json::{Map, Value};

use super::Error;

/// How a provider writes a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeFormat {
    /// Unix time in seconds, as Stripe does.
    Seconds,
    /// Unix time in milliseconds, as Clerk does. A date in the document is read too.
    Milliseconds,
    /// RFC 3339, as Cloudflare does.
    Rfc3339,
}

/// One recorded object of each kind, by the name of the kind.
///
/// A name may also be the path of a field that is null in the recorded object (`price.recurring`), or of an array's
/// items (`subscription.items.data[]`): it holds what the field or item looks like when it is set.
#[derive(Debug)]
pub(super) struct Recorded {
    objects: Map<String, Value>,
    format: TimeFormat,
    now: Timestamp,
}

impl Recorded {
    /// Reads the recorded objects. Times in them, such as `60d ago` or `in 24h`, count from now.
    pub(super) fn read(json: &str, format: TimeFormat) -> Result<Self, Error> {
        let objects = serde_json::from_str(json).map_err(|error| Error::Document(error.to_string()))?;
        Ok(Self { objects, format, now: Timestamp::now() })
    }

    /// The recorded object of this kind with these fields replaced.
    ///
    /// # Errors
    ///
    /// If the recorded object does not have one of the fields: the document or a scenario misspells it.
    pub(super) fn complete(&self, kind: &str, fields: &Value) -> Result<Value, Error> {
        let mut object = self.recorded(kind).ok_or_else(|| Error::Document(format!("no `{kind}` is recorded")))?;
        self.merge(kind, &mut object, fields)?;
        Ok(object)
    }

    fn recorded(&self, kind: &str) -> Option<Value> {
        let mut object = self.objects.get(kind)?.clone();
        self.resolve_times(&mut object);
        Some(object)
    }

    fn merge(&self, path: &str, target: &mut Value, change: &Value) -> Result<(), Error> {
        match change {
            Value::Object(change) => {
                // A nested object of another kind says which one it is.
                let kind = change.get("object").and_then(Value::as_str).filter(|kind| target["object"] != **kind);
                let path = kind.filter(|kind| self.objects.contains_key(*kind)).unwrap_or(path);
                if target.is_null() || kind == Some(path) {
                    *target = self.recorded(path).unwrap_or_default();
                }
                self.merge_fields(path, target, change)
            }
            Value::Array(items) => {
                let path = format!("{path}[]");
                let items = items.iter().map(|item| {
                    let mut merged = Value::Null;
                    self.merge(&path, &mut merged, item).map(|()| merged)
                });
                *target = items.collect::<Result<_, _>>()?;
                Ok(())
            }
            other => {
                *target = other.clone();
                self.resolve_times(target);
                Ok(())
            }
        }
    }

    fn merge_fields(&self, path: &str, target: &mut Value, change: &Map<String, Value>) -> Result<(), Error> {
        // An object that is empty as recorded has no fixed fields: metadata, for example.
        let is_open = target.as_object().is_none_or(Map::is_empty);
        if is_open {
            *target = Value::Object(Map::new());
        }
        for (name, value) in change {
            let path = format!("{path}.{name}");
            if !is_open && target.get(name).is_none() {
                return Err(Error::Document(format!("`{path}` is not a field")));
            }
            self.merge(&path, &mut target[name], value)?;
        }
        Ok(())
    }

    /// Replaces relative times by absolute ones, in the provider's format.
    fn resolve_times(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(time) = self.time(text) {
                    *value = match self.format {
                        TimeFormat::Seconds => time.as_second().into(),
                        TimeFormat::Milliseconds => time.as_millisecond().into(),
                        TimeFormat::Rfc3339 => rfc3339(time.as_second()).into(),
                    };
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve_times(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.resolve_times(field)),
            _ => {}
        }
    }

    fn time(&self, text: &str) -> Option<Timestamp> {
        let span = |text: &str| {
            let span: Span = text.parse().ok()?;
            span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
        };
        if let Some(age) = text.strip_suffix(" ago") {
            return self.now.checked_sub(span(age)?).ok();
        }
        if let Some(wait) = text.strip_prefix("in ") {
            return self.now.checked_add(span(wait)?).ok();
        }
        text.parse().ok().filter(|_| self.format == TimeFormat::Milliseconds)
    }
}

/// Objects by their ID.
pub(super) fn by_id<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Map<String, Value> {
    let objects = objects.into_iter();
    objects.map(|object| (object["id"].as_str().unwrap_or_default().to_owned(), object.clone())).collect()
}

/// A time in RFC 3339, in UTC, to the second.
pub(super) fn rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complete(kind: &str, fields: &Value) -> Result<Value, Error> {
        let objects = json!({
            "price": { "object": "price", "amount": 0, "recurring": null, "metadata": {}, "created": "2d ago" },
            "price.recurring": { "interval": "month", "count": 1 },
            "event": { "object": "event", "data": {} },
        });
        Recorded::read(&objects.to_string(), TimeFormat::Seconds).unwrap().complete(kind, fields)
    }

    #[test]
    fn fields_replace_those_of_the_recorded_object() {
        let price = complete("price", &json!({ "amount": 2900, "metadata": { "plan": "pro" } })).unwrap();
        assert_eq!(
            (&price["amount"], &price["metadata"], &price["recurring"]),
            (&2900.into(), &json!({ "plan": "pro" }), &Value::Null)
        );
    }

    #[test]
    fn a_field_that_is_null_as_recorded_is_completed_when_it_is_set() {
        let price = complete("price", &json!({ "recurring": { "interval": "year" } })).unwrap();
        assert_eq!(price["recurring"], json!({ "interval": "year", "count": 1 }));
    }

    #[test]
    fn an_object_inside_another_is_completed_too() {
        let event = complete("event", &json!({ "data": { "object": { "object": "price", "amount": 1 } } })).unwrap();
        assert_eq!(
            (&event["data"]["object"]["amount"], &event["data"]["object"]["recurring"]),
            (&1.into(), &Value::Null)
        );
    }

    #[test]
    fn a_misspelled_field_is_an_error() {
        let error = complete("price", &json!({ "recuring": {} })).unwrap_err();
        assert_eq!(error.to_string(), "the document: `price.recuring` is not a field");
    }

    #[test]
    fn an_age_becomes_a_time_and_a_day_has_24_hours() {
        let created = complete("price", &json!({})).unwrap()["created"].as_i64().unwrap();
        assert!((Timestamp::now().as_second() - created - 2 * 24 * 3600).abs() < 5);
    }
}

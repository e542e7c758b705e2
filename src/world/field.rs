//! Fields and lists of a response that may be incomplete.
//!
//! A provider can omit a field, send null, or send another type. The rest of the object stays readable, and the field does not
//! count as empty: only the question about that field has no answer.

use std::fmt::Display;
use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::finding::{Answered, NoAnswer};

/// A field of a response. Add `#[serde(default)]`, so that a missing one is [`Field::Absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The field is missing.
    #[default]
    Absent,
    /// The field is null.
    Null,
    /// The field has another type.
    Unreadable,
    /// The value.
    Is(T),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text, which is cheaper to read a second time than a tree of values.
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Ok(match text.get() {
            "null" => Self::Null,
            text => serde_json::from_str(text).map_or(Self::Unreadable, Self::Is),
        })
    }
}

impl<T> Field<T> {
    /// The value. `name` describes the field: `charges_enabled of GET /v1/account`.
    ///
    /// # Errors
    /// Unknown if there is no value. Missing and null do not count as empty.
    pub fn known(&self, name: impl Display) -> Answered<&T> {
        self.nullable(&name)?.ok_or_else(|| NoAnswer::Unknown(format!("{name} is null")))
    }

    /// The value, or `None` for null, for fields in which null has a meaning.
    ///
    /// # Errors
    /// Unknown if the field is missing or has another type.
    pub fn nullable(&self, name: impl Display) -> Answered<Option<&T>> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Null => Ok(None),
            Self::Absent => Err(NoAnswer::Unknown(format!("{name} is missing"))),
            Self::Unreadable => Err(NoAnswer::Unknown(format!("{name} has an unexpected type"))),
        }
    }

    /// The value, if the other states do not matter: to word a message or to choose between two diagnoses. Never to decide whether
    /// a check passes.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Unreadable => None,
        }
    }

    /// The value's target, such as `&str` for a `String`.
    pub fn text(&self) -> Option<&T::Target>
    where
        T: Deref,
    {
        self.value().map(Deref::deref)
    }

    /// Maps the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Is(value) => Field::Is(change(value)),
            Self::Null => Field::Null,
            Self::Absent => Field::Absent,
            Self::Unreadable => Field::Unreadable,
        }
    }
}

impl<T: PartialEq> Field<T> {
    /// Whether the value is known and equal. Never use it to decide whether a check passes: an unknown value is unequal too.
    pub fn is(&self, value: &T) -> bool {
        self.value() == Some(value)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Is(value)
    }
}

/// A list whose items are read one by one, so that an unreadable one does not affect the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent, bound(deserialize = "T: DeserializeOwned"))]
pub struct Items<T>(Vec<Field<T>>);

impl<T> Items<T> {
    /// The items that could be read, and one reason for each of the others. `name` describes the item at an index:
    /// `data[0] of GET /v1/prices`.
    #[must_use]
    pub fn split(self, name: impl Fn(usize) -> String) -> (Vec<T>, Vec<NoAnswer>) {
        let (mut items, mut unread) = (Vec::new(), Vec::new());
        for (place, item) in self.0.into_iter().enumerate() {
            match item {
                Field::Is(item) => items.push(item),
                Field::Absent | Field::Null | Field::Unreadable => {
                    unread.push(NoAnswer::Unknown(format!("{} could not be read", name(place))));
                }
            }
        }
        (items, unread)
    }

    /// The items that could be read, if the others do not matter.
    pub fn readable(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(Field::value)
    }

    /// Whether there are no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An object's metadata, which the user writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Field<Map<String, Value>>);

impl Metadata {
    /// The text for `key`, if there is one. `of` names the object: `product prod_1…`.
    ///
    /// # Errors
    /// Unknown if there is no metadata, which is not the same as empty metadata, or if the value is not text.
    pub fn get(&self, key: &str, of: impl Display) -> Answered<Option<&str>> {
        match self.0.known(format_args!("metadata of {of}"))?.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(NoAnswer::Unknown(format!("metadata.{key} of {of} is not a string"))),
        }
    }

    /// The text for `key`, if it can be read. Never use it to decide that there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.value()?.get(key)?.as_str()
    }

    /// Every text.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let entries = self.0.value().into_iter().flatten();
        entries.filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::{Field, Items, Metadata};
    use crate::finding::NoAnswer;

    #[derive(Debug, Clone, PartialEq, Deserialize)]
    struct Account {
        id: String,
        #[serde(default)]
        charges_enabled: Field<bool>,
    }

    fn account(charges_enabled: &serde_json::Value) -> Account {
        serde_json::from_value(json!({ "id": "acct_1", "charges_enabled": charges_enabled })).unwrap()
    }

    #[test]
    fn a_field_is_absent_null_unreadable_or_a_value() {
        let absent: Account = serde_json::from_str(r#"{"id":"acct_1"}"#).unwrap();
        assert_eq!(absent.charges_enabled, Field::Absent);
        assert_eq!(account(&json!(null)).charges_enabled, Field::Null);
        assert_eq!(account(&json!("yes")).charges_enabled, Field::Unreadable);
        assert_eq!(account(&json!(false)).charges_enabled, Field::Is(false));
    }

    #[test]
    fn only_a_value_is_known() {
        let name = "charges_enabled of GET /v1/account";
        for (field, reason) in [
            (Field::Absent, "charges_enabled of GET /v1/account is missing"),
            (Field::Null, "charges_enabled of GET /v1/account is null"),
            (Field::Unreadable, "charges_enabled of GET /v1/account has an unexpected type"),
        ] {
            assert_eq!(Field::<bool>::known(&field, name), Err(NoAnswer::unknown(reason)));
        }
        assert_eq!(Field::Is(true).known(name), Ok(&true));
    }

    #[test]
    fn null_is_known_only_for_nullable_fields() {
        assert_eq!(Field::<bool>::Null.nullable("next_page_url"), Ok(None));
        assert!(Field::<bool>::Absent.nullable("next_page_url").is_err());
    }

    #[test]
    fn an_unreadable_item_is_reported_with_its_index() {
        let page = json!([{ "id": "acct_1" }, { "object": "account" }, null, { "id": "acct_4" }]);
        let items: Items<Account> = serde_json::from_value(page).unwrap();
        let (read, unread) = items.split(|place| format!("data[{place}] of GET /v1/accounts"));
        assert_eq!(read.len(), 2);
        let reasons = ["data[1]", "data[2]"].map(|place| format!("{place} of GET /v1/accounts could not be read"));
        assert_eq!(unread, reasons.map(NoAnswer::Unknown));
    }

    #[test]
    fn absent_metadata_is_not_empty_metadata() {
        let read = |value| serde_json::from_value::<Metadata>(value).unwrap();
        assert_eq!(read(json!({})).get("plan", "product prod_1"), Ok(None));
        assert_eq!(read(json!({ "plan": "pro", "seats": 5 })).get("plan", "product prod_1"), Ok(Some("pro")));
        assert!(read(json!({ "plan": 5 })).get("plan", "product prod_1").is_err());
        assert!(read(json!(null)).get("plan", "product prod_1").is_err());
        assert!(Metadata::default().get("plan", "product prod_1").is_err());
    }
}

//! Fields and lists of an answer that may hold less than was expected.
//!
//! A provider can leave a field out, send null, or send another type. That must not spoil the rest of the object, and it must
//! not be read as empty either: only the question that is about the field goes without an answer.

use std::fmt::Display;
use std::ops::Deref;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::finding::{Answered, NoAnswer};

/// A field of an answer. Give it `#[serde(default)]`, so that an absent one is [`Field::Absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Field<T> {
    /// The object does not have it.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It is of another type.
    Unreadable,
    /// Its value.
    Is(T),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Value::deserialize(deserializer)? {
            Value::Null => Self::Null,
            value => T::deserialize(value).map_or(Self::Unreadable, Self::Is),
        })
    }
}

impl<T> Field<T> {
    /// The value. `name` says which field of what it is: `charges_enabled of GET /v1/account`.
    ///
    /// # Errors
    /// Unknown where there is no value: absent and null are not empty.
    pub fn known(&self, name: impl Display) -> Answered<&T> {
        self.nullable(&name)?.ok_or_else(|| NoAnswer::Unknown(format!("{name} is null")))
    }

    /// The value, or `None` for null: for a field of which null says something.
    ///
    /// # Errors
    /// Unknown where the field is absent or of another type.
    pub fn nullable(&self, name: impl Display) -> Answered<Option<&T>> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Null => Ok(None),
            Self::Absent => Err(NoAnswer::Unknown(format!("{name} is missing"))),
            Self::Unreadable => Err(NoAnswer::Unknown(format!("{name} is not of the expected type"))),
        }
    }

    /// The value, where the difference between the other states does not matter: to word a message, or to choose between
    /// two diagnoses. Never to judge.
    pub const fn value(&self) -> Option<&T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Null | Self::Unreadable => None,
        }
    }

    /// The same for the value that it holds.
    pub fn text(&self) -> Option<&T::Target>
    where
        T: Deref,
    {
        self.value().map(Deref::deref)
    }

    /// The field of the value's.
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
    /// Whether it is known to be exactly this. Never to judge: what is not known is not this either.
    pub fn is(&self, value: &T) -> bool {
        self.value() == Some(value)
    }
}

impl<T> From<T> for Field<T> {
    fn from(value: T) -> Self {
        Self::Is(value)
    }
}

/// A list whose items are read one by one: one that cannot be read does not spoil the others.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent, bound(deserialize = "T: DeserializeOwned"))]
pub struct Items<T>(Vec<Field<T>>);

impl<T> Items<T> {
    /// The items that could be read, and one unanswered part for each of the others. `name` says which list it is:
    /// `data of GET /v1/prices`.
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

    /// The items that could be read, where the others do not matter.
    pub fn readable(&self) -> impl Iterator<Item = &T> {
        self.0.iter().filter_map(Field::value)
    }

    /// The last item, if it could be read: where the next page begins.
    #[must_use]
    pub fn last(&self) -> Option<&T> {
        self.0.last().and_then(Field::value)
    }

    /// How many there are, read or not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An object's metadata: what the user has written there, key by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Metadata(Field<Map<String, Value>>);

impl Metadata {
    /// The text under `key`; `None` where there is none. `of` says whose metadata it is: `product prod_1…`.
    ///
    /// # Errors
    /// Unknown where there is no metadata, which is not the same as empty metadata, or where the value is no text.
    pub fn get(&self, key: &str, of: impl Display) -> Answered<Option<&str>> {
        match self.0.known(format_args!("metadata of {of}"))?.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(NoAnswer::Unknown(format!("metadata.{key} of {of} is not a string"))),
        }
    }

    /// The text under `key`, where it can be read. Never to judge that there is none.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.0.value()?.get(key)?.as_str()
    }

    /// Every text in it.
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
    fn a_field_is_absent_null_of_another_type_or_there() {
        let absent: Account = serde_json::from_str(r#"{"id":"acct_1"}"#).unwrap();
        assert_eq!(absent.charges_enabled, Field::Absent);
        assert_eq!(account(&json!(null)).charges_enabled, Field::Null);
        assert_eq!(account(&json!("yes")).charges_enabled, Field::Unreadable);
        assert_eq!(account(&json!(false)).charges_enabled, Field::Is(false));
    }

    #[test]
    fn only_a_value_answers_the_question_about_a_field() {
        let name = "charges_enabled of GET /v1/account";
        for (field, reason) in [
            (Field::Absent, "charges_enabled of GET /v1/account is missing"),
            (Field::Null, "charges_enabled of GET /v1/account is null"),
            (Field::Unreadable, "charges_enabled of GET /v1/account is not of the expected type"),
        ] {
            assert_eq!(Field::<bool>::known(&field, name), Err(NoAnswer::unknown(reason)));
        }
        assert_eq!(Field::Is(true).known(name), Ok(&true));
    }

    #[test]
    fn null_is_an_answer_only_where_the_question_says_so() {
        assert_eq!(Field::<bool>::Null.nullable("next_page_url"), Ok(None));
        assert!(Field::<bool>::Absent.nullable("next_page_url").is_err());
    }

    #[test]
    fn an_item_that_cannot_be_read_is_one_unanswered_part_with_its_place() {
        let page = json!([{ "id": "acct_1" }, { "object": "account" }, null, { "id": "acct_4" }]);
        let items: Items<Account> = serde_json::from_value(page).unwrap();
        assert_eq!(items.last().map(|account| account.id.as_str()), Some("acct_4"));
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

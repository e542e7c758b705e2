//! The new value of something that a fix changes.

use serde::{Deserialize, Serialize};

/// A new value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewValue {
    /// A value that is no secret, such as a price ID.
    Known(String),
    /// A value that exists only once an earlier change was made.
    Created(Created),
}

/// A field in the answer to an earlier change of the same fix, such as the ID or the signing secret of a new object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Created {
    /// The new object, as [`Change::object`](super::Change::object) names it: `new product "Pro"`.
    pub object: String,
    /// The field: `default_price`.
    pub field: String,
}

impl NewValue {
    /// The value for people.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Known(value) => value.clone(),
            Self::Created(created) => created.shown(),
        }
    }

    pub(super) fn for_each_text(&mut self, change: &impl Fn(&mut String)) {
        match self {
            Self::Known(value) => change(value),
            Self::Created(created) => change(&mut created.object),
        }
    }
}

impl Created {
    /// The value for people, who cannot know it yet.
    pub(super) fn shown(&self) -> String {
        format!("({} of the {})", self.field.replace('_', " "), self.object)
    }
}

//! How long ago something happened: the document holds ages, so that the world is as fresh at every start.

use jiff::{Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An age in seconds, written `30d`, `2h` or `90s`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Age(i64);

impl Age {
    /// The Unix time at which something of this age happened.
    pub(super) fn before(self, now: Timestamp) -> i64 {
        now.as_second() - self.0
    }

    /// The same as RFC 3339, in UTC, to the second.
    pub(super) fn date_before(self, now: Timestamp) -> String {
        Timestamp::from_second(self.before(now)).unwrap_or(now).to_string()
    }
}

impl<'de> Deserialize<'de> for Age {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: Span = text.parse().map_err(serde::de::Error::custom)?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(serde::de::Error::custom)?;
        Ok(Self(duration.as_secs()))
    }
}

impl Serialize for Age {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{}s", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_24_hours() {
        #[derive(Deserialize)]
        struct Holder {
            age: Age,
        }
        assert_eq!(toml::from_str::<Holder>("age = '2d'").unwrap().age, Age(172_800));
    }
}

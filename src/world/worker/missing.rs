//! The names that a Worker lists as missing: the reference stack answers every route with 500 and such a list
//! (docs/providers.md, "How a Worker on this stack responds").

use std::sync::Arc;

use serde_json::Value;

use super::{Answer, NoAnswer, Route, Symptom, Worker};
use crate::finding::Answered;

/// The names that the health route lists as missing.
#[derive(Debug, Clone)]
pub struct MissingNames {
    /// Never empty.
    pub names: Vec<String>,
    /// The answer that lists them.
    pub answer: Arc<Answer>,
}

impl Worker<'_> {
    /// The names that the health route lists as missing.
    ///
    /// # Errors
    /// Blocked if another check reports the same names.
    pub async fn missing_names(self) -> Answered<Option<MissingNames>> {
        let Some(missing) = self.names_listed_by_health().await? else { return Ok(None) };
        let names: Vec<&str> = missing.names.iter().map(String::as_str).collect();
        self.blame(Symptom::MissingNames(&names, &missing.answer)).await?;
        Ok(Some(missing))
    }

    pub(super) async fn names_listed_by_health(self) -> Answered<Option<MissingNames>> {
        if self.path(Route::Health).is_none() {
            return Ok(None);
        }
        let asked = self.get(Route::Health, None).await?;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        Ok(listed_as_missing(&answer).map(|names| MissingNames { names, answer }))
    }
}

/// The names that a 5xx lists as `missing`.
#[must_use]
pub fn listed_as_missing(answer: &Answer) -> Option<Vec<String>> {
    if answer.status < 500 {
        return None;
    }
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let names = body.get("missing")?.as_array()?.iter().map(|name| name.as_str().map(str::to_owned));
    names.collect::<Option<Vec<_>>>().filter(|names| !names.is_empty())
}

//! The names that a Worker lists as missing, on every route: the reference stack answers 500 with such a list (facts.md,
//! part F).

use std::sync::Arc;

use serde_json::Value;

use super::super::transport::{Answer, optional};
use super::{Route, Worker};
use crate::finding::{Answered, Cause, NoAnswer};

/// The names that the health route lists as missing.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Never empty.
    pub names: Vec<String>,
    /// The answer that lists them.
    pub answer: Arc<Answer>,
}

impl Worker<'_> {
    /// The names that the health route lists as missing; asked by `worker/health`.
    ///
    /// # Errors
    /// Unknown where it got no answer, and blocked where another check reports the same names.
    pub async fn missing_bindings(self) -> Answered<Option<Missing>> {
        let Some(missing) = self.listed_by_health().await? else { return Ok(None) };
        self.world.webhook().yields_to_secrets().await?;
        let names: Vec<&str> = missing.names.iter().map(String::as_str).collect();
        self.yields_to_bindings(&names).await?;
        Ok(Some(missing))
    }

    /// That the health route does not list the same names as this answer.
    ///
    /// # Errors
    /// Blocked by `worker/health` where it does.
    pub(in crate::world) async fn yields_to_missing_bindings(self, answer: &Answer) -> Answered {
        let Some(names) = listed_as_missing(answer) else { return Ok(()) };
        match optional(self.listed_by_health()).await.flatten() {
            Some(missing) if missing.names == names => Err(NoAnswer::Because(Cause::WorkerMissesBindings)),
            _ => Ok(()),
        }
    }

    async fn listed_by_health(self) -> Answered<Option<Missing>> {
        if self.path(Route::Health).is_none() {
            return Ok(None);
        }
        let asked = self.get(Route::Health, None).await?;
        let answer = asked.map_err(|failure| NoAnswer::Unknown(failure.to_string()))?;
        Ok(listed_as_missing(&answer).map(|names| Missing { names, answer }))
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

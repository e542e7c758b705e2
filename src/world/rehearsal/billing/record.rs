//! What the journal knows about a rehearsal with a real subscription.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::world::journal;
use crate::world::rehearsal::MARKER;

/// A rehearsal that creates objects at Stripe. The first of them carries it in its metadata, too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillingRecord {
    /// Identifies the rehearsal: the value of the marker on everything that it creates.
    pub id: String,
    /// The deployment: `acme, live mode, https://api.acme.com`.
    pub deployment: String,
    /// What has the canary's plan: `user_…` or `org_…`.
    #[serde(rename = "user")]
    pub holder: String,
    /// When it began by Stripe's clock, in Unix seconds.
    pub began: i64,
}

/// The key of the canary in the coupon's metadata, beside the marker.
const CANARY: &str = "preflight_canary";

/// The journal's words for the beginning and the end.
pub(super) const START: &str = "billing.start";
pub(super) const REMOVED: &str = "billing.removed";

impl BillingRecord {
    /// The rehearsals of a journal whose objects were not all removed, the newest last.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn unfinished(journal: &Path, deployment: &str) -> io::Result<Vec<Self>> {
        let lines = match journal::lines(journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            lines => lines?,
        };
        let is_over = |id: &str| lines.iter().any(|line| line["step"] == REMOVED && line["object"] == id);
        let started = lines.iter().filter(|line| line["step"] == START);
        let records = started.map(|line| serde_json::from_value::<Self>(line.clone()).map_err(io::Error::other));
        let records = records.collect::<io::Result<Vec<Self>>>()?;
        Ok(records.into_iter().filter(|record| record.deployment == deployment && !is_over(&record.id)).collect())
    }

    /// No rehearsal: for looking at what others left.
    pub(super) fn none(deployment: &str) -> Self {
        let (id, holder) = (String::new(), String::new());
        Self { id, deployment: deployment.to_owned(), holder, began: 0 }
    }

    /// The coupon of this rehearsal. Its ID is known before it exists.
    pub(super) fn coupon(&self) -> String {
        format!("preflight{}", self.id)
    }

    /// The name of this rehearsal's test clock, which has no metadata.
    pub(super) fn clock(&self) -> String {
        format!("preflight {} {}", self.id, self.holder)
    }

    /// The metadata of the coupon: without the journal, it tells what else to look for.
    pub(super) fn metadata(&self) -> (String, String) {
        (format!("metadata[{CANARY}]"), self.holder.clone())
    }

    /// The rehearsal that a coupon belongs to.
    pub(super) fn of_coupon(coupon: &Value, deployment: &str) -> Option<Self> {
        let metadata = &coupon["metadata"];
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            id: text(&metadata[MARKER])?,
            deployment: deployment.to_owned(),
            holder: text(&metadata[CANARY])?,
            began: coupon["created"].as_i64()?,
        })
    }

    /// The rehearsal that a test clock belongs to.
    pub(super) fn of_clock(clock: &Value, deployment: &str) -> Option<Self> {
        let mut words = clock["name"].as_str()?.strip_prefix("preflight ")?.split(' ');
        let (id, holder) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { id, deployment: deployment.to_owned(), holder, began: clock["created"].as_i64()? })
    }
}

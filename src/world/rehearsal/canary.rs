//! The metadata that carries the canary's plan, its own or its organization's: as it was before a rehearsal, while it lasts, and as it must be again.

use std::io;
use std::path::Path;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::RehearsalDoor;
use crate::finding::{Answered, NoAnswer};
use crate::holder::HolderKind;
use crate::world::World;
use crate::world::clerk::{accepted, version};
use crate::world::id::HolderId;
use crate::world::journal;
use crate::world::transport::{OutgoingRequest, Party, Retry};

/// The key in the canary's public metadata that marks a rehearsal. It holds what was there before, and a Worker that merges keeps
/// it.
pub const MARKER: &str = "preflight_rehearsal";

/// Why the canary cannot be used after a rehearsal that was killed, or during one.
pub(in crate::world) const UNFINISHED: &str =
    "a rehearsal has not put the canary back. If none is running, run `preflight cleanup`";

/// The kinds of metadata of a Clerk user (docs/providers.md, "Clerk API objects and sign-in"). An organization has the first
/// two.
const KINDS: [&str; 3] = ["public_metadata", "private_metadata", "unsafe_metadata"];

/// The journal's word for the end.
pub(super) const RESTORED: &str = "rehearsal.restored";

/// How often the canary is put back as it was, in case the Worker still writes to it.
const ATTEMPTS: usize = 4;

/// The longest pause before the canary is read again: the end of a run has ten seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// The canary before a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanarySnapshot {
    /// Identifies the rehearsal. It is in the marker and in every made-up ID.
    pub id: String,
    /// The deployment: `acme, live mode, https://api.acme.com`.
    pub deployment: String,
    /// `user_…` or `org_…`.
    #[serde(rename = "user")]
    pub holder: String,
    /// The kinds of metadata, by name.
    pub before: Map<String, Value>,
}

impl CanarySnapshot {
    /// The rehearsal in a journal that did not put its canary back, if there is one: of `deployment`, or else of another.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn unfinished(journal: &Path, deployment: &str) -> io::Result<Option<Self>> {
        let lines = match journal::lines(journal) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            lines => lines?,
        };
        let is_over = |id: &str| lines.iter().any(|line| line["step"] == RESTORED && line["object"] == id);
        let started = lines.iter().filter(|line| line["step"] == "rehearsal.start");
        let snapshots = started.map(|line| serde_json::from_value::<Self>(line.clone()).map_err(io::Error::other));
        let snapshots = snapshots.collect::<io::Result<Vec<Self>>>()?.into_iter();
        Ok(snapshots.filter(|snapshot| !is_over(&snapshot.id)).min_by_key(|snapshot| snapshot.deployment != deployment))
    }

    /// The rehearsal that the marker in public metadata names.
    pub(super) fn marked(public: &Value, holder: &HolderId, deployment: String) -> Option<Self> {
        let marker = public.get(MARKER)?;
        let (id, before) = (marker["id"].as_str()?, marker.get("before")?);
        let before = Map::from_iter([("public_metadata".to_owned(), before.clone())]);
        Some(Self { id: id.to_owned(), deployment, holder: holder.to_string(), before })
    }

    /// The kinds of metadata that differ from before, each as it must be again.
    pub(super) fn differences(&self, now: &Map<String, Value>) -> Map<String, Value> {
        let empty = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || *value == json!({}));
        let differs = |name: &str, before: &Value| {
            now.get(name) != Some(before) && !(empty(now.get(name)) && empty(Some(before)))
        };
        let changed = self.before.iter().filter(|(name, before)| differs(name, before));
        // Clerk shows empty metadata as null, and an empty object empties it.
        changed
            .map(|(name, before)| (name.clone(), if before.is_null() { json!({}) } else { before.clone() }))
            .collect()
    }
}

impl RehearsalDoor<'_> {
    /// The canary's metadata now, by kind.
    pub(super) async fn read_canary(self, holder: &HolderId) -> Answered<Map<String, Value>> {
        let answer = self.world.clerk().past_memo().answer(&holder.path()).await?;
        let found: Map<String, Value> = answer.json()?;
        let field = |name: &str| match found.get(name) {
            Some(value) => Ok((name.to_owned(), value.clone())),
            None => Err(NoAnswer::unknown(format!("{name} is missing in {}", answer.request))),
        };
        let has = |kind: &&str| holder.kind() == HolderKind::User || *kind != "unsafe_metadata";
        KINDS.into_iter().filter(has).map(field).collect()
    }

    /// The canary's public metadata in a map read from Clerk.
    pub(super) fn public(metadata: &Map<String, Value>) -> Answered<Map<String, Value>> {
        let public = metadata.get("public_metadata").and_then(Value::as_object).cloned();
        public.ok_or_else(|| NoAnswer::unknown("Clerk returned public_metadata that is not an object"))
    }

    /// The same, if no other rehearsal has the canary.
    pub(super) fn unmarked(metadata: &Map<String, Value>) -> Answered<Map<String, Value>> {
        let public = Self::public(metadata)?;
        if public.contains_key(MARKER) { Err(NoAnswer::unknown(UNFINISHED)) } else { Ok(public) }
    }

    /// Sets whole kinds of the canary's metadata; the others stay.
    pub(super) async fn put_canary(self, holder: &HolderId, metadata: &Map<String, Value>) -> Answered {
        let world = self.world;
        let url = holder.path().then("/metadata").at(&world.config.clerk.api_base);
        let mut headers = version();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let outgoing = OutgoingRequest {
            method: Method::PUT,
            headers,
            body: Some(Value::Object(metadata.clone()).to_string().into_bytes()),
            credential: Some(world.clerk().credential()?),
            retry: Retry::Always,
            is_step: true,
            ..OutgoingRequest::get(Party::Clerk, url)
        };
        accepted(self.send(outgoing).await).map(drop)
    }

    /// Takes the plan and Stripe's IDs from the canary, and marks it.
    pub(super) async fn set_out(
        self,
        holder: &HolderId,
        id: &str,
        mut public: Map<String, Value>,
    ) -> Answered<Map<String, Value>> {
        let clerk = &self.world.config.clerk;
        let before = Value::Object(public.clone());
        for key in [&clerk.metadata_key, &clerk.customer_key, &clerk.subscription_key] {
            public.remove(key);
        }
        public.insert(MARKER.to_owned(), json!({ "id": id, "before": before }));
        let metadata = Map::from_iter([("public_metadata".to_owned(), Value::Object(public.clone()))]);
        self.put_canary(holder, &metadata).await?;
        Ok(public)
    }

    /// Puts the canary back as it was, and reads it to see that it is.
    pub(super) async fn restore(self, snapshot: &CanarySnapshot) -> Answered {
        let holder = HolderId::parse_any(&snapshot.holder).map_err(|malformed| malformed.in_place("the journal"))?;
        for attempt in 0..ATTEMPTS {
            let different = snapshot.differences(&self.read_canary(&holder).await?);
            if different.is_empty() && attempt > 0 {
                let noted = self.world.journal.note(RESTORED, &snapshot.id);
                return noted.map_err(|error| NoAnswer::unknown(format!("the journal cannot be written: {error}")));
            }
            if !different.is_empty() {
                self.put_canary(&holder, &different).await?;
            }
            // The Worker may still be at work on the last event.
            let quiet = self.pace.quiet.max(self.world.rehearsal.learned());
            tokio::time::sleep(quiet.min(LONGEST_PAUSE)).await;
        }
        Err(NoAnswer::unknown("something keeps changing the canary's metadata"))
    }
}

impl World {
    /// Puts the canary back if a rehearsal of this world has not done so yet.
    pub(in crate::world) async fn restore_canary(&self) -> Result<(), String> {
        let Some(snapshot) = self.rehearsal.snapshot() else { return Ok(()) };
        let door = self.rehearsal_door().map_err(|why| why.to_string())?;
        match door.restore(&snapshot).await {
            Ok(()) => {
                self.rehearsal.close();
                Ok(())
            }
            Err(why) => Err(format!(
                "the metadata of {} could not be restored, so run `preflight cleanup`: {why}",
                snapshot.holder
            )),
        }
    }

    /// Whether the canary is still as a rehearsal left it.
    #[must_use]
    pub fn needs_clean_up(&self) -> bool {
        self.rehearsal.snapshot().is_some() || self.rehearsal.billing.record().is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::{CanarySnapshot, MARKER};
    use crate::world::id::HolderId;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn snapshot() -> CanarySnapshot {
        let before = json!({ "public_metadata": { "plan": "pro" }, "private_metadata": null, "unsafe_metadata": {} });
        let text = |text: &str| text.to_owned();
        CanarySnapshot { id: text("n"), deployment: text("acme"), holder: text("user_1"), before: object(&before) }
    }

    #[test]
    fn only_what_differs_is_put_back() {
        let now = json!({ "public_metadata": { "plan": "free" }, "private_metadata": {}, "unsafe_metadata": null });
        assert_eq!(snapshot().differences(&object(&now)), object(&json!({ "public_metadata": { "plan": "pro" } })));
        let now =
            json!({ "public_metadata": { "plan": "pro" }, "private_metadata": { "a": 1 }, "unsafe_metadata": {} });
        assert_eq!(snapshot().differences(&object(&now)), object(&json!({ "private_metadata": {} })));
    }

    #[test]
    fn the_marker_alone_tells_what_was_there_before() {
        let public = json!({ "plan": "x", MARKER: { "id": "n", "before": { "plan": "pro", "team": "acme" } } });
        let user = HolderId::parse_any("user_1").unwrap();
        let found = CanarySnapshot::marked(&public, &user, "acme".to_owned()).unwrap();
        assert_eq!(found.before, object(&json!({ "public_metadata": { "plan": "pro", "team": "acme" } })));
        assert_eq!(CanarySnapshot::marked(&json!({ "plan": "pro" }), &user, "acme".to_owned()), None);
    }

    #[test]
    fn a_rehearsal_is_unfinished_until_its_canary_was_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        assert_eq!(CanarySnapshot::unfinished(&path, "acme").unwrap(), None);
        let mut line = serde_json::to_value(snapshot()).unwrap();
        line["step"] = "rehearsal.start".into();
        std::fs::write(&path, format!("{line}\n")).unwrap();
        assert_eq!(CanarySnapshot::unfinished(&path, "acme").unwrap(), Some(snapshot()));
        let mut other = line.clone();
        (other["id"], other["deployment"]) = ("o".into(), "other".into());
        std::fs::write(&path, format!("{other}\n{line}\n")).unwrap();
        assert_eq!(CanarySnapshot::unfinished(&path, "acme").unwrap(), Some(snapshot()));
        let over = json!({ "step": "rehearsal.restored", "object": "n" });
        std::fs::write(&path, format!("{line}\n{over}\n")).unwrap();
        assert_eq!(CanarySnapshot::unfinished(&path, "acme").unwrap(), None);
    }
}

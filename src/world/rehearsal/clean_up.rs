//! What a killed rehearsal left in the canary, and how it is put back.

use serde_json::{Map, Value};

use super::RehearsalDoor;
use super::canary::{CanarySnapshot, MARKER, RESTORED};
use crate::config::Config;
use crate::finding::{Answered, Cause, NoAnswer};
use crate::world::World;
use crate::world::id::HolderId;

/// What a killed rehearsal left.
#[derive(Debug, Clone, PartialEq)]
pub enum LeftCanary {
    /// Nothing.
    Nothing,
    /// A canary that does not exist anymore.
    Gone(CanarySnapshot),
    /// A canary with other metadata than before, and what it has now.
    Changed(CanarySnapshot, Map<String, Value>),
}

/// What became of the canary of a rehearsal that did not end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CleanUp {
    /// Nothing was left.
    NothingLeft,
    /// The canary is as it was before.
    Restored(String),
    /// The canary does not exist anymore.
    Gone(String),
}

impl LeftCanary {
    /// The values that putting it back would set, although the rehearsal may not have changed them: a person may have. Each as
    /// `public_metadata.locale: "de" → "en"`.
    #[must_use]
    pub fn doubtful(&self, config: &Config) -> Vec<String> {
        let Self::Changed(snapshot, now) = self else { return Vec::new() };
        let clerk = &config.clerk;
        let is_marked = now.get("public_metadata").is_some_and(|public| public[MARKER]["id"] == snapshot.id.as_str());
        let ours = [MARKER, &clerk.metadata_key, &clerk.customer_key, &clerk.subscription_key];
        let mut doubtful = Vec::new();
        for (kind, before) in &snapshot.before {
            let (empty, now) = (Map::new(), now.get(kind));
            let (before, now) =
                (before.as_object().unwrap_or(&empty), now.and_then(Value::as_object).unwrap_or(&empty));
            let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys.into_iter().filter(|key| before.get(*key) != now.get(*key)) {
                // While the marker is there, the rehearsal's own keys are as the rehearsal left them.
                if !(is_marked && ours.contains(&key.as_str())) {
                    let shown = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                    doubtful.push(format!("{kind}.{key}: {} → {}", shown(now.get(key)), shown(before.get(key))));
                }
            }
        }
        doubtful
    }
}

impl RehearsalDoor<'_> {
    /// Whether the user or the organization of a rehearsal was deleted.
    async fn is_gone(self, snapshot: &CanarySnapshot) -> Answered<bool> {
        let holder = HolderId::parse_any(&snapshot.holder).map_err(|malformed| malformed.in_place("the journal"))?;
        let clerk = self.world.clerk();
        if clerk.past_memo().holder(&holder).await?.is_some() {
            return Ok(false);
        }
        // With the key of another instance, nothing of this one exists.
        if !clerk.shared_keys().await?.value.are_shared {
            return Err(NoAnswer::Because(Cause::ClerkInstancesDiffer));
        }
        Ok(true)
    }
}

impl World {
    /// The canary of a rehearsal that was killed: from the journal, or else from the marker in its metadata.
    ///
    /// # Errors
    /// If it cannot be read, or the journal is about another deployment.
    pub async fn left_canary(&self) -> Answered<LeftCanary> {
        let door = self.rehearsal_door()?;
        let here = self.deployment_name();
        let recorded = CanarySnapshot::unfinished(self.journal.path(), &here);
        let recorded = recorded.map_err(|error| NoAnswer::unknown(format!("the journal cannot be read: {error}")))?;
        let snapshot = match recorded {
            Some(recorded) if recorded.deployment != here => {
                let there = &recorded.deployment;
                return Err(NoAnswer::unknown(format!("the rehearsal was in {there}, and this is {here}")));
            }
            Some(recorded) => Some(recorded),
            None if !self.config.clerk.canary_holder().is_set() => None,
            None => {
                let holder = self.canary_id()?;
                let now = door.read_canary(&holder).await?;
                CanarySnapshot::marked(&Value::Object(RehearsalDoor::public(&now)?), &holder, here)
            }
        };
        let Some(snapshot) = snapshot else { return Ok(LeftCanary::Nothing) };
        if door.is_gone(&snapshot).await? {
            return Ok(LeftCanary::Gone(snapshot));
        }
        let holder = HolderId::parse_any(&snapshot.holder).map_err(|malformed| malformed.in_place("the journal"))?;
        let now = door.read_canary(&holder).await?;
        Ok(LeftCanary::Changed(snapshot, now))
    }

    /// Puts the canary back as it was before.
    ///
    /// # Errors
    /// If it could not be put back.
    pub async fn clean_up(&self, left: LeftCanary) -> Answered<CleanUp> {
        match left {
            LeftCanary::Nothing => Ok(CleanUp::NothingLeft),
            LeftCanary::Gone(snapshot) => {
                let noted = self.journal.note(RESTORED, &snapshot.id);
                noted.map_err(|error| NoAnswer::unknown(format!("the journal cannot be written: {error}")))?;
                Ok(CleanUp::Gone(snapshot.holder))
            }
            LeftCanary::Changed(snapshot, _) => {
                self.rehearsal_door()?.restore(&snapshot).await?;
                Ok(CleanUp::Restored(snapshot.holder))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::{Options, Sandbox};

    fn left(now: &Value) -> LeftCanary {
        let before = json!({ "public_metadata": { "plan": "pro", "locale": "en" }, "private_metadata": {}, "unsafe_metadata": {} });
        let text = |text: &str| text.to_owned();
        let before = before.as_object().unwrap().clone();
        let snapshot = CanarySnapshot { id: text("n"), deployment: text("acme"), holder: text("user_1"), before };
        LeftCanary::Changed(snapshot, now.as_object().unwrap().clone())
    }

    async fn doubtful(now: &Value) -> Vec<String> {
        let sandbox = Sandbox::start(&["healthy"], Options::default()).await.unwrap();
        left(now).doubtful(&sandbox.config(None).unwrap())
    }

    #[tokio::test]
    async fn what_the_rehearsal_changed_is_not_doubtful_while_its_marker_is_there() {
        let now = json!({ "public_metadata": { "plan": "free", "locale": "en", MARKER: { "id": "n" } } });
        assert_eq!(doubtful(&now).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn another_key_that_changed_is_doubtful() {
        let now = json!({ "public_metadata": { "locale": "de", MARKER: { "id": "n" } }, "private_metadata": { "vip": true } });
        assert_eq!(
            doubtful(&now).await,
            ["private_metadata.vip: true → nothing", "public_metadata.locale: \"de\" → \"en\""]
        );
    }

    #[tokio::test]
    async fn without_the_marker_a_person_may_have_set_the_plan() {
        let now = json!({ "public_metadata": { "plan": "enterprise", "locale": "en" } });
        assert_eq!(doubtful(&now).await, ["public_metadata.plan: \"enterprise\" → \"pro\""]);
    }
}

//! What a rehearsal leaves, however it ends.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::clean_up::CleanUp;
use crate::check::testing::killed_after;
use crate::finding::Answered;
use crate::sandbox::{Options, Sandbox};
use crate::world::{self, MARKER, Pace, World};

/// `preflight cleanup` with `--yes`, for the canary.
pub(super) async fn cleaned(world: &World) -> Answered<CleanUp> {
    world.clean_up(world.left_canary().await?).await
}

struct Deployment {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
}

impl Deployment {
    async fn new(scenarios: &[&str]) -> Self {
        let sandbox = Sandbox::start(scenarios, Options::default()).await.unwrap();
        Self { sandbox, folder: tempfile::tempdir().unwrap() }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    fn world(&self) -> World {
        let options = world::Options { journal: self.journal(), ..world::Options::default() };
        let world = World::new(self.sandbox.config(None).unwrap(), self.sandbox.options(options)).unwrap();
        world.rehearsing(Pace::fast())
    }

    fn holders(&self) -> Value {
        let state = self.sandbox.state();
        json!([state["clerk"]["users"], state["clerk"]["organizations"]])
    }
}

#[tokio::test]
async fn after_a_rehearsal_that_was_killed_at_any_point_a_clean_up_puts_the_canary_back() {
    // The Worker that loses the marker, so that only the journal knows.
    for (scenario, step) in [("healthy", 1), ("rehearsal-metadata-replaced", 3), ("healthy-organizations", 3)] {
        let deployment = Deployment::new(&[scenario]).await;
        let before = deployment.holders();
        for polls in (1..).step_by(step) {
            let ended = killed_after(polls, deployment.world().rehearsal()).await;
            cleaned(&deployment.world()).await.unwrap();
            assert_eq!(deployment.holders(), before, "{scenario} killed after {polls} polls");
            assert_eq!(cleaned(&deployment.world()).await.unwrap(), CleanUp::NothingLeft);
            if let Some(played) = ended {
                played.unwrap();
                break;
            }
            deployment.sandbox.renew().unwrap();
        }
    }
}

#[tokio::test]
async fn without_a_journal_the_marker_puts_the_canary_back() {
    for scenario in ["healthy", "healthy-organizations"] {
        let deployment = Deployment::new(&[scenario]).await;
        let before = deployment.holders();
        let mut polls = 1;
        // Killed while the canary has the marker.
        while !deployment.holders().to_string().contains(MARKER) {
            deployment.sandbox.renew().unwrap();
            assert!(killed_after(polls, deployment.world().rehearsal()).await.is_none());
            polls += 1;
        }
        std::fs::remove_file(deployment.journal()).unwrap();
        assert!(matches!(cleaned(&deployment.world()).await, Ok(CleanUp::Restored(_))));
        assert_eq!(deployment.holders(), before);
    }
}

#[tokio::test]
async fn a_canary_that_carries_a_marker_is_not_rehearsed_with() {
    let deployment = Deployment::new(&["healthy"]).await;
    let world = deployment.world();
    let door = world.rehearsal_door().unwrap();
    let canary = world.canary_id().unwrap();
    let marked = json!({ "public_metadata": { "plan": "pro", MARKER: { "id": "x", "before": { "plan": "pro" } } } });
    door.put_canary(&canary, marked.as_object().unwrap()).await.unwrap();
    let why = deployment.world().rehearsal().await.unwrap_err().to_string();
    assert!(why.contains("preflight cleanup"), "{why}");
    assert!(!deployment.sandbox.requests().iter().any(|(_, line)| line.contains("POST /api/data")));
}

#[tokio::test]
async fn a_world_that_was_not_made_for_a_rehearsal_sends_nothing() {
    let deployment = Deployment::new(&["healthy"]).await;
    let options = world::Options { journal: deployment.journal(), ..world::Options::default() };
    let world = World::new(deployment.sandbox.config(None).unwrap(), deployment.sandbox.options(options)).unwrap();
    assert!(world.rehearsal().await.is_err());
    assert!(deployment.sandbox.requests().is_empty());
}

#[tokio::test]
async fn the_journal_of_another_deployment_is_not_used() {
    let deployment = Deployment::new(&["healthy"]).await;
    let line = json!({
        "step": "rehearsal.start", "id": "n", "deployment": "another", "user": "user_1",
        "before": { "public_metadata": {} },
    });
    std::fs::write(deployment.journal(), format!("{line}\n")).unwrap();
    let why = cleaned(&deployment.world()).await.unwrap_err().to_string();
    assert!(why.contains("another"), "{why}");
}

#[tokio::test]
async fn a_token_that_lasts_longer_than_a_person_wants_to_wait_is_unknown() {
    let deployment = Deployment::new(&["healthy"]).await;
    let world = deployment.world().rehearsing(Pace { leaves_tokens_out: false, ..Pace::fast() });
    let tried = world.rehearsal().await.unwrap().expired_token.clone();
    assert!(matches!(&tried, Some(Err(why)) if why.to_string().contains("use --token-wait 2m")), "{tried:?}");
    drop(world.leave().await);
}

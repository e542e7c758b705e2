//! What a rehearsal with a real subscription does, and what it leaves, however it ends.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Depth;
use super::record::BillingRecord;
use super::stripe::{StripeObjects, form};
use crate::check::testing::{killed_after, lasting};
use crate::sandbox::{Options, Sandbox};
use crate::world::id::ApiPath;
use crate::world::rehearsal::tests::cleaned;
use crate::world::rehearsal::{CleanUp, RehearsalStep};
use crate::world::{self, MARKER, Pace, World};

struct Deployment {
    sandbox: Sandbox,
    folder: tempfile::TempDir,
    depth: Depth,
}

impl Deployment {
    async fn new(scenario: &str, depth: Depth) -> Self {
        let sandbox = Sandbox::start(&[scenario], Options::default()).await.unwrap();
        Self { sandbox, folder: tempfile::tempdir().unwrap(), depth }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("journal.jsonl")
    }

    fn world(&self) -> World {
        let options = world::Options { journal: self.journal(), ..world::Options::default() };
        let world = World::new(self.sandbox.config(None).unwrap(), self.sandbox.options(options)).unwrap();
        world.rehearsing_at(Pace::fast(), self.depth)
    }

    /// What must be as before: Clerk's users and organizations, and what a rehearsal could leave at Stripe.
    fn state(&self) -> Value {
        let state = lasting(self.sandbox.state());
        json!({ "users": state["clerk"]["users"], "organizations": state["clerk"]["organizations"], "stripe": state["stripe"] })
    }
}

async fn play(deployment: &Deployment) -> std::sync::Arc<super::Billing> {
    let world = deployment.world();
    let billing = tokio::select! {
        billing = world.billing() => billing.unwrap(),
        never = deployment.sandbox.complete_checkouts(&world) => match never {},
    };
    world.leave().await.unwrap();
    billing
}

#[tokio::test]
async fn a_real_subscription_is_bought_changed_canceled_and_removed() {
    let deployment = Deployment::new("healthy", Depth::Live).await;
    let before = deployment.state();
    let billing = play(&deployment).await;
    assert_eq!(billing.ended, None);
    let steps: Vec<RehearsalStep> = billing.steps().iter().map(|billed| billed.seen.step).collect();
    let expected = [RehearsalStep::Bought, RehearsalStep::PlanChange, RehearsalStep::Ending, RehearsalStep::Deleted];
    assert_eq!(steps, expected);
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn in_test_mode_a_trial_ends_and_a_renewal_fails_and_is_paid() {
    let deployment = Deployment::new("healthy-test-mode", Depth::Live).await;
    let before = deployment.state();
    let billing = play(&deployment).await;
    assert_eq!(billing.ended, None);
    for step in [RehearsalStep::TrialEnded, RehearsalStep::PastDue, RehearsalStep::Recovered, RehearsalStep::Deleted] {
        billing.step(step).unwrap();
    }
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn a_person_buys_on_the_workers_own_page() {
    let deployment = Deployment::new("healthy-checkout-without-a-card", Depth::Guided).await;
    let before = deployment.state();
    let billing = play(&deployment).await;
    assert_eq!(billing.ended, None);
    assert!(billing.bought.is_some() && billing.step(RehearsalStep::Deleted).is_ok());
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn without_promotion_codes_nothing_is_created() {
    let deployment = Deployment::new("healthy", Depth::Guided).await;
    let why = deployment.world().billing().await.unwrap_err().to_string();
    assert!(why.contains("allow_promotion_codes: true, payment_method_collection: \"if_required\""), "{why}");
    let created = |line: &str| line.contains("POST /v1/coupons") || line.contains("POST /v1/promotion_codes");
    assert!(!deployment.sandbox.requests().iter().any(|(_, line)| created(line)));
}

/// Killed at every poll, which is every request and more. Afterward a clean-up finds everything.
async fn killed_everywhere(scenario: &str, depth: Depth, step: usize) {
    let deployment = Deployment::new(scenario, depth).await;
    let before = deployment.state();
    for polls in (1..).step_by(step) {
        let ended = {
            let world = deployment.world();
            let played = async {
                tokio::select! {
                    billing = world.billing() => billing.map(drop),
                    never = deployment.sandbox.complete_checkouts(&world) => match never {},
                }
            };
            killed_after(polls, played).await
        };
        let world = deployment.world();
        world.remove_left().await.unwrap();
        cleaned(&world).await.unwrap();
        deployment.sandbox.delivered().await;
        assert_eq!(deployment.state(), before, "{scenario} killed after {polls} polls");
        assert_eq!(world.remove_left().await.unwrap(), 0);
        assert_eq!(cleaned(&world).await.unwrap(), CleanUp::NothingLeft);
        if let Some(played) = ended {
            played.unwrap();
            break;
        }
        deployment.sandbox.renew().unwrap();
    }
}

#[tokio::test]
async fn after_a_live_rehearsal_that_was_killed_at_any_point_nothing_is_left() {
    killed_everywhere("healthy", Depth::Live, 3).await;
}

#[tokio::test]
async fn after_a_guided_rehearsal_that_was_killed_at_any_point_nothing_is_left() {
    killed_everywhere("healthy-checkout-without-a-card", Depth::Guided, 3).await;
}

#[tokio::test]
async fn after_a_rehearsal_on_a_test_clock_that_was_killed_at_any_point_nothing_is_left() {
    killed_everywhere("healthy-test-mode", Depth::Live, 7).await;
}

#[tokio::test]
async fn without_a_journal_the_coupon_tells_what_was_left() {
    let deployment = Deployment::new("healthy", Depth::Live).await;
    let before = deployment.state();
    let mut polls = 1;
    while !deployment.state()["stripe"]["subscriptions"].to_string().contains(MARKER) {
        deployment.sandbox.renew().unwrap();
        drop(std::fs::remove_file(deployment.journal()));
        assert!(killed_after(polls, deployment.world().billing()).await.is_none());
        polls += 1;
    }
    std::fs::remove_file(deployment.journal()).unwrap();
    assert_eq!(deployment.world().remove_left().await, Ok(1));
    assert!(matches!(cleaned(&deployment.world()).await, Ok(CleanUp::Restored(_))));
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn what_looks_like_a_rehearsals_object_without_its_marker_stays() {
    let deployment = Deployment::new("healthy", Depth::Live).await;
    let world = deployment.world();
    let none = BillingRecord::none("another");
    let objects = StripeObjects { door: world.rehearsal_door().unwrap(), record: &none };
    let alike = form([("name", "preflight rehearsal"), ("description", "A rehearsal of preflight")]);
    objects.post(ApiPath::new("/v1/customers"), alike.clone()).await.unwrap();
    let marked = [alike, form([("metadata[preflight_rehearsal]", "another")])].concat();
    objects.post(ApiPath::new("/v1/customers"), marked).await.unwrap();
    let coupon = form([("id", "preflightcoupon"), ("percent_off", "100"), ("duration", "forever")]);
    objects.post(ApiPath::new("/v1/coupons"), coupon).await.unwrap();
    let before = deployment.state();
    play(&deployment).await;
    assert_eq!(deployment.world().remove_left().await, Ok(0));
    assert_eq!(deployment.state(), before);
}

#[tokio::test]
async fn a_key_that_may_not_create_a_coupon_leaves_nothing_to_clean_up() {
    let deployment = Deployment::new("healthy-restricted-key", Depth::Live).await;
    let before = deployment.state();
    let world = deployment.world();
    let why = world.billing().await.unwrap().ended.clone().unwrap().to_string();
    assert!(why.contains("lacks the permission rak_coupon_write"), "{why}");
    world.leave().await.unwrap();
    assert_eq!(deployment.state(), before);
}

//! What holds for every check.

use crate::check::testing::scenario;
use crate::run::Decision;

#[tokio::test]
async fn the_healthy_world_is_go() {
    let run = scenario("healthy").await;
    assert_eq!(run.report().decision, Decision::Go, "{}", run.told());
}

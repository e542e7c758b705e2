//! `preflight run --profile nightly`: does without what leaves a trace at Stripe each time, while its last proof is good.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use preflight::report::history;
use preflight::report::saved::SavedReport;
use preflight::run::Status;
use preflight::world::World;

/// The checks that create something at Stripe which stays in its dashboard: Checkout Sessions and portal sessions.
const SPARED: [&str; 4] = ["stripe/promotion-codes", "stripe/tax", "worker/checkout", "worker/portal"];

/// How long a proof is good.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a nightly run does without.
#[derive(Debug, PartialEq, Eq)]
pub enum Plan {
    /// These checks passed in the last full report, and nothing has changed since.
    Spare(Vec<String>),
    /// Nothing. Says why.
    Everything(String),
}

/// Decides what a run at `now` does without, from the last full report of the same configuration and the history in `folder`.
/// `version` is the version of the Worker that serves now, if it can be seen.
pub fn plan(folder: &Path, configuration: &str, version: Option<&str>, now: Timestamp) -> Plan {
    let everything = |why: &str| Plan::Everything(why.to_owned());
    let Ok(last) = SavedReport::read(&folder.join("preflight.json")) else {
        return everything("there is no full report to rely on");
    };
    if !last.is_of(configuration) || last.version() != env!("CARGO_PKG_VERSION") {
        return everything("the last full report is from another configuration or version of preflight");
    }
    let age = now.duration_since(last.report.started_at);
    if age >= GOOD_FOR || age.is_negative() {
        return everything("the last full report is older than a week");
    }
    let proven = history::version(&folder.join("history.jsonl"), last.report.started_at);
    match (proven.as_deref(), version) {
        (None, None) => {}
        (Some(proven), Some(version)) if proven == version => {}
        (Some(_), Some(_)) => return everything("the Worker was deployed since the last full report"),
        _ => return everything("it cannot be seen whether the Worker was deployed since the last full report"),
    }
    let is_good = |status: Status| status.is_verified() || status == Status::NotApplicable;
    match SPARED.into_iter().find(|id| !last.status(id).is_some_and(is_good)) {
        Some(id) => Plan::Everything(format!("{id} did not pass in the last full report")),
        None => Plan::Spare(SPARED.map(str::to_owned).to_vec()),
    }
}

/// The version of the Worker that serves all traffic. `None` without `[cloudflare]`, or if Cloudflare does not say.
pub async fn served_version(world: &World) -> Option<String> {
    let rollout = world.cloudflare()?.rollout().await.ok()?.value;
    (rollout.share() >= 100.0).then_some(rollout.newest)
}

#[cfg(test)]
mod tests {
    use preflight::checks;
    use preflight::report::json;
    use preflight::run::Report;

    use super::*;
    use crate::cli::run::since::tests::report;

    /// A folder with a full report of a sandbox, and a history in which the Worker had this version.
    async fn reported(scenario: &str, version: Option<&str>) -> (tempfile::TempDir, Report) {
        let folder = tempfile::tempdir().unwrap();
        let report = report(scenario, &[]).await;
        std::fs::write(folder.path().join("preflight.json"), json::render(&report)).unwrap();
        history::append(&folder.path().join("history.jsonl"), &report, version).unwrap();
        (folder, report)
    }

    fn reason(plan: Plan) -> String {
        match plan {
            Plan::Everything(why) => why,
            Plan::Spare(ids) => panic!("{ids:?}"),
        }
    }

    #[test]
    fn what_is_spared_is_a_check_that_creates_something() {
        for id in SPARED {
            let check = checks::ALL.iter().find(|check| check.is_called(id)).unwrap();
            assert!(!check.sends.is_empty(), "{id}");
        }
    }

    #[tokio::test]
    async fn a_proof_of_this_week_with_the_same_version_is_good() {
        for version in [Some("v1"), None] {
            let (folder, report) = reported("healthy", version).await;
            let at = |days: i64| report.started_at + SignedDuration::from_hours(24 * days);
            let plan = |now| plan(folder.path(), &report.configuration, version, now);
            assert_eq!(plan(at(6)), Plan::Spare(SPARED.map(str::to_owned).to_vec()));
            assert!(reason(plan(at(7))).contains("older than a week"));
            assert!(reason(plan(at(-1))).contains("older than a week"), "the clock was set back");
        }
    }

    #[tokio::test]
    async fn another_version_of_the_worker_or_an_unseen_one_is_proven_anew() {
        let (folder, report) = reported("healthy", Some("v1")).await;
        let plan = |version| plan(folder.path(), &report.configuration, version, report.started_at);
        assert!(reason(plan(Some("v2"))).contains("was deployed"));
        assert!(reason(plan(None)).contains("cannot be seen"));
    }

    #[tokio::test]
    async fn what_failed_last_time_is_not_spared() {
        let (folder, report) = reported("checkout-localhost", None).await;
        assert!(
            reason(plan(folder.path(), &report.configuration, None, report.started_at))
                .contains("worker/checkout did not pass")
        );
    }

    #[tokio::test]
    async fn another_configuration_proves_nothing() {
        let (folder, report) = reported("healthy", None).await;
        assert!(reason(plan(folder.path(), "other", None, report.started_at)).contains("another configuration"));
        let empty = tempfile::tempdir().unwrap();
        assert!(reason(plan(empty.path(), &report.configuration, None, report.started_at)).contains("no full report"));
    }
}

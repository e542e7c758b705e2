//! What a machine cannot see: one check for each `[[manual]]` of the configuration, and those that are built in.

pub mod webhook_alerts;

use crate::check::prelude::*;
use crate::config::{Config, Manual};

check! {
    /// What only a person can see was seen by one.
    ///
    /// ## Why it matters
    /// Some of what a launch depends on stands on no page that a machine may read. A list that leaves it out looks complete.
    ///
    /// ## How it is verified
    /// By a word: the `[[manual]]` says who looked and when, and until when that holds. Whether it is so cannot be seen. What
    /// nobody signed off, or whose time is over, is unknown and not passed.
    ///
    /// ## How to fix it
    /// Look, and set `signed_off_by` and `on` in the `[[manual]]` of `preflight.toml`.
    pub const KIND = Check { id: "manual/<id>", need: Need::Required, sends: "", subjects: item, run };
}

// A person answers: there is nothing that it could find.
codes! {}

/// A check for each `[[manual]]`, and those that are built in. What the configuration names, the verdict needs.
pub fn configured(config: &Config) -> impl Iterator<Item = Check> {
    let is_built_in = |item: &&Manual| item.id == webhook_alerts::ID;
    let built_in = match config.manual.iter().find(is_built_in) {
        Some(item) => Check { need: Need::Required, ..webhook_alerts::CHECK.made(&item.id, &item.title) },
        None => webhook_alerts::CHECK,
    };
    let others = config.manual.iter().filter(move |item| !is_built_in(item));
    std::iter::once(built_in).chain(others.map(|item| KIND.made(&item.id, &item.title)))
}

fn item<'w>(world: &'w World, id: &CheckId) -> Vec<&'w Manual> {
    world.config().manual.iter().filter(|item| CheckId::made("manual", &item.id) == *id).collect()
}

#[expect(clippy::unused_async, reason = "a check is an async function, and this one asks nobody")]
async fn run(world: &World, item: &Manual, outcome: &mut Outcome) -> Answered {
    outcome.pass(world.sign_off(item)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::check::testing::{TestRun, scenario};
    use crate::run::{Decision, Status};

    fn line(run: &TestRun) -> (Status, bool, String) {
        let line = run.report().checks.iter().find(|check| check.id.as_str() == "manual/tax-registered").unwrap();
        (line.status, line.required, line.reasons.join(" "))
    }

    #[tokio::test]
    async fn a_word_that_holds_passes() {
        let run = scenario("healthy-manual").await;
        assert_eq!((run.report().decision, line(&run).0), (Decision::Go, Status::Pass), "{}", run.told());
    }

    #[tokio::test]
    async fn what_nobody_signed_off_is_unknown_and_required() {
        let run = scenario("manual-open").await;
        let (status, required, reason) = line(&run);
        assert_eq!(
            (run.report().decision, status, required),
            (Decision::NotProven, Status::Unknown, true),
            "{}",
            run.told()
        );
        assert!(reason.contains("preflight.toml:"), "{reason}");
    }

    #[tokio::test]
    async fn a_word_whose_time_is_over_is_none() {
        let run = scenario("manual-expired").await;
        let (status, _, reason) = line(&run);
        assert_eq!(status, Status::Unknown, "{}", run.told());
        assert!(reason.contains("2025-06-30"), "{reason}");
    }
}

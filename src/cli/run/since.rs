//! What changed since an earlier look at the same checks.

use preflight::run::{CheckReport, Report, Status};

/// Whether a check with this status did not pass.
pub const fn did_not_pass(status: Status) -> bool {
    matches!(status, Status::Fail | Status::Unknown | Status::Skipped)
}

/// What became of a check: it did not pass before, or it fails now. `None` if there is nothing to say.
pub fn became(before: Status, now: Status) -> Option<&'static str> {
    match (before, now) {
        (Status::Fail, Status::Fail) => Some("STILL FAILING"),
        (_, Status::Fail) => Some("NOW FAILING"),
        (Status::Fail, now) if now.is_verified() => Some("FIXED"),
        (Status::Unknown | Status::Skipped, now) if now.is_verified() => Some("NOW VERIFIED"),
        (before, Status::Unknown | Status::Skipped) if did_not_pass(before) => Some("STILL NOT VERIFIED"),
        _ => None,
    }
}

/// A line for each check that ran of which there is something to say. `before` is the earlier status by ID.
pub fn changes(report: &Report, before: impl Fn(&str) -> Option<Status>) -> Vec<String> {
    let line = |check: &CheckReport| {
        let word = became(before(check.id.as_str())?, check.status)?;
        Some(format!("{word}  {}", check.id))
    };
    report.ran().filter_map(line).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use preflight::run::{self, Selection};
    use preflight::sandbox::{Options, Sandbox};
    use preflight::{checks, world::World};

    use super::*;

    /// A run of these checks against a scenario of the sandbox.
    pub async fn report(scenario: &str, only: &[&str]) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(&scenario.split(',').collect::<Vec<_>>(), Options::default()).await.unwrap();
        let config = sandbox.config(None).unwrap();
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection::new(&checks::all(&config), &only, &[]).unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = sandbox.options(preflight::world::Options { journal, ..Default::default() });
        let world = World::new(config, options).unwrap();
        run::run(&world, &selection, None, std::future::pending()).await
    }

    #[tokio::test]
    async fn a_check_that_ran_is_fixed_still_failing_or_now_failing() {
        let (fixed, failing) = (report("healthy", &["stripe"]).await, report("metadata-case", &["stripe"]).await);
        let lines =
            |report: &Report, before: Status| changes(report, |id| (id == "stripe/product-metadata").then_some(before));
        assert_eq!(lines(&fixed, Status::Fail), ["FIXED  stripe/product-metadata"]);
        assert_eq!(lines(&failing, Status::Fail), ["STILL FAILING  stripe/product-metadata"]);
        assert_eq!(lines(&failing, Status::Unknown), ["NOW FAILING  stripe/product-metadata"]);
        assert_eq!(lines(&fixed, Status::Unknown), ["NOW VERIFIED  stripe/product-metadata"]);
        assert_eq!(lines(&failing, Status::Pass), ["NOW FAILING  stripe/product-metadata"]);
        assert!(lines(&fixed, Status::Pass).is_empty());
    }
}

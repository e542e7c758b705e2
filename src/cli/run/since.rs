//! What a partial run says about the last full one: what is fixed, and what is not.

use std::fs;
use std::path::Path;

use preflight::run::{Report, Status};
use serde::Deserialize;

/// The parts of a saved report that matter here.
#[derive(Deserialize)]
struct SavedReport {
    project: String,
    mode: String,
    checks: Vec<SavedCheck>,
}

#[derive(Deserialize)]
struct SavedCheck {
    id: String,
    status: String,
}

/// A line for each check that ran and did not pass in the last full report at `path`. Nothing if there is no report of the same
/// project and mode.
pub fn since(report: &Report, path: &Path) -> Vec<String> {
    let saved = fs::read_to_string(path).ok().and_then(|text| serde_json::from_str::<SavedReport>(&text).ok());
    let Some(saved) = saved.filter(|saved| saved.project == report.project && saved.mode == report.mode.word()) else {
        return Vec::new();
    };
    let ran = report.checks.iter().filter(|check| !report.left_out.contains(&check.id));
    let lines = ran.filter_map(|check| {
        let before = saved.checks.iter().find(|saved| saved.id == check.id.as_str())?;
        let had_failed =
            [Status::Fail, Status::Unknown, Status::Skipped].iter().any(|status| status.word() == before.status);
        let word = match check.status {
            status if status.is_verified() => "FIXED",
            Status::Fail => "STILL FAILING",
            Status::Unknown | Status::Skipped => "STILL NOT VERIFIED",
            _ => return None,
        };
        had_failed.then(|| format!("{word}  {}", check.id))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use preflight::report::json;
    use preflight::run::{self, Selection};
    use preflight::sandbox::{Options, Sandbox};
    use preflight::{checks, world::World};

    use super::since;

    async fn report(scenario: &str, only: &[&str]) -> run::Report {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::start(&[scenario], Options::default()).await.unwrap();
        let config = sandbox.config(None).unwrap();
        let only: Vec<String> = only.iter().map(|name| (*name).to_owned()).collect();
        let selection = Selection::new(&checks::all(&config), &only, &[]).unwrap();
        let journal = folder.path().join("journal.jsonl");
        let options = sandbox.options(preflight::world::Options { journal, ..Default::default() });
        let world = World::new(config, options).unwrap();
        run::run(&world, &selection, None, std::future::pending()).await
    }

    #[tokio::test]
    async fn a_partial_run_says_what_is_fixed_since_the_last_full_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preflight.json");
        let only = ["stripe/product-metadata"];
        std::fs::write(&path, json::render(&report("metadata-case", &only).await)).unwrap();
        assert_eq!(since(&report("healthy", &only).await, &path), ["FIXED  stripe/product-metadata"]);
        assert_eq!(since(&report("metadata-case", &only).await, &path), ["STILL FAILING  stripe/product-metadata"]);
        assert!(since(&report("healthy", &only).await, &folder.path().join("none.json")).is_empty());
    }
}

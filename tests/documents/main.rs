//! The README, `docs/checks.md` and `reports/sample/` show what preflight really does. `PREFLIGHT_WRITE=1 cargo test --test
//! documents` updates them; review the change like any other.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails if it cannot read a file")]

#[path = "../support/layout.rs"]
mod layout;
mod samples;
mod session;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use preflight::check::{Check, Need};
use preflight::checks;

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Checks that the file `name` contains `text`, or updates it.
fn assert_file(name: &str, text: &str) {
    if std::env::var_os("PREFLIGHT_WRITE").is_some() {
        fs::write(path(name), text).unwrap();
    }
    let kept = fs::read_to_string(path(name)).unwrap_or_default();
    let line = kept.lines().zip(text.lines()).position(|(kept, expected)| kept != expected);
    assert!(kept == text, "{name} is out of date (line {line:?}); see the top of tests/documents/main.rs");
}

/// Checks that a document contains `text` between the comments for `part`, or updates it.
fn assert_part(document: &str, part: &str, text: &str) {
    let kept = fs::read_to_string(path(document)).unwrap();
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->"));
    let (before, rest) = kept.split_once(&begin).unwrap_or_else(|| panic!("{begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end}"));
    assert_file(document, &format!("{before}{begin}{text}{end}{after}"));
}

fn table(checks: &[Check]) -> String {
    let row = |check: &Check| {
        let need = match &check.need {
            Need::Required => "required".to_owned(),
            Need::Configured(what) => (*what).to_owned(),
        };
        format!("| `{}` | {} | {need} | {} |\n", check.id, check.title(), check.sends)
    };
    let rows: String = checks.iter().map(row).collect();
    format!("| check | passes when | needs | sends |\n|---|---|---|---|\n{rows}")
}

#[test]
fn every_check_is_listed() {
    assert_part("docs/checks.md", "checks", &table(&checks::documented()));
}

#[test]
fn every_check_of_a_rehearsal_is_listed() {
    assert_part("docs/checks.md", "rehearsal", &table(checks::REHEARSAL));
    assert_part("docs/checks.md", "billing", &table(checks::BILLING));
}

#[test]
fn the_readme_shows_the_score() {
    let score = Command::new(env!("CARGO_BIN_EXE_preflight")).args(["sandbox", "--score"]).output().unwrap();
    let text = String::from_utf8(score.stdout).unwrap();
    assert!(score.status.success(), "{text}");
    assert_part("README.md", "score", &text);
}

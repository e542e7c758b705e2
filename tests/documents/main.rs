//! What the README and `reports/sample/` show is what preflight does. `PREFLIGHT_WRITE=1 cargo test --test documents`
//! writes them anew; the change is then reviewed like any other.

#![expect(clippy::unwrap_used, reason = "a test that cannot read what it compares has failed")]

mod samples;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use preflight::check::{Check, Need};
use preflight::checks;

/// A file of the repository.
fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// That the file `name` holds `text`, or that it is made so.
fn is_kept(name: &str, text: &str) {
    if std::env::var_os("PREFLIGHT_WRITE").is_some() {
        fs::write(path(name), text).unwrap();
    }
    let kept = fs::read_to_string(path(name)).unwrap_or_default();
    let line = kept.lines().zip(text.lines()).position(|(kept, made)| kept != made);
    assert!(kept == text, "{name} is not what preflight makes (line {line:?}); see the top of tests/documents/main.rs");
}

/// That the README holds `text` between the two comments that name `part`, or that it is made so.
fn is_kept_in_readme(part: &str, text: &str) {
    let readme = fs::read_to_string(path("README.md")).unwrap();
    let (begin, end) = (format!("<!-- {part} -->\n"), format!("<!-- /{part} -->"));
    let (before, rest) = readme.split_once(&begin).unwrap_or_else(|| panic!("{begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{end}"));
    is_kept("README.md", &format!("{before}{begin}{text}{end}{after}"));
}

#[test]
fn the_readme_lists_every_check() {
    let row = |check: &Check| {
        let need = match &check.need {
            Need::Required => "required".to_owned(),
            Need::Configured(what) => (*what).to_owned(),
        };
        format!("| `{}` | {} | {need} | {} |\n", check.id, check.title(), check.sends)
    };
    let rows: String = checks::documented().iter().map(row).collect();
    is_kept_in_readme("checks", &format!("| check | passes when | needs | sends |\n|---|---|---|---|\n{rows}"));
}

#[test]
fn the_readme_shows_the_score() {
    let score = Command::new(env!("CARGO_BIN_EXE_preflight")).args(["sandbox", "--score"]).output().unwrap();
    let text = String::from_utf8(score.stdout).unwrap();
    assert!(score.status.success(), "{text}");
    is_kept_in_readme("score", &text);
}

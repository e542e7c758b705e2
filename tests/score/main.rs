//! What preflight says when one answer of a run is not what it should be, by its own score.

use std::process::Command;

/// Runs the score; an error is what it says where it is not full.
fn score(arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_preflight"));
    let ended = command.arg("sandbox").args(arguments).output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if ended.status.success() { Ok(()) } else { Err(text(&ended.stdout) + &text(&ended.stderr)) }
}

#[test]
fn no_part_of_a_healthy_world_is_green_unseen() {
    score(&["healthy", "--score=unanswerable"]).unwrap_or_else(|text| panic!("{text}"));
}

#[test]
fn a_field_that_is_missing_or_wrong_is_no_failure_and_blinds_only_what_is_about_it() {
    score(&["--score=fields", "--sample"]).unwrap_or_else(|text| panic!("{text}"));
}
